/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vipd-control: everything slow. Answers HTTP, runs the checks, reports to the engine.
 *
 * The guardian starts it without a privilege and with every descriptor that it needs, the listening sockets
 * among them. The VIP does not need it: it may crash, hang or be flooded. All of it is one thread and one
 * loop, and nothing in that loop waits: what may hang, such as reading or writing a file, is done by a child.
 */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/confine.h"
#include "control/control.h"
#include "control/orphans.h"
#include "vipd/log.h"
#include "vipd/mono.h"
#include "vipd/shortage.h"

#define EXIT_USAGE 2

#define HEARTBEAT_US	   USEC_PER_SEC
#define HEARTBEAT_EXACT_US (100 * USEC_PER_MS) /* before the guardian looks by itself; with other timers */

static void unmap_config(const struct config *config, const struct secrets *secrets)
{
	if (config)
		munmap((void *)config, sizeof *config);
	if (secrets->size)
		munmap((void *)secrets->bytes, secrets->size);
}

/* Maps both descriptors of MESSAGE_CONFIG. Returns 0 or -errno with nothing mapped. */
static int map_config(
    const int fds[static MESSAGE_FDS], const struct config **config, struct secrets *secrets)
{
	size_t size = 0;
	const struct config *image = sealed_map(fds[0], sizeof *image, &size);
	if (!image)
		return -errno;
	if (size != sizeof *image) {
		if (size)
			munmap((void *)image, size);
		return -EPROTO;
	}
	struct secrets found = {0};
	found.bytes = sealed_map(fds[1], SIZE_MAX, &found.size);
	if (!found.bytes) {
		int error = errno;
		munmap((void *)image, sizeof *image);
		return -error;
	}
	*config = image;
	*secrets = found;
	return 0;
}

static void configure(
    struct control *control, const struct message *message, const int fds[static MESSAGE_FDS])
{
	const struct config *config = NULL, *before = control->config;
	struct secrets secrets = {0}, secrets_before = control->secrets;
	int r = map_config(fds, &config, &secrets);
	for (int i = 0; i < MESSAGE_FDS; i++)
		close(fds[i]);
	if (r < 0) {
		log_error("cannot use the configuration that the guardian sent: %s%s", strerror(-r),
		    r == -EPROTO ? " (vipd and vipd-control are of different versions: restart vipd)" : "");
		if (!before && is_shortage(r))
			sd_event_exit(control->event, EXIT_FAILURE); /* the guardian starts another */
		return;
	}
	control->config = config;
	control->secrets = secrets;
	parts_configure(control);
	unmap_config(before, &secrets_before);
	struct message ready = {.type = MESSAGE_READY, .generation = message->generation};
	r = message_send(FD_GUARDIAN, &ready, NULL);
	if (r < 0)
		log_error(
		    "cannot report to the guardian that the configuration is in force: %s", strerror(-r));
}

static void reloaded(struct control *control, const struct message *message)
{
	control->reloaded = *message;
	control->reloaded.reloaded.text[MESSAGE_TEXT_MAX - 1] = '\0';
	if (message->reloaded.answer)
		parts_reloaded(control);
}

static int on_guardian(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)events;
	struct control *control = context;
	struct message message;
	int fds[MESSAGE_FDS];
	int r = message_receive(fd, &message, fds);
	if (r == -EAGAIN)
		return 0;
	if (r < 0 && r != -EPROTO) {
		log_notice("the guardian is gone, ending");
		return sd_event_exit(control->event, EXIT_SUCCESS);
	}
	if (r == -EPROTO)
		log_warning("ignored a malformed message from the guardian");
	else if (message.type == MESSAGE_CONFIG)
		configure(control, &message, fds);
	else if (message.type == MESSAGE_STOP)
		return sd_event_exit(control->event, EXIT_SUCCESS);
	else if (message.type == MESSAGE_RELOADED)
		reloaded(control, &message);
	return 0;
}

/* The guardian replaces a control process that is silent. And the engine's message of a transition may be
 * lost. */
