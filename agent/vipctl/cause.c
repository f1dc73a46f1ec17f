/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an address moved. The new holder knows only what it heard; who held it before knows more, but may not
 * be able to say so. So the one who left is believed first, and silence is explained by what it said when it
 * was heard again. What it says of an end long after the move is another story: it was not heard before.
 */
#include <string.h>

#include "vipctl/moves.h"

const char *cause_name(enum cause cause)
{
	static const char *const names[CAUSES] = {
	    [CAUSE_UNKNOWN] = "unknown",
	    [CAUSE_FIRST] = "first",
	    [CAUSE_VACANT] = "vacant",
	    [CAUSE_DRAINED] = "drained",
	    [CAUSE_KEPT] = "kept",
	    [CAUSE_SHUTDOWN] = "shutdown",
	    [CAUSE_STOPPED] = "stopped",
	    [CAUSE_REMOVED] = "removed",
	    [CAUSE_ENGINE_DIED] = "engine_died",
	    [CAUSE_LINK] = "link",
	    [CAUSE_REFUSED] = "refused",
	    [CAUSE_LATE] = "late",
	    [CAUSE_UNHEALTHY] = "unhealthy",
	    [CAUSE_LOWERED] = "lowered",
	    [CAUSE_PREFERRED] = "preferred",
	    [CAUSE_PARTITION] = "partition",
	    [CAUSE_DIED] = "died",
	    [CAUSE_SILENT] = "silent",
	};
	return names[cause];
}

int64_t move_overlap_ms(const struct move *move)
{
	if (!move->from || !move->to)
		return 0;
	int64_t from = holding_end_ms(move->from), to = holding_end_ms(move->to),
		both = from < to ? from : to;
	if (both == INT64_MAX)
		return both;
	return both > move->at_ms ? both - move->at_ms : 0;
}

/* What the one who left says of itself. */
static enum cause leaving_cause(const char *code)
{
	static const struct {
		const char *code;
		enum cause cause;
	} causes[] = {
	    {"drained", CAUSE_DRAINED},
	    {"shutdown", CAUSE_SHUTDOWN},
	    {"stopped", CAUSE_STOPPED},
	    {"removed", CAUSE_REMOVED},
	    {"link_down", CAUSE_LINK},
	    {"link_up", CAUSE_LINK},
	    {"address_failed", CAUSE_REFUSED},
	    {"address_retry", CAUSE_REFUSED},
	    {"late", CAUSE_LATE},
	    {"unhealthy", CAUSE_UNHEALTHY},
	};
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
		if (strcmp(code, causes[i].code) == 0)
			return causes[i].cause;
	return CAUSE_UNKNOWN;
}

/*
 * Nothing was heard of the one before. Until its hellos count as lost the timeline has it as Active: that it
 * is, only a hello from after the move proves.
 */
static enum cause silence_cause(const struct move *move, const char *end, int64_t heard_ms)
{
	if (!*end)
		return heard_ms > move->at_ms ? CAUSE_PARTITION : CAUSE_SILENT;
	if (strcmp(end, "higher_priority") == 0 || strcmp(end, "higher_address") == 0)
		return CAUSE_PARTITION;
	if (strcmp(end, "started") == 0)
		return CAUSE_DIED;
	return move_overlap_ms(move) > MOVE_BOTH_MS ? CAUSE_PARTITION : CAUSE_SILENT;
}

/* Without that the old one would have held it on. One of an older vipd does not say why. */
static bool was_lowered(const struct move *move)
{
	int64_t from = member_number(move->from, "priority"), to = member_number(move->to, "priority");
	return from && to && (from > to || (from == to && member_number(move->from, "end_lowered")));
}

enum cause move_cause(const struct move *move, int64_t heard_ms)
{
	const char *end = member_text(move->from, "end_code"), *code = member_text(move->to, "code");
	bool left = move_is_left(move);
	enum cause cause = left ? leaving_cause(end) : CAUSE_UNKNOWN;
	if (!move->from)
		return CAUSE_FIRST;
	if (move_is_vacant(move))
		return CAUSE_VACANT;
	if (strcmp(code, "no_successor") == 0)
		return CAUSE_KEPT;
	if (cause != CAUSE_UNKNOWN)
		return cause;
	if (!move->to)
		return silence_cause(move, end, heard_ms);
	if (strcmp(member_text(move->from, "code"), "no_successor") == 0) /* now somebody can */
		return CAUSE_DRAINED;
	if ((left && *member_text(move->from, "end_health_reason")) || strcmp(code, "peer_unhealthy") == 0)
		return CAUSE_UNHEALTHY;
	if (strcmp(code, "preempted_lower") == 0)
		return was_lowered(move) ? CAUSE_LOWERED : CAUSE_PREFERRED;
	if (strcmp(code, "no_advert") == 0)
		return silence_cause(move, end, heard_ms);
	if (strcmp(code, "resigned") == 0)
		return strcmp(end, "started") == 0 ? CAUSE_ENGINE_DIED : CAUSE_STOPPED;
	return CAUSE_UNKNOWN;
}
