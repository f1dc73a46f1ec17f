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

/* ---- who was there before this process was ---- */

/* Those that are not heard, of one server (NULL: of all), ended before this process began. */
static bool end_unheard(const struct witness *witness, const char *node, struct mono now)
{
	bool news = false;
	for (unsigned i = 0; i < witness->timeline->count; i++) {
		const struct holding *holding = &witness->timeline->holdings[i];
		if (!holding->over && !holding->self && holding->node[0] &&
		    router_id_equal(&holding->id, witness->id) &&
		    (!node || strcmp(holding->node, node) == 0) &&
		    !roster_find(witness->roster, &holding->address))
			news |= timeline_lose(
			    witness->timeline, witness->id, &holding->address, witness->started, now);
	}
	return news;
}

/* ---- hellos ---- */

/* A server that speaks from another address than it had when it took over is silent there for good. */
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
	bool news = end_unheard(witness, hello->node, now);
	return timeline_take(witness->timeline, &state, now) || news;
}

bool witness_lose(const struct witness *witness, const struct address *source, struct mono now)
{
	const struct roster_member *member = roster_find(witness->roster, source);
	return timeline_lose(witness->timeline, witness->id, source, member ? member->heard : now, now);
}

/* ---- who sends no hello ---- */

static bool take_stranger(const struct witness *witness, const struct address *active, struct mono now)
{
	const struct roster *roster = witness->roster;
	struct timeline_state state = {.id = witness->id,
	    .router = witness->router,
	    .address = active,
	    .node = (const char[HELLO_NODE_MAX]){0},
	    .active = true,
	    .why.word = TIMELINE_NOT_SAID};
	bool news = false;
	for (unsigned i = 0; i < roster->stranger_count; i++) {
		const struct roster_stranger *stranger = &roster->strangers[i];
		state.since = stranger->since;
		if (address_equal(&stranger->source, active) && roster_is_stranger(roster, stranger))
			news |= timeline_take(witness->timeline, &state, now);
	}
	return news;
}

static bool end_strangers(const struct witness *witness, const struct address *active, struct mono now)
{
	bool news = false;
	for (unsigned i = 0; i < witness->timeline->count; i++) {
		const struct holding *holding = &witness->timeline->holdings[i];
		if (!holding->node[0] && !holding->over && router_id_equal(&holding->id, witness->id) &&
		    !(active && address_equal(&holding->address, active)))
			news |= timeline_lose(witness->timeline, witness->id, &holding->address, now, now);
	}
	return news;
}

bool witness_look(const struct witness *witness, const struct address *active, struct mono now)
{
	bool news = active && take_stranger(witness, active, now);
	news |= end_strangers(witness, active, now);
	if (mono_sub(now, witness->started) >= UNHEARD_US)
		news |= end_unheard(witness, NULL, now);
	return news;
}
