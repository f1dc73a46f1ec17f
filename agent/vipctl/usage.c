/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `--help`, from the tables.
 */
#include <ctype.h>
#include <string.h>

#include "vipctl/cli.h"
#include "vipctl/show.h"

enum { NAME_WIDTH = 8, OPTIONS_SHOWN = 2, WIDTH_MAX = 80, PARAGRAPH_MAX = 1024 };

/* One paragraph, broken between words so that no terminal has to. */
static void words_print(FILE *out, int hang, const char *text, size_t size)
{
	char words[PARAGRAPH_MAX];
	int width = terminal_width();
	snprintf(words, sizeof words, "%.*s", (int)size, text);
	for (char *c = words; *c; c++)
		*c = *c == '\n' ? ' ' : *c;
	sentence_print(out, width && width < WIDTH_MAX ? width : WIDTH_MAX, hang, words);
	fputc('\n', out);
}

/* Of paragraphs with an empty line between them. */
static void text_print(FILE *out, const char *text)
{
	text += strspn(text, "\n");
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t size = end ? (size_t)(end - text) : strlen(text);
		words_print(out, 0, text, size - (text[size - 1] == '\n'));
		fputc('\n', out);
		text += size + strspn(text + size, "\n");
	}
}

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
		const struct cli_option *other = but;
		while (other && other->name && strcmp(other->name, o->name) != 0)
			other++;
		if (other && other->name)
			continue;
		option_format(o, text);
		fprintf(out, "  %-*s  ", width, text);
		words_print(out, width + 4, o->help, strlen(o->help));
	}
}

void usage_print(FILE *out)
{
	fputs("Usage: vipctl [-s SOCKET] [-o json] [--no-color] COMMAND\n"
	      "Asks and commands vipd, the agent of this node.\n\n",
	    out);
	for (const struct command *c = commands; c->name; c++) {
		fprintf(out, "  %-*s  ", NAME_WIDTH, c->name);
		words_print(out, NAME_WIDTH + 4, c->summary, strlen(c->summary));
	}
	fputs("\nEvery command takes --help, and these:\n", out);
	options_print(common_options, NULL, out);
	static const char status[] =
	    "Exit status: 0 all is well; 1 something needs attention; 2 wrong usage; 3 the agent is not "
	    "running or cannot be reached; 4 the agent refused. See vipctl(1).";
	fputc('\n', out);
	words_print(out, 0, status, sizeof status);
}

void command_usage_print(const struct command *command, FILE *out)
{
	char synopsis[64];
	synopsis_format(command, synopsis, sizeof synopsis);
	char summary[PARAGRAPH_MAX];
	snprintf(summary, sizeof summary, "%c%s.", toupper((unsigned char)command->summary[0]),
	    command->summary + 1);
	fprintf(out, "Usage: vipctl %s\n", synopsis);
	text_print(out, summary);
	if (command->help)
		text_print(out, command->help);
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
