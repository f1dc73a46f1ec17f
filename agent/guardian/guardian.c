/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian: starts the engine and control, hands them configuration and secrets, watches both, and cleans
 * up after them. It stays root, and parses nothing that comes from a network.
 *
 * A child that dies is started again. The board and the sockets belong to the guardian, so a new engine goes
 * on where the last one stopped, and nobody notices. When the engine dies a third time within a minute, the
 * guardian resigns in its place, keeps the addresses until a successor has had time to take over, removes
 * them, and starts the next engine as one that has held nothing.
 */
#include "guardian/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vipd/kernel.h"
#include "vipd/log.h"

#define CALM_TICK_US	    (1250 * USEC_PER_MS) /* control's sign of life comes before, most of the time */
#define TICK_US		    (250 * USEC_PER_MS)
#define HANDOVER_TICK_US    (20 * USEC_PER_MS)
#define CRISIS_US	    (60 * USEC_PER_SEC) /* DEATHS_MAX deaths in this are no accident */
#define BACKOFF_US	    (1 * USEC_PER_SEC)
#define BACKOFF_MAX_US	    (5 * USEC_PER_SEC)
#define LOGGED_DEATHS	    4 /* of a child that cannot live; then one a minute */
#define LOGGED_DEATHS_EVERY 12
#define FAILURE_PAUSE_S	    5
#define TRANSLATED_EVERY_US (500 * USEC_PER_MS) /* a walk through all of conntrack each */
#define MESSAGES_A_TURN	    16
#define DYING_US	    (2 * USEC_PER_SEC) /* after that it was SIGKILL */

static struct guardian guardian;

/* ---- children ---- */

static void start(enum child_kind kind)
{
	struct child *child = &guardian.children[kind];
	int result = child_spawn(&guardian, kind);
	if (result) {
		log_error(
		    "cannot start %s: %s; trying again", child_plans[kind].name, strerrordesc_np(-result));
		child->restart = mono_add(mono_now(), BACKOFF_MAX_US);
		return;
	}
	configuration_send(&guardian, kind);
}

