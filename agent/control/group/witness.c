/* SPDX-License-Identifier: Apache-2.0 */
/* See witness.h. */
#include "control/group/witness.h"

#include <string.h>

#include "vipd/vrrp.h"

#define UNHEARD_US (10 * USEC_PER_SEC) /* who held it before this process began, and does not say so */

void witness_standing(struct timeline_state *state, const struct hello *hello)
{
	bool healthy = hello->health == VRRP_HEALTHY;
	state->priority = hello->priority;
	state->lowered = healthy ? hello->lowered : 0;
	state->trouble = !healthy ? hello->reason : hello->lowered ? hello->lowered_text : NULL;
}

/* ---- hellos ---- */

/*
 * A server that speaks from another address than it had when it took over is silent there for good, and what
 * it holds goes on, unless it has taken over from there already. Two that are heard are one if they run on
 * one machine.
 */
static bool follow(
    const struct witness *witness, const struct address *source, const struct hello *hello, struct mono now)
{
	bool news = false;
	for (unsigned i = 0; i < witness->timeline->count; i++) {
		struct holding *holding = &witness->timeline->holdings[i];
		const struct roster_member *former = roster_find(witness->roster, &holding->address);
		bool is_another = former && former->presence == ROSTER_HERE &&
				  strcmp(former->hello.node, hello->node) == 0 &&
				  memcmp(former->hello.boot, hello->boot, sizeof hello->boot) != 0;
		if (holding->over || holding->self || !router_id_equal(&holding->id, witness->id) ||
		    strcmp(holding->node, hello->node) != 0 || address_equal(&holding->address, source) ||
		    is_another)
			continue;
		if (mono_is_never(timeline_held_until(witness->timeline, witness->id, source, hello->node)))
			timeline_lose(witness->timeline, witness->id, &holding->address, holding->node,
			    holding->heard, now);
		else
			timeline_move(witness->timeline, holding, source);
		news = true;
	}
	return news;
}

bool witness_hear(const struct witness *witness, const struct address *source, const struct hello *hello,
    const struct timeline_why *why, struct mono now)
{
	struct timeline_state state = {.id = witness->id,
	    .router = witness->router,
	    .address = source,
	    .node = hello->node,
	    .active = hello->state == VRRP_ACTIVE && !hello->leaving,
	    .why = *why};
	witness_standing(&state, hello);
	if (hello->cause)
		state.since = mono_add(now, -(int64_t)hello->state_ms * USEC_PER_MS);
	bool news = follow(witness, source, hello, now);
	return timeline_take(witness->timeline, &state, now) || news;
}

bool witness_lose(const struct witness *witness, const struct address *source, struct mono now)
{
	const struct roster_member *member = roster_find(witness->roster, source);
	return timeline_lose(witness->timeline, witness->id, source, "", member ? member->heard : now, now);
}

/* ---- who sends no hello ---- */

/* The first time it has been Active since it was heard first; what comes later begins now. */
static bool take_stranger(const struct witness *witness, const struct address *active, struct mono now)
{
	const struct roster *roster = witness->roster;
	struct mono held = timeline_held_until(witness->timeline, witness->id, active, "");
	struct timeline_state state = {.id = witness->id,
	    .router = witness->router,
	    .address = active,
	    .node = (const char[HELLO_NODE_MAX]){0},
	    .active = true,
	    .why.word = TIMELINE_NOT_SAID};
	bool news = false;
	for (unsigned i = 0; i < roster->stranger_count; i++) {
		const struct roster_stranger *stranger = &roster->strangers[i];
		if (mono_is_never(held) || !address_equal(&stranger->source, active) ||
		    !roster_is_stranger(roster, stranger))
			continue;
		if (mono_sub(stranger->since, held) > 0)
			state.since = stranger->since;
		news |= timeline_take(witness->timeline, &state, now);
	}
	return news;
}

/* ---- who is silent ---- */

/* Who held it when the process before this one listened last, and was not heard by this one yet. */
static bool is_remembered(const struct witness *witness, const struct holding *holding)
{
	return holding->node[0] && !roster_find(witness->roster, &holding->address);
}

/* Whether it says so, in hellos or adverts, or had no time to. */
static bool may_hold(const struct witness *witness, const struct holding *holding,
    const struct address *active, struct mono now)
{
	const struct roster_member *member = roster_find(witness->roster, &holding->address);
	bool is_early = mono_sub(now, witness->started) < UNHEARD_US;
	return (member && member->presence == ROSTER_HERE) ||
	       (active && address_equal(&holding->address, active)) ||
	       (is_early && is_remembered(witness, holding));
}

static bool end_silent(const struct witness *witness, const struct address *active, struct mono now)
{
	struct mono away = witness->away.us > 0 ? witness->away : witness->started;
	bool news = false;
	for (unsigned i = 0; i < witness->timeline->count; i++) {
		const struct holding *holding = &witness->timeline->holdings[i];
		if (!holding->over && !holding->self && router_id_equal(&holding->id, witness->id) &&
		    !may_hold(witness, holding, active, now))
			news |= timeline_lose(witness->timeline, witness->id, &holding->address,
			    holding->node, is_remembered(witness, holding) ? away : now, now);
	}
	return news;
}

bool witness_look(const struct witness *witness, const struct address *active, struct mono now)
{
	bool news = active && take_stranger(witness, active, now);
	return end_silent(witness, active, now) || news;
}
