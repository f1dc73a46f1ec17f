/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board: shared memory that the engine writes and everybody else reads.
 *
 * The guardian makes it (a memfd) and keeps it over the life of several engines, so that after a crash it
 * still says what was held, and a new engine can take over from there. Only the engine maps it for writing.
 * Each record has a sequence lock: readers copy it and try again if it changed meanwhile, so reading costs
 * the engine nothing.
 */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/advert.h"
#include "vipd/config.h"
#include "vipd/flight.h"
#include "vipd/vrrp.h"

#define BOARD_ROUTERS_MAX CONFIG_ROUTERS_MAX
#define BOARD_EVENTS_MAX  256 /* the ring of the last transitions */
#define BOARD_REASON_MAX  128
/* Those of the configuration, and those of routers that it no longer has and that still hand over. */
#define BOARD_LINKS_MAX	  (CONFIG_LINKS_MAX + CONFIG_ROUTERS_MAX)
#define BOARD_BUCKETS_MAX 12

/* A histogram as Prometheus has it; bounds in microseconds. buckets[i]: count of values <= bounds[i], not
 * cumulative. */
struct board_histogram {
	uint64_t buckets[BOARD_BUCKETS_MAX + 1]; /* the last one: above every bound */
	uint64_t count;
	uint64_t sum_us;
};
extern const int64_t board_lateness_bounds_us[BOARD_BUCKETS_MAX];
extern const int64_t board_takeover_bounds_us[BOARD_BUCKETS_MAX];

enum board_counter {
	BOARD_ADVERTS_SENT,
	BOARD_ADVERTS_RECEIVED,
	BOARD_ADVERT_SEND_ERRORS,
	BOARD_PRIORITY_ZERO_SENT,
	BOARD_PRIORITY_ZERO_RECEIVED,
	BOARD_ANNOUNCEMENTS_SENT,
	BOARD_TRANSITIONS,
	BOARD_BECAME_ACTIVE,
	BOARD_ADDRESS_RESTORED,
	BOARD_ADDRESS_FAILURES,
	BOARD_ADDRESS_LIST_MISMATCHES,
	BOARD_FOREIGN_ANNOUNCEMENTS, /* somebody else announced our address while we were Active */
	BOARD_COUNTERS
};
/* "adverts_sent", …: key of `counters` in the status, and part of the metric's name. */
const char *board_counter_name(enum board_counter counter);

/* What a takeover consists of. An order is written before the advert is sent. */
enum board_step {
	BOARD_STEP_WOKE,	     /* the loop looked at the clock */
	BOARD_STEP_ADVERT_SENT,	     /* the others know */
	BOARD_STEP_ADDRESS_ASKED,    /* ordered of the keeper */
	BOARD_STEP_ADDRESS_NOTIFIED, /* the kernel says that it is there */
	BOARD_STEP_ANNOUNCED,	     /* the first Neighbor Advertisement is with the kernel */
	BOARD_STEPS
};
/* "woke", "advert_sent", …: key of `steps_us` in the status. */
const char *board_step_name(enum board_step step);

/* The last takeover that came to its end; steps in microseconds since the decision. */
struct board_takeover {
	int64_t at_realtime_us; /* of the announcement; 0: none yet */
	int64_t steps_us[BOARD_STEPS];
};

/* Connections to the addresses of a virtual router. */
struct board_connections {
	uint32_t known;	    /* clients in the list that control has handed over */
	uint32_t last_told; /* told at the last takeover */
	uint64_t told;	    /* clients that were told to connect anew, each once a takeover */
	uint64_t refused;   /* entries of a list to which nothing is sent */
	uint64_t ended;	    /* our own, ended when the address went to somebody else */
};

