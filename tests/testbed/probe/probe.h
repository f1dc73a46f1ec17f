/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the probe share: its options, its clock, and the window that connects and requests count
 * in. Times are in ns of CLOCK_MONOTONIC.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

#define ATTEMPTS_MAX 8192 /* connects under way at once */
#define REQUESTS_MAX 1024 /* requests under way at once: files for them */

struct options {
	struct sockaddr_in6 server;
	const char *url;
	const char *ca;
	const char *cert;
	const char *key;
	long connect_us;       /* schedule of the connects */
	long request_ms;       /* schedule of the requests */
	long request_limit_ms; /* of one try */
	bool closed;	       /* nobody listens at the port: a reset is the answer */
};

extern struct options options;

int64_t now_ns(void);

/* A periodic timer that keeps to its schedule however late its reader is. */
int schedule_open(int64_t period_ns);

/* How many ticks are due, 0 if none. */
uint64_t schedule_due(int fd);

/* Threads; they end with the process. */
void *connect_thread(void *unused);
void *request_thread(void *unused);

/* The first window; before any thread. */
void window_open(void);

void window_connect_begun(int64_t late_ns);

/* One that began before the window and fails is of the window before. */
enum connect_result { CONNECT_ANSWERED, CONNECT_REFUSED, CONNECT_UNANSWERED };
void window_connect_over(enum connect_result result, int64_t begin, int64_t now);

/* A request belongs to the window in which it began, and carries its number. */
struct request {
	unsigned window;
	unsigned tries;
	int64_t begin_ns, failed_ns; /* failed_ns, why: of the first try */
	char why[64];
};

void window_request_begun(struct request *r);
void window_request_good(const struct request *r, const char *node);

/* The first try that fails is no loss: true, try again. */
bool window_request_failed(struct request *r, const char *why);

/* "mark" (close) and "peek". A gap that is still open counts: nobody knows yet how long it will be. */
void window_show(bool close);
