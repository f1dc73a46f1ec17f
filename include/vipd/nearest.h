/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody probably meant who mistyped a word.
 */
#pragma once

#include <stddef.h>

/* The one of `words` that `word` probably stands for, or NULL. */
const char *nearest_word(const char *word, const char *const *words, size_t count);
