/* SPDX-License-Identifier: Apache-2.0 */
/* See timeline.h. */
#include "control/group/timeline.h"

#include <string.h>

#include "vipd/vrrp.h"

#define DAY_US	 (24 * 3600 * USEC_PER_SEC)
#define SLACK_US USEC_PER_SEC /* what a time from a hello may be wrong by */

static const struct timeline_why not_seen = {.word = TIMELINE_NOT_SEEN};

/* Two servers by one address, which is a fault, are told apart; who sends no hello has no name. */
static bool is_of(const struct holding *holding, const struct address *address, const char *node)
{
	return address_equal(&holding->address, address) &&
	       (!node[0] || !holding->node[0] || strcmp(holding->node, node) == 0);
}

/* The one that is not over, else the last. node: "": whoever has the address. This node is the same whatever
 * its address is. */
static struct holding *find(struct timeline *timeline, const struct router_id *id,
    const struct address *address, const char *node, bool self)
{
	struct holding *found = NULL;
	for (unsigned i = timeline->count; i > 0; i--) {
		struct holding *holding = &timeline->holdings[i - 1];
		if (router_id_equal(&holding->id, id) && holding->self == self &&
		    (self || is_of(holding, address, node)) && (!found || !holding->over))
			found = holding;
	}
	return found;
}

static void remove_at(struct timeline *timeline, unsigned index)
{
	struct holding *holding = &timeline->holdings[index];
	timeline->count--;
	memmove(holding, holding + 1, (timeline->count - index) * sizeof *holding);
}

/* Who holds is forgotten last. */
static void make_room(struct timeline *timeline)
{
	unsigned oldest = 0;
	if (timeline->count < TIMELINE_MAX)
		return;
	while (oldest < timeline->count - 1 && !timeline->holdings[oldest].over)
		oldest++;
	remove_at(timeline, oldest);
}

static struct mono not_later(struct mono at, struct mono now)
{
	return at.us > 0 ? mono_min(at, now) : now;
}

static void begin(struct timeline *timeline, const struct timeline_state *state, struct mono now)
{
	make_room(timeline);
	struct mono from = not_later(state->since, now);
	unsigned at = timeline->count;
	while (at > 0 && mono_sub(timeline->holdings[at - 1].from, from) > 0)
		at--;
	struct holding *holding = &timeline->holdings[at];
	memmove(holding + 1, holding, (timeline->count++ - at) * sizeof *holding);
	memset(holding, 0, sizeof *holding);
	holding->id = *state->id;
	memcpy(holding->router, state->router, sizeof holding->router);
	holding->address = *state->address;
	memcpy(holding->node, state->node, sizeof holding->node);
	holding->self = state->self;
	holding->from = holding->said = from;
	holding->heard = now;
	holding->priority = state->priority;
	holding->began = state->why;
	holding->change = ++timeline->changes;
}

static void end(struct timeline *timeline, struct holding *holding, struct mono at,
    const struct timeline_why *why, struct mono now)
{
	holding->over = true;
	holding->until = mono_max(not_later(at, now), holding->from);
	holding->ended = *why;
	holding->change = ++timeline->changes;
}

/* Than what it said last: the beginning of a long holding drifts with the clocks. Of itself a node knows the
 * time exactly. */
static bool began_later(const struct holding *holding, struct mono since)
{
	return mono_sub(since, holding->said) > (holding->self ? 0 : SLACK_US);
}

static void keep_said(struct holding *holding, const struct timeline_state *state, struct mono now)
{
	holding->heard = now;
	if (state->since.us > 0)
		holding->said = not_later(state->since, now);
}

/* A restarted engine goes on with what the one before held. */
static bool is_adopted(const struct timeline_state *state)
{
	return state->why.word == TIMELINE_SAID && state->why.cause == VRRP_REASON_ADOPTED;
}

static bool is_another(const struct holding *holding, const struct timeline_state *state)
{
	return state->since.us > 0 && !is_adopted(state) && began_later(holding, state->since);
}

