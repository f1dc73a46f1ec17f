/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors that the children are started with. The guardian opens each once and keeps it for every
 * next start of a child. A new one is a number in message.h and a row here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/kernel.h"
#include "vipd/log.h"
#include "vipd/shortage.h"

/* Opens what a row stands for: ends[0], ends[1] or both; an end that stays -1 does not exist. */
typedef int opener(const struct guardian *guardian, int ends[2]);

static int open_pair(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

/* The second end is the same memory, read-only: who gets it cannot write to it. */
static int reopen(int ends[2])
{
	char path[64];
	if (ends[0] < 0)
		return ends[0];
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	ends[1] = open(path, O_RDONLY | O_CLOEXEC);
	return ends[1] < 0 ? -errno : 0;
}

static int open_lock(const struct guardian *guardian, int ends[2])
{
	ends[0] = guardian->lock;
	return 0;
}

static int open_board(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	ends[0] = board_create();
	return reopen(ends);
}

/* Written by the keeper alone. */
static int open_page(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	ends[0] = keeper_page_create();
	return reopen(ends);
}

static int open_ring(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	ends[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return ends[0] < 0 ? -errno : 0;
}

static int open_http(const struct guardian *guardian, int ends[2])
{
	int fd = listen_http(&guardian->config, &guardian->identity);
	ends[0] = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

/* What vipd does without, but not for a shortage of this moment. */
static int optional(int fd, int ends[2])
{
	ends[0] = fd < 0 ? -1 : fd;
	return is_shortage(fd) ? fd : 0;
}

static int open_metrics(const struct guardian *guardian, int ends[2])
{
	return optional(listen_metrics(&guardian->config), ends);
}

static int open_hellos(const struct guardian *guardian, int ends[2])
{
	return optional(listen_hellos(&guardian->config, &vrrp_families[VRRP_IPV6]), ends);
}

static int open_hellos_ipv4(const struct guardian *guardian, int ends[2])
{
	return optional(listen_hellos(&guardian->config, &vrrp_families[VRRP_IPV4]), ends);
}

static int open_timeline(const struct guardian *guardian, int ends[2])
{
	return optional(timeline_open(guardian), ends);
}

/* A kernel without it translates nothing. */
static int open_translated(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	return optional(kernel_translated_open(), ends);
}

static int open_records(const struct guardian *guardian, int ends[2])
{
	if (guardian->record_dir_hangs)
		log_error(
		    "record_dir = \"%s\" could not be looked at in time (does a file system hang?): going "
		    "on without capture files (`vipctl capture` works)",
		    guardian->config.record_dir);
	else
		ends[0] = records_open(&guardian->config, &guardian->identity);
	return 0;
}

static int open_arp(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	ends[0] = store_take_arp();
	return 0;
}

/*
 * vipd itself, and vipd-control, which is beside it (a build tree) or in the libexec of the same prefix
 * (`make install`). Opened once: the files may be replaced while we run, and those of another version would
 * not understand us.
 */
static int open_programs(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	char self[4096], path[4200];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	self[length > 0 ? length : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	snprintf(path, sizeof path, "%s/vipd-control", self);
	ends[1] = open(path, O_PATH | O_CLOEXEC);
	if (ends[1] < 0 && !is_shortage(-errno)) {
		snprintf(path, sizeof path, "%s/../libexec/vipd/vipd-control", self);
		ends[1] = open(path, O_PATH | O_CLOEXEC);
	}
	if (ends[1] < 0 && is_shortage(-errno))
		return -errno;
	if (ends[1] < 0)
		log_error("cannot open %s: %s; going on without health checks and vipctl: install vipd anew",
		    path, strerrordesc_np(errno));
	ends[0] = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	return ends[0] < 0 ? -errno : 0;
}

#define ENGINE	(1 << CHILD_ENGINE)
#define KEEPER	(1 << CHILD_KEEPER)
#define CONTROL (1 << CHILD_CONTROL)

static const struct {
	enum child_fd number; /* in the child */
	opener *open;
	unsigned gets[2]; /* who gets ends[0] and ends[1] */
} inherited[] = {
    {FD_CHANNEL, open_pair, {ENGINE, CONTROL}},
    {FD_BOARD, open_board, {ENGINE, KEEPER | CONTROL}},
    {FD_SOCKET, open_http, {CONTROL}},
    {FD_METRICS, open_metrics, {CONTROL}},
    {FD_RECORDS, open_records, {CONTROL}},
    {FD_HELLOS, open_hellos, {CONTROL}},
    {FD_HELLOS_IPV4, open_hellos_ipv4, {CONTROL}},
    {FD_TIMELINE, open_timeline, {CONTROL}},
    {FD_ARP, open_arp, {ENGINE}},
    {FD_TRANSLATED, open_translated, {CONTROL}},
    {FD_LOCK, open_lock, {ENGINE | KEEPER}},
    {FD_PROGRAM, open_programs, {ENGINE | KEEPER, CONTROL}},
    {FD_KEEPER_PAGE, open_page, {KEEPER, ENGINE}},
    {FD_KEEPER_RING, open_ring, {ENGINE | KEEPER}},
    {FD_ENGINE_RING, open_ring, {ENGINE | KEEPER}},
};

static void hand_to(struct guardian *guardian, unsigned children, enum child_fd number, int fd)
{
	for (int kind = 0; kind < CHILDREN; kind++)
		if (children & 1U << kind)
			guardian->inheritance[kind].fds[number] = fd;
}

/* A socket that is not bound receives nothing. One of IPv6 can join groups of IPv4, too. */
static int group_socket(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd;
}

int inheritance_open(struct guardian *guardian)
{
	memset(guardian->inheritance, 0xff, sizeof guardian->inheritance); /* -1 */
	for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++) {
		int ends[2] = {-1, -1};
		int result = inherited[i].open(guardian, ends);
		if (result)
			return result;
		for (int end = 0; end < 2; end++)
			hand_to(guardian, inherited[i].gets[end], inherited[i].number, ends[end]);
	}
	for (int i = 0; i < FD_GROUPS_COUNT; i++) {
		int fd = group_socket();
		if (fd < 0)
			return -errno;
		guardian->inheritance[CHILD_KEEPER].fds[FD_GROUPS + i] = fd;
	}
	guardian->board = board_map(guardian->inheritance[CHILD_CONTROL].fds[FD_BOARD]);
	guardian->page =
	    guardian->board ? keeper_page_map(guardian->inheritance[CHILD_ENGINE].fds[FD_KEEPER_PAGE]) : NULL;
	return guardian->page ? 0 : -errno;
}
