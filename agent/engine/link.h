/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces with virtual routers: what is known of each, and whether it can be used.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/advert.h"
#include "vipd/config.h"
#include "vipd/keeper.h"
#include "vipd/mono.h"

struct engine;
struct router;

/* An address that adverts are sent from; confirmed and other are what the running dump has said so far. */
struct link_source {
	bool usable;
	bool confirmed;
	bool has_other;
	struct address address;
	struct address other;
};

/* An interface that the configuration names, whether it exists or not. */
struct link {
	char name[IF_NAMESIZE];
	unsigned ifindex; /* 0: does not exist */
	bool admin_up;
	bool running;
	bool has_mac;
	uint8_t mac[6];
	unsigned alias_of; /* index of an interface that another link of ours stands for, 0: none */
	bool renamed;	   /* its interface has another name now, and is ours until another has this */
	unsigned port_of;  /* index of its bridge, bond or team, 0: none */
	char port_of_name[IF_NAMESIZE]; /* "": not known yet */
	char trouble[96];		/* room for one that names another interface */
	struct link_source
	    first[VRRP_FAMILIES];	     /* a link-local address of IPv6; any of IPv4 but virtual ones */
	bool forwarding;		     /* R flag of our Neighbor Advertisements */
	bool was_down;			     /* since the groups were last joined */
	bool asked;			     /* for its groups, since it came up and has a source address */
	uint32_t groups;		     /* changes with each time that the keeper was asked for them */
	struct keeper_hearing hearing;	     /* what it answered last */
	bool seen;			     /* by the running dump */
	bool told;			     /* by a dump: that it exists, or that it does not */
	struct mono next_vrid_check;	     /* see receive.c */
	unsigned board;			     /* index of its record */
	uint8_t by_vrid[VRRP_FAMILIES][256]; /* number of the slot of a router plus 1, 0: there is none */
};

/* link.c: interfaces by name */
struct link *link_of(struct engine *engine, const char *name); /* a new one if there is none */
struct link *link_find(struct engine *engine, const char *name);
struct link *link_by_index(struct engine *engine, unsigned ifindex);
bool link_has_router(const struct engine *engine, const struct link *link);
/* Forgets the interfaces that neither a router nor `next` names: there is room for those of `next` then. */
void links_retain(struct engine *engine, const struct config *next);
/* Where all those on the link send from that have no such need; NULL: an address of another kind. */
struct link_source *link_source_for(struct link *link, const struct address *address);
/* Where this router sends from: link-local, but global if its peers are; in IPv4 any address of its link. */
const struct link_source *link_source_of(const struct router *router);
/* Whether it may be `address`, for a router that does not use the link-local address of its link. */
bool router_may_send_from(const struct router *router, const struct address *address);
/* The one of a predecessor, which the peers know; then the one that a route to them would use. */
void router_prefer_source(const struct engine *engine, struct router *router);
/* Why its link is not ready, NULL if it is. */
const char *link_trouble(const struct router *router);
const char *link_own_trouble(const struct link *link);	   /* the same without its addresses */
const char *link_carrier_trouble(const struct link *link); /* why nothing gets through it, NULL if it does */

/* ready.c: whether routers can take part */
/* Why it cannot, NULL if it can, or will when the kernel has joined its group. */
const char *router_trouble(const struct router *router);
/* What is known of it has changed: routers start, or are at fault. */
void link_tell_readiness(struct engine *engine, struct link *link, struct mono now);
/* Takes what the keeper says of groups. */
void links_hear(struct engine *engine, struct mono now);

/* link_events.c: what the kernel says -> events */
/* Takes the dump that was asked for, if it is there. */
void link_dumped(struct engine *engine, struct mono now);
void link_read(struct engine *engine, struct mono now);