/* Active all the time, although it was lost meanwhile or its engine seemed dead to its own control. */
static bool goes_on(const struct holding *holding, const struct timeline_state *state)
{
	bool has_said = holding->ended.word == TIMELINE_SAID;
	if (is_adopted(state))
		return !has_said;
	return state->since.us > 0 && !began_later(holding, state->since) &&
	       (!has_said || !mono_reached(state->since, holding->until));
}

/* Only an Active becomes what it is now for that, and answered until then. */
static bool was_active(const struct timeline_why *why)
{
	switch ((enum vrrp_reason)why->cause) {
	case VRRP_REASON_HIGHER_PRIORITY:
	case VRRP_REASON_HIGHER_ADDRESS:
	case VRRP_REASON_DRAINED:
	case VRRP_REASON_SHUTDOWN:
	case VRRP_REASON_UNHEALTHY:
	case VRRP_REASON_ADDRESS_FAILED: return true;
	default: return false;
	}
}

/*
 * Who was lost, or was not seen, is heard again, and is Active no more: now it can say why. Its end was a
 * guess: it held the address until it became what it is now if only an Active does, and never for longer than
 * that.
 */
static bool explain(struct timeline *timeline, struct holding *holding, const struct timeline_state *state)
{
	bool is_guess = holding->ended.word == TIMELINE_LOST || holding->ended.word == TIMELINE_NOT_SEEN;
	if (!is_guess || state->why.word != TIMELINE_SAID || mono_sub(state->since, holding->from) <= 0)
		return false;
	holding->ended = state->why;
	if (was_active(&state->why) || !mono_reached(state->since, holding->until))
		holding->until = state->since;
	holding->change = ++timeline->changes;
	return true;
}

/* A server that has restarted since reports the priority of its new life, not the one it held the address
 * with. */
static void take_standing(struct holding *holding, const struct timeline_state *state)
{
	if (state->why.word == TIMELINE_SAID && state->why.cause == VRRP_REASON_STARTED)
		return;
	holding->priority = state->priority;
	holding->lowered = state->lowered;
	if (state->trouble)
		memcpy(holding->trouble, state->trouble, sizeof holding->trouble);
}

/* Only its adverts were heard until now. */
static bool introduce(struct timeline *timeline, struct holding *holding, const struct timeline_state *state)
{
	if (holding->node[0] || !state->node[0])
		return false;
	memcpy(holding->node, state->node, sizeof holding->node);
	holding->began = state->why;
	holding->priority = state->priority;
	holding->change = ++timeline->changes;
	return true;
}

/* Nobody knows when it ended; at the latest when somebody else took over after it was heard. */
static struct mono succeeded(
    const struct timeline *timeline, const struct holding *lost, struct mono heard, struct mono otherwise)
{
	struct mono first = MONO_NEVER;
	for (unsigned i = 0; i < timeline->count; i++) {
		const struct holding *other = &timeline->holdings[i];
		if (other != lost && router_id_equal(&other->id, &lost->id) &&
		    mono_reached(other->from, heard))
			first = mono_min(first, other->from);
	}
	return mono_is_never(first) ? otherwise : first;
}

/* It was away before it came into this state: that is not when it left. */
static bool was_away(const struct timeline_state *state)
{
	uint8_t cause = state->why.cause;
	return state->why.word == TIMELINE_SAID &&
	       (state->active || cause == VRRP_REASON_STARTED || cause == VRRP_REASON_LINK_UP ||
		   cause == VRRP_REASON_ADDRESS_RETRY);
}

/* Who is back before it was lost does not say when it left. */
static struct mono left(
    const struct timeline *timeline, const struct holding *holding, const struct timeline_state *state)
{
	if (holding->self || !was_away(state))
		return state->since;
	return mono_min(succeeded(timeline, holding, holding->heard, state->since), state->since);
}

