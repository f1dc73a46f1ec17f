/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VRRPv3 state machine of one virtual router (RFC 9568 section 6): pure, no I/O, no clock, no allocation.
 *
 * Time comes in with the event; what shall happen goes out as effects; what came of it comes back as a new
 * event. vrrp_step() is the whole behaviour: the engine performs its effects on a kernel, the simulator on a
 * model of one.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/mono.h"
#include "vipd/priority.h"

#define VRRP_ADDRESSES_MAX 16
#define VRRP_ANNOUNCEMENTS 5 /* at 0, 10, 50, 200 and 1000 ms */

/* How well a router is, the worst first. Each grade has a band of priorities on the wire. */
enum vrrp_health {
	VRRP_FAILING,	 /* its checks fail */
	VRRP_RECOVERING, /* it answers again, but is not trusted yet */
	VRRP_HEALTHY,
	VRRP_HEALTHS
};

enum vrrp_state { VRRP_INITIALIZE, VRRP_BACKUP, VRRP_ACTIVE, VRRP_FAULT, VRRP_STATES };

/* Why a router is in its state. The numbers are said in hellos: a new one stands at the end. */
enum vrrp_reason {
	VRRP_REASON_NONE,
	VRRP_REASON_STARTED,
	VRRP_REASON_ADOPTED,   /* a restarted engine found itself Active */
	VRRP_REASON_NO_ADVERT, /* Active_Down_Interval over; detail: us since the last advert, 0 if none was
				  heard */
	VRRP_REASON_RESIGNED,  /* the Active sent priority 0 */
	VRRP_REASON_PEER_UNHEALTHY,  /* the Active is of a worse grade than we are; detail: its priority */
	VRRP_REASON_PREEMPTED_LOWER, /* took over from a lower priority; detail: that priority */
	VRRP_REASON_RESUMED, /* a candidate again with the address still here, and nobody has taken over */
	VRRP_REASON_HIGHER_PRIORITY, /* heard a better router; detail: its priority */
	VRRP_REASON_HIGHER_ADDRESS,  /* same priority, greater address */
	VRRP_REASON_LINK_DOWN,
	VRRP_REASON_LINK_UP,
	VRRP_REASON_ADDRESS_FAILED, /* detail: errno */
	VRRP_REASON_ADDRESS_RETRY,  /* back-off over, a candidate again */
	VRRP_REASON_STOPPED,
	VRRP_REASON_DRAINED,	  /* detail: 1 if somebody else answers for the address */
	VRRP_REASON_NO_SUCCESSOR, /* drained, but nobody took over */
	VRRP_REASON_UNHEALTHY,	  /* with when_unhealthy = "resign" */
	VRRP_REASON_LATE,	  /* the engine slept too long; detail: us since the last advert was sent */
	VRRP_REASON_SHUTDOWN,	  /* drained, because the machine is being stopped */
	VRRP_REASON_REMOVED,	  /* it is not configured any more */
	VRRP_REASONS
};

/* What the configuration says. Replaced as a whole by VRRP_EVENT_CONFIG. */
struct vrrp_params {
	uint8_t priority; /* 32..254 */
	bool preempt;
	bool resign_unhealthy;	    /* when_unhealthy = "resign", else "demote" */
	bool wait_if_occupied;	    /* on_conflict = "wait", else "take" */
	int64_t advert_interval_us; /* 10 ms .. 40.95 s */
	int64_t preempt_delay_us;
	int64_t start_delay_us; /* after the link came up, in which hearing nobody proves nothing */
	int64_t lease_us;	/* 0: the address needs no renewal */
	unsigned address_count; /* 1..VRRP_ADDRESSES_MAX */
};

/* Who else uses what is ours. */
enum vrrp_claim {
	VRRP_CLAIM_ANNOUNCED,  /* a Neighbor Advertisement for one of our addresses, to all nodes */
	VRRP_CLAIM_ANSWERED,   /* the same, to us: the answer to VRRP_EFFECT_ASK */
	VRRP_CLAIM_OWN_SOURCE, /* an advert from our own address */
	VRRP_CLAIM_OTHER_VRID  /* an advert of another VRID that lists one of our addresses */
};

/* What the claims come to, and status and metrics show. */
enum vrrp_conflict {
	VRRP_CONFLICT_NONE,
	VRRP_CONFLICT_ADDRESS, /* a foreign holder: somebody uses an address who does not speak VRRP with us
				*/
	VRRP_CONFLICT_SOURCE,  /* somebody advertises from the link-local address of this node */
	VRRP_CONFLICT_VRID,    /* another VRID on this link lists an address of this virtual router */
	VRRP_CONFLICTS
};

