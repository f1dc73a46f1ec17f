/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the holder of a virtual router tells the world: the servers of the group, and which of them are ready.
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/group/roster.h"
#include "vipd/mono.h"

#define PUBLISH_SERVERS_MAX (ROSTER_MEMBERS_MAX + 1)

struct publish_server {
	char node[HELLO_NODE_MAX];
	struct address address;
	bool ready;
};

struct publish_set {
	unsigned count;
	unsigned ready;					    /* of them */
	struct publish_server servers[PUBLISH_SERVERS_MAX]; /* in the order of their addresses */
};

/* Some of the members, in any order. */
struct publish_members {
	unsigned count;
	struct address addresses[ROSTER_MEMBERS_MAX];
};

/* What is known of the servers. */
struct publish_facts {
	const struct roster *roster;
	const struct hello *ours;	/* what this node says of itself */
	const struct publish_set *kept; /* what was published last, perhaps by a process before this one */
	const struct publish_members *gone; /* do not take connections either */
	bool ipv4;
};

/*
 * A server that is lost stays as ready as it was until it is `gone`: its hellos may be filtered. So does one
 * that was published and that the roster does not know (any more). Of an address that two members have, the
 * one that is heard counts. Servers without an address, or with one of the other family, are left out.
 */
void publish_set_make(struct publish_set *set, const struct publish_facts *facts);

/* Those of the set that would be ready though they are not heard: whether they answer has to be looked at.
 * Returns their number. */
unsigned publish_set_doubtful(
    const struct publish_facts *facts, const struct address *addresses[ROSTER_MEMBERS_MAX]);

/*
 * Whom the roster has lost is looked for. Until that is known whoever is in doubt stays as it was, and keeps
 * no other change from being published; but a new holder, which has not said anything yet, waits for it.
 */
#define PUBLISH_LOOK_US	      (1 * USEC_PER_SEC) /* several tries: one may be lost */
#define PUBLISH_LOOK_AGAIN_US (5 * USEC_PER_SEC)

/* All zeros: nothing is known yet. */
struct publish_doubts {
	bool known, looking;
	struct mono looked;
	struct publish_members asked; /* in the last look */
	struct publish_members gone;  /* of them: those that did not answer */
};

/* Whether `asked` is to be looked for, from now on. */
bool publish_doubts_begin(struct publish_doubts *doubts, const struct publish_facts *facts, struct mono now);
/* The answer: '+' or '-' for each of `asked`. Of another size it is none, and nobody else is gone. Returns
 * since when it is so: the look, or `now` if the answer is to a question of before. */
struct mono publish_doubts_end(
    struct publish_doubts *doubts, const char *answer, size_t size, struct mono now);

/* What was published last is not missed where its server has said since that it stops, is not ready, or has
 * another address. */
void publish_set_correct(struct publish_set *kept, const struct roster *roster);

/* The server of that name, or with that address (NULL: none), is not missed any more. Returns whether there
 * was one. */
bool publish_set_forget(struct publish_set *set, const char *node, const struct address *address);

/*
 * Those who may publish as well, and other things than this node: a second holder, and whoever the roster has
 * lost, because a partition has a holder on each side.
 */
void publish_rivals_find(struct publish_members *rivals, const struct roster *roster);

bool publish_set_equal(const struct publish_set *a, const struct publish_set *b);

/* ---- when ---- */

#define PUBLISH_TICK_US	   (250 * USEC_PER_MS)	/* between two looks at the roster */
#define PUBLISH_AGAIN_US   (600 * USEC_PER_SEC) /* somebody may have edited it */
#define PUBLISH_CONFIRM_US (60 * USEC_PER_SEC)	/* a request of the old holder may have come late */

/* One target, while this node is the holder. All zeros: it is not. */
struct publish_target {
	bool holder;
	struct mono holder_since; /* or since the last rival has left */
	struct publish_members rivals;
	bool again;			      /* a rival has left: nobody knows what it said */
	struct publish_set wanted, published; /* published.count 0: nothing yet */
	struct mono wanted_since, differs_since;
	struct mono succeeded; /* the last time */
	unsigned successes;    /* since it is the holder */
	unsigned failures;     /* in a row */
	struct mono retry;     /* after a failure: not before */
};

/* What the roster says now. set, NULL: this node is not the holder, or the roster is too young to be
 * believed. since: what is news has been so for as long.
 */
void publish_target_look(struct publish_target *target, bool holder, const struct publish_set *set,
    struct mono since, struct mono now);

/* Who may publish as well. When one of them leaves, everything is said again as after a takeover. */
void publish_target_rivals(
    struct publish_target *target, const struct publish_members *rivals, struct mono now);

/* Whether to publish `wanted` now. first_us: after a takeover nothing is published before. */
bool publish_target_due(
    const struct publish_target *target, int64_t settle_us, int64_t first_us, struct mono now);

/* Everything is said again, and at once: what it needs may be different. */
void publish_target_again(struct publish_target *target, struct mono now);

/* It begins. */
void publish_target_tried(struct publish_target *target);
/* `set` is what was sent. */
void publish_target_succeeded(struct publish_target *target, const struct publish_set *set, struct mono now);
void publish_target_failed(struct publish_target *target, struct mono now);
