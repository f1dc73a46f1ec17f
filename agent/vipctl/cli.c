/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one reader of command lines. A wrong word is answered with the word that was probably meant.
 */
#include "vipctl/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vipd/nearest.h"

#define WORDS_MAX 64

enum { OPTION_NO_COLOR = 2 * OPTION_LONG, OPTION_VERSION };

const struct cli_option common_options[] = {
    {'s', "socket", "SOCKET", "default $VIPD_SOCKET, else " VIPCTL_SOCKET_DEFAULT},
    {'o', "output", "json", "the agent's JSON as it is"},
    {OPTION_NO_COLOR, "no-color", NULL, "no colour, as with NO_COLOR or without a terminal"},
    {OPTION_VERSION, "version", NULL, "print the version and exit"},
    {'h', "help", NULL, "print this and exit"},
    {0},
};

static const struct command *helping; /* whose --help an error points to */

void usage_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("vipctl: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, "; see vipctl %s%s--help\n", helping ? helping->name : "", helping ? " " : "");
	va_end(args);
	exit(EXIT_USAGE);
}

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

const char *option_value(const struct vipctl *ctl, int id)
{
	for (int i = ctl->given_count - 1; i >= 0; i--) {
		if (ctl->given[i].id == id)
			return ctl->given[i].value;
	}
	return NULL;
}

const char *argument_first(const struct vipctl *ctl)
{
	return ctl->word_count ? ctl->words[0] : NULL;
}

/* ---- where the command stands ---- */

static const struct cli_option *table_find(
    const struct cli_option *table, const char *name, size_t size, int letter)
{
	for (; table && table->name; table++) {
		if (name ? strlen(table->name) == size && strncmp(table->name, name, size) == 0
			 : table->id == letter)
			return table;
	}
	return NULL;
}

/* By its name of `size` bytes, or with name NULL by its letter. */
static const struct cli_option *option_find(
    const struct command *command, const char *name, size_t size, int letter)
{
	const struct cli_option *found = command ? table_find(command->options, name, size, letter) : NULL;
	if (!found)
		found = table_find(common_options, name, size, letter);
	for (const struct command *c = commands; !found && !command && c->name; c++)
		found = table_find(c->options, name, size, letter);
	return found;
}

const struct cli_option *cli_value_follows(const struct command *command, const char *word)
{
	const struct cli_option *option = NULL;
	if (word[0] != '-')
		return NULL;
	if (word[1] == '-')
		option = option_find(command, word + 2, strlen(word + 2), 0);
	else
		for (const char *letter = word + 1; *letter && !(option && option->argument); letter++) {
			option = option_find(command, NULL, 0, *letter);
			if (option && option->argument && letter[1])
				return NULL; /* its value is the rest of the word */
		}
	return option && option->argument ? option : NULL;
}

int cli_command_index(char **words, int begin, int end)
{
	for (int i = begin; i < end; i++) {
		if (words[i][0] != '-' || !words[i][1])
			return i;
		i += cli_value_follows(NULL, words[i]) != NULL;
	}
	return end;
}

/* ---- errors ---- */

const struct command *command_require(const char *name)
{
	const struct command *command = command_find(name);
	if (command)
		return command;
	const char *names[WORDS_MAX];
	size_t count = 0;
	for (const struct command *c = commands; c->name && count < WORDS_MAX; c++)
		names[count++] = c->name;
	const char *nearest = nearest_word(name, names, count);
	helping = NULL;
	usage_error("there is no command '%s'%s%s%s", name, nearest ? " (did you mean '" : "",
	    nearest ? nearest : "", nearest ? "'?)" : "");
}

/* Whose option it is, if it is another command's. */
static const struct command *option_owner(const char *name)
{
	for (const struct command *c = commands; c->name; c++) {
		if (table_find(c->options, name, strlen(name), 0))
			return c;
	}
	return NULL;
}

static void option_unknown(const struct command *command, const char *word)
{
	char name[64];
	const char *names[WORDS_MAX];
	size_t count = 0;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
	const struct cli_option *tables[] = {command ? command->options : NULL, common_options};
	for (size_t t = 0; t < 2; t++) {
		for (const struct cli_option *o = tables[t]; o && o->name && count < WORDS_MAX; o++)
			names[count++] = o->name;
	}
	const char *nearest = nearest_word(name, names, count);
	const struct command *owner = option_owner(name);
	const char *whose = command ? command->name : "vipctl";
	if (owner)
		usage_error("%s takes no --%s; %s does", whose, name, owner->name);
	usage_error("%s takes no --%s%s%s%s", whose, name, nearest ? " (did you mean --" : "",
	    nearest ? nearest : "", nearest ? "?)" : "");
}

