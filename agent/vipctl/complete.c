/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a shell may offer for the word at the cursor: the tables, and the names that the agent knows. The
 * scripts in conf/completion only ask for it, so they need not change when a command does.
 */
#include <stdlib.h>
#include <string.h>

#include "vipctl/call.h"
#include "vipctl/cli.h"
#include "vipd/doctor.h"
#include "vipd/status.h"

static void offer(const char *begun, const char *dashes, const char *word, const char *description)
{
	size_t skipped = strlen(dashes);
	if (strncmp(begun, dashes, skipped) == 0 &&
	    strncmp(begun + skipped, word, strlen(begun + skipped)) == 0)
		printf("%s%s\t%.*s\n", dashes, word, (int)strcspn(description, "\n"), description);
}

static void options_offer(const char *begun, const struct cli_option *options)
{
	for (const struct cli_option *o = options; o && o->name; o++)
		offer(begun, "--", o->name, o->help);
}

static void commands_offer(const char *begun)
{
	for (const struct command *c = commands; c->name; c++)
		offer(begun, "", c->name, c->summary);
}

/* As the agent names them; nothing if it does not answer. */
static void routers_offer(const char *begun, const struct vipctl *ctl)
{
	struct vipctl quiet = *ctl;
	size_t i;
	json_t *status, *router;
	quiet.complaints = fopen("/dev/null", "we");
	if (!quiet.complaints)
		return;
	if (call_json(&quiet, "GET", "/v1/status", &status, NULL) == EXIT_FINE) {
		json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
		    offer(begun, "", member_text(router, "name"), member_text(router, "state"));
		json_decref(status);
	}
	fclose(quiet.complaints);
}

static void findings_offer(const char *begun)
{
	for (size_t i = 0; doctor_finding_name(i); i++)
		offer(begun, "", doctor_finding_name(i), "");
}

/* By what the usage calls it. */
static void value_offer(const char *begun, const char *kind, const struct vipctl *ctl)
{
	if (strcmp(kind, "json") == 0)
		offer(begun, "", "json", "");
	else if (strcmp(kind, "[ROUTER]") == 0)
		routers_offer(begun, ctl);
	else if (strcmp(kind, "[COMMAND]") == 0)
		commands_offer(begun);
	else if (strcmp(kind, "[FINDING ...]") == 0)
		findings_offer(begun);
}

void complete_print(char **words, int count, struct vipctl *ctl)
{
	int last = count - 1, at = cli_command_index(words, 0, last);
	const struct command *command = at < last ? command_find(words[at]) : NULL;
	const struct cli_option *option = last > 0 ? cli_value_follows(command, words[last - 1]) : NULL;
	const char *begun = words[last];
	for (int i = 0; i < last - 1; i++) {
		if (strcmp(words[i], "-s") == 0 || strcmp(words[i], "--socket") == 0)
			ctl->socket = words[i + 1];
	}
	if (option) {
		value_offer(begun, option->argument, ctl);
	} else if (begun[0] == '-') {
		options_offer(begun, command ? command->options : NULL);
		options_offer(begun, common_options);
	} else if (command) {
		value_offer(begun, command->arguments, ctl);
	} else if (at == last) {
		commands_offer(begun);
	}
}
