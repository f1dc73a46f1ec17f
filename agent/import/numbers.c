/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind a word of keepalived: a text, a number, a time. Whoever reads it takes it.
 */
#include <errno.h>
#include <stdlib.h>

#include "import/import.h"

#define TIME_MAX_S 86400.0

const char *read_word(struct import *import, struct node *node)
{
	node->taken = 2;
	if (node->count > 1)
		return node->words[1];
	note(import, node, "dropped: there is nothing behind it");
	return NULL;
}

bool read_whole(struct import *import, struct node *node, unsigned index, int min, int max, int *value)
{
	char *end = NULL;
	node->taken = index + 1;
	errno = 0;
	long number = index < node->count ? strtol(node->words[index], &end, 10) : 0;
	if (!end || end == node->words[index] || *end || errno || number < min || number > max) {
		note(import, node, "dropped: there is no number from %d to %d", min, max);
		return false;
	}
	*value = (int)number;
	return true;
}

bool read_seconds(struct import *import, struct node *node, unsigned index, int64_t *us)
{
	char *end = NULL;
	node->taken = index + 1;
	double seconds = index < node->count ? strtod(node->words[index], &end) : 0;
	if (!end || end == node->words[index] || *end || !(seconds >= 0 && seconds <= TIME_MAX_S)) {
		note(import, node, "dropped: there is no time in seconds, of a day at most");
		return false;
	}
	*us = (int64_t)(seconds * 1e6 + 0.5);
	return true;
}
