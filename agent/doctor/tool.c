/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child with a pipe. It is killed when its time is over, so the doctor ends whatever the tool does.
 */
#include "doctor/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vipd/mono.h"

#define TOOL_TIME_US (3 * USEC_PER_SEC)
#define TOOL_MAX     (8 * 1024 * 1024)
#define TOOL_STEP    65536

extern char **environ;

/* Returns its process id or -errno. */
static pid_t tool_spawn(char *const argv[], int output)
{
	pid_t pid;
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);
	if (error)
		return -error;
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error ? -error : pid;
}

/* Everything until the other side closes. Returns 0 or -errno; *text is terminated. */
static int read_all(int fd, struct mono end, char **text)
{
	size_t size = 0;
	for (;;) {
		struct pollfd waiting = {.fd = fd, .events = POLLIN};
		int64_t left_us = mono_sub(end, mono_now());
		char *grown = size + TOOL_STEP < TOOL_MAX ? realloc(*text, size + TOOL_STEP + 1) : NULL;
		if (!grown)
			return -ENOMEM;
		*text = grown;
		if (left_us <= 0 || poll(&waiting, 1, (int)(left_us / USEC_PER_MS) + 1) <= 0)
			return -ETIMEDOUT;
		ssize_t n = read(fd, grown + size, TOOL_STEP);
		if (n < 0)
			return -errno;
		size += (size_t)n;
		grown[size] = '\0';
		if (n == 0)
			return 0;
	}
}

/* A tool that has closed its output has usually ended; one that lingers is killed like one that never
 * answers. */
static int tool_end(pid_t pid, struct mono end)
{
	int ended = 0, fd = pidfd_open(pid, 0);
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	int64_t left_ms = mono_sub(end, mono_now()) / USEC_PER_MS;
	if (fd >= 0) {
		poll(&waiting, 1, left_ms > 0 ? (int)left_ms : 0);
		close(fd);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &ended, 0);
	return WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}

char *tool_run(char *const argv[], int *status)
{
	struct mono end = mono_add(mono_now(), TOOL_TIME_US);
	int pipes[2];
	char *text = NULL;
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		*status = -errno;
		return NULL;
	}
	pid_t pid = tool_spawn(argv, pipes[1]);
	close(pipes[1]);
	int result = pid < 0 ? pid : 0;
	if (pid > 0) {
		result = read_all(pipes[0], end, &text);
		*status = tool_end(pid, end);
	}
	close(pipes[0]);
	if (result == 0)
		return text;
	free(text);
	*status = result;
	return NULL;
}
