/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a packet from here gets to a client. Each client on the segment takes an entry in the kernel's table of
 * neighbours, of which there are 1024 (gc_thresh3): whoever invents clients must not fill it.
 */
#pragma once

#include <stdint.h>

#include "vipd/address.h"

enum way {
	WAY_NONE, /* there is no route, or it is this host itself */
	WAY_NEIGHBOUR,
	WAY_ROUTER
};

#define WAYS_PREFIXES_MAX 256

/* The addresses that are on links of this host. */
struct ways {
	int sockets[2]; /* of IPv6 and IPv4, to ask for routes; below 0: none */
	unsigned ifindex;
	unsigned count;
	struct {
		struct address address;
		uint8_t length; /* in bits, as its family counts them */
	} prefixes[WAYS_PREFIXES_MAX];
};

/* interface: where link-local clients are. What cannot be read is not known, and every way is by a router. */
void ways_open(struct ways *ways, const char *interface);
void ways_close(struct ways *ways);

enum way way_to(const struct ways *ways, const struct address *to);
