/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and times of keepalived.
 */
#include <errno.h>
#include <stdlib.h>

#include "import/import.h"

#define TIME_MAX_S 86400.0

bool read_whole(struct import *import, const struct node *node, unsigned index, int min, int max, int *value)
{
	char *end = NULL;
	errno = 0;
	long number = index < node->count ? strtol(node->words[index], &end, 10) : 0;
	if (!end || end == node->words[index] || *end || errno || number < min || number > max) {
		note(import, node, "dropped: there is no number from %d to %d", min, max);
		return false;
	}
	*value = (int)number;
	return true;
}

bool read_seconds(struct import *import, const struct node *node, unsigned index, int64_t *us)
{
	char *end = NULL;
	double seconds = index < node->count ? strtod(node->words[index], &end) : 0;
	if (!end || end == node->words[index] || *end || !(seconds >= 0 && seconds <= TIME_MAX_S)) {
		note(import, node, "dropped: there is no time in seconds, of a day at most");
		return false;
	}
	*us = (int64_t)(seconds * 1e6 + 0.5);
	return true;
}
