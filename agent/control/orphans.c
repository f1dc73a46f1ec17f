/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subreaper inherits every orphan among its descendants, whatever its session. After each death, of a
 * command or of an orphan, all children are looked at. A child that is not a command and not in the group of
 * one is left over, and is killed. Control inherits its children in turn, until none is left.
 */
#include "control/orphans.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/command.h"

#define CHILDREN "/proc/thread-self/children"

static void look_at(pid_t pid)
{
	if (command_running(pid) || waitpid(pid, NULL, WNOHANG) == pid)
		return;
	if (!command_running(getpgid(pid)))
		kill(pid, SIGKILL); /* reaped at the next SIGCHLD */
}

static int on_death(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	(void)source, (void)info, (void)context;
	FILE *children = fopen(CHILDREN, "re");
	int pid;
	while (children && fscanf(children, "%d", &pid) == 1)
		look_at(pid);
	if (children)
		fclose(children);
	return 0;
}

int orphans_watch(sd_event *event)
{
	sigset_t deaths;
	if (access(CHILDREN, R_OK) < 0) /* without it nobody would reap them: CONFIG_PROC_CHILDREN */
		return -errno;
	sigemptyset(&deaths);
	sigaddset(&deaths, SIGCHLD);
	sigprocmask(SIG_BLOCK, &deaths, NULL);
	int r = sd_event_add_signal(event, NULL, SIGCHLD, on_death, NULL);
	if (r < 0)
		return r;
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}
