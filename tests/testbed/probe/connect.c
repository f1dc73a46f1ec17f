/* SPDX-License-Identifier: Apache-2.0 */
/* The connects: one on each tick of a schedule. */
#include "probe.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Below the first retransmission of a SYN (1 s): every answer belongs to the SYN of its own attempt. */
#define CONNECT_LIMIT_NS (900 * NS_PER_MS)

/*
 * Attempts stand in a ring in the order of their start; all have the same time limit, so the oldest
 * is always the next to expire.
 */
struct attempt {
	int fd; /* -1: over */
	int64_t begin_ns;
};

static struct attempt attempts[ATTEMPTS_MAX];
static uint64_t attempt_first, attempt_next; /* taken modulo ATTEMPTS_MAX */

static void connect_begin(int epoll, int64_t late_ns)
{
	struct linger reset = {.l_onoff = 1};
	struct attempt *a = &attempts[attempt_next % ATTEMPTS_MAX];
	struct epoll_event event = {.events = EPOLLOUT, .data.u64 = attempt_next};

	window_connect_begun(late_ns);
	if (attempt_next - attempt_first == ATTEMPTS_MAX)
		errx(1, "more than %d connects under way", ATTEMPTS_MAX);
	a->begin_ns = now_ns();
	a->fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		err(1, "no socket");
	setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)); /* leave nothing in TIME_WAIT */
	if (connect(a->fd, (struct sockaddr *)&options.server, sizeof(options.server)) < 0 &&
	    errno != EINPROGRESS) {
		close(a->fd);
		window_connect_over(CONNECT_REFUSED, a->begin_ns, a->begin_ns);
		return;
	}
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, a->fd, &event) < 0)
		err(1, "epoll");
	attempt_next++;
}

static void connect_end(struct attempt *a, enum connect_result result, int64_t now)
{
	close(a->fd);
	a->fd = -1;
	window_connect_over(result, a->begin_ns, now);
}

void *connect_thread(void *unused)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int64_t period_ns = options.connect_us * 1000;
	int timer = schedule_open(period_ns);
	struct epoll_event tick = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
	int64_t due = now_ns() + period_ns;

	(void)unused;
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &tick) < 0)
		err(1, "epoll");
	for (;;) {
		struct epoll_event events[64];
		int count = epoll_wait(epoll, events, 64, -1);
		int64_t now = now_ns();

		for (int i = 0; i < count; i++) {
			struct attempt *a = &attempts[events[i].data.u64 % ATTEMPTS_MAX];
			int error = 0;
			socklen_t size = sizeof(error);

			if (events[i].data.u64 == UINT64_MAX)
				continue;
			getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &size);
			if (error == ECONNREFUSED && options.closed)
				error = 0;
			connect_end(a, error ? CONNECT_REFUSED : CONNECT_ANSWERED, now);
		}
		for (; attempt_first < attempt_next; attempt_first++) {
			struct attempt *a = &attempts[attempt_first % ATTEMPTS_MAX];

			if (a->fd >= 0 && now - a->begin_ns < CONNECT_LIMIT_NS)
				break;
			if (a->fd >= 0)
				connect_end(a, CONNECT_UNANSWERED, now);
		}
		uint64_t ticks = schedule_due(timer);

		if (ticks) { /* what was missed is not made up for: that would be a burst, not a schedule */
			connect_begin(epoll, now - due);
			due += (int64_t)ticks * period_ns;
		}
	}
	return NULL;
}
