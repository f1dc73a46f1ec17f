/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks another program: no input, an end.
 */
#pragma once

/*
 * Runs a command of the shell and returns what it printed, the caller's to free. NULL: it cannot be run,
 * failed, or did not end within three seconds.
 */
char *tool_run(const char *command);
