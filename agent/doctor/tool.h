/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks another program, or a file: no input, an end.
 */
#pragma once

#include <stdio.h>

/*
 * Runs a command of the shell and returns what it printed, the caller's to free. NULL: it cannot be run,
 * failed, printed nothing, or did not end within three seconds, or those that are given.
 */
char *tool_run(const char *command);
char *tool_run_within(unsigned limit_s, const char *command);

/* Opens a file for reading; NULL, with errno, if it is not a regular one (a pipe would be waited for). */
FILE *file_open(const char *path);
