/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of every command: read by the tables in vipctl.h, explained and completed from them.
 */
#pragma once

#include "vipctl/vipctl.h"

/* Every command takes these. */
extern const struct cli_option common_options[];

/* Reads the command line, and exits with the reason if it is wrong or asks for help only. */
void cli_read(int argc, char **argv, struct vipctl *ctl);

/* The index in `words` of the command among those before `end`, or `end` if there is none. */
int cli_command_index(char **words, int begin, int end);

/* The option that `word`, such as "--for" or "-fn", ends with and whose value is the next word; NULL: none.
 * `command` may be NULL: of any command. */
const struct cli_option *cli_value_follows(const struct command *command, const char *word);

void usage_print(FILE *out);
void command_usage_print(const struct command *command, FILE *out);

/*
 * What may stand for the last of `words`, for a shell: a line each, "WORD<tab>DESCRIPTION". No line: a file,
 * or anything. *ctl says where the agent is, unless the words do.
 */
void complete_print(char **words, int count, struct vipctl *ctl);
