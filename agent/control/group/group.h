/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group of each virtual router: what this node says of itself in hellos, what it hears of the others, and
 * what has happened. Status and metrics read it.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/group/rivals.h"
#include "control/group/roster.h"
#include "control/group/timeline.h"
#include "vipd/advert.h"
#include "vipd/auth.h"
#include "vipd/board.h"
#include "vipd/config.h"
#include "vipd/connections.h"
#include "vipd/timing.h"

#define GROUP_EVENTS_MAX 64

struct control;

#define HISTORY_PUBLISH_SIZE 8192

/* The guardian carries its memory from one control, and one vipd, to the next. */
struct history {
	uint32_t layout; /* vipd_layout, and its size */
	uint8_t boot[HELLO_BOOT_SIZE];
	struct mono created; /* the board of whose transitions it has so many: */
	uint64_t board_events;
	struct mono looked; /* when it was last brought up to date */
	struct timeline timeline;
	struct history_strangers {
		struct router_id id;
		unsigned count; /* of the roster's */
		struct roster_stranger items[ROSTER_STRANGERS_MAX];
	} strangers[CONFIG_ROUTERS_MAX];
	/* Members that are lost: their last hellos, as they were sent. */
	unsigned lost_count;
	struct history_lost {
		struct router_id id;
		struct address source;
		struct mono heard;
		int64_t since_us;
		size_t size;
		uint8_t hello[HELLO_SIZE_MAX];
	} lost[ROSTER_MEMBERS_MAX];
	/* Not of the group: what `publish` wants to know after a restart; see publish/publish.c. */
	struct {
		_Alignas(8) uint8_t bytes[HISTORY_PUBLISH_SIZE];
	} publish[CONFIG_PUBLISH_MAX];
};

struct group_router {
	struct router_id id;
	struct roster roster;
	struct rivals rivals;
	struct hello ours;	     /* what was said last; vrid 0: nothing yet */
	struct address source;	     /* that it was said from: of our adverts */
	struct address advertised;   /* that others should use; see say.c */
	struct address other_source; /* of hellos in the other family; unspecified: there are none */
	struct mono next_other;	     /* when to look for it again */
	struct mono said;	     /* when */
	struct mono led;	     /* when a hello of the Active was heard last */
	bool answers;		     /* our hello goes with that one */
	struct mono hinted; /* until when the engine believes that this node is next; 0: it does not */
	uint32_t ifindex;   /* 0: unknown */

	enum config_auth mode;
	int active; /* index of the key that signs, -1: none */
	unsigned key_count;
	struct auth_key keys[CONFIG_KEYS_MAX];
	struct auth_sequence sequence;
	struct auth_replay replay;
	int64_t clock_us; /* what the clock of adverts is ahead of mono_now(); 0: unknown */
};

/* Somebody has joined, is lost, is back, or has stopped; or clients were told to connect anew. */
struct group_event {
	int64_t at_us; /* wall clock */
	struct router_id id;
	char router[CONFIG_NAME_MAX];
	uint32_t clients; /* that were told; 0: it is news */
	struct roster_news news;
};

/* PART_GROUP */
struct group {
	struct control *control;
	bool open[VRRP_FAMILIES];    /* the guardian has given us the socket */
	struct mono started;	     /* when this process began to listen */
	struct mono away;	     /* until when the one before it did */
	bool changed;		     /* a member has said something new, or we say hello with it */
	struct mono soon;	     /* of group_soon(); in the past: nothing is expected */
	struct mono anew;	     /* until then the engine may have dropped what it was told */
	const struct config *config; /* in force; during group_configure() the one before */
	unsigned count;
	struct group_router *routers; /* parallel to config->routers */
	uint8_t boot[HELLO_BOOT_SIZE];
	struct mono next_addresses; /* when to look what the interfaces have */

	uint64_t sent, send_errors, received;
	uint64_t refused[HELLO_VERDICTS];

	uint64_t event_count; /* ever; the last is at (event_count - 1) % GROUP_EVENTS_MAX */
	struct group_event events[GROUP_EVENTS_MAX];
	void (*on_news)(
	    void *context); /* there is one more, or the timeline has changed; NULL: nobody asks */
	void *news_context;

	struct history *history;
	int64_t wall_us; /* of history_wall_us() */

