/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the engine: one loop, one struct, everything allocated before the first packet.
 *
 * Data flows one way in a turn of the loop: read (packets, netlink, messages) -> vrrp_step() -> what it wants
 * is noted in `pending` of each router -> flush: orders are written, adverts sent, the keeper is woken, then
 * Neighbor Advertisements.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/link.h"
#include "vipd/address.h"
#include "vipd/advert.h"
#include "vipd/arp.h"
#include "vipd/auth.h"
#include "vipd/board.h"
#include "vipd/clients.h"
#include "vipd/config.h"
#include "vipd/flight.h"
#include "vipd/keeper.h"
#include "vipd/kernel.h"
#include "vipd/message.h"
#include "vipd/na.h"
#include "vipd/net.h"
#include "vipd/vrrp.h"

#define ROUTERS_MAX BOARD_ROUTERS_MAX
#define LINKS_MAX   BOARD_LINKS_MAX

/* How long a router stays healthy without a result after a restart of the engine or when its checks are new.
 */
#define HEALTH_GRACE_US (10 * USEC_PER_SEC)

/* Something that is logged a few times a minute at most; see complain.c. */
struct complaint {
	struct mono next; /* minute */
	unsigned logged;  /* in this one */
	uint64_t suppressed;
};

/* Changes of state that are logged in a minute; whoever can make us change state must not fill the log. */
#define CHANGES_LOGGED 30

enum {
	COMPLAINT_FIRST_ADDRESS,
	COMPLAINT_INTERVAL,
	COMPLAINT_MISMATCH,
	COMPLAINT_RIVAL,
	COMPLAINT_RIVAL_GONE,
	COMPLAINT_SEND,
	COMPLAINT_STRAY,
	COMPLAINT_RESTORED,
	COMPLAINT_ANNOUNCE,
	COMPLAINT_RENEWAL,
	COMPLAINT_TRANSITION,
	COMPLAINT_DRAIN,
	COMPLAINT_HEALTH,
	COMPLAINT_CLIENTS,
	COMPLAINT_CLIENTS_LIST,
	COMPLAINTS
};

/* What vrrp_step() asked for and flush() has not done yet. */
struct pending {
	bool advert;
	bool final_advert; /* the advert goes to all nodes, too */
	uint8_t priority;
	bool addresses; /* vrrp_wanted() */
	bool announce;
	bool ask; /* whether somebody else has an address */
};

/* Whose packet the router that is told of it has taken for its own; see conflict.c. */
struct claim {
	struct address address; /* ours */
	uint8_t mac[6];
	uint8_t vrid; /* of an advert with another one */
};

struct router_auth {
	enum config_auth mode;
	int active; /* index of the key that signs, -1: none */
	unsigned key_count;
	struct auth_key keys[CONFIG_KEYS_MAX];
	struct auth_sequence sequence;
	struct auth_replay replay;
	int64_t clock_offset_us; /* our time is CLOCK_BOOTTIME plus this; see auth.c */
};

/* Of the clients of the holder before; see telling.c. */
struct telling {
	const struct clients *clients; /* NULL: nobody is told */
	struct mono began;	       /* with the first announcement */
	struct mono next;
	unsigned round;
	uint32_t at;	     /* the next of them */
	uint32_t told, most; /* in this round, and in the one in which it was most of them */
	int error; /* of the last send that failed in this round; 0: who was not told might not be */
	bool counted, logged;
};

/* What each advert needs stands first: after a sleep of 10 ms each page of the memory that a turn touches
 * costs up to a microsecond. */
struct router {
	bool used;
	bool touched;	      /* is in engine.touched */
	bool foreign;	      /* the last advert listed none of ours: the VRID is another group's, too */
	bool mismatch;	      /* the last advert listed other addresses than ours, and that was logged */
	bool has_connections; /* it has had the addresses, and clients may still think that it has */
	bool stopped;	      /* nothing is left of it: free the slot */
	bool kept;	      /* is in the configuration that is being taken over */
	struct pending pending;
	struct link *link;
	struct vrrp vr;
	struct router_auth auth;
	struct config_router config;   /* a copy: a router that is stopping outlives its configuration */
	struct link_source source;     /* where has_own_source(), see link.c */
	struct address preferred;      /* among several that source might be; unspecified: none */
	const struct clients *clients; /* who is connected to the holder; NULL: nobody */
	struct telling telling;
	uint64_t ended;	  /* connections that the keeper has ended, as far as they are counted */
	uint32_t order;	  /* generation of the order that was not answered yet, 0: none */
	uint32_t request; /* vr.request that it carries */
	struct vrrp_found found[VRRP_ADDRESSES_MAX]; /* as the running dump says */
	enum vrrp_health checks_health;		     /* as control says */
	uint8_t checks_lowered;			     /* the same */
	char checks_text[BOARD_REASON_MAX];	     /* why not */
	struct mono health_until;		     /* without a new result by then it counts as failing */
	struct mono drained_until;		     /* MONO_NEVER: until resumed, or not drained */
	bool drained_for_shutdown;		     /* by what stops the machine, not by a person */
	struct mono takeover_from; /* decision of a takeover that has not announced yet, else MONO_NEVER */
	int64_t takeover_steps_us[BOARD_STEPS]; /* of it, so far */
	struct complaint complaints[COMPLAINTS];
};

