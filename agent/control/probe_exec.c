/*
 * The `exec` check: a program that exits with status 0 while all is well.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/command.h"
#include "control/probe.h"
#include "vipd/mono.h"

struct probe {
	struct config_check config;
	probe_done *done;
	void *context;
	struct command *command;
	struct mono started;
	char name[CONFIG_NAME_MAX + sizeof "VIPD_CHECK="];
	char *words[CONFIG_WORDS_MAX + 1];
};

static void on_done(void *context, const struct command_result *command)
{
	struct probe *probe = context;
	struct check_result result = {.outcome = CHECK_FAILURE};
	result.duration_us = mono_sub(mono_now(), probe->started);
	if (command->end == COMMAND_EXITED && command->number == 0)
		result.outcome = CHECK_SUCCESS;
	else
		command_tell(command, probe->config.timeout_us, result.text, sizeof result.text);
	probe->done(probe->context, &result);
}

static void exec_start(struct probe *probe)
{
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = {path, probe->name, NULL};
	probe->started = mono_now();
	int r = command_start(probe->command, probe->words, environment, probe->config.timeout_us);
	if (r == 0)
		return;
	struct check_result result = {.outcome = CHECK_FAILURE};
	if (r == -EBUSY)
		probe_say(&result, "%s was killed after its timeout and hangs in the kernel still",
		    probe->words[0]);
	else
		probe_say(&result, "cannot start %s: %s", probe->words[0], strerror(-r));
	probe->done(probe->context, &result);
}

static void exec_close(struct probe *probe)
{
	if (!probe)
		return;
	command_free(probe->command);
	free(probe);
}

static struct probe *exec_open(const struct probe_setup *setup)
{
	struct probe *probe = calloc(1, sizeof *probe);
	if (!probe)
		return NULL;
	probe->config = *setup->config;
	probe->done = setup->done;
	probe->context = setup->context;
	char *word = probe->config.command;
	for (unsigned i = 0; i < probe->config.word_count; i++, word += strlen(word) + 1)
		probe->words[i] = word;
	snprintf(probe->name, sizeof probe->name, "VIPD_CHECK=%s", probe->config.name);
	probe->command = command_new(setup->event, on_done, probe);
	if (!probe->command) {
		free(probe);
		return NULL;
	}
	return probe;
}

const struct probe_type probe_exec = {.open = exec_open, .start = exec_start, .close = exec_close};
