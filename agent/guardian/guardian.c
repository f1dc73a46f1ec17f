/*
 * The guardian: starts the engine and control, hands them configuration and secrets, watches both, and cleans
 * up after them. It stays root, and parses nothing that comes from a network.
 *
 * A child that dies is started again: at once the first time, then later and later. The board and the sockets
 * belong to the guardian, so a new engine goes on from where the last one was. An engine that dies again and
 * again loses its addresses first, so that another node can take them.
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
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "vipd/log.h"

#define TICK_US		 (250 * USEC_PER_MS)
#define SECRETS_EVERY_US (2 * USEC_PER_SEC)
#define HUNG_US		 (10 * USEC_PER_SEC) /* an engine without a heartbeat for this long is killed */
#define SHORT_LIFE_US	 (20 * USEC_PER_SEC) /* deaths closer than this are a row */
#define BACKOFF_US	 (100 * USEC_PER_MS)
#define BACKOFF_MAX_US	 (5 * USEC_PER_SEC)
#define RELEASE_AFTER	 3		     /* deaths of the engine in a row: let go of the addresses */
#define STOP_MAX_US	 (15 * USEC_PER_SEC) /* past the longest handover */

struct guardian {
	const char *path;
	struct config config;
	struct identity identity;
	struct inheritance inheritance;
	const struct board *board;
	struct child children[CHILDREN];
	uint64_t generation;
	uint64_t fingerprint;
	struct mono next_fingerprint;
	bool announced;	     /* READY=1 was sent */
	bool reload_pending; /* somebody waits for this generation to be in force */
	bool reload_asked;   /* that somebody is control */
	bool stopping;
	struct mono stop_deadline;
};

static struct guardian guardian = {
    .children = {{.name = "engine", .socket = -1}, {.name = "control", .socket = -1}}};

static void log_lines(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		log_error("%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

/* ---- configuration ---- */

static void send_configuration(enum child_kind kind)
{
	static struct config image;
	struct child *child = &guardian.children[kind];
	int fds[MESSAGE_FDS];
	if (!child->pid)
		return;
	image = guardian.config;
	int result = secrets_seal(kind, &image, fds);
	if (!result) {
		struct message message = {.type = MESSAGE_CONFIG, .generation = guardian.generation};
		result = message_send(child->socket, &message, fds);
		close(fds[0]);
		close(fds[1]);
	}
	if (result)
		log_error("cannot hand the configuration to %s: %s", child->name, strerrordesc_np(-result));
}

static void hand_out_configuration(void)
{
	guardian.generation++;
	guardian.fingerprint = secrets_fingerprint(&guardian.config);
	for (int kind = 0; kind < CHILDREN; kind++)
		send_configuration((enum child_kind)kind);
}

static void answer_reload(bool ok, const char *text)
{
	if (!guardian.reload_asked)
		return;
	guardian.reload_asked = false;
	struct message answer = {.type = MESSAGE_RELOADED, .reloaded = {.ok = ok}};
	snprintf(answer.reloaded.text, sizeof answer.reloaded.text, "%s", text);
	message_send(guardian.children[CHILD_CONTROL].socket, &answer, NULL);
}

/* A reload that fails changes nothing: everything is checked before anything is handed out. */
static void reload(bool asked_by_control)
{
	static struct config next;
	static struct config_errors errors;
	struct identity identity;
	guardian.reload_asked |= asked_by_control;
	errors = (struct config_errors){0};
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)mono_now().us);
	int result = config_load(guardian.path, &next, &errors);
	if (!result)
		result = config_check_reload(&guardian.config, &next, &errors);
	if (!result)
		result = secrets_check_keys(&next, &errors);
	if (!result && identity_lookup(&next, &identity) < 0)
		snprintf(errors.text, sizeof errors.text, "%s: a user or group of it does not exist",
		    guardian.path);
	if (result || errors.text[0]) {
		log_lines(errors.text);
		log_error("the configuration was not reloaded; the one before stays in force");
		answer_reload(false, errors.text);
		sd_notify(0, "READY=1");
		return;
	}
	guardian.config = next;
	guardian.reload_pending = true;
	hand_out_configuration();
}

