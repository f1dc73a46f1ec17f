/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the keeper.
 */
#pragma once

#include "vipd/keeper.h"

/* A link as it was when its groups were joined. */
struct keeper_link {
	uint32_t ifindex, groups, ups;
	bool failed; /* at least one join */
};

/* When the address that an order gives away may go. */
struct keeper_wait {
	uint32_t generation; /* of that order */
	struct mono until;
};

struct keeper {
	const struct board *board;
	struct keeper_page *page;
	struct kernel requests;		  /* addresses */
	struct kernel dumps;		  /* and neighbours: orders are carried out in the middle of these */
	uint32_t seen;			  /* board->order_count when the orders were last looked at */
	uint32_t done[BOARD_ROUTERS_MAX]; /* generation of the last order that was carried out */
	bool unfinished[BOARD_ROUTERS_MAX]; /* that order was stale, or something could not be removed */
	struct keeper_wait waits[BOARD_ROUTERS_MAX];
	struct mono again_at;	/* when what is unfinished is tried again */
	struct mono look_at;	/* the earliest time at which something is stale or is tried again */
	int64_t awake_until_us; /* as on the board when it was last waited for */
	struct mono rest_until; /* from then on it may wait awake again */
	bool is_alone;		/* on the only processor, with the engine */
	struct mono wait_until; /* earliest end of a wait for connections: on time, not with a tick */
	struct keeper_link links[BOARD_LINKS_MAX];
	int groups_lists[VRRP_FAMILIES];       /* of the kernel; -1: cannot be read */
	struct mono join_again;		       /* a join has failed; MONO_NEVER: none */
	struct mono next_complaint, next_late; /* lines in the log */
	bool stopping;
};

/* page.c */
struct keeper_page *keeper_page_map_writer(int fd);
void keeper_beat(struct keeper *keeper); /* a sign of life; see watch_child() */
void keeper_answer_write(struct keeper *keeper, unsigned router, const struct keeper_answer *answer);
/* Wakes the engine if that is news. */
void keeper_hearing_write(struct keeper *keeper, unsigned link, const struct keeper_hearing *hearing);

/* addresses.c: brings about the latest order of every router, and removes what is stale. Costs nothing while
 * there is no new order and look_at has not come. */
void keeper_carry_out(struct keeper *keeper);
/* Whether any virtual router wants it there: another one may have got it, by a reload for instance. ifindex
 * 0: on whatever interface. */
bool order_wants(const struct board *board, uint32_t ifindex, const struct address *address);

/* links.c: memberships, and neighbours of links that have come up */
void keeper_join(struct keeper *keeper);
/* Returns whether a dump is ready that the engine has asked for. */
bool keeper_dump(struct keeper *keeper);

/* ending.c: connections to addresses that have gone to another server are ended */
#define ENDING_WAIT_US (20 * USEC_PER_MS) /* at most so long an address waits for it */
struct ending_task {
	uint8_t router;
	uint8_t address_count;
	uint8_t port_count;  /* 0: of every port */
	bool patient;	     /* requests may still be answered */
	uint32_t generation; /* of the order */
	uint16_t ports[CONFIG_PORTS_MAX];
	struct address addresses[CONFIG_ADDRESSES_MAX];
};
/* Before the sandbox. Says itself what does not work; the rest does nothing then. */
void ending_open(const struct board *board, struct keeper_page *page);
/* Replaces what was to do for that router. Waits for nothing. false: it cannot be done. */
bool ending_begin(const struct ending_task *task);
bool ending_is_done(unsigned router, uint32_t generation);
/* Whether there is anything left to end. */
bool ending_is_busy(void);
/* Logs once what the kernel refuses. */
void ending_complain(void);

/* keeper.c: wakes the engine */
void keeper_ring(void);
/* Wakes the keeper. */
void keeper_wake(void);