	/* A member has sent something of connections to router `index`. */
	enum hello_verdict (*on_connections)(void *context, unsigned index, const struct address *source,
	    const struct connections *connections);
	void *connections_context;

	struct mono log_from; /* budget of log lines */
	unsigned logged;

	sd_event_source *timer, *pause, *io[VRRP_FAMILIES];
};

/* group.c: what this node does has changed, or is about to: hellos go out in a moment, not only in a second.
 */
void group_soon(struct group *group);
/* The moment of a hello of ours that is nearest to `at`, if one is due within `apart_us` of it; else `at`.
 * What is sent every second goes with hellos, so that it does not wake the others once more. */
struct mono group_near_hello(const struct group *group, struct mono at, int64_t apart_us);
/* Members that are not here, and routers without hello, by name or address. Returns how many were forgotten.
 */
unsigned group_forget(struct group *group, const char *node);
/* This node has taken over and told so many clients to connect anew. */
void group_tell_clients(struct group *group, unsigned index, uint32_t clients);
/* Records and logs what the roster of router `index` has to tell. */
void group_tell(struct group *group, unsigned index, const struct roster_news *news);

/* Logs which settings of the member at `source` differ from ours, or do not any more. */
void group_compare(struct group *group, unsigned index, const struct address *source);
/* Logs it; NULL: nothing. */
void group_tell_rival(struct group *group, unsigned index, const struct rival *rival);

/* say.c: where the routers are, as the board says, before anything is said. */
void group_take_places(struct group *group);
/* Looks at the board and sends what is due. */
void group_say(struct group *group, struct mono now);
/* When the next one is due. */
struct mono group_hello_due(const struct group *group, const struct group_router *router);
/* A member that is Active has said hello: ours goes with it, at the next group_say(). */
void group_follow(
    struct group *group, struct group_router *router, const struct hello *active, struct mono now);
/* To the others of router `index`, which is filled in. */
void group_send(struct group *group, unsigned index, struct connections *connections, struct mono now);
/* The last hello of router `index`; why: vipd stops, or has it no more. */
void group_take_leave(struct group *group, unsigned index, enum vrrp_reason why, struct mono now);
/* auth of router `index`, from the configuration. */
void group_take_keys(struct group *group, unsigned index);
int64_t group_clock_us(const struct group_router *router, struct mono now);

/* named.c: the name of the server at that address, this one or a member; NULL: it has sent no hello. */
const char *group_node_at(const struct group_router *router, const struct address *address);
/* Copies a text of at most `max` bytes for people: with names instead of addresses. router: or NULL. */
#define GROUP_WORDS_MAX 256
void group_name_addresses(
    const struct group_router *router, const char *text, size_t max, char *out, size_t room);

/* history.c: who holds what, for the timeline: by this node's own transitions and by the adverts that it
 * hears; by a member's hello; by its silence. */
int history_open(struct group *group, struct mono now); /* 0 or -ENOMEM */
void history_look(struct group *group, struct mono now);
void history_configure(struct group *group);
/* Strangers and lost members are remembered until somebody says vipctl forget. Of a router that is new in
 * this process: */
void history_recall(const struct group *group, struct group_router *router, struct mono now);
void history_hear(struct group *group, unsigned index, const struct address *source,
    const struct hello *hello, struct mono now);
void history_lose(struct group *group, unsigned index, const struct address *source, struct mono now);
/* What the wall clock is ahead of ours: the same to the millisecond each time, unless somebody sets it. */
int64_t history_wall_us(struct group *group);

/* hear.c: reads what has come in that family, but not more than a fair share. false: there is more. */
bool group_hear(struct group *group, const struct vrrp_family *family);

/* Whether hellos of that router can be sent and heard. */
static inline bool group_is_open(const struct group *group, const struct router_id *id)
{
	return group->open[vrrp_family_index(vrrp_family_numbered(id->family))];
}

/* Whether an Active other than this node sends adverts. */
static inline bool group_hears_active(const struct board_router *board, struct mono now)
{
	return board->active_known && !board->active_self &&
	       mono_sub(now, board->active_seen) < vrrp_silence_limit(board->advert_interval_us);
}

/* The group of a virtual router; NULL: it has none. */
static inline const struct group_router *group_of(const struct group *group, const struct router_id *id)
{
	for (unsigned i = 0; i < group->count; i++)
		if (router_id_equal(&group->routers[i].id, id))
			return &group->routers[i];
	return NULL;
}