/* An address as the kernel has it on our interface. */
enum vrrp_found_state {
	VRRP_FOUND_NOT,
	VRRP_FOUND_RIGHT,
	VRRP_FOUND_WRONG,     /* somebody put it there in another way than we do */
	VRRP_FOUND_TENTATIVE, /* the same, and duplicate address detection has not finished */
	VRRP_FOUND_DUPLICATE  /* the same, and it has failed */
};

struct vrrp_found {
	enum vrrp_found_state state;
	uint8_t prefix; /* of a wrong one, in bits */
};

/* What becomes of the address that a router holds. */
enum vrrp_handover {
	VRRP_AWAY,	/* it has none, and wants none */
	VRRP_HOLDING,	/* Active */
	VRRP_LEAVING,	/* has resigned and heard no successor: the address stays for the handover time */
	VRRP_LINGERING, /* a successor advertises: until it has announced the address, or 25 ms */
	VRRP_CONTESTED, /* several advertise, so an announcement proves nothing: 25 ms */
	VRRP_RETURNING, /* a candidate again before anybody took over: until somebody does */
	VRRP_INHERITING /* whoever advertised has resigned: until a better router advertises */
};

enum vrrp_event_type {
	VRRP_EVENT_TIMER,     /* nothing but the time */
	VRRP_EVENT_LINK_UP,   /* the interface can send and receive; own_address, present */
	VRRP_EVENT_LINK_DOWN, /* it cannot, or does not exist (any more) */
	VRRP_EVENT_ADVERT,    /* a valid advert for this virtual router, from somebody else */
	VRRP_EVENT_CLAIM,
	VRRP_EVENT_ADDRESS,   /* the kernel notified address `index`: found */
	VRRP_EVENT_ADDRESSES, /* the kernel was asked for all of them: all_found */
	VRRP_EVENT_ANSWER,    /* a request was carried out, or address `index` of it was refused */
	VRRP_EVENT_QUEUED,    /* requests of others are carried out; this one's turn will come */
	VRRP_EVENT_SHARED,    /* present: the addresses that another router of this node has or wants there */
	VRRP_EVENT_MAC_CHANGED, /* of the interface */
	VRRP_EVENT_HEALTH,	/* health, lowered */
	VRRP_EVENT_DRAIN,	/* be no holder until VRRP_EVENT_RESUME */
	VRRP_EVENT_RESUME,
	VRRP_EVENT_NEXT,   /* next_until: this router is the best of those who could take over; in the past:
			      it is not, or nobody knows */
	VRRP_EVENT_CONFIG, /* params; present: those that were `present`, by their new index;
			      VRRP_EVENT_ADDRESSES follows */
	VRRP_EVENT_STOP,   /* hand over and say when it is done: VRRP_EFFECT_STOPPED; stay_us */
	VRRP_EVENT_RETURN, /* instead of stopping: be what you were */
	VRRP_EVENTS
};

struct vrrp_event {
	enum vrrp_event_type type;
	union {
		struct {
			struct address source;
			struct mono arrived; /* when the kernel received it, as far as that is known */
			int64_t interval_us;
			uint8_t priority;
			bool final; /* to all nodes: who sends it gives way, and is silent from now on */
		} advert;
		struct address own_address; /* LINK_UP: the source of our adverts */
		const struct vrrp_params *params;
		struct {
			enum vrrp_health health;
			uint8_t lowered; /* by so much is the priority, within its band */
		};
		struct mono next_until;
		enum vrrp_claim claim;
		struct vrrp_found found;
		const struct vrrp_found *all_found; /* as many as there are addresses */
		struct {
			uint32_t number; /* vrrp.request when it was made */
			int error;	 /* errno, 0: it was carried out */
		} answer;
		int64_t stay_us; /* keep the address for at least so long, if nobody else has it */
	};
	enum vrrp_reason why; /* DRAIN, STOP: NONE is DRAINED, STOPPED */
	unsigned index;	      /* of an address */
	uint32_t present;     /* CONFIG, LINK_UP, SHARED: bit i = address i */
};

