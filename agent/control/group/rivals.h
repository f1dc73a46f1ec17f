/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that have an address of ours in another virtual router: of another VRID, or elected in the other
 * family. Neither hears the other's adverts, so both become the holder. Their hellos tell, before that, too.
 * Pure: time comes in with the call.
 */
#pragma once

#include <stdbool.h>

#include "vipd/hello.h"
#include "vipd/mono.h"

#define RIVALS_MAX 8

struct rival {
	char node[HELLO_NODE_MAX];
	struct address source;	/* of the hello */
	struct address address; /* that it has, too */
	uint8_t family, vrid;	/* in which */
	struct mono until;	/* three of its intervals after its last hello */
};

/* Of one virtual router; all zeros is an empty one. */
struct rivals {
	unsigned count;
	struct rival items[RIVALS_MAX];
};

/* Whether rivals_hear() would do something with this hello of another virtual router: a cheap question. */
bool rivals_concern(const struct rivals *rivals, const struct hello *hello, const struct hello *ours);

/*
 * Takes in a hello that was verified, of another virtual router: its sender is a rival if it lists an address
 * of `ours`. Returns it if that is new, else NULL. When there are too many, the rest is left out.
 */
const struct rival *rivals_hear(struct rivals *rivals, const struct address *source,
    const struct hello *hello, const struct hello *ours, struct mono now);

/* Forgets the silent ones. */
void rivals_expire(struct rivals *rivals, struct mono now);
