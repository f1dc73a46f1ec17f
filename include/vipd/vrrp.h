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

#define VRRP_PRIORITY_RESIGN  0	 /* "I am leaving", RFC 9568 section 5.2.4 */
#define VRRP_FAILING_MAX      16 /* 1..16: failing; 17..31: recovering; above: healthy */
#define VRRP_RECOVERING_MAX   31
#define VRRP_PRIORITY_MIN     32
#define VRRP_PRIORITY_MAX     254
#define VRRP_PRIORITY_DEFAULT 100
#define VRRP_ADDRESSES_MAX    16
#define VRRP_ANNOUNCEMENTS    5 /* at 0, 10, 50, 200 and 1000 ms */

/* How well a router is, the worst first. Each grade has a band of priorities on the wire. */
enum vrrp_health {
	VRRP_FAILING,	 /* its checks fail */
	VRRP_RECOVERING, /* it answers again, but is not trusted yet */
	VRRP_HEALTHY,
	VRRP_HEALTHS
};

enum vrrp_state { VRRP_INITIALIZE, VRRP_BACKUP, VRRP_ACTIVE, VRRP_FAULT, VRRP_STATES };

/* Why a router is in its state. The text is for people: see vrrp_reason_text(). */
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
	VRRP_REASON_DRAINED,
	VRRP_REASON_UNHEALTHY, /* with when_unhealthy = "resign" */
	VRRP_REASON_LATE,      /* the engine slept too long; detail: us since the last advert was sent */
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
	int64_t lease_us;	/* 0: the address needs no renewal */
	unsigned address_count; /* 1..VRRP_ADDRESSES_MAX */
};

enum vrrp_event_type {
	VRRP_EVENT_TIMER,	    /* nothing but the time */
	VRRP_EVENT_LINK_UP,	    /* the interface can send and receive; own_address is set */
	VRRP_EVENT_LINK_DOWN,	    /* it cannot, or does not exist (any more) */
	VRRP_EVENT_ADVERT,	    /* a valid advert for this virtual router, from somebody else */
	VRRP_EVENT_FOREIGN_NA,	    /* somebody else has announced one of our addresses */
	VRRP_EVENT_OCCUPIED,	    /* occupied: somebody else answers for one of our addresses, or no more */
	VRRP_EVENT_ADDRESS_PRESENT, /* the kernel notified address `index`, its flags are right */
	VRRP_EVENT_ADDRESS_FAILED,  /* the kernel refused address `index`, or to renew it; error */
	VRRP_EVENT_ADDRESS_LOST,    /* address `index` went away without us, perhaps before it was notified */
	VRRP_EVENT_MAC_CHANGED,	    /* of the interface */
	VRRP_EVENT_HEALTH,	    /* health */
	VRRP_EVENT_DRAIN,	    /* be no holder until VRRP_EVENT_RESUME */
	VRRP_EVENT_RESUME,
	VRRP_EVENT_CONFIG, /* params; present: the addresses that are on the interface, by their new index */
	VRRP_EVENT_STOP,   /* hand over and say when it is done: VRRP_EFFECT_STOPPED */
	VRRP_EVENT_ADOPT,  /* only in Initialize, instead of LINK_UP: go on as Active; present */
	VRRP_EVENTS
};

struct vrrp_event {
	enum vrrp_event_type type;
	union {
		struct {
			struct address source;
			int64_t interval_us;
			uint8_t priority;
		} advert;
		struct address own_address; /* LINK_UP, ADOPT: the source of our adverts */
		const struct vrrp_params *params;
		enum vrrp_health health;
		bool occupied;
	};
	unsigned index;	  /* of an address */
	uint32_t present; /* CONFIG, ADOPT: bit i = address i is on the interface */
	int error;	  /* errno */
};

enum vrrp_effect_type {
	VRRP_EFFECT_LAST_WORD,	/* an advert, to all nodes too: active_address must hear that it has won */
	VRRP_EFFECT_ADVERT,	/* send an advert with `priority` and the configured interval, now */
	VRRP_EFFECT_ASSIGN,	/* put address `index` on the interface; answer with PRESENT or FAILED */
	VRRP_EFFECT_RENEW,	/* renew the lease of all addresses */
	VRRP_EFFECT_WITHDRAW,	/* take all addresses off the interface */
	VRRP_EFFECT_ANNOUNCE,	/* send a Neighbor Advertisement for every address */
	VRRP_EFFECT_TRANSITION, /* from, to, reason, detail: for the record, nothing to do */
	VRRP_EFFECT_STOPPED	/* nothing is left of this router */
};