struct configuration {
	const struct config *config;
	const uint8_t *secrets;
	size_t size, secrets_size;
	uint64_t generation;
	bool may_adopt; /* false: what the last engine held was released */
};

/* What the last turn of the loop has done; see late.c. */
struct turn {
	struct mono from; /* of what is running now */
	int64_t us[BOARD_LATES];
	long faults; /* that had to read, ever */
};

/* What each turn needs stands first, as in struct router. */
struct engine {
	int watch; /* epoll */
	int guardian;
	int channel;
	int vrrp_sockets[VRRP_FAMILIES]; /* below 0: the kernel does not know the family */
	int nd_socket;
	int arp_socket;
	int arp_error;			   /* why ARP is not heard, 0: it is */
	int route_sockets[VRRP_FAMILIES];  /* below 0: none */
	int tickle_sockets[VRRP_FAMILIES]; /* below 0: none */
	int keeper_ring;		   /* eventfd: wakes the keeper */
	int ring_of_keeper;		   /* eventfd: it has written on its page */
	struct kernel kernel;
	struct board *board;
	const struct keeper_page *page;
	struct configuration next; /* what is not in force yet; no config: nothing waits */
	const struct claim *claim; /* that a router is being told of, else NULL */
	struct mono tell_at;	   /* when the log and control are told */
	struct mono last_packet;
	struct turn turn;
	unsigned transitions_noted;   /* in this turn */
	unsigned transitions_pending; /* for the log */
	bool stopping;
	bool hears_control;	 /* it has a configuration */
	bool changed;		 /* a transition since control was last told */
	bool drain_changed;	 /* since the guardian was last told */
	bool overlap;		 /* several routers have the same address; see sharing.c */
	bool resync;		 /* notifications were lost: dump at the next turn */
	bool dumping;		 /* the keeper has been asked for a dump */
	bool settling;		 /* until a dump after a reload: new names and sources are not known yet */
	bool changed_since_dump; /* notifications have changed what it may show */
	uint32_t dump;		 /* number of it */
	struct mono dump_at;	 /* when to ask again */
	int64_t dump_again_us;	 /* the pause before that; grows while dumps fail */
	struct complaint dump_complaint;
	struct mono tickle_at;	/* when the next client is told */
	bool tickle_waited;	/* for something more urgent */
	bool ring;		/* there is something for the keeper */
	bool crowded;		/* packets follow close on each other */
	bool flooded;		/* more packets or messages than a turn reads */
	unsigned touched_count; /* routers to which something happened in this turn */
	unsigned router_count;	/* slots in use or free, below this one */
	unsigned link_count;
	struct router *touched[ROUTERS_MAX];
	/* Of each router, as of the last flush, side by side because every turn looks at all of them. */
	struct {
		struct mono due;
		struct mono takeover;
	} times[ROUTERS_MAX];
	struct link links[LINKS_MAX];
	struct router routers[ROUTERS_MAX];
};

/* engine.c: the loop. Returns the exit status of the process. */
int engine_main(void);

/* reload.c: brings routers and links in line with a configuration that config_load() has accepted. */
/* false: not all of it is in force: as soon as a router is free call it again. */
bool engine_configure(struct engine *engine, const struct configuration *configuration, struct mono now);

/* auth.c: which keys sign and verify */
void router_auth_init(struct router_auth *auth);
/* As a predecessor left off: its last sequence, or 0, and its clock, or 0. */
void router_auth_continue(struct router_auth *auth, uint64_t sequence, int64_t clock_offset_us);
void router_auth_configure(struct router_auth *auth, const struct config_router *config,
    const uint8_t *secrets, size_t secrets_size);