/* One virtual router. Everything here is as the engine knows it; `held` is what the kernel notified. */
struct board_router {
	char name[CONFIG_NAME_MAX];
	struct router_id id;
	uint8_t state;	/* enum vrrp_state */
	uint8_t reason; /* enum vrrp_reason */
	uint8_t priority;
	uint8_t effective_priority;
	uint8_t health;	 /* enum vrrp_health */
	uint8_t lowered; /* by checks with a weight: see vrrp.lowered */
	bool drained;
	bool drained_for_shutdown; /* valid while drained: because the machine is being stopped */
	bool active_self;	   /* the Active is this node */
	bool active_foreign;	   /* it lists none of our addresses */
	bool active_known;	   /* active_address and active_priority are valid */
	uint8_t active_priority;
	struct address active_address;
	struct address own_address; /* that adverts are sent from; unspecified: none yet */
	struct mono active_seen;    /* last advert of the Active, sent or received */
	struct mono since;	    /* of the state */
	int64_t since_realtime_us;
	int64_t advert_interval_us; /* in force: learned in Backup, configured in Active */
	uint32_t address_count;
	uint32_t held; /* bit i: addresses[i] is on the interface */
	struct address addresses[CONFIG_ADDRESSES_MAX];
	uint32_t ifindex;	   /* 0: no such interface */
	uint64_t auth_sequence;	   /* of the last signed advert, 0: none; a new engine goes on above it */
	int64_t auth_clock_us;	   /* what the clock of adverts is ahead of mono_now(); 0: unknown */
	int64_t drained_since_us;  /* wall clock */
	uint32_t drained_by;	   /* uid */
	struct mono drained_until; /* valid while drained; MONO_NEVER: until it is resumed */
	int64_t drained_until_us;  /* the same as wall clock, 0: never */
	uint8_t conflict;	   /* enum vrrp_conflict */
	uint8_t conflict_mac[6];   /* of an ADDRESS conflict */
	uint8_t conflict_vrid;	   /* of a VRID conflict */
	struct address conflict_address;
	int64_t conflict_since_us; /* wall clock */
	char reason_text[BOARD_REASON_MAX];
	char health_text[BOARD_REASON_MAX]; /* why it is not healthy, or lowered; "" if neither */
	uint64_t counters[BOARD_COUNTERS];
	uint64_t dropped[ADVERT_VERDICTS];	  /* adverts with our VRID that were refused, */
	uint64_t dropped_before[ADVERT_VERDICTS]; /* until the last conflict began */
	struct board_connections connections;
	struct board_histogram takeover; /* decision to first NA handed to the kernel */
	struct board_takeover last_takeover;
};

/* Packets on an interface that no virtual router of ours can be blamed for. */
struct board_link {
	char interface[CONFIG_INTERFACE_MAX];
	uint64_t dropped[ADVERT_VERDICTS];
	/* For the keeper. */
	uint32_t ifindex; /* where the groups of the virtual routers on it are to be joined; 0: nowhere */
	uint32_t groups;  /* changes with what there is to join */
	uint32_t ups;	  /* changes when the link had no carrier and has one again: unresolved neighbours are
			     forgotten */
};

/* What the engine wants of the kernel for one virtual router. The keeper brings the latest order about. */
struct board_order {
	uint32_t generation; /* changes with each order; 0: there was none yet */
	uint32_t ifindex;
	uint32_t lease_s;    /* 0: for ever */
	uint32_t wanted;     /* bit i: addresses[i]; those that are not wanted are removed */
	bool reset;	     /* another server has them: connections to them are ended before */
	bool patient;	     /* the server here works: requests may still be answered */
	uint32_t port_count; /* of these ports; 0: of every one */
	uint16_t ports[CONFIG_PORTS_MAX];
	uint32_t address_count;
	uint8_t strays[CONFIG_ADDRESSES_MAX]; /* prefix length with which addresses[i] must go; 0: none */
	struct address addresses[CONFIG_ADDRESSES_MAX];
};

/* What the engine did, or waited for, when it should have acted. */
enum board_late {
	BOARD_LATE_NOT_SCHEDULED, /* it slept, and got no processor in time */
	BOARD_LATE_PAGE_FAULT,	  /* in a turn that read memory from a disk */
	BOARD_LATE_RECEIVE,	  /* in a turn: packets */
	BOARD_LATE_NETLINK,	  /* links and addresses */
	BOARD_LATE_MESSAGES,	  /* of guardian and control */
	BOARD_LATE_SEND,	  /* timers, adverts and announcements */
	BOARD_LATE_LOG,
	BOARD_LATES
};
/* "not_scheduled", "page_fault", …: label `cause` of the metric. */
const char *board_late_name(enum board_late late);

struct board_engine {
	int32_t pid;
	int64_t started_realtime_us;
	bool realtime; /* SCHED_FIFO granted */
	bool memory_locked;
	uint64_t netlink_resyncs;
	uint64_t log_dropped;
	struct board_histogram lateness; /* of the loop: wake-up after a deadline */
	uint64_t late_us[BOARD_LATES];	 /* the same in all, by cause */
};

struct board_event {
	uint64_t number; /* 1, 2, …; 0: empty */
	struct mono at;
	int64_t at_realtime_us; /* the same, by the wall clock of that time */
	char router[CONFIG_NAME_MAX];
	struct router_id id;
	uint8_t from, to; /* enum vrrp_state */
	uint8_t reason;	  /* enum vrrp_reason */
	uint8_t effective_priority;
	char reason_text[BOARD_REASON_MAX];
};

