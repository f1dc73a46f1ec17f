/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the flight recorder has of one move of an address.
 */
#pragma once

#include <jansson.h>

#include "vipd/board.h"
#include "vipd/config.h"

struct moment {
	const struct board *board;
	const struct config_router *router;
	int64_t at_us;	     /* wall clock; of what stands behind its millisecond nothing is known */
	struct address from; /* who held it before; unspecified: nobody knows */
	struct address to;   /* who holds it from then on; the same */
};

/* NULL without memory. */
json_t *moment_json(const struct moment *moment);
