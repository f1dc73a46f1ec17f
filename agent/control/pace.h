/*
 * When a check is asked next. Pure: no clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vipd/mono.h"

#define PACE_HURRIES 4 /* in one interval, at least one second */

/* All zeros is one that has not begun. */
struct pace {
	struct mono window; /* when the hurries below began to count */
	unsigned hurries;
};

/*
 * The connection to the server was lost: when to ask again, instead of waiting for the interval. At once for
 * the first time; then, because a dying server may still have its socket open for a moment, after waits that
 * grow. Returns false, with *due untouched, if it was hurried PACE_HURRIES times already: this server closes
 * connections for other reasons.
 */
bool pace_hurry(struct pace *pace, int64_t interval_us, struct mono now, struct mono *due);
