/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected to a listener, and who gives way.
 *
 * One user of the Unix socket has so many connections, and the last places are for root. On TCP a host has as
 * many addresses as it likes, so no limit for an address keeps it from taking every place. There somebody
 * gives way to whoever comes when all places are taken: who asks for nothing before who waits for an answer,
 * then one of the network with the most connections (a /64; link-local and IPv4: a host), then the oldest.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vipd/address.h"

struct caller {
	int socket;
	bool is_local; /* of the Unix socket */
	uid_t uid;     /* if it is */
	bool asks;     /* a request of it is under way */
	bool ended;    /* it has given way, and is being disconnected */
	struct address network;
	unsigned share;	     /* how many of that network are connected */
	struct caller *next; /* that has been here for longer */
};

struct callers {
	unsigned of_one; /* limits: of one user, */
	unsigned others; /* of all but root, */
	unsigned most;	 /* of all, when somebody gives way; 0: nobody does */
	unsigned count;
	struct caller *first;
};

/* Whose one host can have as many addresses as it likes: its /64; of link-local and IPv4 addresses, itself.
 */
struct address caller_network(const struct address *address);

/* Returns the caller at the other end of `socket`, or NULL: it may not have another connection. */
struct caller *callers_add(struct callers *callers, int socket);

/* It is disconnected. NULL is fine. */
void callers_remove(struct callers *callers, struct caller *caller);
