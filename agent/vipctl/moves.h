/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moves of an address, made from the timeline: GET /v1/timeline says who held it from when until when.
 */
#pragma once

#include "vipctl/show.h"

struct move {
	int64_t at_ms; /* since 1970 */
	const char *at;
	const char *router;
	const json_t *from;    /* who held it before; NULL: nobody knows */
	const json_t *to;      /* who holds it from then on; NULL: nobody */
	int64_t gap_ms;	       /* in which nobody was Active; < 0: both were */
	const json_t *said_by; /* whose reason it is: from or to */
	const char *code, *reason;
};

struct moves {
	size_t count;
	struct move *items; /* in the order of time */
};

/* They point into `timeline`. free() items; without memory there are none. */
struct moves moves_of(const json_t *timeline);

/* "k8s-node01 -> k8s-node02" */
const char *move_text(const struct move *move, char out[static CELL_MAX]);

/* Why, and who says so if it is not who holds it now: "k8s-node01: drained". */
const char *move_reason(const struct move *move, const json_t *timeline, char out[static CELL_MAX]);

/* "k8s-node01", or its address */
const char *holding_name(const json_t *holding);

/* When it ended, in ms since 1970; INT64_MAX: it goes on. */
int64_t holding_end_ms(const json_t *holding);

#define MOVE_BOTH_MS 1000 /* for so long two may hold it, or nobody, in a move as it should be */

/* Copies `text` with names for the addresses of those that `timeline` knows. */
void name_addresses(const json_t *timeline, const char *text, char *out, size_t room);

/* Nobody held it before, for longer than a move takes. */
bool move_is_vacant(const struct move *move);

/* Whether `from` left it then, so that what it says of its end is about this move. */
bool move_is_left(const struct move *move);

/* For how long both held it, in ms; 0: they did not. INT64_MAX: they still do. */
int64_t move_overlap_ms(const struct move *move);

/* Why an address moved, as far as can be known from what both have said. */
enum cause {
	CAUSE_UNKNOWN,
	CAUSE_FIRST,  /* nobody is known to have held it before */
	CAUSE_VACANT, /* nobody had held it for a while, and now somebody can */
	CAUSE_DRAINED,
	CAUSE_KEPT,	   /* it was drained, and nobody took over */
	CAUSE_SHUTDOWN,	   /* the machine is being stopped */
	CAUSE_STOPPED,	   /* vipd was, in order */
	CAUSE_REMOVED,	   /* from the configuration */
	CAUSE_ENGINE_DIED, /* again and again: the guardian gave it up */
	CAUSE_LINK,
	CAUSE_REFUSED, /* by the kernel */
	CAUSE_LATE,    /* its engine did not run */
	CAUSE_UNHEALTHY,
	CAUSE_LOWERED,	 /* the priority of the old one, by checks with a weight */
	CAUSE_PREFERRED, /* the new one is, and can again */
	CAUSE_PARTITION, /* it was Active all the time, and not heard */
	CAUSE_DIED,	 /* silent, and then started anew */
	CAUSE_SILENT,	 /* and it still is, as far as is known */
	CAUSES
};
/* heard_ms: when the one before was heard last, since 1970; -1: not known, INT64_MAX: it is this node. */
enum cause move_cause(const struct move *move, int64_t heard_ms);
/* "unknown", "first", "drained", … */
const char *cause_name(enum cause cause);

/* @A: who held it; @B: who holds it now; @W: what was said; @G: for how long nobody held it */
struct cause_words {
	const char *why;
	const char *advice;
};
extern const struct cause_words cause_words[CAUSES];