void router_auth_wipe(struct router_auth *auth);
enum advert_verdict router_auth_check(struct router_auth *auth, const struct address *source,
    const uint8_t *pdu, const struct advert *advert, int64_t interval_us);
/* It must sign and has no usable key: it may send nothing. */
bool router_auth_is_mute(const struct router_auth *auth);
/* The key that signs the next advert, and its sequence; NULL: this router does not sign. */
const struct auth_key *router_auth_signs(struct router_auth *auth, uint64_t *sequence);

/* router.c: events in, pending out */
void router_params(const struct config_router *config, struct vrrp_params *params);
struct router *router_find(struct engine *engine, const struct router_id *id);
int router_address_index(
    const struct router *router, const struct address *address); /* -1: not its address */
/* may_adopt: it goes on as Active if its predecessor was a moment ago. */
void router_start(struct engine *engine, struct router *router, struct mono now, bool may_adopt);
void router_free(struct engine *engine, struct router *router);
void router_event(
    struct engine *engine, struct router *router, struct mono now, const struct vrrp_event *event);
void router_health(struct engine *engine, struct router *router, struct mono now, enum vrrp_health health,
    uint8_t lowered, uint32_t valid_ms, const char *text); /* valid_ms 0: for ever */
static inline unsigned router_index(const struct engine *engine, const struct router *router)
{
	return (unsigned)(router - engine->routers);
}
/* Looks whether the tracked interfaces change what that makes of it. */
void router_tracks(struct engine *engine, struct router *router, struct mono now);
/* Drains it until a time (MONO_NEVER: until it is resumed); why: DRAINED or SHUTDOWN. NONE ends that. */
void router_drain(
    struct engine *engine, struct router *router, struct mono now, enum vrrp_reason why, struct mono until);
void router_timers(struct engine *engine, struct router *router, struct mono now);
struct mono router_deadline(const struct router *router);

/* conflict.c: others who claim what is ours, for people */
void conflict_claim(struct engine *engine, struct router *router, struct mono now, enum vrrp_claim kind,
    const struct claim *claim);
void conflict_note(struct engine *engine, struct router *router, struct mono now);

/* sharing.c: several routers of this node with the same address, while one of them hands over to another */
void sharing_find(struct engine *engine);
/* Tells it which of its addresses another one has. */
void sharing_tell(struct engine *engine, struct router *router, struct mono now);
/* It has announced its addresses: whoever stops and has one of them may go. */
void sharing_announced(struct engine *engine, const struct router *router, struct mono now);

/* flush.c: pending of the touched routers -> packets and netlink, until nothing is pending */
void engine_flush(struct engine *engine, struct mono now);

/* orders.c: what the keeper shall do, and what it answers */
void order_write(struct engine *engine, struct router *router);
/* It has given away its addresses, and now somebody else has them. */
void order_end_connections(struct engine *engine, struct router *router);
/* Until when its addresses are not stale. */
void order_keep(struct engine *engine, const struct router *router);
void order_clear(struct engine *engine, unsigned index);
/* up: it has just come up. */
void order_groups(struct engine *engine, struct link *link, bool up);
void order_dump(struct engine *engine);
/* Of a new router: the memory that its orders will need. */
void order_prepare(struct engine *engine, const struct router *router);
/* The keeper is to wait awake: an order will be written at this time, or a fraction of a millisecond after
 * it. */
void orders_expect(struct engine *engine, struct mono at);
/* Wakes the keeper if there is anything for it. */
void orders_ring(struct engine *engine);
void answers_read(struct engine *engine, struct mono now);

/* late.c: what a turn does, and why the next one is late */
/* Once all code and data have been touched. */
void late_open(struct engine *engine);
void late_turn_begins(struct engine *engine, struct mono now);
void late_did(struct engine *engine, enum board_late what);
void late_woke(struct engine *engine, struct mono deadline, struct mono now);

/* packets.c: sockets. 0 or -errno. */
int packets_open(struct engine *engine);
/* The memory that sending will need. */
void packets_prepare(void);
/* Once a virtual router has an IPv4 address, and again while that fails. */
void packets_hear_arp(struct engine *engine);
/* *source is written if there is a route. ifindex: where a link-local destination is. */
void packets_route_source(
    const struct engine *engine, const struct address *destination, unsigned ifindex, struct address *source);

