/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a child comes to life: fork, the descriptors at their agreed numbers, rights reduced to what it needs,
 * exec.
 *
 * What each child is and may do is a table. Capabilities are ambient, and the bounding set is cut to the
 * same, so that it also holds where run_as is root.
 */
#include "guardian/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vipd/log.h"

#define REALTIME_SECONDS 2 /* an engine that computes longer without sleep is broken: the kernel ends it */

const struct child_plan child_plans[CHILDREN] = {
    [CHILD_KEEPER] = {.name = "keeper",
	.words = {"vipd", "-K"},
	.right_count = 1,
	.rights = {CAP_NET_ADMIN},
	.realtime = 19, /* it never keeps the engine from a deadline */
	.threaded = true,
	.deaf = true,
	.precious = true,
	.silence_max_us = 5 * USEC_PER_SEC},
    [CHILD_ENGINE] = {.name = "engine",
	.words = {"vipd", "-E"},
	.right_count = 2,
	.rights = {CAP_NET_ADMIN, CAP_NET_RAW},
	.realtime = 20, /* LimitRTPRIO= of the unit */
	.deaf = true,
	.precious = true,
	.silence_max_us = 10 * USEC_PER_SEC,
	.configured = true},
    [CHILD_CONTROL] = {.name = "control",
	.words = {"vipd-control"},
	.silence_max_us = 5 * USEC_PER_SEC, /* usually before its last results expire */
	.configured = true},
};

/* Puts from[i] at i, open after exec; of the rest only the standard streams stay open. */
static int place_descriptors(const int from[FD_END])
{
	int above[FD_END];
	for (int i = FD_GUARDIAN; i < FD_END; i++) {
		above[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, FD_ABOVE);
		if (from[i] >= 0 && above[i] < 0)
			return -errno;
	}
	close_range(FD_GUARDIAN, FD_ABOVE - 1, 0);
	for (int i = FD_GUARDIAN; i < FD_END; i++)
		if (above[i] >= 0 && dup2(above[i], i) < 0)
			return -errno;
	close_range(FD_ABOVE, ~0U, 0);
	fcntl(FD_PROGRAM, F_SETFD, FD_CLOEXEC);
	return 0;
}

static void request_punctuality(const struct child_plan *plan)
{
	struct sched_param param = {.sched_priority = plan->realtime};
	struct rlimit lock = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit time = {REALTIME_SECONDS * 1000000, (REALTIME_SECONDS + 1) * 1000000};
	/* Refusals are reported by the engine: it says once what it got. */
	setrlimit(RLIMIT_MEMLOCK, &lock);
	setrlimit(RLIMIT_RTTIME, &time);
	sched_setscheduler(0, SCHED_FIFO | (plan->threaded ? 0 : SCHED_RESET_ON_FORK), &param);
}

/* Checks and notify inherit it; a service that has nothing to do with us must not be killed in their place.
 */
static void give_up_protection(void)
{
	static const char path[] = "/proc/self/oom_score_adj";
	char text[16] = "";
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, text, sizeof text - 1) > 0 && atoi(text) < 0 && pwrite(fd, "0", 1, 0) < 0)
		log_warning("cannot set %s of control: %s; going on", path, strerrordesc_np(errno));
	close(fd);
}

static bool is_kept(const struct child_plan *plan, cap_value_t right)
{
	for (int i = 0; i < plan->right_count; i++)
		if (plan->rights[i] == right)
			return true;
	return false;
}

static int limit_rights(const struct child_plan *plan, const struct identity *identity)
{
	const cap_value_t *keep = plan->rights;
	int count = plan->right_count;
	for (cap_value_t right = 0; right < cap_max_bits(); right++)
		if (!is_kept(plan, right) && cap_drop_bound(right) < 0)
			return -errno;
	if (setgroups((size_t)identity->group_count, identity->groups) < 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) < 0)
		return -errno;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return -errno;
	cap_t rights = cap_init();
	int result =
	    !rights || (count && (cap_set_flag(rights, CAP_PERMITTED, count, keep, CAP_SET) < 0 ||
				     cap_set_flag(rights, CAP_EFFECTIVE, count, keep, CAP_SET) < 0 ||
				     cap_set_flag(rights, CAP_INHERITABLE, count, keep, CAP_SET) < 0))
		? -errno
		: 0;
	if (!result && cap_set_proc(rights) < 0)
		result = -errno;
	for (int i = 0; i < count && !result; i++)
		if (cap_set_ambient(keep[i], CAP_SET) < 0)
			result = -errno;
	cap_free(rights);
	return result;
}

_Noreturn static void become(enum child_kind kind, const struct guardian *guardian, int guardian_socket)
{
	/* From Ctrl-C, a closed terminal, systemd, whose watchdog sends SIGABRT, and a log that nobody reads.
	 */
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGABRT, SIGPIPE};
	const struct child_plan *plan = &child_plans[kind];
	struct inheritance inheritance = guardian->inheritance[kind];
	inheritance.fds[FD_GUARDIAN] = guardian_socket;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; plan->deaf && i < sizeof ends / sizeof ends[0]; i++)
		signal(ends[i], SIG_IGN);
	if (plan->realtime)
		request_punctuality(plan);
	if (!plan->precious)
		give_up_protection();
	int result = place_descriptors(inheritance.fds);
	if (!result)
		result = limit_rights(plan, &guardian->identity);
	if (result) {
		log_error(
		    "cannot prepare the %s process: %s; vipd must be started as root (systemctl start vipd)",
		    plan->name, strerrordesc_np(-result));
		_exit(126);
	}
	execveat(FD_PROGRAM, "", plan->words, environ, AT_EMPTY_PATH);
	log_error(
	    "cannot execute %s for the %s process: %s", plan->words[0], plan->name, strerrordesc_np(errno));
	_exit(127);
}

int child_spawn(struct guardian *guardian, enum child_kind kind)
{
	struct child *child = &guardian->children[kind];
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		int error = errno;
		close(pair[0]);
		close(pair[1]);
		return -error;
	}
	if (pid == 0)
		become(kind, guardian, pair[1]);
	close(pair[1]);
	child->pid = pid;
	child->socket = pair[0];
	child->heard = mono_now();
	child->killed = false;
	child->restart = MONO_NEVER;
	child->ready = 0;
	child->owed = false;
	return 0;
}

void child_kill(const struct guardian *guardian, const struct child *child)
{
	if (kill(child->pid, SIGKILL) == 0 || errno != EPERM)
		return;
	/* Real and saved user stay root, so the child cannot answer in kind. */
	if (seteuid(guardian->identity.uid) == 0)
		kill(child->pid, SIGKILL);
	if (seteuid(0) < 0)
		abort(); /* cannot happen: the saved user is root */
}
