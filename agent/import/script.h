/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a command, and who understands them. What is understood fills in the check, and says what is
 * not quite the same in a note on check->script; what is not may leave the reason in check->why.
 */
#pragma once

#include "import/import.h"

struct command {
	unsigned count;
	const char *words[CONFIG_WORDS_MAX];
};

/* It has an end after so many seconds, if it has not an earlier one. */
void limit_time(struct check *check, const char *seconds);

/* curl.c */
bool is_curl(struct import *import, const struct command *command, struct check *check);
