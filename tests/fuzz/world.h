/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of an engine and a keeper that are fuzzed: virtual time, a kernel that does what it is asked, and
 * a link on which nobody else is. It ends the process where the engine does what must never be done.
 */
#pragma once

#include "engine/engine.h"

#define WORLD_ROUTERS 3
#define WORLD_IFINDEX 7

extern struct world {
	struct mono now;
	struct config config; /* WORLD_ROUTERS virtual routers of an IPv6 and an IPv4 address each */
	uint8_t held[256];    /* by the last byte of the address: the kernel has it */
	struct kernel_event told[64];
	unsigned told_count;
} world;
