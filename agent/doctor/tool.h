/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks another program: no shell, no input, an end.
 */
#pragma once

/*
 * Runs argv[0] (searched in PATH) and returns what it printed, the caller's to free, with its exit status in
 * *status. NULL: it cannot be run, did not end within three seconds, or printed more than eight megabytes;
 * the reason is in *status as -errno.
 */
char *tool_run(char *const argv[], int *status);
