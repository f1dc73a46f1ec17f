/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs other people's programs from a loop that never waits.
 *
 * A descriptor leaves the loop before it is closed. A child that has been forked but has not executed yet
 * still has it open, and epoll would go on reporting it.
 *
 * A pidfd reports the end, so nobody has to share SIGCHLD. The group is killed before its leader is reaped:
 * until then the kernel gives its number to nobody else. A program that hangs in the kernel does not die of
 * SIGKILL. It is left alone until it does; its struct command may outlive its owner.
 */
#include "control/command.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/text.h"
#include "vipd/duration.h"
#include "vipd/mono.h"

#define TIMER_EXACT_US 1000
/* From SIGKILL to the end, before it counts as hanging in the kernel. */
#define GRACE_US (500 * USEC_PER_MS)

struct program {
	char *const *words;
	char *const *environment;
};

struct command {
	struct command *after; /* of those that run */
	sd_event *event;
	command_done *done;
	void *context;
	sd_event_source *exit; /* NULL: nothing is running */
	sd_event_source *print;
	sd_event_source *timer;
	pid_t pid;
	int pidfd;
	int output;
	bool cut; /* killed by us, because of cut_end */
	enum command_end cut_end;
	bool reported; /* `done` has been called */
	size_t printed;
	struct command_result result;
};

static struct command *first_running;

static void running_add(struct command *command)
{
	command->after = first_running;
	first_running = command;
}

static void running_remove(const struct command *command)
{
	struct command **link = &first_running;
	while (*link != command)
		link = &(*link)->after;
	*link = command->after;
}

bool command_running(pid_t pid)
{
	const struct command *command = first_running;
	while (command && command->pid != pid)
		command = command->after;
	return command != NULL;
}

static int run_program(const void *context)
{
	const struct program *program = context;
	if (chdir("/") == 0)
		execve(program->words[0], program->words, program->environment);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", program->words[0], strerrordesc_np(errno));
	return 127;
}