static void describe_death(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(
		    text, size, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

/* Whether this death is one of DEATHS_MAX in a short time. */
static bool is_crisis(struct child *child, struct mono now)
{
	child->deaths[child->died++ % DEATHS_MAX] = now;
	struct mono first = child->deaths[child->died % DEATHS_MAX];
	return child->died >= DEATHS_MAX && mono_sub(now, first) <= CRISIS_US;
}

/* None, so that a new engine goes on before anybody misses an advert; in a crisis longer each time. */
static int64_t pause_before_start(struct child *child, bool crisis)
{
	child->pauses = crisis ? child->pauses + 1 : 0;
	if (!crisis)
		return 0;
	int64_t wait = BACKOFF_US << (child->pauses < 4 ? child->pauses - 1 : 3);
	return wait < BACKOFF_MAX_US ? wait : BACKOFF_MAX_US;
}

/* Hands over in place of an engine that cannot; finish_handover() completes it. */
static void begin_handover(struct mono now)
{
	int64_t stay_us = resign_routers(&guardian.config, guardian.board, guardian.keys);
	guardian.may_adopt = false;
	guardian.resigned_at = now;
	guardian.release_at = mono_add(now, stay_us);
}

/* Whether it is over: what the keeper may still be asking for would come after the removal. */
static bool handover_is_over(struct mono now)
{
	return !mono_is_never(guardian.release_at) && mono_reached(now, guardian.release_at);
}

/* Removes each router's addresses when its own time is over, and finally whatever else is left. */
static void finish_handover(struct mono now)
{
	if (mono_is_never(guardian.release_at))
		return;
	if (!mono_reached(now, guardian.release_at))
		remover_run(&guardian, REMOVE_RESIGNED);
	else if (guardian.children[CHILD_KEEPER].pid)
		child_kill(&guardian, &guardian.children[CHILD_KEEPER]);
	else if (remover_run(&guardian, REMOVE_ALL))
		guardian.release_at = MONO_NEVER;
}

static void died(enum child_kind kind, int status)
{
	struct child *child = &guardian.children[kind];
	struct mono now = mono_now();
	char how[80];
	describe_death(status, how, sizeof how);
	close(child->socket);
	child->socket = -1;
	child->pid = 0;
	child->ready = 0;
	if (kind == CHILD_CONTROL)
		guardian.reload_asked = false;
	if (guardian.stopping) {
		if (kind == CHILD_ENGINE && status) /* in the middle of its handover, or before */
			begin_handover(now);
		return;
	}
	if (kind == CHILD_KEEPER && handover_is_over(now)) { /* by finish_handover() */
		child->restart = now;
		return;
	}
	bool crisis = is_crisis(child, now);
	child->restart = mono_add(now, pause_before_start(child, crisis));
	bool logged = child->pauses <= LOGGED_DEATHS || child->pauses % LOGGED_DEATHS_EVERY == 0;
	if (logged)
		log_error("%s ended (%s); starting it again %s", child_plans[kind].name, how,
		    crisis ? "after a pause" : "now");
	if (kind != CHILD_ENGINE || !crisis)
		return;
	if (logged)
		log_error("the engine has died %u times within %lld s: handing over", DEATHS_MAX,
		    (long long)(CRISIS_US / USEC_PER_SEC));
	begin_handover(now);
}

static void reap(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (reader_ended(&guardian, pid) && !guardian.reader.late)
			configuration_read(&guardian);
		remover_ended(&guardian, pid);
		for (int kind = 0; kind < CHILDREN; kind++)
			if (guardian.children[kind].pid == pid)
				died((enum child_kind)kind, status);
	}
}

/* The request is ours, and control cannot have it sent more often than the kernel can bear. */
static void ask_for_translated(void)
{
	int fd = guardian.inheritance[CHILD_CONTROL].fds[FD_TRANSLATED];
	struct mono now = mono_now();
	if (fd < 0 || mono_sub(now, guardian.translated_asked) < TRANSLATED_EVERY_US)
		return;
	guardian.translated_asked = now;
	kernel_translated_ask(fd); /* control waits for an answer in vain and says so */
}

static void hear_child(enum child_kind kind)
{
	struct child *child = &guardian.children[kind];
	struct message message;
	int fds[MESSAGE_FDS];
	/* Control may be an attacker who never stops talking. */
	for (int i = 0; i < MESSAGES_A_TURN && child->socket >= 0; i++) {
		int result = message_receive(child->socket, &message, fds);
		if (result == -EPROTO)
			continue;
		if (result)
			return; /* end-of-file: SIGCHLD follows */
		child->heard = mono_now();
		for (int f = 0; f < MESSAGE_FDS; f++) /* nobody has to hand us any */
			if (fds[f] >= 0)
				close(fds[f]);
		if (message.type == MESSAGE_READY) {
			child->ready = message.generation;
			if (kind == CHILD_ENGINE)
				guardian.may_adopt = true;
			configuration_in_force(&guardian);
		} else if (message.type == MESSAGE_RELOAD && kind == CHILD_CONTROL && !guardian.stopping &&
			   !guardian.reload_asked) { /* control asks again when it has an answer */
			configuration_reload(&guardian, true);
		} else if (message.type == MESSAGE_TRANSLATED && kind == CHILD_CONTROL) {
			ask_for_translated();
		}
	}
}

/* ---- time ---- */

static void kill_at_stop(struct child *child, const char *name)
{
	if (!child->killed)
		log_error("%s does not stop: killing it", name);
	child->killed = true; /* one that waits in the kernel dies when that answers */
	child_kill(&guardian, child);
}

static void tick(void)
{
	struct mono now = mono_now();
	watch_gap(&guardian, now);
	finish_handover(now);
	if (guardian.stopping) {
		if (mono_reached(now, guardian.stop_deadline))
			for (int kind = 0; kind < CHILDREN; kind++)
				if (guardian.children[kind].pid)
					kill_at_stop(&guardian.children[kind], child_plans[kind].name);
		return;
	}
	watch_children(&guardian, now);
	drains_save(&guardian);
	configuration_in_force(&guardian); /* the service manager may not have listened */
	configuration_tick(&guardian, now);
}

/*
 * After a handover in place of an engine the next one waits until the addresses are removed, and a keeper
 * until that engine has cleared the orders of the dead one.
 */
static bool may_start(enum child_kind kind)
{
	switch (kind) {
	case CHILD_KEEPER: return guardian.may_adopt;
	case CHILD_ENGINE: return mono_is_never(guardian.release_at);
	default: return true;
	}
}

static void start_what_is_due(void)
{
	for (enum child_kind kind = 0; kind < CHILDREN && !guardian.stopping; kind++)
		if (!guardian.children[kind].pid &&
		    mono_reached(mono_now(), guardian.children[kind].restart) && may_start(kind))
			start(kind);
}

/* ---- start and stop ---- */

static void stop_child(enum child_kind kind)
{
	struct child *child = &guardian.children[kind];
	if (child->pid && message_send(child->socket, &(struct message){.type = MESSAGE_STOP}, NULL) < 0)
		child_kill(
		    &guardian, child); /* it does not listen; its addresses are removed when it is reaped */
}

static void begin_stop(void)
{
	if (guardian.stopping)
		return;
	drains_save(&guardian);
	guardian.stopping = true;
	guardian.stop_deadline = mono_add(mono_now(), ENGINE_STOP_MAX_US);
	notify("STOPPING=1");
	stop_child(CHILD_ENGINE);
}

static bool stop_goes_on(void)
{
	if (mono_reached(mono_now(), mono_add(guardian.stop_deadline, DYING_US))) {
		log_error("stopping without the processes that wait in the kernel: they end when it answers");
		return false;
	}
	if (guardian.children[CHILD_ENGINE].pid)
		return true;
	static bool asked;
	bool left = !mono_is_never(guardian.release_at);
	for (int kind = 0; kind < CHILDREN; kind++) {
		if (!asked)
			stop_child((enum child_kind)kind);
		left |= guardian.children[kind].pid != 0;
	}
	asked = true;
	return left;
}

static void hear_signals(int fd)
{
	struct signalfd_siginfo info;
	while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			reap();
		else if (info.ssi_signo == SIGHUP && !guardian.stopping)
			configuration_reload(&guardian, false);
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			begin_stop();
	}
}

