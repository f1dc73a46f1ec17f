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

/* Why, and who says so if it is not who holds it now: "k8s-node01: drained". The addresses in it are those of
 * the group; they are replaced by the names that `timeline` has. */
const char *move_reason(const struct move *move, const json_t *timeline, char out[static CELL_MAX]);
