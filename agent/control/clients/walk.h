/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the kernel for TCP sockets (sock_diag, see sock_diag(7)), which needs no privilege.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vipd/clients.h"
#include "vipd/config.h"

#define WALK_ADDRESSES_MAX 64 /* in one walk: each is compared with every socket */
#define WALK_BOUND_MAX	   256

struct nl_sock;
struct nl_msg;

struct walk {
	struct nl_sock *socket;
	struct nl_msg *message;
	uint32_t sequence;
};

/* 0 or -errno; walk_close() is fine after either. */
int walk_open(struct walk *walk);
void walk_close(struct walk *walk);

typedef void walk_handler(void *context, const struct client *client);

/*
 * Hands every established connection to one of the addresses to `handler`. The kernel's filter looks at the
 * others, so they cost what it takes to pass them. Returns 0 or -errno: then some may be missing.
 */
int walk_clients(
    struct walk *walk, const struct address *addresses, unsigned count, walk_handler *handler, void *context);

/* On which ports this node listens, as far as clients of the configured addresses come there. */
struct listeners {
	uint8_t any[2][65536 / 8]; /* of any address of IPv6, of IPv4 */
	unsigned bound_count;
	struct {
		struct address address;
		uint16_t port;
	} bound[WALK_BOUND_MAX]; /* of a virtual address; more than that are left out */
};

/* 0 or -errno with *listeners untouched. */
int walk_listeners(struct walk *walk, const struct config *config, struct listeners *listeners);

/* Whether somebody listens there. */
static inline bool listeners_have(
    const struct listeners *listeners, const struct address *address, uint16_t port)
{
	if (listeners->any[address_is_ipv4(address)][port / 8] >> port % 8 & 1)
		return true;
	for (unsigned i = 0; i < listeners->bound_count; i++)
		if (listeners->bound[i].port == port && address_equal(&listeners->bound[i].address, address))
			return true;
	return false;
}

/* Whether somebody listens on any port of it. */
static inline bool listeners_any(const struct listeners *listeners, const struct address *address)
{
	const uint8_t *ports = listeners->any[address_is_ipv4(address)];
	for (unsigned i = 0; i < sizeof listeners->any[0]; i++)
		if (ports[i])
			return true;
	for (unsigned i = 0; i < listeners->bound_count; i++)
		if (address_equal(&listeners->bound[i].address, address))
			return true;
	return false;
}
