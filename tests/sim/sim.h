/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the simulator: one world at a time, in virtual microseconds, from one seed.
 *
 *	plan (plan.c, faults.c) -> happenings in a queue (sim.c) -> nodes (node.c: a model of the engine's
 *loop around the real state machine), their kernels (kernel.c), the network between them and hosts (net.c),
 *and who else is on it (foreign.c)
 *	-> after every happening: check.c
 *
 * What is real: agent/core, the adverts of agent/wire, and pure parts of control. All the rest is a model,
 *and tests/sim/README.md says of what.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/roster.h"
#include "vipd/advert.h"
#include "vipd/vrrp.h"

#define NODES_MAX  7
#define HOSTS	   3
#define FOREIGN	   NODES_MAX /* somebody on the link who does not speak VRRP */
#define HOST(i)	   (NODES_MAX + 1 + (i))
#define STATIONS   HOST(HOSTS)
#define FAULTS_MAX 16
#define INBOX	   512
#define NOTICES	   128
#define MESSAGES   32
#define VRID	   100
#define NEVER	   INT64_MAX
#define SAID_MAX   512
#define RATE_ONE   1000000 /* a clock that is right, in millionths */

/* What nodes are told of who is next. */
enum hints { HINTS_NONE, HINTS_ROSTER, HINTS_WRONG };

/* ---- network ---- */

/* Adverts are of the family of the election, and announcements of each family that has addresses. */
enum { FAMILY_ELECTED, FAMILY_OTHER, FAMILIES };
enum packet_type { PACKET_ADVERT, PACKET_NA, PACKET_OTHER_NA, PACKET_TYPES };

static inline unsigned packet_family(enum packet_type type)
{
	return type == PACKET_OTHER_NA ? FAMILY_OTHER : FAMILY_ELECTED;
}

struct packet {
	enum packet_type type;
	unsigned from;
	unsigned mac; /* of an announcement: which of the sender's */
	bool answer;  /* to a question, for the one who asked */
	struct address destination;
	struct address source;
	size_t size;
	int64_t arrived;
	uint8_t bytes[ADVERT_HEADER_SIZE + 16 * 4];
};

struct net {
	unsigned cut[PACKET_TYPES][STATIONS][STATIONS]; /* so many faults hold back packets from, to */
	unsigned loss_percent, double_percent;
	int64_t reorder_us; /* additional delay, at most; order is not kept */
	int64_t delay_us;   /* at most, without a fault; order is kept */
	int64_t last_arrival[STATIONS][STATIONS];
};

/* ---- one node ---- */

enum notice_type { NOTICE_LINK, NOTICE_ADDRESS, NOTICE_ADDRESS_GONE };
struct notice {
	enum notice_type type;
	bool up;
	unsigned index, mac;
};

/* The addresses and the link of one node, as its kernel has them; and the process that makes requests to it.
 */
struct kernel {
	uint32_t addresses;
	uint32_t untold;		     /* of them, those that are too new to have been notified */
	int64_t expires[VRRP_ADDRESSES_MAX]; /* NEVER: no lease */
	unsigned carrier_lost, admin_down;   /* so many faults */
	unsigned lacks[FAMILIES];	     /* the same: it has no address of that family, and takes none */
	int64_t parts_since;		     /* it has some of the addresses and not all; NEVER */
	unsigned refusing;
	unsigned locked; /* by somebody else's requests: ours wait */
	int64_t unlocked_at;
	unsigned mac; /* counted: 0 is the first */
	unsigned removing_early;
	bool slow; /* every request takes some milliseconds */
	bool asked, working;
	unsigned place; /* of the address that the running request has come to */
	struct request {
		uint32_t number, wanted, shared;
		uint8_t remove[VRRP_ADDRESSES_MAX];
	} next, running;
};

struct pending {
	bool advert, final_advert, addresses, announce, ask;
	uint8_t priority;
};

/* What a predecessor of an engine left behind. */
struct memory {
	bool known, drained;
	enum vrrp_health health;
	uint8_t lowered;
	enum vrrp_state state;
	struct mono sent_at;
};

/* What the node has heard, kept apart from what the state machine thinks of it. */
struct heard_rival {
	unsigned answers;     /* in a row */
	struct mono answered; /* the last time */
	struct mono silent;   /* then it has said its last word */
};

struct heard {
	struct mono acceptable, resigned, lower;
	bool anybody; /* or has been Active itself */
	bool taken;   /* since it gave up the address: somebody else advertised it or answered for it */
	int64_t interval_us; /* of the last acceptable one */
	struct mono last;    /* the last one that was news, and whose */
	struct address source;
	uint8_t priority;
	bool heir; /* somebody resigned to whom it had given way, and it still has the address */
	struct heard_rival rivals[VRRP_RIVALS];
	struct mono next_until; /* told that it is next */
	bool leaving;		/* the last that was news: it resigns or is worse, since then: */
	struct mono left, rejoined;
	struct mono deaf_until; /* start_delay, unless somebody was heard */
	bool may_hurry;		/* without Skew_Time */
};