/* What getopt did not understand; `word` is where it stopped, `result` what it returned. */
static void option_error(const struct command *command, const char *word, int result)
{
	const struct cli_option *option = option_find(command, NULL, 0, optopt);
	const char *whose = command ? command->name : "vipctl";
	if (result == ':' && option)
		usage_error("--%s needs a value: %s", option->name, option->argument);
	if (optopt && option)
		usage_error("--%s takes no value", option->name);
	if (optopt)
		usage_error("%s takes no -%c", whose, optopt);
	option_unknown(command, word + 2);
}

/* ---- reading ---- */

/* Both tables as getopt_long() wants them; of equal names the command's own counts. */
static void getopt_tables(
    const struct command *command, struct option longs[static WORDS_MAX], char letters[static 2 * WORDS_MAX])
{
	const struct cli_option *tables[] = {command ? command->options : NULL, common_options};
	size_t count = 0;
	*letters++ = ':';
	for (size_t t = 0; t < 2; t++) {
		for (const struct cli_option *o = tables[t]; o && o->name && count < WORDS_MAX - 1; o++) {
			if (t == 1 && table_find(tables[0], o->name, strlen(o->name), 0))
				continue;
			longs[count++] = (struct option){
			    o->name, o->argument ? required_argument : no_argument, NULL, o->id};
			if (o->id < OPTION_LONG)
				letters += sprintf(letters, "%c%s", o->id, o->argument ? ":" : "");
		}
	}
	longs[count] = (struct option){0};
}

static void common_take(int id, const char *value, struct vipctl *ctl)
{
	switch (id) {
	case 's': ctl->socket = value; break;
	case 'o':
		if (strcmp(value, "json") != 0)
			usage_error("-o %s: only json is known", value);
		ctl->json = true;
		break;
	case OPTION_NO_COLOR: ctl->colour = false; break;
	case OPTION_VERSION: puts("vipctl " VIPD_VERSION); exit(EXIT_FINE);
	default:
		ctl->command ? command_usage_print(ctl->command, stdout) : usage_print(stdout);
		exit(EXIT_FINE);
	}
}

static void options_read(int argc, char **argv, struct vipctl *ctl)
{
	struct option longs[WORDS_MAX];
	char letters[2 * WORDS_MAX];
	const struct cli_option *own = ctl->command ? ctl->command->options : NULL;
	getopt_tables(ctl->command, longs, letters);
	opterr = 0;
	for (int id; (id = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
		const char *value = optarg ? optarg : "";
		if (id == '?' || id == ':')
			option_error(ctl->command, argv[optind - 1], id);
		else if (table_find(own, NULL, 0, id))
			ctl->given[ctl->given_count++] = (struct given){id, value};
		else
			common_take(id, value, ctl);
	}
	ctl->word_count = argc - optind;
	ctl->words = argv + optind;
}

static void arguments_check(const struct vipctl *ctl)
{
	const char *arguments = ctl->command->arguments, *name = ctl->command->name;
	if (!*arguments && ctl->word_count)
		usage_error("%s takes no argument: what is '%s'?", name, ctl->words[0]);
	if (*arguments && !strstr(arguments, "...") && ctl->word_count > 1)
		usage_error("%s takes one argument: what is '%s'?", name, ctl->words[1]);
	if (*arguments && *arguments != '[' && !ctl->word_count)
		usage_error("%s needs an argument: %s", name, arguments);
}

void cli_read(int argc, char **argv, struct vipctl *ctl)
{
	int at = cli_command_index(argv, 1, argc);
	size_t letters = 1; /* no more options than these */
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]);
	ctl->given = calloc(letters, sizeof *ctl->given);
	if (!ctl->given)
		usage_error("out of memory");
	if (at < argc) {
		ctl->command = command_require(argv[at]);
		helping = ctl->command;
		memmove(&argv[2], &argv[1], (size_t)(at - 1) * sizeof *argv);
		argv[1] = argv[0]; /* the options may stand before the command and behind it */
		argc--, argv++;
	}
	options_read(argc, argv, ctl);
	if (!ctl->command) {
		usage_print(stderr);
		exit(EXIT_USAGE);
	}
	arguments_check(ctl);
}
