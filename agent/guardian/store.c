/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket for ARP comes from systemd, whose unit for vipd allows no packet sockets: before it starts vipd
 * it runs `vipd --arp-socket`, without that limit, which opens the socket and leaves it in systemd's store of
 * descriptors. Started by anybody else, the engine opens one itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"
#include "vipd/net.h"
#include "vipd/shortage.h"

#define LISTEN_FDS_START 3 /* as sd_listen_fds(3) says */
#define BARRIER_MS	 5000
#define OPEN_TRIES	 30
#define OPEN_PAUSE_US	 (100 * USEC_PER_MS)

/* Until systemd has read what was sent: messages of a process that is gone belong to nobody. */
static int wait_for_manager(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	bool sent = notify_with(ends[1], "BARRIER=1");
	close(ends[1]);
	struct pollfd end = {.fd = ends[0]};
	int result = sent && poll(&end, 1, BARRIER_MS) > 0 ? 0 : -ETIMEDOUT;
	close(ends[0]);
	return result;
}

int store_arp(void)
{
	log_open_brief("arp-socket");
	int fd = net_open_arp();
	for (int i = 0; is_shortage(fd) && i < OPEN_TRIES; i++) { /* nobody else may open one later */
		nanosleep(&(struct timespec){.tv_nsec = OPEN_PAUSE_US * 1000}, NULL);
		fd = net_open_arp();
	}
	int result = fd < 0 ? fd : 0;
	/* Of the start before there may be one, and there is room for one. */
	if (!result && (!notify_with(-1, "FDSTOREREMOVE=1\nFDNAME=arp") ||
			   !notify_with(fd, "FDSTORE=1\nFDNAME=arp\nFDPOLL=0")))
		result = -EAGAIN;
	if (!result)
		result = wait_for_manager();
	if (result)
		log_error(
		    "cannot leave a socket for ARP with systemd: %s; IPv4 addresses cannot be announced",
		    strerrordesc_np(-result));
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}

int store_take_arp(void)
{
	const char *whose = getenv("LISTEN_PID"), *text = getenv("LISTEN_FDS");
	int count = whose && text && atoi(whose) == getpid() ? atoi(text) : 0, arp = -1;
	for (int fd = LISTEN_FDS_START; fd < LISTEN_FDS_START + count; fd++) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		if (net_is_arp(fd))
			arp = fd;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return arp;
}
