/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: a client of the virtual address that measures what an outage costs, to a tenth of a millisecond.
 *
 * Two measurements run side by side. The connect thread opens a TCP connection on a fixed schedule and notes
 * when the SYN-ACK comes; the longest time between two answers is the outage as the network sees it. With -n
 * nobody listens at the port and the kernel that has the address answers by itself, with a reset: a server
 * that accepts thousands of connections a second is a load of its own, and drops some. The
 * request thread makes complete HTTPS requests with a client certificate, each on a connection of its own;
 * one that fails is tried once more at once, as a Kubernetes client does, and is lost if that fails too.
 *
 * What happens between two "mark" lines on stdin is a window. A request counts in the window in which it
 * began, and a window is printed when the last of its requests is over: none is missed or counted twice.
 *
 *	mark	print the window as a line of JSON and begin a new one
 *	peek	print the window as it stands
 *	quit	(or end-of-file) exit
 */
#include "probe.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <err.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: probe [-n] [-i CONNECT_US] [-r REQUEST_MS] [-l LIMIT_MS] -a CA -c CERT -k KEY ADDRESS PORT URL";
struct options options = {.connect_us = 1000, .request_ms = 10, .request_limit_ms = 1000};

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int schedule_open(int64_t period_ns)
{
	int64_t first = now_ns() + period_ns;
	struct itimerspec spec = {.it_value = {first / NS_PER_S, first % NS_PER_S},
	    .it_interval = {period_ns / NS_PER_S, period_ns % NS_PER_S}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		err(1, "no timer");
	return fd;
}

uint64_t schedule_due(int fd)
{
	uint64_t ticks = 0;

	return read(fd, &ticks, sizeof(ticks)) == sizeof(ticks) ? ticks : 0;
}

static void commands_run(void)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n") != 0) {
		if (strcmp(line, "mark\n") != 0 && strcmp(line, "peek\n") != 0)
			errx(1, "unknown command; there are mark, peek and quit");
		window_show(line[0] == 'm');
	}
}

static long number(const char *text, long max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end != '\0' || value < 1 || value > max)
		errx(1, "\"%s\" is not a number from 1 to %ld", text, max);
	return value;
}

/* An IPv4 address as the sockets of IPv6 take it. */
static bool address_read(const char *text, struct in6_addr *address)
{
	char mapped[INET6_ADDRSTRLEN];

	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	return inet_pton(AF_INET6, mapped, address) == 1;
}

static void options_read(int argc, char **argv)
{
	for (int o; (o = getopt(argc, argv, "ni:r:l:a:c:k:")) != -1;) {
		switch (o) {
		case 'n': options.closed = true; break;
		case 'i': options.connect_us = number(optarg, 1000000); break;
		case 'r': options.request_ms = number(optarg, 10000); break;
		case 'l': options.request_limit_ms = number(optarg, 60000); break;
		case 'a': options.ca = optarg; break;
		case 'c': options.cert = optarg; break;
		case 'k': options.key = optarg; break;
		default: errx(2, "%s", usage);
		}
	}
	if (argc - optind != 3 || !options.ca || !options.cert || !options.key)
		errx(2, "%s", usage);
	options.server.sin6_family = AF_INET6;
	options.server.sin6_port = htons((uint16_t)number(argv[optind + 1], 65535));
	if (!address_read(argv[optind], &options.server.sin6_addr))
		errx(1, "\"%s\" is not an address", argv[optind]);
	options.url = argv[optind + 2];
}

int main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = ATTEMPTS_MAX + REQUESTS_MAX + 64};
	struct rlimit had;
	pthread_t thread;

	options_read(argc, argv);
	getrlimit(RLIMIT_NOFILE, &had);
	files.rlim_max = had.rlim_max > files.rlim_cur ? had.rlim_max : files.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "cannot open %ju files", (uintmax_t)files.rlim_cur);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	window_open();
	if (pthread_create(&thread, NULL, connect_thread, NULL) ||
	    pthread_create(&thread, NULL, request_thread, NULL))
		errx(1, "no thread");
	commands_run();
	_exit(0); /* the threads end with the process, whatever they are doing */
}
