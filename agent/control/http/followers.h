/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that do not end: each follower gets what is new when it happens.
 *
 * While there is nothing to send, its connection is suspended. libmicrohttpd does not look at a suspended
 * connection, so the follower itself watches for the client's end.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/http/server.h"

struct follower;

/* All followers of one thing; zeroed but for `event`, `type` and the functions. */
struct followers {
	sd_event *event;
	const char *type;   /* Content-Type */
	uint32_t gone_when; /* EPOLLHUP; EPOLLRDHUP too if no client closes its sending side and reads on */
	/* Fills in what is next, `room` bytes at most. 0: nothing is new. Below 0: this client is done. */
	ssize_t (*fill)(struct follower *follower, char *out, size_t room);
	void (*free)(struct follower *follower); /* what `fill` needed, and the follower itself */
	unsigned count;
	struct follower *first;
	bool stopping;
};

/* The first member of what follows. */
struct follower {
	struct followers *of;
	struct http *http;
	struct MHD_Connection *connection;
	sd_event_source *hangup;
	bool suspended;
	bool gone; /* the client, or we are stopping */
	struct follower *after;
};

/* Answers the request with a stream. Takes over `follower`, also on failure; NULL: no memory. */
void followers_add(struct followers *followers, struct http_request *request, struct follower *follower);

/* There may be something new. */
void followers_wake(struct followers *followers);

/* Ends every stream; before http_stop(). */
void followers_stop(struct followers *followers);
