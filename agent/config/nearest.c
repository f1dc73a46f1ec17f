/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody probably meant: the nearest of some words by edit distance.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vipd/nearest.h"

#define WORD_MAX 64

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must be put in, taken out or changed to make `a` of `b` (Levenshtein). */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t width = strlen(b);
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t changed = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			row[j] = min_size(changed, min_size(row[j], row[j - 1]) + 1);
		}
	}
	return row[width];
}

/* Whether it is the last word of several: "interval" of "advert_interval". */
static bool is_last_word(const char *word, size_t size, const char *whole)
{
	size_t length = strlen(whole);
	return size >= 3 && length > size && strchr("_-", whole[length - size - 1]) &&
	       !strcmp(whole + length - size, word);
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
	const char *best = NULL;
	size_t size = strlen(word), best_distance = SIZE_MAX;
	if (size > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		bool last = is_last_word(word, size, words[i]);
		size_t distance = last ? 1 : edit_distance(word, words[i]);
		size_t limit = strlen(words[i]) / 3 > 2 ? strlen(words[i]) / 3 : 2;
		bool abbreviated = size >= 3 && !strncmp(word, words[i], size);
		if (distance < best_distance &&
		    ((distance <= limit && distance < size) || abbreviated || last)) {
			best = words[i];
			best_distance = distance;
		}
	}
	return best;
}