enum vrrp_effect_type {
	VRRP_EFFECT_FINAL_ADVERT, /* an advert, to all nodes too: active_address must hear that it has won */
	VRRP_EFFECT_ADVERT,	  /* send an advert with `priority` and the configured interval, now */
	VRRP_EFFECT_ADDRESSES,	  /* make the interface as vrrp_wanted() and `remove` say, with new leases;
				     number    `request`, answered by VRRP_EVENT_ANSWER */
	VRRP_EFFECT_ANNOUNCE,	  /* send a Neighbor Advertisement for every address */
	VRRP_EFFECT_ASK,	  /* ask by Neighbor Solicitation who else has the addresses */
	VRRP_EFFECT_TRANSITION,	  /* from, to, reason, detail: for the record, nothing to do */
	VRRP_EFFECT_CONFLICT,	  /* `conflict` has changed, or was confirmed by a claim: for the record */
	VRRP_EFFECT_STRAY, /* address `index` is on the interface and is removed or put right: for the record
			    */
	VRRP_EFFECT_RESTORED, /* address `index` was away and is back: for the record */
	VRRP_EFFECT_STOPPED   /* nothing is left of this router */
};

struct vrrp_effect {
	enum vrrp_effect_type type;
	uint8_t priority; /* ADVERT */
	uint8_t prefix;	  /* STRAY: of a wrong one, 0 if it is as it should be */
	unsigned index;	  /* STRAY, RESTORED */
	enum vrrp_state from, to;
	enum vrrp_reason reason;
	int64_t detail; /* see enum vrrp_reason */
};

/* One step makes at most: one a stray or restored address, and a few of each other kind. In the order in
 * which to perform them. */
#define VRRP_EFFECTS_MAX (VRRP_ADDRESSES_MAX + 12)

struct vrrp_effects {
	unsigned count;
	struct vrrp_effect items[VRRP_EFFECTS_MAX];
};

/* What a rival says. It advertises all the time; when it announces it takes clients away, and when it gives
 * way it leaves them: either is worth an answer even if many adverts had one. */
enum vrrp_rival { VRRP_RIVAL_ADVERTS, VRRP_RIVAL_ANNOUNCES, VRRP_RIVAL_YIELDS, VRRP_RIVALS };

struct vrrp_answers {
	unsigned count;	 /* in a row */
	struct mono at;	 /* the last */
	struct mono due; /* the next, where they have become rare */
};

/* One virtual router. Others may read it; only vrrp_step() writes it. */
struct vrrp {
	struct vrrp_params params;
	enum vrrp_state state;
	enum vrrp_reason reason; /* of the last transition */
	bool link_up;
	enum vrrp_health health;
	uint8_t lowered; /* what failing checks with a weight take from the priority */
	bool drained;
	bool kept; /* Active although drained, because nobody took over; with VRRP_PRIORITY_KEPT */
	bool stopping;
	bool met; /* has been Active, or heard somebody who is: what follows is no start any more */
	struct address own_address;
	struct mono seen; /* time of the last step */
	bool expires;	  /* what the kernel has ends by itself: it was asked for with a lease */
	bool asks_lease;  /* the last request does */
	bool may_adopt;	  /* a predecessor was Active; it sent its last advert at adopt_from */
	struct mono adopt_from;

	/* the Active that we last heard (Backup) */
	bool heard;
	struct address active_address;
	uint8_t active_priority;
	struct mono heard_at;
	struct mono deaf_until;	     /* no timer: start_delay is over; in the past once anybody was heard */
	int64_t learned_interval_us; /* Active_Adver_Interval, RFC 9568 section 6.1 */
	struct mono next_until;	     /* see VRRP_EVENT_NEXT; void as soon as our own standing changes */

	/* addresses: bit i = address i */
	enum vrrp_handover handover;
	uint32_t on_link;		    /* the kernel has it as it should be */
	uint32_t present;		    /* the same, of those that we have asked for */
	uint32_t shared;		    /* another router of this node has it, or wants it */
	uint32_t lost;			    /* it vanished under us and is not back */
	uint8_t remove[VRRP_ADDRESSES_MAX]; /* prefix of a wrong one that must go, 0: none */
	uint32_t request, answered; /* number of the last VRRP_EFFECT_ADDRESSES, and of the last answer */
	struct mono asked_at;	    /* time of that request */
	unsigned losses;	    /* times one vanished under us since it was last quiet */
	struct mono last_loss;
	unsigned repairs; /* of what others put there, in the minute that began at repairs_from */
	struct mono repairs_from;

