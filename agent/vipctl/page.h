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
	bool stale; /* the engine does not respond */
};

/* Everything that needs attention, and what to do about it, a line each. */
void attention_print(struct page *page, const json_t *status);