static void configuration_in_force(void)
{
	for (int kind = 0; kind < CHILDREN; kind++)
		if (guardian.children[kind].ready != guardian.generation)
			return;
	if (!guardian.announced || guardian.reload_pending)
		sd_notifyf(0, "READY=1\nSTATUS=%u virtual routers from %s", guardian.config.router_count,
		    guardian.path);
	guardian.announced = true;
	if (!guardian.reload_pending)
		return;
	guardian.reload_pending = false;
	log_notice("reloaded %s", guardian.path);
	answer_reload(true, "");
}

/* ---- children ---- */

static void start(enum child_kind kind)
{
	struct child *child = &guardian.children[kind];
	int result = child_spawn(kind, &guardian.inheritance, &guardian.identity, child);
	if (result) {
		log_error("cannot start %s: %s; trying again", child->name, strerrordesc_np(-result));
		child->restart = mono_add(mono_now(), BACKOFF_MAX_US);
		return;
	}
	send_configuration(kind);
}

static void describe_death(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(
		    text, size, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
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
	if (guardian.stopping)
		return;
	child->failures = mono_sub(now, child->started) < SHORT_LIFE_US ? child->failures + 1 : 1;
	int64_t wait = 0; /* the first time at once: a new engine goes on before anybody misses an advert */
	if (child->failures > 1)
		wait = BACKOFF_US << (child->failures < 8 ? child->failures - 2 : 6);
	child->restart = mono_add(now, wait < BACKOFF_MAX_US ? wait : BACKOFF_MAX_US);
	log_error("%s ended (%s); starting it again %s", child->name, how, wait ? "after a pause" : "now");
	if (kind == CHILD_ENGINE && child->failures >= RELEASE_AFTER) {
		log_error(
		    "the engine has died %u times in a row: letting go of its addresses", child->failures);
		release_addresses(&guardian.config);
	}
}

static void reap(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (int kind = 0; kind < CHILDREN; kind++)
			if (guardian.children[kind].pid == pid)
				died((enum child_kind)kind, status);
}

static void hear_child(enum child_kind kind)
{
	struct child *child = &guardian.children[kind];
	struct message message;
	int fds[MESSAGE_FDS];
	while (child->socket >= 0) {
		int result = message_receive(child->socket, &message, fds);
		if (result == -EPROTO)
			continue;
		if (result)
			return; /* end-of-file: SIGCHLD tells the rest */
		if (message.type == MESSAGE_CONFIG) {
			close(fds[0]);
			close(fds[1]);
		} else if (message.type == MESSAGE_READY) {
			child->ready = message.generation;
			configuration_in_force();
		} else if (message.type == MESSAGE_RELOAD && kind == CHILD_CONTROL && !guardian.stopping) {
			reload(true);
		}
	}
}

/* ---- time ---- */

static int64_t heartbeat_age(void)
{
	struct mono beat = {atomic_load_explicit(&guardian.board->heartbeat_us, memory_order_relaxed)};
	if (beat.us < guardian.children[CHILD_ENGINE].started.us)
		beat = guardian.children[CHILD_ENGINE].started;
	return mono_sub(mono_now(), beat);
}

static void watch_engine(void)
{
	const struct child *engine = &guardian.children[CHILD_ENGINE];
	if (!engine->pid)
		return;
	int64_t age = heartbeat_age();
	if (age < HUNG_US) {
		sd_notify(0, "WATCHDOG=1");
		return;
	}
	log_error("the engine has given no sign for %lld s: killing it", (long long)(age / USEC_PER_SEC));
	kill(engine->pid, SIGKILL);
}

static void watch_secrets(struct mono now)
{
	if (!mono_reached(now, guardian.next_fingerprint))
		return;
	guardian.next_fingerprint = mono_add(now, SECRETS_EVERY_US);
	if (secrets_fingerprint(&guardian.config) == guardian.fingerprint)
		return;
	static struct config_errors errors;
	errors = (struct config_errors){0};
	if (secrets_check_keys(&guardian.config, &errors) < 0) {
		guardian.fingerprint = secrets_fingerprint(&guardian.config);
		log_lines(errors.text);
		log_error(
		    "a key of adverts was replaced by something unusable; the one before stays in force");
		return;
	}
	log_info("a certificate or key file has changed: handing it on");
	hand_out_configuration();
}

static void tick(void)
{
	struct mono now = mono_now();
	if (guardian.stopping) {
		if (mono_reached(now, guardian.stop_deadline))
			for (int kind = 0; kind < CHILDREN; kind++)
				if (guardian.children[kind].pid) {
					log_error(
					    "%s does not stop: killing it", guardian.children[kind].name);
					kill(guardian.children[kind].pid, SIGKILL);
				}
		return;
	}
	watch_engine();
	watch_secrets(now);
}

static void start_what_is_due(void)
{
	for (int kind = 0; kind < CHILDREN && !guardian.stopping; kind++)
		if (!guardian.children[kind].pid && mono_reached(mono_now(), guardian.children[kind].restart))
			start((enum child_kind)kind);
}

/* ---- start and stop ---- */

static void stop_child(enum child_kind kind)
{
	struct child *child = &guardian.children[kind];
	if (child->pid && message_send(child->socket, &(struct message){.type = MESSAGE_STOP}, NULL) < 0)
		kill(child->pid, SIGKILL); /* it does not listen: the addresses are removed below */
}

static void begin_stop(void)
{
	if (guardian.stopping)
		return;
	guardian.stopping = true;
	guardian.stop_deadline = mono_add(mono_now(), STOP_MAX_US);
	sd_notify(0, "STOPPING=1");
	stop_child(CHILD_ENGINE);
}

static bool stop_goes_on(void)
{
	if (guardian.children[CHILD_ENGINE].pid)
		return true;
	static bool told;
	if (!told)
		stop_child(CHILD_CONTROL);
	told = true;
	return guardian.children[CHILD_CONTROL].pid != 0;
}

static void hear_signals(int fd)
{
	struct signalfd_siginfo info;
	while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			reap();
		else if (info.ssi_signo == SIGHUP && !guardian.stopping)
			reload(false);
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			begin_stop();
	}
}