struct vrrp_effect {
	enum vrrp_effect_type type;
	uint8_t priority; /* ADVERT */
	unsigned index;	  /* ASSIGN */
	enum vrrp_state from, to;
	enum vrrp_reason reason;
	int64_t detail; /* see enum vrrp_reason */
};

/* One step makes at most: one assign an address, and a few of each other kind. In the order in which to
 * perform them. */
#define VRRP_EFFECTS_MAX (VRRP_ADDRESSES_MAX + 8)

struct vrrp_effects {
	unsigned count;
	struct vrrp_effect items[VRRP_EFFECTS_MAX];
};

/* One virtual router. Others may read it; only vrrp_step() writes it. */
struct vrrp {
	struct vrrp_params params;
	enum vrrp_state state;
	enum vrrp_reason reason; /* of the last transition */
	bool link_up;
	enum vrrp_health health;
	bool drained;
	bool stopping;
	bool met;      /* has been Active, or heard somebody who is: what follows is no start any more */
	bool occupied; /* somebody who does not speak VRRP answers for an address */
	struct address own_address;

	/* the Active that we last heard (Backup) */
	bool heard;
	struct address active_address;
	uint8_t active_priority;
	struct mono heard_at;
	int64_t learned_interval_us; /* Active_Adver_Interval, RFC 9568 section 6.1 */

	/* addresses: bit i = address i */
	uint32_t wanted;  /* asked of the kernel and not withdrawn */
	uint32_t present; /* confirmed by the kernel */
	bool contested;	  /* several claim what we let go of: an announcement proves nothing */
	unsigned losses;  /* times it vanished under us since it was last quiet */
	struct mono last_loss;

	/* timers, MONO_NEVER when not running */
	struct mono active_down; /* Active_Down_Timer */
	struct mono adver;	 /* Adver_Timer */
	struct mono announce;	 /* next NA of the schedule */
	struct mono renew;	 /* kernel lease */
	struct mono confirm_by;	 /* what we asked for should be present */
	struct mono
	    leased; /* no timer: when it began to run, and before the renewal that is not answered yet */
	struct mono leased_before;
	struct mono withdraw;	  /* end of a handover: the address goes */
	struct mono leave_by;	  /* no timer: when it goes at the latest, whoever claims it meanwhile */
	struct mono resign_again; /* repetition of priority 0, in case the first was lost */
	struct mono retry;	  /* end of the back-off after a refused address */
	struct mono
	    preempt_after;	  /* until then lower priorities are accepted; in the past: preempt at once */
	unsigned announced;	  /* of VRRP_ANNOUNCEMENTS */
	int64_t told_interval_us; /* by active_address; told twice it is believed further */
	bool interval_confirmed;
	bool active_down_short;	      /* the timer is at Skew_Time because the Active is of a worse grade */
	enum vrrp_reason down_reason; /* what it will mean when Active_Down_Timer fires */
	int64_t down_detail;
	struct mono sent_at;	 /* last advert sent */
	struct mono answered_at; /* last advert sent because of a losing one: rate limit */
	unsigned failures;	 /* of the address in a row: back-off */
	unsigned unconfirmed;	 /* times that confirm_by has passed in a row */
};

/* Starts in Initialize, with the link down. A router without checks is healthy, one with checks not yet. */
void vrrp_init(struct vrrp *vr, const struct vrrp_params *params, enum vrrp_health health);

/* Takes in one event at `now` and fills *out. `now` must not go back between calls. */
void vrrp_step(struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out);

/* When vrrp_step() wants VRRP_EVENT_TIMER next; MONO_NEVER if only an event can change anything. */
struct mono vrrp_deadline(const struct vrrp *vr);

/* The priority that it advertises, or would: 0 if it is no candidate, else the configured one in the band of
 * its health. */
uint8_t vrrp_effective_priority(const struct vrrp *vr);

/* Skew_Time = (256 - priority) * interval / 256, in microseconds (RFC 9568 section 6.1). */
int64_t vrrp_skew_time(uint8_t priority, int64_t interval_us);

/* The configured priority 32..254 in the band of that grade: 17..31 or 1..16, in the same order. */
uint8_t vrrp_graded_priority(uint8_t priority, enum vrrp_health health);

/* The grade of a router that advertises this priority. */
enum vrrp_health vrrp_priority_health(uint8_t priority);

/* "failing", "recovering", "healthy" */
const char *vrrp_health_name(enum vrrp_health health);

/* "initialize", "backup", "active", "fault" */
const char *vrrp_state_name(enum vrrp_state state);

/* "no_advert", "resigned", …: stable names for metrics and JSON. */
const char *vrrp_reason_name(enum vrrp_reason reason);
