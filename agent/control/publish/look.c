/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether servers that the roster has lost still take connections: then only their hellos are lost.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/publish/target.h"

#define TRIES	 4 /* `settle` runs meanwhile; a short loss withdraws nobody */
#define LIMIT_US (PUBLISH_LOOK_US / TRIES)

/* Returns a socket that is connecting, or -1: it cannot. */
static int begin(const struct address *address, uint16_t port)
{
	union endpoint to;
	socklen_t size = endpoint_of(address, port, &to);
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (connect(fd, &to.any, size) == 0 || errno == EINPROGRESS))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool is_connected(int fd)
{
	int error = 0;
	socklen_t size = sizeof error;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && !error;
}

/* Connects to those that have not answered yet, and waits. */
static void attempt(const struct publish_look *look, bool answers[static ROSTER_MEMBERS_MAX])
{
	struct pollfd waiting[ROSTER_MEMBERS_MAX];
	struct mono end = mono_add(mono_now(), LIMIT_US);
	for (unsigned i = 0; i < look->servers.count; i++)
		waiting[i] = (struct pollfd){
		    answers[i] ? -1 : begin(&look->servers.addresses[i], look->port), POLLOUT, 0};
	for (int64_t left_us; (left_us = mono_sub(end, mono_now())) > 0;) {
		bool open = false;
		for (unsigned i = 0; i < look->servers.count; i++)
			open |= waiting[i].fd >= 0;
		if (!open || poll(waiting, look->servers.count, (int)(left_us / USEC_PER_MS) + 1) <= 0)
			break;
		for (unsigned i = 0; i < look->servers.count; i++) {
			if (waiting[i].fd < 0 || !waiting[i].revents)
				continue;
			answers[i] = is_connected(waiting[i].fd);
			close(waiting[i].fd);
			waiting[i].fd = -1;
		}
	}
	for (unsigned i = 0; i < look->servers.count; i++)
		if (waiting[i].fd >= 0)
			close(waiting[i].fd);
}

int publish_look(const void *context)
{
	const struct publish_look *look = context;
	bool answers[ROSTER_MEMBERS_MAX] = {false};
	for (unsigned i = 0; i < TRIES; i++)
		attempt(look, answers);
	for (unsigned i = 0; i < look->servers.count; i++)
		putchar(answers[i] ? '+' : '-');
	fflush(stdout);
	return 0;
}