static void loop(int signals)
{
	while (!guardian.stopping || stop_goes_on()) {
		start_what_is_due();
		struct pollfd polls[] = {{.fd = signals, .events = POLLIN},
		    {.fd = guardian.children[CHILD_ENGINE].socket, .events = POLLIN},
		    {.fd = guardian.children[CHILD_CONTROL].socket, .events = POLLIN}};
		poll(polls, 3, TICK_US / USEC_PER_MS);
		hear_child(CHILD_ENGINE);
		hear_child(CHILD_CONTROL);
		hear_signals(signals);
		tick();
	}
}

static int open_inheritance(void)
{
	struct inheritance *in = &guardian.inheritance;
	int result = in->board_writable = board_create();
	if (result < 0)
		return result;
	char path[64]; /* a second, read-only descriptor of the same memory: control cannot map it for writing
			*/
	snprintf(path, sizeof path, "/proc/self/fd/%d", in->board_writable);
	in->board = open(path, O_RDONLY | O_CLOEXEC);
	guardian.board = in->board < 0 ? NULL : board_map(in->board);
	if (!guardian.board || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, in->channel) < 0)
		return -errno;
	in->metrics = listen_metrics(&guardian.config);
	return in->http = listen_http(&guardian.config, &guardian.identity);
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

int guardian_run(const char *path)
{
	static struct config_errors errors;
	log_open("vipd");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* it reads secrets */
	guardian.path = path;
	if (config_load(path, &guardian.config, &errors) < 0 ||
	    secrets_check_keys(&guardian.config, &errors) < 0) {
		log_lines(errors.text);
		return 2;
	}
	if (identity_lookup(&guardian.config, &guardian.identity) < 0)
		return 2;
	if (geteuid() != 0) {
		log_error("vipd must be started as root: it gives its children what they need and no more");
		return EXIT_FAILURE;
	}
	int lock = agent_lock(guardian.config.socket);
	if (lock < 0) {
		log_error("cannot lock %s: %s", guardian.config.socket,
		    lock == -EWOULDBLOCK ? "another vipd is running with this socket"
					 : strerrordesc_np(-lock));
		return EXIT_FAILURE;
	}
	int signals = open_signals();
	int result = signals < 0 ? -errno : open_inheritance();
	if (result < 0) {
		log_error("cannot start: %s", strerrordesc_np(-result));
		return EXIT_FAILURE;
	}
	release_addresses(&guardian.config); /* of a predecessor that had no time to clean up */
	log_notice("vipd " VIPD_VERSION " on %s: %u virtual routers from %s", guardian.config.node,
	    guardian.config.router_count, path);
	guardian.generation = 1;
	guardian.fingerprint = secrets_fingerprint(&guardian.config);
	loop(signals);
	release_addresses(&guardian.config);
	unlink(guardian.config.socket);
	log_notice("stopped");
	return EXIT_SUCCESS;
}
