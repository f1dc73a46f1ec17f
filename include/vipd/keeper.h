/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: the one process that asks the kernel for something while the engine runs. Each of these
 * requests takes a lock (RTNL) that a driver or the deletion of other interfaces may hold for seconds, and a
 * call that waits for it cannot be interrupted. So the engine only writes down what it wants: the latest
 * order of each virtual router is on the board. The keeper brings it about and answers on this page, which it
 * alone writes.
 *
 * There is no queue: an order that is replaced before it has been carried out never happens. Page, ring and
 * membership sockets belong to the guardian, so a new keeper goes on from where the last one was.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/board.h"
#include "vipd/kernel.h"
#include "vipd/net.h"

#define KEEPER_EVENTS_MAX 65536 /* links, addresses and forwarding settings of one dump */

/* What the keeper has put on an interface for one virtual router. */
struct keeper_held {
	uint32_t ifindex;
	uint32_t count;
	struct address addresses[CONFIG_ADDRESSES_MAX];
};

struct keeper_page {
	/* The answer to an order; see keeper_answer(). */
	_Atomic uint64_t answers[BOARD_ROUTERS_MAX];
	_Atomic int64_t heartbeat_us; /* mono_now() when orders were last looked at */
	_Atomic uint32_t dumped;      /* board->dump_wanted when this dump began */
	int32_t dump_result;	      /* 0 or -errno: the events are not complete */
	uint32_t event_count;
	_Atomic uint64_t ended[BOARD_ROUTERS_MAX]; /* connections, ever */
	_Atomic uint64_t hearing[BOARD_LINKS_MAX]; /* see keeper_hearing() */
	/* For the next keeper. */
	struct keeper_held held[BOARD_ROUTERS_MAX];
	struct net_groups groups;
	struct kernel_event events[KEEPER_EVENTS_MAX];
};

struct keeper_answer {
	uint32_t generation; /* of the order */
	uint8_t index;	     /* of the address that was refused */
	int error;	     /* errno, 0: accepted */
};

/* Where the VRRP group was joined when the keeper last did what the record of a link asks for. */
struct keeper_hearing {
	uint32_t ifindex;
	uint16_t groups;  /* of that record, its low half */
	uint8_t families; /* bit i: in that of vrrp_families[i] */
};

/* The guardian's side: a new page. Returns a descriptor (close-on-exec) or -errno. */
int keeper_page_create(void);

/* The engine's side, and the guardian's. Returns NULL with errno set. */
const struct keeper_page *keeper_page_map(int fd);
struct keeper_answer keeper_answer(const struct keeper_page *page, unsigned router);
struct keeper_hearing keeper_hearing(const struct keeper_page *page, unsigned link);

/* The process. Returns its exit status. */
int keeper_main(void);