_Noreturn static void become(command_main *function, const void *context, int output)
{
	static const int usual[] = {SIGPIPE, SIGINT, SIGHUP};
	sigset_t none;
	int nothing = open("/dev/null", O_RDONLY);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* if control is killed before it can kill this process */
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
		signal(usual[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(nothing < 0 ? output : nothing, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	_exit(function(context));
}

/* Keeps the beginning, and counts the rest. */
static void read_output(struct command *command)
{
	char buffer[16384];
	ssize_t n;
	while (command->printed <= COMMAND_OUTPUT && (n = read(command->output, buffer, sizeof buffer)) > 0) {
		struct command_result *result = &command->result;
		size_t room = sizeof result->output - result->size;
		size_t kept = (size_t)n < room ? (size_t)n : room;
		memcpy(result->output + result->size, buffer, kept);
		result->size += kept;
		command->printed += (size_t)n;
	}
}

/* From here on only its end matters. */
static void shut(struct command *command)
{
	command->timer = sd_event_source_disable_unref(command->timer);
	command->print = sd_event_source_disable_unref(command->print);
	if (command->output >= 0)
		close(command->output);
	command->output = -1;
}

static void report(struct command *command, enum command_end end, int number)
{
	struct command_result result = command->result;
	shut(command);
	if (command->reported)
		return;
	command->reported = true;
	result.end = end;
	result.number = number;
	command->done(command->context, &result);
}

/* Normally the end of the program reports, so that the next one can start. This is for one that does not end.
 */
static void cut_short(struct command *command, enum command_end end)
{
	kill(-command->pid, SIGKILL);
	if (command->cut) {
		report(command, command->cut_end, SIGKILL);
		return;
	}
	command->cut = true;
	command->cut_end = end;
	sd_event_source_set_enabled(command->print, SD_EVENT_OFF);
	sd_event_source_set_time_relative(command->timer, GRACE_US);
	sd_event_source_set_enabled(command->timer, SD_EVENT_ONESHOT);
}

static int on_print(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)fd;
	struct command *command = context;
	read_output(command);
	if (command->printed > COMMAND_OUTPUT)
		cut_short(command, COMMAND_TALKATIVE);
	else if (events & (EPOLLHUP | EPOLLERR))
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	cut_short(context, COMMAND_TIMEOUT);
	return 0;
}

static int on_exit_of(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)fd, (void)events;
	struct command *command = context;
	siginfo_t info = {0};
	kill(-command->pid, SIGKILL); /* what it left behind */
	if (waitid(P_PIDFD, (id_t)command->pidfd, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
		return 0;
	if (command->output >= 0)
		read_output(command);
	running_remove(command);
	bool abandoned = !command->done;
	int pidfd = command->pidfd;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	close(pidfd);
	if (abandoned) { /* the loop's reference was the last one: this frees it */
		sd_event_source_set_floating(source, false);
		return 0;
	}
	command->exit = sd_event_source_disable_unref(command->exit);
	if (command->cut)
		report(command, command->cut_end, SIGKILL);
	else
		report(command, info.si_code == CLD_EXITED ? COMMAND_EXITED : COMMAND_KILLED, info.si_status);
	return 0;
}

static int watch(struct command *command, int64_t timeout_us)
{
	int r = sd_event_add_io(command->event, &command->exit, command->pidfd, EPOLLIN, on_exit_of, command);
	if (r >= 0)
		r = sd_event_add_io(
		    command->event, &command->print, command->output, EPOLLIN, on_print, command);
	if (r >= 0)
		r = sd_event_add_time_relative(command->event, &command->timer, CLOCK_MONOTONIC,
		    (uint64_t)timeout_us, TIMER_EXACT_US, on_timeout, command);
	return r;
}

int command_call(struct command *command, command_main *function, const void *context, int64_t timeout_us)
{
	int ends[2];
	if (command->exit)
		return -EBUSY;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pid_t pid = fork();
	if (pid == 0)
		become(function, context, ends[1]);
	int error = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -error;
	}
	setpgid(pid, pid); /* parent or child, whoever comes first */
	command->pid = pid;
	command->pidfd = pidfd_open(pid, 0);
	command->output = ends[0];
	command->reported = command->cut = false;
	command->printed = command->result.size = 0;
	int r = command->pidfd < 0 ? -errno : watch(command, timeout_us);
	if (r >= 0) {
		running_add(command);
		return 0;
	}
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	shut(command);
	command->exit = sd_event_source_disable_unref(command->exit);
	if (command->pidfd >= 0)
		close(command->pidfd);
	return r;
}

int command_start(struct command *command, char *const words[], char *const environment[], int64_t timeout_us)
{
	struct program program = {words, environment};
	return command_call(command, run_program, &program, timeout_us);
}

struct command *command_new(sd_event *event, command_done *done, void *context)
{
	struct command *command = calloc(1, sizeof *command);
	if (command) {
		command->event = event;
		command->done = done;
		command->context = context;
		command->output = -1;
	}
	return command;
}

void command_kill(struct command *command)
{
	if (command->exit && !command->cut)
		cut_short(command, COMMAND_TIMEOUT);
}

void command_free(struct command *command)
{
	if (!command)
		return;
	shut(command);
	if (!command->exit) {
		free(command);
		return;
	}
	kill(-command->pid, SIGKILL);
	command->done = NULL;
	command->reported = true;
	sd_event_source_set_destroy_callback(command->exit, free);
	sd_event_source_set_floating(command->exit, true);
	sd_event_source_unref(command->exit);
}

void command_describe(const struct command_result *result, int64_t timeout_us, char *text, size_t room)
{
	char output[160], time[DURATION_TEXT_MAX];
	text_clean(result->output, result->size, output, sizeof output);
	const char *colon = *output ? ": " : "";
	switch (result->end) {
	case COMMAND_EXITED: snprintf(text, room, "exit status %d%s%s", result->number, colon, output); break;
	case COMMAND_KILLED:
		snprintf(text, room, "ended by signal %d (%s)%s%s", result->number,
		    sigdescr_np(result->number) ? sigdescr_np(result->number) : "unknown", colon, output);
		break;
	case COMMAND_TIMEOUT:
		snprintf(text, room, "timeout after %s, killed%s%s", duration_format(timeout_us, time), colon,
		    output);
		break;
	case COMMAND_TALKATIVE: snprintf(text, room, "printed more than 1 MiB, killed"); break;
	}
}
