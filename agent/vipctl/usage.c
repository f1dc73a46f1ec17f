/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `--help`, from the tables.
 */
#include <ctype.h>
#include <string.h>

#include "vipctl/cli.h"

enum { NAME_WIDTH = 8, OPTIONS_SHOWN = 2 };

/* "drain [--for TIME] [ROUTER]" */
static void synopsis_format(const struct command *command, char *out, size_t size)
{
	const struct cli_option *options = command->options;
	size_t count = 0, length;
	while (options && options[count].name)
		count++;
	length =
	    (size_t)snprintf(out, size, "%s%s", command->name, count > OPTIONS_SHOWN ? " [OPTIONS]" : "");
	for (size_t i = 0; i < count && count <= OPTIONS_SHOWN; i++) {
		char letter[] = {'-', (char)options[i].id, '\0'};
		bool has_letter = options[i].id < OPTION_LONG;
		length += (size_t)snprintf(out + length, size - length, " [%s%s%s%s]",
		    has_letter ? letter : "--", has_letter ? "" : options[i].name,
		    options[i].argument ? " " : "", options[i].argument ? options[i].argument : "");
	}
	if (*command->arguments)
		snprintf(out + length, size - length, " %s", command->arguments);
}

/* "-o, --output FILE" */
static int option_format(const struct cli_option *option, char out[static 64])
{
	char letter[] = {'-', (char)option->id, ',', '\0'};
	bool has_letter = option->id < OPTION_LONG;
	return snprintf(out, 64, "%-3s --%s%s%s", has_letter ? letter : "", option->name,
	    option->argument ? " " : "", option->argument ? option->argument : "");
}

static void options_print(const struct cli_option *options, const struct cli_option *but, FILE *out)
{
	char text[64];
	int width = 0;
	for (const struct cli_option *o = options; o->name; o++) {
		int length = option_format(o, text);
		width = length > width ? length : width;
	}
	for (const struct cli_option *o = options; o->name; o++) {
		const char *line = o->help;
		const struct cli_option *other = but;
		while (other && other->name && strcmp(other->name, o->name) != 0)
			other++;
		if (other && other->name)
			continue;
		option_format(o, text);
		for (;;) {
			int length = (int)strcspn(line, "\n");
			fprintf(out, "  %-*s  %.*s\n", width, line == o->help ? text : "", length, line);
			if (!line[length])
				break;
			line += length + 1;
		}
	}
}

void usage_print(FILE *out)
{
	fputs("Usage: vipctl [-s SOCKET] [-o json] [--no-color] COMMAND\n"
	      "Asks and commands vipd, the agent of this node.\n\n",
	    out);
	for (const struct command *c = commands; c->name; c++) {
		fprintf(out, "  %-*s  %s\n", NAME_WIDTH, c->name, c->summary);
	}
	fputs("\nEvery command takes --help, and these:\n", out);
	options_print(common_options, NULL, out);
	fputs("\n"
	      "Exit status: 0 all is well; 1 something needs attention; 2 wrong usage; 3 the agent is not\n"
	      "running or cannot be reached; 4 the agent refused. See vipctl(1).\n",
	    out);
}

void command_usage_print(const struct command *command, FILE *out)
{
	char synopsis[64];
	synopsis_format(command, synopsis, sizeof synopsis);
	fprintf(out, "Usage: vipctl %s\n%c%s.\n\n", synopsis, toupper((unsigned char)command->summary[0]),
	    command->summary + 1);
	if (command->help)
		fprintf(out, "%s\n", command->help);
	if (command->options) {
		options_print(command->options, NULL, out);
		fputc('\n', out);
	}
	options_print(common_options, command->options, out);
}

int command_help(const struct vipctl *ctl)
{
	const char *name = argument_first(ctl);
	if (!name) {
		usage_print(stdout);
		return EXIT_FINE;
	}
	command_usage_print(command_require(name), stdout);
	return EXIT_FINE;
}
