/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that are a child's: `exec`, a program that exits with status 0 while all is well, and `file`,
 * for flags that people and scripts set: a file that is there, or is not, or says something.
 *
 * A file system may hang (NFS whose server is away), and then so does whoever looks. So a child looks for the
 * file, too: it prints what is wrong and exits with 1, or with 0.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/checks/probe.h"
#include "control/command.h"
#include "control/text.h"
#include "vipd/duration.h"
#include "vipd/file.h"
#include "vipd/mono.h"

struct child_probe {
	struct probe base;
	struct command *command;
	char name[CONFIG_NAME_MAX + sizeof "VIPD_CHECK="]; /* exec */
	char *words[CONFIG_WORDS_MAX + 1];
};

/* ---- common to both ---- */

static int child_open(struct probe *base, command_done *on_done)
{
	struct child_probe *probe = (struct child_probe *)base;
	probe->command = command_new(base->event, on_done, probe);
	return probe->command ? 0 : -ENOMEM;
}

static void child_close(struct probe *base)
{
	command_free(((struct child_probe *)base)->command);
}

/* ---- exec ---- */

static void on_exited(void *context, const struct command_result *command)
{
	struct probe *base = context;
	struct check_result result = {.outcome = CHECK_FAILURE};
	if (command->end == COMMAND_EXITED && command->number == EXIT_SUCCESS)
		result.outcome = CHECK_SUCCESS;
	else
		command_describe(command, base->config.timeout_us, result.text, sizeof result.text);
	probe_end(base, &result);
}

static void exec_start(struct probe *base)
{
	struct child_probe *probe = (struct child_probe *)base;
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = {path, probe->name, NULL};
	int r = command_start(probe->command, probe->words, environment, base->config.timeout_us);
	if (r == -EBUSY)
		probe_fail(
		    base, "%s was killed after its timeout and hangs in the kernel still", probe->words[0]);
	else if (r < 0)
		probe_fail(base, "cannot start %s: %s", probe->words[0], strerror(-r));
}

static int exec_open(struct probe *base, const struct secrets *secrets)
{
	(void)secrets;
	struct child_probe *probe = (struct child_probe *)base;
	char *word = base->config.command;
	for (unsigned i = 0; i < base->config.word_count; i++, word += strlen(word) + 1)
		probe->words[i] = word;
	snprintf(probe->name, sizeof probe->name, "VIPD_CHECK=%s", base->config.name);
	return child_open(base, on_exited);
}

const struct probe_type probe_exec = {
    .size = sizeof(struct child_probe), .open = exec_open, .start = exec_start, .close = child_close};

/* ---- file: in the child ---- */

static int complain_of_reading(const char *path, const char *why)
{
	dprintf(STDOUT_FILENO, "cannot read %s: %s", path, why);
	return EXIT_FAILURE;
}

static int read_content(const struct config_check *config)
{
	char text[CONFIG_TEXT_MAX + 2], quote[64];
	struct stat st;
	int fd = file_open_regular(config->file, &st);
	if (fd < 0)
		return complain_of_reading(config->file, file_error(-fd));
	ssize_t size = read(fd, text, sizeof text - 1);
	if (size < 0)
		return complain_of_reading(config->file, strerrordesc_np(errno));
	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (!strcmp(text, config->content))
		return EXIT_SUCCESS;
	text_clean(text, (size_t)size, quote, sizeof quote);
	dprintf(STDOUT_FILENO, "%s says \"%s\", expected \"%s\"", config->file, quote, config->content);
	return EXIT_FAILURE;
}

static int look(const void *context)
{
	const struct config_check *config = context;
	struct stat st;
	bool there = stat(config->file, &st) == 0;
	if (!there && errno != ENOENT && errno != ENOTDIR)
		dprintf(STDOUT_FILENO, "cannot look for %s: %s", config->file, strerrordesc_np(errno));
	else if (there != config->file_exists)
		dprintf(STDOUT_FILENO, "%s %s", config->file, there ? "exists" : "does not exist");
	else
		return config->content[0] ? read_content(config) : EXIT_SUCCESS;
	return EXIT_FAILURE;
}

/* ---- file: in the loop ---- */

static void on_looked(void *context, const struct command_result *command)
{
	struct probe *base = context;
	struct check_result result = {.outcome = CHECK_FAILURE};
	char time[DURATION_TEXT_MAX];
	if (command->end == COMMAND_EXITED && command->number == EXIT_SUCCESS)
		result.outcome = CHECK_SUCCESS;
	else if (command->end == COMMAND_EXITED)
		text_clean(command->output, command->size, result.text, sizeof result.text);
	else if (command->end == COMMAND_TIMEOUT)
		snprintf(result.text, sizeof result.text, "timeout after %s: the file system of %.160s hangs",
		    duration_format(base->config.timeout_us, time), base->config.file);
	else
		command_describe(command, base->config.timeout_us, result.text, sizeof result.text);
	probe_end(base, &result);
}

static void file_start(struct probe *base)
{
	struct child_probe *probe = (struct child_probe *)base;
	int r = command_call(probe->command, look, &base->config, base->config.timeout_us);
	if (r == -EBUSY)
		probe_fail(base, "the file system of %s still hangs", base->config.file);
	else if (r < 0)
		probe_fail(base, "cannot look for %s: %s", base->config.file, strerror(-r));
}

static int file_open(struct probe *base, const struct secrets *secrets)
{
	(void)secrets;
	return child_open(base, on_looked);
}

const struct probe_type probe_file = {
    .size = sizeof(struct child_probe), .open = file_open, .start = file_start, .close = child_close};
