/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `process` check: a process of this name, or the one that a pid file names, is running.
 *
 * A child looks for it in /proc, because a command line is read under a lock of that process and a pid file
 * may be on a file system that hangs. From then on the pidfd of the one that was found is the tripwire: the
 * kernel says at once, and to anybody, that it has ended. Then the next one of the name will do: of a service
 * that replaces its processes one by one, the last one counts.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/checks/probe.h"
#include "control/command.h"
#include "control/text.h"
#include "vipd/duration.h"

#define COMM_MAX      15  /* the kernel keeps so much of a name */
#define ARGUMENTS_MAX 512 /* in which the rest of a longer one is looked for */
#define PID_TEXT_MAX  16

/* How the child exits; what it prints is the process id, or what is wrong. */
enum { FOUND = EXIT_SUCCESS, TROUBLE = EXIT_FAILURE, NOBODY };

struct process_probe {
	struct probe base;
	struct command *command;
	pid_t pid;
	sd_event_source *tripwire; /* the pidfd of `pid`; NULL: none was found, or it has ended */
};

/* ---- what /proc says ---- */

/* The beginning of a file, with a NUL. Returns its size, or -errno. */
static ssize_t read_file(const char *path, char *text, size_t room)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t size = fstat(fd, &st) < 0 ? -1 : !S_ISREG(st.st_mode) ? 0 : read(fd, text, room - 1);
	int error = errno;
	close(fd);
	if (size < 0)
		return -error;
	text[size] = '\0';
	return size;
}

static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t room)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return read_file(path, text, room);
}

static bool has_comm(pid_t pid, const char *name)
{
	char comm[COMM_MAX + 2];
	if (read_proc(pid, "comm", comm, sizeof comm) < 0)
		return false;
	comm[strcspn(comm, "\n")] = '\0';
	return !strncmp(comm, name, COMM_MAX);
}

/* The program, or the script that it runs. */
static bool has_argument(pid_t pid, const char *name)
{
	char arguments[ARGUMENTS_MAX];
	ssize_t size = read_proc(pid, "cmdline", arguments, sizeof arguments);
	const char *word = arguments;
	for (int i = 0; i < 2 && word < arguments + size; i++, word += strlen(word) + 1)
		if (!strcmp(basename(word), name))
			return true;
	return false;
}

static bool has_name(pid_t pid, const char *name)
{
	return has_comm(pid, name) && (strlen(name) <= COMM_MAX || has_argument(pid, name));
}

static bool has_ended(int pidfd)
{
	struct pollfd look = {.fd = pidfd, .events = POLLIN};
	return poll(&look, 1, 0) == 1;
}

/* One that nobody has reaped yet is not running. */
static bool is_running(pid_t pid)
{
	int pidfd = pidfd_open(pid, 0);
	bool running = pidfd >= 0 && !has_ended(pidfd);
	if (pidfd >= 0)
		close(pidfd);
	return running;
}

/* ---- in the child ---- */

static int answer(pid_t pid)
{
	dprintf(STDOUT_FILENO, "%d", pid);
	return FOUND;
}

static int look_for_name(const char *name)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	while (proc && (entry = readdir(proc))) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
		if (pid && has_name(pid, name) && is_running(pid))
			return answer(pid);
	}
	if (access("/proc/1/comm", F_OK) == 0) {
		dprintf(STDOUT_FILENO, "no process named %s is running", name);
		return NOBODY;
	}
	dprintf(STDOUT_FILENO,
	    "cannot see the processes of other users, so %s was not found: take ProtectProc= out of the "
	    "unit, or "
	    "hidepid= out of the options of /proc",
	    name);
	return TROUBLE;
}

static int look_at_file(const char *path, const char *name)
{
	char text[PID_TEXT_MAX], quote[PID_TEXT_MAX], *end;
	ssize_t size = read_file(path, text, sizeof text);
	if (size < 0) {
		dprintf(STDOUT_FILENO, "%s: %s", path, strerrordesc_np((int)-size));
		return size == -ENOENT ? NOBODY : TROUBLE;
	}
	long pid = strtol(text, &end, 10);
	if (end == text || (*end && !isspace((unsigned char)*end)) || pid < 1 || pid > INT32_MAX) {
		text_clean(text, (size_t)size, quote, sizeof quote);
		dprintf(STDOUT_FILENO, "%s does not begin with a process id, but with \"%s\"", path, quote);
		return TROUBLE;
	}
	if (!is_running((pid_t)pid))
		dprintf(STDOUT_FILENO, "the process %ld of %s is not running", pid, path);
	else if (*name && !has_name((pid_t)pid, name))
		dprintf(STDOUT_FILENO, "the process %ld of %s is not named %s: the file is stale", pid, path,
		    name);
	else
		return answer((pid_t)pid);
	return NOBODY;
}

