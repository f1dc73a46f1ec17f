/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page that `status` shows.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "vipd/status.h"

struct page {
	FILE *out;
	bool colour;
	int width; /* of the terminal; 0: no matter */
	bool attention;
	bool stale; /* the engine does not respond: what it says is old, what the kernel says is not */
};

/* Everything that needs attention, and what to do about it, a line each. */
void attention_print(struct page *page, const json_t *status);

/* Of a virtual router or a check: it answers, but is not trusted yet. */
static inline bool is_recovering(const json_t *object)
{
	return strcmp(member_text(object, "health"), "recovering") == 0;
}