	/* conflict: see conflict.c */
	enum vrrp_conflict conflict;
	bool asked;		    /* in this state; what was heard before belongs to an election */
	struct mono ask;	    /* next question */
	struct mono conflict_until; /* it is over if nothing is heard by then */
	struct mono answered_at;    /* the last answer to a rival */
	struct vrrp_answers answers[VRRP_RIVALS];
	struct mono answer; /* the earliest that is due */

	/* timers, MONO_NEVER when not running */
	struct mono active_down;  /* Active_Down_Timer */
	struct mono adver;	  /* Adver_Timer */
	struct mono announce;	  /* next NA of the schedule */
	struct mono renew;	  /* kernel lease */
	struct mono confirm_by;	  /* what we asked for should be present */
	struct mono leased;	  /* no timer: when the lease began to run */
	struct mono clear_at;	  /* what others put there is removed, because it must not go on at once */
	struct mono leave_at;	  /* LEAVING, LINGERING, CONTESTED: the address goes */
	struct mono leave_by;	  /* no timer: when it goes at the latest, whoever claims it meanwhile */
	struct mono resign_again; /* repetition of priority 0, in case the first was lost */
	struct mono retry;	  /* end of the back-off after a refused address */
	struct mono
	    preempt_after;	/* until then lower priorities are accepted; in the past: preempt at once */
	int64_t stay_us;	/* see VRRP_EVENT_STOP */
	unsigned announced;	/* of VRRP_ANNOUNCEMENTS */
	bool active_down_again; /* the timer was set once more by a Backup that had slept */
	bool active_down_short; /* the timer is at Skew_Time because the Active is of a worse grade */
	enum vrrp_reason down_reason; /* what it will mean when Active_Down_Timer fires: for people */
	int64_t down_detail;
	struct mono sent_at;  /* last advert sent */
	unsigned failures;    /* of the address in a row: back-off */
	unsigned unconfirmed; /* times that confirm_by has passed in a row */
};

/* Starts in Initialize, with the link down. A router without checks is healthy, one with checks not yet. */
void vrrp_init(struct vrrp *vr, const struct vrrp_params *params, enum vrrp_health health);

/* After vrrp_init(): a predecessor was Active and sent its last advert at that time. If that is recent enough
 * when the link is up, this one goes on as Active. */
void vrrp_succeed(struct vrrp *vr, struct mono sent_at);

/* Whether it would adopt, and go on as Active, if the link came up at `now`; else it begins as a Backup. */
bool vrrp_adopts(const struct vrrp *vr, struct mono now);

/* Takes in one event at `now` and fills *out. `now` must not go back between calls. */
void vrrp_step(struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out);

/* When vrrp_step() wants VRRP_EVENT_TIMER next; MONO_NEVER if only an event can change anything. */
struct mono vrrp_deadline(const struct vrrp *vr);

/* Bit i: address i should be on the interface. Of the others, those that are not in `shared` should not. */
uint32_t vrrp_wanted(const struct vrrp *vr);

/*
 * Unless it was stepped again by then: no address may be put there any more (the late limit), and those that
 * are there must go (the silence limit). Both since the last advert of an Active, or since what one that
 * hands over does next.
 */
struct mono vrrp_fresh_until(const struct vrrp *vr);
struct mono vrrp_keep_until(const struct vrrp *vr);

/* The priority that it advertises, or would: 0 if it is no candidate, else the configured one in the band of
 * its health. */
uint8_t vrrp_effective_priority(const struct vrrp *vr);

/* The configured priority 32..254 in the band of that grade: 17..31 or 1..16, in the same order. */
uint8_t vrrp_graded_priority(uint8_t priority, enum vrrp_health health);

/* The grade of a router that advertises this priority. */
enum vrrp_health vrrp_priority_health(uint8_t priority);

/* Whether a router that advertises this priority from this address wins against the other one (RFC 9568
 * section 6.4.3). */
bool vrrp_is_better(
    uint8_t priority, const struct address *source, uint8_t than, const struct address *than_source);

/* "failing", "recovering", "healthy" */
const char *vrrp_health_name(enum vrrp_health health);

/* "initialize", "backup", "active", "fault" */
const char *vrrp_state_name(enum vrrp_state state);

/* "no_advert", "resigned", …: stable names for metrics and JSON. */
const char *vrrp_reason_name(enum vrrp_reason reason);

/* "none", "address", "source", "vrid" */
const char *vrrp_conflict_name(enum vrrp_conflict conflict);
