/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is right, and will hardly do what was meant. It changes nothing; `vipd -n` says it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vipd/config.h"

#define SEPARATORS " \t\n;&|()`\"'$<>"

__attribute__((format(printf, 2, 3))) static void warn(
    struct config_errors *warnings, const char *format, ...)
{
	size_t used = strlen(warnings->text);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(warnings->text + used, sizeof warnings->text - used, format, arguments);
	va_end(arguments);
	warnings->count++;
}

/* Programs in the commands of keepalived that do not do the same here. */
static const struct {
	const char *name, *why, *instead;
} programs[] = {
#define UNSEEN	"runs without any privilege, and so may neither signal nor always see processes of other users"
#define PROCESS "write type = \"process\"; process = \"haproxy\"; which notices a death at once"
    {"killall", UNSEEN, PROCESS},
    {"pkill", UNSEEN, PROCESS},
    {"pgrep", UNSEEN, PROCESS},
    {"pidof", UNSEEN, PROCESS},
    {"systemctl", "knows whether the unit was started, not whether it answers",
	"write type = \"tcp\" with its port, or type = \"process\" with its name"},
    {"kubectl", "needs a kubeconfig that this user may read, and a process of its own each time",
	"write type = \"https\" with the certificates"},
};

/* Where the program is named: as a word of the command, with or without directory, or inside of a shell's
 * text. */
static bool names_program(const char *word, const char *program)
{
	while (*word) {
		size_t size = strcspn(word, SEPARATORS), length = strlen(program);
		if (size >= length && !strncmp(word + size - length, program, length) &&
		    (size == length || word[size - length - 1] == '/'))
			return true;
		word += size;
		word += strspn(word, SEPARATORS);
	}
	return false;
}

static void warn_of_command(
    struct config_errors *warnings, const struct config *config, const struct config_check *check)
{
	const char *word = check->command;
	for (unsigned i = 0; i < check->word_count; i++, word += strlen(word) + 1)
		for (size_t p = 0; p < sizeof programs / sizeof *programs; p++)
			if (names_program(word, programs[p].name))
				warn(warnings, "%s: warning: check \"%s\": command = … %s …: it %s; %s\n",
				    config->path, check->name, programs[p].name, programs[p].why,
				    programs[p].instead);
}

void config_warn(const struct config *config, struct config_errors *warnings)
{
	memset(warnings, 0, sizeof *warnings);
	for (unsigned i = 0; i < config->check_count; i++)
		warn_of_command(warnings, config, &config->checks[i]);
}