bool timeline_take(struct timeline *timeline, const struct timeline_state *state, struct mono now)
{
	struct holding *holding = find(timeline, state->id, state->address, state->node, state->self);
	bool holds = holding && !holding->over;
	if (!state->active) {
		if (holding && holding->over)
			return explain(timeline, holding, state);
		if (holds) {
			end(timeline, holding, left(timeline, holding, state), &state->why, now);
			take_standing(holding, state);
		}
		return holds;
	}
	if (holds && !is_another(holding, state)) {
		keep_said(holding, state, now);
		return introduce(timeline, holding, state);
	}
	if (holds)
		end(timeline, holding, left(timeline, holding, state), &not_seen, now);
	if (holding && !holds && goes_on(holding, state)) {
		holding->over = false;
		holding->lowered = 0;
		holding->trouble[0] = '\0';
		keep_said(holding, state, now);
		holding->change = ++timeline->changes;
	} else {
		begin(timeline, state, now);
	}
	return true;
}

struct mono timeline_held_until(
    struct timeline *timeline, const struct router_id *id, const struct address *address, const char *node)
{
	const struct holding *holding = find(timeline, id, address, node, false);
	return !holding ? (struct mono){0} : holding->over ? holding->until : MONO_NEVER;
}

void timeline_move(struct timeline *timeline, struct holding *holding, const struct address *address)
{
	holding->address = *address;
	holding->change = ++timeline->changes;
}

bool timeline_lose(struct timeline *timeline, const struct router_id *id, const struct address *address,
    const char *node, struct mono heard, struct mono now)
{
	static const struct timeline_why lost = {.word = TIMELINE_LOST};
	struct holding *holding = find(timeline, id, address, node, false);
	if (!holding || holding->over)
		return false;
	end(timeline, holding, succeeded(timeline, holding, heard, heard), &lost, now);
	return true;
}

static bool is_past(struct mono at, struct mono now)
{
	return at.us >= 0 && mono_reached(now, at);
}

static bool is_possible(const struct holding *holding, struct mono now)
{
	return holding->self <= 1 && holding->over <= 1 && is_past(holding->from, now) &&
	       is_past(holding->until, now) && is_past(holding->said, now) && is_past(holding->heard, now);
}

bool timeline_check(struct timeline *timeline, struct mono now)
{
	if (timeline->count > TIMELINE_MAX || timeline->since.us < 0 || !mono_reached(now, timeline->since))
		return false;
	for (unsigned i = 0; i < timeline->count; i++) {
		struct holding *holding = &timeline->holdings[i];
		if (!is_possible(holding, now))
			return false;
		holding->id.interface[sizeof holding->id.interface - 1] = '\0';
		holding->router[sizeof holding->router - 1] = '\0';
		holding->node[sizeof holding->node - 1] = '\0';
		holding->trouble[sizeof holding->trouble - 1] = '\0';
		holding->began.text[TIMELINE_TEXT_MAX - 1] = '\0';
		holding->ended.text[TIMELINE_TEXT_MAX - 1] = '\0';
	}
	return true;
}

void timeline_interrupt(struct timeline *timeline, struct mono away, struct mono now)
{
	for (unsigned i = 0; i < timeline->count; i++)
		if (timeline->holdings[i].self && !timeline->holdings[i].over)
			end(timeline, &timeline->holdings[i], away, &not_seen, now);
}

void timeline_expire(struct timeline *timeline, struct mono now)
{
	for (unsigned i = timeline->count; i > 0; i--) {
		const struct holding *holding = &timeline->holdings[i - 1];
		if (holding->over && mono_sub(now, holding->until) > DAY_US)
			remove_at(timeline, i - 1);
	}
}

const struct holding *timeline_next(const struct timeline *timeline, uint64_t after)
{
	const struct holding *next = NULL;
	for (unsigned i = 0; i < timeline->count; i++) {
		const struct holding *holding = &timeline->holdings[i];
		if (holding->change > after && (!next || holding->change < next->change))
			next = holding;
	}
	return next;
}

const char *timeline_why_code(const struct timeline_why *why)
{
	switch (why->word) {
	case TIMELINE_SAID: return vrrp_reason_name(why->cause);
	case TIMELINE_LOST: return "lost";
	default: return "unknown";
	}
}
