/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the timeline takes from the other servers: what one says in a hello, that it is silent, and the
 * adverts of whoever sends no hello. Pure.
 */
#pragma once

#include "control/group/roster.h"
#include "control/group/timeline.h"

/* One virtual router, as this process sees it. */
struct witness {
	struct timeline *timeline;
	const struct roster *roster;
	const struct router_id *id;
	const char *router;  /* CONFIG_NAME_MAX */
	struct mono started; /* when it began to listen: what it remembers is from before */
	struct mono away;    /* until when the one before it listened; 0: nobody knows */
};

/* A hello that the roster has taken in; why: its cause, in words for people. Returns whether that is news. */
bool witness_hear(const struct witness *witness, const struct address *source, const struct hello *hello,
    const struct timeline_why *why, struct mono now);

/* The roster has lost the member at that address. Returns whether that is news. */
bool witness_lose(const struct witness *witness, const struct address *source, struct mono now);

/* To be called once a second; active: whose adverts are heard, NULL: nobody's. Returns whether there is news.
 */
bool witness_look(const struct witness *witness, const struct address *active, struct mono now);

/* What a hello says of a priority and of what is wrong. */
void witness_standing(struct timeline_state *state, const struct hello *hello);
