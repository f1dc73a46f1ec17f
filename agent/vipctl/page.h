/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page that `status` shows.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "vipctl/show.h"
#include "vipd/status.h"

struct page {
	FILE *out;
	bool colour;
	int width; /* of the terminal; 0: no matter */
	bool attention;
	bool stale; /* the engine does not respond */
};

/* A sentence on lines of its own, broken between words; control characters become '?'. */
__attribute__((format(printf, 4, 5))) void page_sentence(
    struct page *page, enum colour colour, int indent, const char *format, ...);

/* Everything that needs attention, and what to do about it, a line each; of the groups as a whole, and of
 * this node. */
void attention_print_groups(struct page *page, const json_t *status);
void attention_print(struct page *page, const json_t *status);