#define BOARD_RECORD(type)                                                                                   \
	struct {                                                                                             \
		_Atomic uint32_t sequence;                                                                   \
		struct type value;                                                                           \
	}

struct board {
	uint32_t layout;	      /* vipd_layout of the guardian */
	struct mono created;	      /* with the guardian */
	_Atomic int64_t heartbeat_us; /* mono_now() of the engine's last turn */
	_Atomic uint32_t router_count;
	_Atomic uint32_t link_count;
	_Atomic uint64_t
	    event_count; /* events ever; the last one is in events[(event_count - 1) % BOARD_EVENTS_MAX] */
	uint64_t flight_count;		      /* packets ever */
	uint64_t flight_counts[FLIGHT_KINDS]; /* of each kind; see flight */
	BOARD_RECORD(board_engine) engine;
	BOARD_RECORD(board_router) routers[BOARD_ROUTERS_MAX];
	BOARD_RECORD(board_link) links[BOARD_LINKS_MAX];
	BOARD_RECORD(board_order) orders[BOARD_ROUTERS_MAX];
	/* mono_now() from which on a router gets no address, and has to lose those that it has, unless the
	 * engine has moved it by then. */
	_Atomic int64_t fresh_until_us[BOARD_ROUTERS_MAX];
	_Atomic int64_t keep_until_us[BOARD_ROUTERS_MAX];
	_Atomic uint32_t order_count;	/* orders ever */
	_Atomic int64_t awake_until_us; /* an order is about to come: the keeper waits for it awake */
	_Atomic uint32_t dump_wanted;	/* changes when the engine wants a dump */
	BOARD_RECORD(board_event) events[BOARD_EVENTS_MAX];
	/* The last packets of each kind; the next one goes to [count % FLIGHT_RING]. */
	BOARD_RECORD(flight_packet) flight[FLIGHT_KINDS][FLIGHT_RING];
};

/*
 * Of board, configuration image and messages: programs in which it differs do not understand each other. They
 * meet only where vipd and vipd-control were not installed together; the guardian executes what was there
 * when it started.
 */
extern const uint32_t vipd_layout;

/*
 * Memory of one writer and many readers, as the board is: a memfd of this size for ever. Returns a descriptor
 * (close-on-exec) or -errno; its owner alone can open it again, to read. shared_map(): of PROT_READ, …;
 * returns NULL with errno set (EPROTO: of another size).
 */
int shared_memfd(const char *name, size_t size);
void *shared_map(int fd, size_t size, int protection);

/* A new board. Returns a descriptor or -errno. */
int board_create(void);

/* Maps the board of `fd`. Returns NULL with errno set (EPROTO: of another layout). Never unmapped. */
struct board *board_map_writer(int fd);
const struct board *board_map(int fd);

/*
 * The engine's side: change a record in place between begin and end.
 *	struct board_router *r = board_begin_router(board, i); … ; board_end_router(board, i);
 */
struct board_router *board_begin_router(struct board *board, unsigned index);
void board_end_router(struct board *board, unsigned index);
struct board_link *board_begin_link(struct board *board, unsigned index);
void board_end_link(struct board *board, unsigned index);
struct board_order *board_begin_order(struct board *board, unsigned index);
void board_end_order(struct board *board, unsigned index);
struct board_engine *board_begin_engine(struct board *board);
void board_end_engine(struct board *board);
void board_add_event(struct board *board, const struct board_event *event); /* sets number */
void board_heartbeat(struct board *board, struct mono now);
void histogram_add(
    struct board_histogram *histogram, const int64_t bounds[static BOARD_BUCKETS_MAX], int64_t us);

/*
 * The readers' side: a copy. Returns false if there is no such record. It is consistent unless the engine
 * died or was stopped in the middle of changing it; then strings may lack their end.
 */
bool board_read_router(const struct board *board, unsigned index, struct board_router *copy);
bool board_read_link(const struct board *board, unsigned index, struct board_link *copy);
void board_read_engine(const struct board *board, struct board_engine *copy);
/* false also for an order that the engine died in: the next engine writes a new one. */
bool board_read_order(const struct board *board, unsigned index, struct board_order *copy);
/* number: 1 .. event_count. false: not there (any more), or half written. */
bool board_read_event(const struct board *board, uint64_t number, struct board_event *copy);

/* An engine whose heartbeat is older does not answer: it hangs, or is stopped, or is gone. */
#define BOARD_HEARTBEAT_MAX_US (2 * USEC_PER_SEC)
/* How long ago the engine last gave a sign of life, in microseconds; -1: never. */
int64_t board_heartbeat_age_us(const struct board *board, struct mono now);
bool board_engine_up(const struct board *board, struct mono now);
