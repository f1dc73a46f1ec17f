/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who held each virtual router, from when until when, and why: of the last day, and at most 512 times. What
 * this node did comes from the board, what the others did from their hellos. Pure: time comes in with the
 * call. No wall clock: somebody may set that, and what was before must stay before.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vipd/board.h"
#include "vipd/hello.h"
#include "vipd/mono.h"

#define TIMELINE_MAX	  512
#define TIMELINE_TEXT_MAX BOARD_REASON_MAX

/* What somebody said of a state: a reason of its own, or what this node has to say instead. */
enum timeline_word {
	TIMELINE_SAID,	   /* cause and text are the router's own */
	TIMELINE_NOT_SAID, /* it sends no hello, or an older vipd's */
	TIMELINE_LOST,	   /* nothing was heard of it any more */
	TIMELINE_NOT_SEEN, /* this node was not there to hear it */
};

struct timeline_why {
	uint8_t word;  /* enum timeline_word */
	uint8_t cause; /* enum vrrp_reason; any number, a later version has more */
	char text[TIMELINE_TEXT_MAX];
};

/* One that is or was Active. */
struct holding {
	struct router_id id;
	char router[CONFIG_NAME_MAX];
	struct address address;	   /* that its adverts come from */
	char node[HELLO_NODE_MAX]; /* "": it sends no hello */
	uint8_t self, over;	   /* 0 or 1 */
	uint8_t priority;	   /* as configured; 0: nobody knows */
	uint8_t lowered;	   /* if it is over, and was healthy then: by so much, by checks */
	struct mono from, until;   /* until: if it is over */
	struct mono said;	   /* from, as it said last: clocks do not go alike */
	struct mono heard;	   /* when that was */
	struct timeline_why began, ended;
	char trouble[HELLO_REASON_MAX]; /* why it was lowered, or else not healthy then; "": neither */
	uint64_t change;		/* number of the last change to it */
};

/* All zeros is an empty one. */
struct timeline {
	struct mono since; /* what was before is not known */
	uint64_t changes;  /* ever */
	unsigned count;
	struct holding holdings[TIMELINE_MAX]; /* in the order in which they began */
};

/* What is known of a router's state. */
struct timeline_state {
	const struct router_id *id;
	const char *router; /* CONFIG_NAME_MAX */
	const struct address *address;
	const char *node; /* HELLO_NODE_MAX */
	bool self;
	bool active;
	struct mono since; /* of the state; 0: not known, so since now */
	struct timeline_why why;
	uint8_t priority, lowered; /* lowered: 0 if it is not healthy */
	const char *trouble;	   /* HELLO_REASON_MAX: why it is lowered or not healthy; NULL: neither */
};

/* Takes in what a router says of itself. Returns whether that is news. */
bool timeline_take(struct timeline *timeline, const struct timeline_state *state, struct mono now);

/* Nothing is heard any more of the server of that name, "": of whatever name, at that address; `heard`: when
 * it was, last. */
bool timeline_lose(struct timeline *timeline, const struct router_id *id, const struct address *address,
    const char *node, struct mono heard, struct mono now);

/* Until when the router at that address was Active, last. MONO_NEVER: it still is; 0: it never was. */
struct mono timeline_held_until(
    struct timeline *timeline, const struct router_id *id, const struct address *address, const char *node);

/* The router speaks from another address now, and goes on. */
void timeline_move(struct timeline *timeline, struct holding *holding, const struct address *address);

/* Of memory that another process has written: whether it can be one. It is made safe to be read. */
bool timeline_check(struct timeline *timeline, struct mono now);

/* This node was not there from `away` on: what it held it does not hold any more. */
void timeline_interrupt(struct timeline *timeline, struct mono away, struct mono now);

/* Forgets what ended more than a day ago. */
void timeline_expire(struct timeline *timeline, struct mono now);

/* The holding that changed first after change number `after`; NULL: none has. */
const struct holding *timeline_next(const struct timeline *timeline, uint64_t after);

/* "lost", "unknown", or the name of the reason */
const char *timeline_why_code(const struct timeline_why *why);