/* recorder.c: the flight recorder */
struct recorder_packet {
	const uint8_t *bytes; /* behind the IP header, or ARP */
	size_t size;
	struct address source;
	struct address destination;
	uint8_t protocol;
	uint8_t hop_limit;
	enum advert_verdict verdict;
	int64_t at_ns; /* wall clock; 0: now */
};
void recorder_sent(struct engine *engine, const struct link *link, const struct recorder_packet *packet);
void recorder_received(struct engine *engine, const struct link *link, const struct recorder_packet *packet);

/* receive.c */
void packets_read(struct engine *engine, unsigned family, struct mono now);
void announcements_read(struct engine *engine, struct mono now);
void arp_read(struct engine *engine, struct mono now);

/* send.c */
void packets_send_adverts(struct engine *engine, struct mono now);
/* Priority 0, at once; but not late: whoever has missed it may hold the address, and is not to be told that
 * nobody does. */
void packets_resign(struct engine *engine, struct router *router, struct mono now);
/* That the address is here, and the question who else has it: by Neighbor Discovery or ARP. 0 or -errno. */
int packets_announce(struct engine *engine, const struct link *link, const struct address *vip);
int packets_ask(struct engine *engine, const struct link *link, const struct address *vip);

/* complain.c: what others do wrong, for people */
struct suppressed {
	char text[64]; /* for the end of the line: how many were not logged, or "" */
};
/* Whether to log it now; at most `burst` times a minute. cold: see log.h. */
__attribute__((cold)) bool complaint_due(
    struct complaint *complaint, unsigned burst, struct mono now, struct suppressed *suppressed);
__attribute__((cold)) void complain_of_advert(const struct link *link, const struct router *router,
    struct mono now, const struct address *source, enum advert_verdict verdict);

/* messages.c: what guardian and control say */
/* Tries again whatever waits for a router to stop. */
void engine_bring_into_force(struct engine *engine, struct mono now);
void engine_stop(struct engine *engine, struct mono now, const char *why);
void messages_from_guardian(struct engine *engine, struct mono now);
void messages_from_control(struct engine *engine, struct mono now);

/* clients.c: who is connected to the holder, and what becomes of them */
void clients_take(struct engine *engine, const struct message *message, int fd);
void clients_forget(struct engine *engine, struct router *router);
void clients_unmap(const struct clients *clients);

/* telling.c: clients of the holder before are told to connect anew */
/* It has become Active: the list that it has now is that of the holder before. */
void telling_begin(struct engine *engine, struct router *router);
/* It has announced its addresses. */
void telling_announced(struct engine *engine, struct router *router, struct mono now);
void telling_end(struct router *router);
/* At the end of a turn: some of them. */
void telling_turn(struct engine *engine, struct mono now);

/* transition.c: noted while packets wait; then on the board; then in the log */
void transition_note(struct engine *engine, struct router *router, const struct vrrp_effect *effect);
void transitions_record(struct engine *engine);
void transitions_tell(struct engine *engine);

/* record.c: the board */
void record_router(struct engine *engine, const struct router *router);
/* What its configuration says of it. */
void record_identity(struct engine *engine, const struct router *router);
void record_health(struct engine *engine, const struct router *router, const char *text);
void record_drain(struct engine *engine, const struct router *router, uint32_t uid);
/* moved: it counts; a successor's adoption does not. */
void record_transition(
    struct engine *engine, const struct router *router, const struct board_event *event, bool moved);
/* Why a router at fault, or one that has not started, takes no part, if that has changed. */
void record_trouble(struct engine *engine, const struct router *router, const char *trouble);
void record_count(struct engine *engine, const struct router *router, enum board_counter counter);
void record_drop(
    struct engine *engine, const struct link *link, const struct router *router, enum advert_verdict verdict);
/* The conflict that its state machine sees; claim: NULL when it is over. */
void record_conflict(struct engine *engine, const struct router *router, const struct claim *claim);
/* A step of the takeover that is under way, if one is; the announcement ends it. */
void record_step(struct engine *engine, struct router *router, enum board_step step, struct mono at);
/* busy_us of it were spent in the turn before, for this cause; the rest not scheduled. */
void record_lateness(struct engine *engine, int64_t us, enum board_late cause, int64_t busy_us);
void record_resync(struct engine *engine);
/* How many are in its list. */
void record_clients(struct engine *engine, const struct router *router);
/* So many clients were told to connect anew, and so many could or may not be. */
void record_told(struct engine *engine, const struct router *router, uint32_t told, uint32_t refused);
/* The keeper has ended connections. */
void record_ended(struct engine *engine, struct router *router);
