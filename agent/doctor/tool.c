/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool with a time limit, so the doctor ends whatever it does. What it prints goes to memory instead of a
 * pipe: a pipe ends only when the last of the tool's children has closed it, and one may outlive it.
 */
#include "doctor/tool.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vipd/file.h"

#define TOOL_LIMIT_S 3

static bool run(char *line, int output)
{
	char *const arguments[] = {"sh", "-c", line, NULL};
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t pid;
	if (posix_spawn_file_actions_init(&actions))
		return false;
	bool started = !posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) &&
		       !posix_spawn(&pid, "/bin/sh", &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return started && TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) == pid && status == 0;
}

static char *text_of(int output)
{
	struct stat st;
	char *text = fstat(output, &st) == 0 && st.st_size > 0 ? malloc((size_t)st.st_size + 1) : NULL;
	ssize_t size = text ? pread(output, text, (size_t)st.st_size, 0) : 0;
	if (text)
		text[size > 0 ? size : 0] = '\0';
	return text;
}

char *tool_run_within(unsigned limit_s, const char *command)
{
	char line[256];
	snprintf(line, sizeof line, "timeout -s KILL %u %s 2>/dev/null </dev/null", limit_s, command);
	int output = memfd_create("tool", MFD_CLOEXEC);
	if (output < 0)
		return NULL;
	char *text = run(line, output) ? text_of(output) : NULL;
	close(output);
	return text;
}

char *tool_run(const char *command)
{
	return tool_run_within(TOOL_LIMIT_S, command);
}

FILE *file_open(const char *path)
{
	struct stat st;
	int fd = file_open_regular(path, &st);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	if (fd < 0)
		errno = fd == -EISDIR ? EINVAL : -fd;
	else if (!file)
		close(fd);
	return file;
}