struct node {
	unsigned number;
	struct address address;
	struct vrrp_params params;
	bool has_checks;
	bool old;		 /* a vipd that knew two grades only */
	enum vrrp_health checks; /* what its health checks say */
	uint8_t lowered;	 /* and those with a weight */
	int64_t rate, offset_us; /* its clock: offset + time * rate / RATE_ONE */

	bool running;
	unsigned incarnation; /* of the engine: what was under way in a dead one does not happen */
	struct vrrp vr;
	bool resync, stopped;
	bool has_mac;
	unsigned mac; /* as notified */
	struct pending pending;
	struct memory memory;
	struct memory predecessor; /* the same, when this engine started */
	struct heard heard;
	bool may_stay;	    /* no holder, but it keeps the address until there is one */
	unsigned stalls;    /* so many faults keep it from running */
	int64_t stalled_at; /* end of the last one */
	int64_t started_at;
	int64_t wake_at; /* NEVER: nothing to do */
	int64_t busy_until;
	int64_t cursor;		    /* time inside the running turn */
	int64_t turned_at, beat_at; /* its last turn; the last heartbeat of an engine that does not run */

	struct kernel kernel;
	struct packet inbox[INBOX];
	unsigned inbox_count;
	struct notice notices[NOTICES];
	unsigned notice_count;
	struct vrrp_event messages[MESSAGES];
	unsigned message_count;

	/* its control: hints.c */
	struct roster roster;
	struct hello ours;
	int64_t said_at;
	uint8_t boots;
	unsigned away; /* so many faults keep control from running */
};

/* ---- what happens ---- */

enum happening_type {
	HAPPENS_WAKE,
	HAPPENS_ARRIVAL,
	HAPPENS_REQUEST,
	HAPPENS_CONFIRM,
	HAPPENS_REMOVE_EARLY,
	HAPPENS_EXPIRY,
	HAPPENS_START,
	HAPPENS_MESSAGE,
	HAPPENS_RIVAL,
	HAPPENS_PROBE,
	HAPPENS_LOOK,
	HAPPENS_HEARD,
	HAPPENS_FAULT,
	HAPPENS_FAULT_END
};

struct happening {
	int64_t at;
	uint64_t order; /* first come, first served */
	enum happening_type type;
	unsigned station; /* node or host; index of a fault */
	unsigned incarnation;
	unsigned index;
	union {
		struct packet packet;
		struct vrrp_event message;
	};
};

enum fault_type {
	FAULT_PARTITION,
	FAULT_CUT,
	FAULT_FAMILY, /* a partition of one family: of all adverts, or of the announcements that others need
		       */
	FAULT_LOSS,
	FAULT_REORDER,
	FAULT_DOUBLE,
	FAULT_STALL,
	FAULT_CRASH,  /* of the engine alone: the guardian starts it again */
	FAULT_KILL,   /* of everything: what the predecessor knew is lost, its address is not */
	FAULT_REBOOT, /* nothing is left */
	FAULT_STOP,
	FAULT_DRAIN,
	FAULT_SICK,
	FAULT_ALL_SICK, /* quorum lost */
	FAULT_LOWERED,
	FAULT_CARRIER,
	FAULT_ADMIN_DOWN,
	FAULT_REFUSE,
	FAULT_REMOVE_ADDRESS,
	FAULT_REMOVE_EARLY, /* removed before the kernel has told that it is there */
	FAULT_ADD_ADDRESS,
	FAULT_NOTICES_LOST,
	FAULT_PRIORITY,
	FAULT_FOREIGN_NA,
	FAULT_FOREIGN_HOLDER,
	FAULT_MAC,
	FAULT_LOCK,	/* the kernel is busy with other people's requests */
	FAULT_RIVAL,	/* somebody announces the address whenever we do */
	FAULT_FORGED,	/* somebody resigns in the name of a node */
	FAULT_INTERVAL, /* another advert interval, on one node after the other */
	FAULT_FLAPPING, /* health checks answer at random, everywhere; only by itself */
	FAULT_LACK,	/* an interface loses one family; only where there are both */
	FAULT_CONTROL,	/* control dies, and is started anew; only where there are hellos */
	FAULTS
};

struct fault {
	enum fault_type type;
	int64_t at, duration_us; /* duration NEVER: for good */
	unsigned node;		 /* NODES_MAX: who is Active then */
	unsigned mask;		 /* stations on the other side; addresses */
	unsigned amount;
	int64_t reorder_us;
	bool skipped;
};

