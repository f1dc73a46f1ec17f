/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks with a line of how long each took in the last five minutes, as the agent remembers it.
 */
#include "vipctl/watch.h"

#define SLOT_MS	    5000 /* of recent_ms: the longest of each five seconds */
#define LABEL_WIDTH 44
#define COLUMNS_MIN 10
#define LEVELS	    8

/* For how many slots it has been failing: they are shown as failures, however long they took. */
static size_t failing_slots(const json_t *check)
{
	int64_t age_ms = state_age_ms(check);
	if (strcmp(member_text(check, "state"), "failing") != 0)
		return 0;
	return age_ms < 0 ? 1 : (size_t)(age_ms / SLOT_MS) + 1;
}

static double longest_of(const json_t *recent, size_t first)
{
	double longest = 1;
	for (size_t i = first; i < json_array_size(recent); i++) {
		double ms = json_number_value(json_array_get(recent, i));
		longest = ms > longest ? ms : longest;
	}
	return longest;
}

/* The newest last, as many as there is room for; a blank where no probe ended. */
static void line_print(const struct watch *watch, struct page *page, const json_t *check)
{
	static const char *const plain[LEVELS] = {"_", ".", "-", "=", "+", "*", "%", "#"};
	static const char *const blocks[LEVELS] = {
	    "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
	const json_t *recent = json_object_get(check, "recent_ms");
	size_t count = json_array_size(recent), failing = failing_slots(check),
	       room = page->width > LABEL_WIDTH + COLUMNS_MIN ? (size_t)(page->width - LABEL_WIDTH)
							      : COLUMNS_MIN,
	       first = count > room ? count - room : 0;
	double longest = longest_of(recent, first);
	for (size_t i = first; i < count; i++) {
		const json_t *ms = json_array_get(recent, i);
		bool failed = json_is_number(ms) && count - i <= failing;
		int level = (int)(json_number_value(ms) / longest * (LEVELS - 1));
		colour_set(page->out, page->colour && failed, COLOUR_BAD);
		fputs(failed		    ? "!"
		      : !json_is_number(ms) ? " "
		      : watch->is_utf8	    ? blocks[level]
					    : plain[level],
		    page->out);
		colour_set(page->out, page->colour && failed, COLOUR_NONE);
	}
}

void latencies_print(const struct watch *watch, struct page *page, const json_t *checks)
{
	size_t i;
	json_t *check;
	json_array_foreach(checks, i, check)
	{
		char name[CELL_MAX], took[32];
		const char *state = is_recovering(check) ? "recovering" : member_text(check, "state");
		const json_t *last = json_object_get(check, "last_ms");
		bool good = strcmp(state, "passing") == 0;
		snprintf(name, sizeof name, "%s", member_text(check, "name"));
		snprintf(took, sizeof took, "%.1fms", json_number_value(last));
		fprintf(page->out, "%-20.20s  ", text_tame(name));
		colour_set(page->out, page->colour, good ? COLOUR_GOOD : COLOUR_BAD);
		fprintf(page->out, "%-10.10s", state);
		colour_set(page->out, page->colour, COLOUR_NONE);
		fprintf(page->out, "  %7s  ", json_is_number(last) ? took : "-");
		line_print(watch, page, check);
		fputc('\n', page->out);
	}
}
