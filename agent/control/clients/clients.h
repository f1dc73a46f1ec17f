/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected to the virtual addresses. The holder asks its kernel and tells the group, the others keep
 * the list, and everybody hands it to its engine, which tells these clients to connect anew when it takes
 * over.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/clients/list.h"
#include "control/clients/translated.h"
#include "control/clients/walk.h"
#include "control/clients/way.h"
#include "vipd/board.h"
#include "vipd/config.h"

struct control;
struct group;

/* Why a client of a list is not handed to the engine. */
enum client_verdict {
	CLIENT_OK,
	CLIENT_BAD_LOCAL,   /* connected to none of the router's addresses */
	CLIENT_BAD_ADDRESS, /* of another family, multicast, loopback, unspecified, or a virtual one */
	CLIENT_NO_LISTENER, /* nobody listens on that port here, or it is none of `ports` */
	CLIENT_NO_ROUTE,    /* there is none to it, or it is this host itself */
	CLIENT_NEIGHBOURS,  /* so many others are on the segment that the kernel could not keep them all */
	CLIENT_VERDICTS
};

/* "ok", "bad_local", "bad_address", … */
const char *client_verdict_name(enum client_verdict verdict);

struct client_router {
	struct router_id id;
	bool is_active;
	struct own_list *own; /* NULL: it was not Active yet */
	struct copy *copy;    /* NULL: nothing was heard */
	bool is_new;	      /* the engine does not have what is here */
	uint64_t told;	      /* ever, by the engine; that was said of in events */
	bool told_known;
	struct mono handed;		   /* when it got the last list */
	struct address active;		   /* whose list is believed; unspecified: of nobody */
	struct mono active_since;	   /* that one */
	struct mono since;		   /* of our own state */
	struct address copied;		   /* whose list `copy` is */
	unsigned refused[CLIENT_VERDICTS]; /* of the list that was handed over last */
};

/* PART_CLIENTS */
struct client_lists {
	struct control *control;
	struct group *group;
	unsigned count;
	struct client_router *routers; /* parallel to config->routers */
	struct walk walk;
	int error; /* of the last walk, -errno */
	int64_t cost_us;
	struct mono next_walk, next_say, soon;
	struct listeners listeners;
	bool listeners_known;
	struct translated translated;
	sd_event_source *timer;
};

/* Asks the kernel now and tells the group: the address is about to move. */
void clients_look(struct client_lists *lists);

/* The lists of a virtual router; NULL: it has none. */
static inline const struct client_router *clients_of(
    const struct client_lists *lists, const struct router_id *id)
{
	for (unsigned i = 0; i < lists->count; i++)
		if (router_id_equal(&lists->routers[i].id, id))
			return &lists->routers[i];
	return NULL;
}

/* hand.c: what the engine does not have yet, once a second at most. */
void clients_hand_over(struct client_lists *lists, unsigned index, struct mono now);
/* When that may be done which could not be done yet; MONO_NEVER: nothing waits. */
struct mono clients_hand_at(const struct client_router *router, struct mono now);

/* judge.c: whether a client that somebody has named may be told. */
enum client_verdict client_judge(const struct client *client, const struct config *config,
    const struct config_router *router, const struct listeners *listeners);
#define CLIENT_NEIGHBOURS_MAX 512 /* on the segment: half of what the kernel keeps */
/* The list as the engine takes it, of those that may be told; counts the others by their reason. way: how
 * each is reached. Returns NULL without memory; free() it. */
typedef enum way client_way(const struct ways *ways, const struct address *to);
struct clients *clients_select(const struct list *list, const struct config *config,
    const struct config_router *router, const struct listeners *listeners, client_way *way,
    const struct ways *ways, unsigned refused[static CLIENT_VERDICTS]);