static int on_heartbeat(sd_event_source *source, uint64_t us, void *context)
{
	(void)us;
	struct control *control = context;
	static uint64_t seen;
	uint64_t count = atomic_load(&control->board->event_count);
	message_send(FD_GUARDIAN, &(struct message){.type = MESSAGE_ALIVE}, NULL);
	if (count != seen)
		parts_changed(control);
	seen = count;
	sd_event_source_set_time_relative(source, HEARTBEAT_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_term(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	(void)info, (void)context;
	return sd_event_exit(sd_event_source_get_event(source), EXIT_SUCCESS);
}

/* The board was made when vipd started, and nothing touches its inode later: it is as old as vipd. */
static int64_t board_age(void)
{
	struct stat st;
	if (fstat(FD_BOARD, &st) < 0)
		return 0;
	return st.st_ctim.tv_sec * USEC_PER_SEC + st.st_ctim.tv_nsec / 1000;
}

static int prepare(struct control *control)
{
	int r = sd_event_new(&control->event);
	if (r < 0)
		return r;
	sigset_t term;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	control->started_us = board_age();
	if ((r = orphans_watch(control->event)) < 0)
		log_info("cannot watch what exec checks and notify leave behind: %s; processes that leave "
			 "their process group live on",
		    strerror(-r));
	if ((r = parts_new(control)) < 0 ||
	    (r = sd_event_add_io(control->event, NULL, FD_GUARDIAN, EPOLLIN, on_guardian, control)) < 0 ||
	    (r = sd_event_add_time(
		 control->event, NULL, CLOCK_MONOTONIC, 0, HEARTBEAT_EXACT_US, on_heartbeat, control)) < 0)
		return r;
	return sd_event_add_signal(control->event, NULL, SIGTERM, on_term, NULL);
}

/* Asked before we open anything: without metrics the number is free, and something of ours would get it. */
static bool metrics_wanted(void)
{
	int listening = 0;
	socklen_t size = sizeof listening;
	return getsockopt(FD_METRICS, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

static bool records_wanted(void)
{
	struct stat st;
	return fstat(FD_RECORDS, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool timeline_wanted(void)
{
	struct stat st;
	return fstat(FD_TIMELINE, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == TIMELINE_SIZE;
}

static bool is_netlink(int fd)
{
	int domain = 0;
	socklen_t size = sizeof domain;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK;
}

static bool is_datagram(int fd)
{
	int type = 0;
	socklen_t size = sizeof type;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

static bool started_by_vipd(void)
{
	int type = 0;
	socklen_t size = sizeof type;
	return getsockopt(FD_GUARDIAN, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
	       getsockopt(FD_CHANNEL, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

static int usage(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("vipd-control " VIPD_VERSION);
		return EXIT_SUCCESS;
	}
	fputs("vipd-control is started by vipd, not by hand; start vipd (systemctl start vipd), ask it with "
	      "vipctl\n",
	    stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc > 1 || !started_by_vipd())
		return usage(argc, argv);
	/* First of all: the number of a closed one would be used again. */
	bool has_metrics = metrics_wanted(), has_records = records_wanted(), has_timeline = timeline_wanted();
	bool has_hellos[VRRP_FAMILIES] = {
	    [VRRP_IPV6] = is_datagram(FD_HELLOS), [VRRP_IPV4] = is_datagram(FD_HELLOS_IPV4)};
	bool has_translated = is_netlink(FD_TRANSLATED);
	log_open("control");
	prctl(PR_SET_NAME, "vipd-control");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* private keys are in this memory */
	confine();
	signal(SIGPIPE, SIG_IGN);
	/* Ctrl-C and a closed terminal reach everybody; the guardian says what follows from that. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);

	struct control control = {.board = board_map(FD_BOARD),
	    .has_metrics = has_metrics,
	    .has_records = has_records,
	    .has_timeline = has_timeline,
	    .has_translated = has_translated};
	memcpy(control.has_hellos, has_hellos, sizeof has_hellos);
	int r = control.board ? prepare(&control) : -errno;
	if (r >= 0)
		r = sd_event_loop(control.event);
	if (r < 0)
		log_error("cannot go on: %s", strerror(-r));
	parts_free(&control);
	unmap_config(control.config, &control.secrets);
	sd_event_unref(control.event);
	curl_global_cleanup();
	return r < 0 ? EXIT_FAILURE : r;
}
