/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of clients that the holder of a virtual router keeps, and the copy that every other node has.
 * Pure: what is to be sent goes out, what was received and the time come in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vipd/clients.h"
#include "vipd/connections.h"
#include "vipd/mono.h"

#define LIST_EVERY_US (5 * USEC_PER_SEC) /* a whole list is asked for, and told, at most so often */

/* Sorted by client_compare(). */
struct list {
	unsigned count;
	struct client of[CLIENTS_MAX];
};

/* Returns whether it was added, or was there already; false: the list is full. */
bool list_add(struct list *list, const struct client *client);

/* ---- the holder ---- */

/* All zeros is an empty one; list_number must be set. */
struct own_list {
	uint64_t number; /* of this list, see vipd/connections.h */
	uint64_t generation;
	uint32_t known; /* connections of the last walk, those that did not fit with them */
	bool asked;	/* somebody wants all of it */
	struct mono told;
	struct list list;
	/* of the walk that is going on */
	uint32_t seen;
	bool stays[CLIENTS_MAX]; /* parallel to list.of */
	struct list fresh;	 /* in the order in which they were found */
};

typedef void list_sender(void *context, const struct connections *datagram);

/* Between them own_list_see() is called with each connection that there is. The last one sends the changes.
 */
void own_list_begin(struct own_list *own);
void own_list_see(struct own_list *own, const struct client *client);
/* Returns whether there were any. */
bool own_list_end(struct own_list *own, list_sender *send, void *context);

/* Says where the list is, so that who has lost a datagram learns of it. */
void own_list_say(const struct own_list *own, list_sender *send, void *context);
/* All of it, if that was asked for and is due. Returns whether it was. */
bool own_list_say_all(struct own_list *own, struct mono now, list_sender *send, void *context);

/* ---- the others ---- */

/* What was heard of the list of one holder. All zeros: nothing. */
struct copy {
	bool whole; /* `list` is that of `number` and `generation` */
	bool heard; /* number is known */
	uint64_t number;
	uint64_t generation;
	uint32_t known;
	struct mono asked;
	struct list list;
	/* a whole list of which parts are still to come */
	uint64_t next_number, next_generation;
	uint16_t next_part;
	struct list next;
};

/* Returns whether list changed. */
bool copy_take(struct copy *copy, const struct connections *datagram);

/* Whether to ask for the whole list now. */
bool copy_asks(struct copy *copy, struct mono now);