/* Every child runs, with the configuration that is in force, and nobody waits for anything. */
static bool is_calm(void)
{
	if (guardian.stopping || guardian.reload_wanted || guardian.reader.pid ||
	    guardian.announced != guardian.generation)
		return false;
	for (int kind = 0; kind < CHILDREN; kind++)
		if (!guardian.children[kind].pid || guardian.children[kind].killed)
			return false;
	return true;
}

/* Milliseconds to the next thing to do. */
static int pause_ms(void)
{
	struct mono now = mono_now(), at = mono_add(now, is_calm() ? CALM_TICK_US : TICK_US);
	if (!mono_is_never(guardian.release_at))
		at = mono_add(now, HANDOVER_TICK_US);
	if (!handover_is_over(now))
		at = mono_min(at, guardian.release_at);
	for (enum child_kind kind = 0; kind < CHILDREN; kind++)
		if (!guardian.children[kind].pid && !guardian.stopping && may_start(kind))
			at = mono_min(at, guardian.children[kind].restart);
	int64_t us = mono_sub(at, now);
	return us <= 0 ? 0 : (int)((us + USEC_PER_MS - 1) / USEC_PER_MS);
}

static void loop(int signals)
{
	while (!guardian.stopping || stop_goes_on()) {
		start_what_is_due();
		struct pollfd polls[CHILDREN + 2] = {[CHILDREN] = {.fd = signals, .events = POLLIN},
		    [CHILDREN + 1] = {.fd = guardian.lock, .events = POLLIN}};
		for (int kind = 0; kind < CHILDREN; kind++)
			polls[kind] = (struct pollfd){.fd = guardian.children[kind].socket, .events = POLLIN};
		poll(polls, CHILDREN + 2, pause_ms());
		if (polls[CHILDREN + 1].revents)
			lock_answer(guardian.lock, guardian.path);
		for (int kind = 0; kind < CHILDREN; kind++)
			if (polls[kind].revents)
				hear_child((enum child_kind)kind);
		if (polls[CHILDREN].revents)
			hear_signals(signals);
		tick();
	}
}

static int open_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(const char *path)
{
	log_open("vipd");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* it reads secrets */
	if (geteuid() != 0) {
		log_error("vipd must be started as root: it gives its children what they need and no more");
		return EXIT_FAILURE;
	}
	guardian.path = path;
	for (int kind = 0; kind < CHILDREN; kind++)
		guardian.children[kind].socket = -1;
	int status = configuration_first(&guardian);
	if (status)
		return status;
	if (lock_guardian(&guardian) < 0)
		return EXIT_FAILURE;
	int signals = open_signals();
	int result = signals < 0 ? -errno : inheritance_open(&guardian);
	if (result < 0) {
		log_error("cannot start: %s", strerrordesc_np(-result));
		return EXIT_FAILURE;
	}
	remover_run(&guardian, REMOVE_ALL); /* what a predecessor had no time to clean up */
	result = drains_load(&guardian);
	if (result < 0) {
		log_error("cannot read what was drained before: %s; not starting undrained",
		    strerrordesc_np(-result));
		return EXIT_FAILURE;
	}
	log_notice("vipd " VIPD_VERSION " on %s: %u virtual routers from %s", guardian.config.node,
	    guardian.config.router_count, path);
	guardian.release_at = MONO_NEVER;
	guardian.may_adopt = true;
	loop(signals);
	remover_run(&guardian, REMOVE_ALL);
	timeline_save(&guardian);
	unlink(guardian.config.socket);
	log_notice("stopped");
	return EXIT_SUCCESS;
}

int guardian_run(const char *path)
{
	int status = run(path);
	/* The unit starts us again half a second later: with every line of that, the log would fill up. */
	if (status == EXIT_FAILURE && getenv("NOTIFY_SOCKET"))
		sleep(FAILURE_PAUSE_S);
	return status;
}
