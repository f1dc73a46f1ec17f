/* SPDX-License-Identifier: Apache-2.0 */
/* See moves.h. */
#include "vipctl/moves.h"

#include <stdlib.h>
#include <string.h>

const char *holding_name(const json_t *holding)
{
	const char *node = member_text(holding, "node");
	return *node ? node : member_text(holding, "address");
}

static int64_t time_of(const json_t *holding, const char *key)
{
	return time_parse(member_text(holding, key));
}

static bool is_same_router(const json_t *a, const json_t *b)
{
	return strcmp(member_text(a, "router"), member_text(b, "router")) == 0;
}

static bool is_over(const json_t *holding)
{
	return json_is_string(json_object_get(holding, "until"));
}

/* Who left says why; who only made room for a better one, or was not heard, does not. */
static bool leaver_knows(const json_t *from)
{
	static const char *const codes[] = {
	    "drained", "shutdown", "unhealthy", "stopped", "removed", "link_down", "address_failed", "late"};
	for (size_t i = 0; is_over(from) && i < sizeof codes / sizeof codes[0]; i++)
		if (strcmp(member_text(from, "end_code"), codes[i]) == 0)
			return true;
	return false;
}

int64_t holding_end_ms(const json_t *holding)
{
	return is_over(holding) ? time_of(holding, "until") : INT64_MAX;
}

/* Whether it ended when the address moved, so that what it says of its end is about that move. One that was
 * late, or frozen, knows it only when it runs again. */
static bool ended_at(const json_t *holding, int64_t at_ms)
{
	int64_t after_ms = holding_end_ms(holding) - at_ms;
	return after_ms <= MOVE_BOTH_MS || strcmp(member_text(holding, "end_code"), "late") == 0;
}

bool move_is_left(const struct move *move)
{
	return move->from && ended_at(move->from, move->at_ms);
}

/* Who had it until then; else who has it still, or had it last. */
static int64_t rank(const json_t *holding, int64_t at_ms)
{
	int64_t end_ms = holding_end_ms(holding);
	return at_ms - end_ms <= MOVE_BOTH_MS && ended_at(holding, at_ms) ? INT64_MAX : end_ms - 1;
}

/* Of those that began before it, whom it has the address from: it may hold it still. */
static const json_t *before(const json_t *holdings, size_t index)
{
	const json_t *self = json_array_get(holdings, index), *last = NULL;
	int64_t at_ms = time_of(self, "from");
	for (size_t i = 0; i < index; i++) {
		const json_t *other = json_array_get(holdings, i);
		if (is_same_router(other, self) && (!last || rank(other, at_ms) >= rank(last, at_ms)))
			last = other;
	}
	return last;
}

static struct move begin_of(const json_t *holdings, size_t index)
{
	const json_t *to = json_array_get(holdings, index), *from = before(holdings, index);
	struct move move = {.at_ms = time_of(to, "from"),
	    .at = member_text(to, "from"),
	    .router = member_text(to, "router"),
	    .from = from,
	    .to = to,
	    .said_by = to,
	    .code = member_text(to, "code"),
	    .reason = member_text(to, "reason")};
	if (from && is_over(from))
		move.gap_ms = move.at_ms - time_of(from, "until");
	else if (from)
		move.gap_ms = -INT32_MAX;
	if (move.gap_ms <= MOVE_BOTH_MS && move_is_left(&move) && leaver_knows(from)) {
		move.said_by = from;
		move.code = member_text(from, "end_code");
		move.reason = member_text(from, "end_reason");
	}
	return move;
}

/* Nobody held it after this one, for longer than a handover takes. */
static bool is_end(const json_t *holdings, size_t index)
{
	const json_t *self = json_array_get(holdings, index), *other;
	int64_t until = time_of(self, "until");
	size_t i;
	if (!is_over(self))
		return false;
	json_array_foreach(holdings, i, other)
	{
		if (i != index && is_same_router(self, other) &&
		    time_of(other, "from") <= until + MOVE_BOTH_MS &&
		    (!is_over(other) || time_of(other, "until") > until))
			return false;
	}
	return true;
}

static struct move end_of(const json_t *from)
{
	return (struct move){.at_ms = time_of(from, "until"),
	    .at = member_text(from, "until"),
	    .router = member_text(from, "router"),
	    .from = from,
	    .said_by = from,
	    .code = member_text(from, "end_code"),
	    .reason = member_text(from, "end_reason")};
}

static int compare(const void *a, const void *b)
{
	const struct move *x = a, *y = b;
	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

struct moves moves_of(const json_t *timeline)
{
	const json_t *holdings = json_object_get(timeline, "holdings");
	size_t count = json_array_size(holdings);
	struct moves moves = {.items = calloc(2 * count + 1, sizeof(struct move))};
	for (size_t i = 0; moves.items && i < count; i++) {
		moves.items[moves.count++] = begin_of(holdings, i);
		if (is_end(holdings, i))
			moves.items[moves.count++] = end_of(json_array_get(holdings, i));
	}
	if (moves.count)
		qsort(moves.items, moves.count, sizeof *moves.items, compare);
	return moves;
}

bool move_is_vacant(const struct move *move)
{
	return move->from && move->to && move->gap_ms > MOVE_BOTH_MS;
}

const char *move_text(const struct move *move, char out[static CELL_MAX])
{
	bool both = move->gap_ms < -MOVE_BOTH_MS && move->from && !is_over(move->from);
	snprintf(out, CELL_MAX, "%s -> %s%s%s",
	    move_is_vacant(move) ? "nobody"
	    : move->from	 ? holding_name(move->from)
				 : "?",
	    move->to ? holding_name(move->to) : "nobody", both ? " and still " : "",
	    both ? holding_name(move->from) : "");
	return text_tame(out);
}

/* Writes `text` with the addresses of the group as names: a word that is one, or begins with one and a ','.
 */
void name_addresses(const json_t *timeline, const char *text, char *out, size_t room)
{
	size_t i, length = 0;
	json_t *holding;
	out[0] = '\0';
	while (*text && length + 1 < room) {
		size_t word = strcspn(text, " ,;"), after = strspn(text + word, " ,;");
		const char *name = NULL;
		json_array_foreach(json_object_get(timeline, "holdings"), i, holding)
		{
			const char *address = member_text(holding, "address");
			if (strlen(address) == word && strncmp(address, text, word) == 0)
				name = holding_name(holding);
		}
		length += (size_t)snprintf(out + length, room - length, "%.*s%.*s",
		    (int)(name ? strlen(name) : word), name ? name : text, (int)after, text + word);
		text += word + after;
	}
}

const char *move_reason(const struct move *move, const json_t *timeline, char out[static CELL_MAX])
{
	char words[CELL_MAX / 2];
	name_addresses(timeline, *move->reason ? move->reason : "it has not said why", words, sizeof words);
	if (move->said_by == move->to)
		snprintf(out, CELL_MAX, "%s", words);
	else
		snprintf(out, CELL_MAX, "%.100s: %s", holding_name(move->said_by), words);
	return text_tame(out);
}
