/*
 * The `tcp` check: somebody accepts connections. The last connection stays open until the next probe; it is
 * the tripwire.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/checks/probe.h"
#include "control/checks/tripwire.h"
#include "vipd/duration.h"
#include "vipd/mono.h"

#define TIMER_EXACT_US 1000

struct probe {
	sd_event *event;
	struct config_check config;
	probe_done *done;
	probe_tripped *tripped;
	void *context;
	sd_event_source *timer;
	sd_event_source *connecting;
	struct tripwire tripwire;
	int socket; /* -1: none */
	struct mono started;
};

static void on_broken(void *context)
{
	struct probe *probe = context;
	probe->tripped(probe->context);
}

static void hang_up(struct probe *probe)
{
	tripwire_release(&probe->tripwire);
	probe->timer = sd_event_source_disable_unref(probe->timer);
	probe->connecting = sd_event_source_disable_unref(probe->connecting);
	if (probe->socket >= 0)
		close(probe->socket);
	probe->socket = -1;
}

/* error: errno, 0 if it is connected */
static void finish(struct probe *probe, int error)
{
	struct check_result result = {.outcome = error ? CHECK_FAILURE : CHECK_SUCCESS};
	char time[DURATION_TEXT_MAX];
	result.duration_us = mono_sub(mono_now(), probe->started);
	result.refused = error == ECONNREFUSED;
	result.cut = error == ECONNRESET;
	if (error == ETIMEDOUT)
		probe_say(&result, "timeout after %s", duration_format(probe->config.timeout_us, time));
	else if (result.refused)
		probe_say(&result, "connection refused");
	else if (error)
		probe_say(&result, "cannot connect: %s", strerror(error));
	if (error) {
		hang_up(probe);
	} else {
		probe->timer = sd_event_source_disable_unref(probe->timer);
		probe->connecting = sd_event_source_disable_unref(probe->connecting);
		tripwire_watch(&probe->tripwire, probe->event, probe->socket, on_broken, probe);
	}
	probe->done(probe->context, &result);
}

static int on_connected(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)events;
	int error = 0;
	socklen_t size = sizeof error;
	finish(context, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	finish(context, ETIMEDOUT);
	return 0;
}

static int dial(struct probe *probe)
{
	int no = 0;
	probe->socket = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe->socket < 0)
		return -errno;
	setsockopt(probe->socket, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no); /* ::ffff:127.0.0.1 */
	const struct sockaddr_in6 *to = &probe->config.endpoint;
	if (connect(probe->socket, (const struct sockaddr *)to, sizeof *to) < 0 && errno != EINPROGRESS)
		return -errno;
	int r =
	    sd_event_add_io(probe->event, &probe->connecting, probe->socket, EPOLLOUT, on_connected, probe);
	if (r < 0)
		return r;
	return sd_event_add_time_relative(probe->event, &probe->timer, CLOCK_MONOTONIC,
	    (uint64_t)probe->config.timeout_us, TIMER_EXACT_US, on_timeout, probe);
}

static void tcp_start(struct probe *probe)
{
	hang_up(probe);
	probe->started = mono_now();
	int r = dial(probe);
	if (r < 0)
		finish(probe, -r);
}

static void tcp_close(struct probe *probe)
{
	if (!probe)
		return;
	hang_up(probe);
	free(probe);
}

static struct probe *tcp_open(const struct probe_setup *setup)
{
	struct probe *probe = calloc(1, sizeof *probe);
	if (!probe)
		return NULL;
	probe->event = setup->event;
	probe->config = *setup->config;
	probe->done = setup->done;
	probe->tripped = setup->tripped;
	probe->context = setup->context;
	probe->socket = -1;
	return probe;
}

const struct probe_type probe_tcp = {.open = tcp_open, .start = tcp_start, .close = tcp_close};