static int look(const void *context)
{
	const struct config_check *config = context;
	return config->file[0] ? look_at_file(config->file, config->process) : look_for_name(config->process);
}

/* ---- in the loop ---- */

static void unwatch(struct process_probe *probe)
{
	probe->tripwire = sd_event_source_disable_unref(probe->tripwire);
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)fd, (void)events;
	struct process_probe *probe = context;
	unwatch(probe);
	probe->base.tripped(probe->base.context);
	return 0;
}

/* Returns false if it has ended meanwhile. Without memory it is not watched. */
static bool watch(struct process_probe *probe, pid_t pid)
{
	if (probe->tripwire && probe->pid == pid)
		return !has_ended(sd_event_source_get_io_fd(probe->tripwire));
	unwatch(probe);
	int pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		return false;
	if (sd_event_add_io(probe->base.event, &probe->tripwire, pidfd, EPOLLIN, on_end, probe) < 0) {
		close(pidfd);
		return true;
	}
	sd_event_source_set_io_fd_own(probe->tripwire, true);
	probe->pid = pid;
	return true;
}

static void on_looked(void *context, const struct command_result *command)
{
	struct process_probe *probe = context;
	const struct config_check *config = &probe->base.config;
	struct check_result result = {.outcome = CHECK_FAILURE};
	char printed[PID_TEXT_MAX], time[DURATION_TEXT_MAX];
	if (command->end == COMMAND_EXITED && command->number == FOUND) {
		text_clean(command->output, command->size, printed, sizeof printed);
		pid_t pid = atoi(printed);
		if (watch(probe, pid))
			result.outcome = CHECK_SUCCESS;
		else
			snprintf(result.text, sizeof result.text, "the process %d has ended", pid);
		result.refused = result.outcome != CHECK_SUCCESS;
	} else if (command->end == COMMAND_EXITED) {
		text_clean(command->output, command->size, result.text, sizeof result.text);
		result.refused = command->number == NOBODY;
	} else if (command->end == COMMAND_TIMEOUT) {
		snprintf(result.text, sizeof result.text, "timeout after %s: %.160s hangs",
		    duration_format(config->timeout_us, time), config->file[0] ? config->file : "/proc");
	} else {
		command_describe(command, config->timeout_us, result.text, sizeof result.text);
	}
	if (result.outcome != CHECK_SUCCESS)
		unwatch(probe);
	else if (probe->tripwire)
		sd_event_source_set_enabled(probe->tripwire, SD_EVENT_ON);
	probe_end(&probe->base, &result);
}

/* One that is watched is there. It may run another program by now, and a pid file may name another process.
 */
static bool is_known(const struct process_probe *probe)
{
	const struct config_check *config = &probe->base.config;
	return probe->tripwire && !config->file[0] &&
	       !has_ended(sd_event_source_get_io_fd(probe->tripwire)) &&
	       has_comm(probe->pid, config->process);
}

static void process_start(struct probe *base)
{
	struct process_probe *probe = (struct process_probe *)base;
	if (is_known(probe)) {
		probe_end(base, &(struct check_result){.outcome = CHECK_SUCCESS});
		return;
	}
	if (probe->tripwire)
		sd_event_source_set_enabled(probe->tripwire, SD_EVENT_OFF);
	int r = command_call(probe->command, look, &base->config, base->config.timeout_us);
	if (r == -EBUSY)
		probe_fail(base, "the last look still hangs in the kernel");
	else if (r < 0)
		probe_fail(base, "cannot look for it: %s", strerror(-r));
}

static int process_open(struct probe *base, const struct secrets *secrets)
{
	(void)secrets;
	struct process_probe *probe = (struct process_probe *)base;
	probe->command = command_new(base->event, on_looked, probe);
	return probe->command ? 0 : -ENOMEM;
}

static void process_close(struct probe *base)
{
	struct process_probe *probe = (struct process_probe *)base;
	unwatch(probe);
	command_free(probe->command);
}

const struct probe_type probe_process = {.size = sizeof(struct process_probe),
    .open = process_open,
    .start = process_start,
    .close = process_close};