struct world {
	uint64_t seed, random;
	int64_t now;
	unsigned node_count, address_count;
	uint32_t all_addresses;
	uint32_t other_addresses; /* of them, those of the other family than the election's */
	int64_t interval_us;	  /* the longest of the group */
	int64_t lease_us;
	struct node nodes[NODES_MAX];
	struct net net;
	enum hints hints;
	bool has_old;		     /* nodes that send no hello */
	struct hello said[SAID_MAX]; /* that may still be under way */
	struct address said_from[SAID_MAX];
	unsigned said_count;
	unsigned foreign_holders, rivals; /* so many faults have them there */

	unsigned fault_count;
	struct fault faults[FAULTS_MAX];
	int64_t plan_end;

	struct happening *queue;
	unsigned queue_count, queue_room;
	uint64_t order;

	/* hosts: whom they send to in each family, and what they may be excused for */
	unsigned cache[FAMILIES][HOSTS], cache_mac[FAMILIES][HOSTS];
	bool missed[FAMILIES][HOSTS][NODES_MAX]; /* the newest announcement of that node did not arrive */
	bool silent[NODES_MAX + 1][NODES_MAX];	 /* that one left Active and this one could not know */

	/* check.c */
	unsigned faults_active;
	int64_t disturbed_at;
	int64_t broken_at; /* when the last fault ended in which nothing could be expected */
	int64_t two_since;
	unsigned flapping; /* health checks answer at random */
	unsigned moves;	   /* takeovers while they do */
	int64_t moved_at;
	bool gentle;	   /* the last disturbance must not cost a moment without a holder */
	bool frozen;	   /* and this one must not even cost a move */
	bool never_nobody; /* also if everybody is drained, there is a holder in the end */
	char violation[256];
	bool verbose;
	uint64_t steps;
};

extern struct world world;

/* sim.c */
uint64_t random_u64(uint64_t *state);
int64_t random_in(int64_t low, int64_t high); /* both included */
bool random_chance(unsigned percent);
struct happening *happen(int64_t at, enum happening_type type, unsigned station);
__attribute__((format(printf, 2, 3))) void tell(const struct node *node, const char *format, ...);

/* net.c */
void net_send(unsigned from, const struct packet *packet, int64_t at, int to); /* to < 0: to all */
void net_arrive(const struct happening *happening);
void net_dropped(const struct packet *packet, unsigned to);
void net_heard(const struct packet *packet, unsigned by);

/* node.c */
struct mono node_now(const struct node *node);
struct mono node_at(const struct node *node, int64_t at);
int64_t node_when(const struct node *node, struct mono local); /* NEVER if in no finite time */
void node_step(struct node *node, struct mono now, const struct vrrp_event *event);
void node_start(struct node *node);
void node_crash(struct node *node);
void node_message(struct node *node, const struct vrrp_event *event);
void node_wake(struct node *node, int64_t at);
void node_turn(struct node *node);

void node_forge_resignation(struct node *node);

/* hints.c */
void hints_look(struct node *node, bool again);
void hints_heard(struct node *node, unsigned place);
void hints_changed(const struct node *node, const struct vrrp *before);
void hints_leave(struct node *node);
bool hints_has_control(const struct node *node);
const struct address *hints_active(const struct node *node); /* or NULL */

/* checks.c */
void checks_begin(void);
void checks_probe(struct node *node);

/* foreign.c */
void foreign_announces(void);
void foreign_is_asked(const struct node *by, int64_t at);
void foreign_hears_announcement(int64_t at);

/* kernel.c */
bool kernel_link_up(const struct node *node);
bool kernel_carries(const struct node *node, unsigned family); /* its packets come and go */
uint32_t family_addresses(unsigned family);
void kernel_request(struct node *node);
void kernel_requested(struct node *node);
void kernel_unlock(struct node *node);
void kernel_confirmed(struct node *node, unsigned index);
void kernel_added(struct node *node, unsigned index);
void kernel_removed(struct node *node, unsigned index);
void kernel_expired(struct node *node, unsigned index);
void kernel_link_changed(struct node *node);
void kernel_notify(struct node *node, const struct notice *notice);

/* plan.c */
#define FLAPPING_US (600 * USEC_PER_SEC)
const char *fault_name(enum fault_type type);
void plan_group(uint64_t seed);
void plan_faults(void);

/* faults.c */
void fault_begin(struct fault *fault);
void fault_end(struct fault *fault);

/* check.c */
__attribute__((format(printf, 1, 2))) void violate(const char *format, ...);
void check_disturbed(bool gentle);
void check_disturbed_until(int64_t at);
void check_step(struct node *node, const struct vrrp *before, struct mono now, const struct vrrp_event *event,
    const struct vrrp_effects *effects);
void check_world(void);
bool check_settled(void);
bool check_is_calm(void);  /* quiet for so long that everything is decided */
bool check_is_known(void); /* and for so long that everybody has said so */
int check_holder(void);	   /* the one node that holds the address, -1 if none or more */
bool check_is_candidate(const struct node *node);
