/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How soon a check is asked again out of turn. Pure: no clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vipd/mono.h"

#define PACE_HURRIES 4 /* in a row; after that one a second */

/* All zeros is one that has not begun. */
struct pace {
	unsigned used;	    /* hurries that have not been given back */
	struct mono refill; /* when the next one is given back */
};

/*
 * The connection to the server was lost: when to ask again, instead of waiting for the interval. At once for
 * the first time; then, because a dying server may still have its socket open for a moment, after waits that
 * grow. Returns false, with *due untouched, if it was hurried too often already: this server closes
 * connections for other reasons.
 */
bool pace_hurry(struct pace *pace, struct mono now, struct mono *due);
