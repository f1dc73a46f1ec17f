/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of a virtual router: the TCP connections to its addresses, as the holder has told the group.
 *
 * Control hands the list to its engine, with MESSAGE_CLIENTS, as a sealed memfd of exactly clients_size()
 * bytes. Whoever takes over tells these clients to connect anew. An engine that was restarted has no list: it
 * says HELLO, and control hands it over again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"

#define CLIENTS_MAX 4096 /* of a virtual router */

struct client {
	struct address address; /* its own */
	struct address local;	/* the virtual address that it is connected to */
	uint16_t port;		/* in host byte order, as all numbers here */
	uint16_t local_port;
};

struct clients {
	uint32_t count; /* 0: nobody is connected, or nobody knows */
	struct client items[];
};

static inline size_t clients_size(uint32_t count)
{
	return sizeof(struct clients) + count * sizeof(struct client);
}
