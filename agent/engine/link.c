/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces by name: which there are, where their routers send from, and why one cannot be used.
 */
#include "engine/engine.h"

#include <assert.h>
#include <string.h>

struct link *link_find(struct engine *engine, const char *name)
{
	for (unsigned i = 0; i < engine->link_count; i++)
		if (strcmp(engine->links[i].name, name) == 0)
			return &engine->links[i];
	return NULL;
}

struct link *link_of(struct engine *engine, const char *name)
{
	struct link *link = link_find(engine, name);
	if (link)
		return link;
	link = link_find(engine, ""); /* a forgotten one */
	if (!link) {
		assert(engine->link_count < LINKS_MAX); /* config_check(), links_retain() */
		link = &engine->links[engine->link_count++];
	}
	*link = (struct link){.board = (unsigned)(link - engine->links)};
	memcpy(link->name, name, strnlen(name, sizeof link->name - 1));
	struct board_link *b = board_begin_link(engine->board, link->board);
	if (strncmp(b->interface, link->name, sizeof b->interface) != 0) {
		*b = (struct board_link){.groups = b->groups + 1, .ups = b->ups}; /* leaves what there was */
		memcpy(b->interface, link->name, sizeof b->interface);
	}
	link->groups = b->groups;
	board_end_link(engine->board, link->board);
	link->hearing = keeper_hearing(engine->page, link->board);
	engine->board->link_count = engine->link_count;
	return link;
}

bool link_has_router(const struct engine *engine, const struct link *link)
{
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].used && engine->routers[i].link == link)
			return true;
	return false;
}

static bool is_named(const struct engine *engine, const struct config *next, const struct link *link)
{
	if (link_has_router(engine, link))
		return true;
	for (unsigned i = 0; i < next->router_count; i++) {
		const struct config_router *router = &next->routers[i];
		if (strcmp(router->id.interface, link->name) == 0)
			return true;
		for (unsigned t = 0; t < router->track_count; t++)
			if (strcmp(router->track[t], link->name) == 0)
				return true;
	}
	return false;
}

void links_retain(struct engine *engine, const struct config *next)
{
	for (unsigned i = 0; i < engine->link_count; i++) {
		struct link *link = &engine->links[i];
		if (!link->name[0] || is_named(engine, next, link))
			continue;
		*link = (struct link){.board = link->board};
		struct board_link *b = board_begin_link(engine->board, link->board);
		*b = (struct board_link){.groups = b->groups + 1, .ups = b->ups}; /* leaves what there was */
		board_end_link(engine->board, link->board);
		engine->ring = true;
	}
}

struct link *link_by_index(struct engine *engine, unsigned ifindex)
{
	for (unsigned i = 0; i < engine->link_count && ifindex; i++)
		if (engine->links[i].ifindex == ifindex)
			return &engine->links[i];
	return NULL;
}

static bool peers_are_global(const struct router *router)
{
	return router->config.peer_count && !address_is_link_local(&router->config.peers[0]);
}

/* The others send from the address of their link that is found first: in IPv6 a link-local one. */
static bool has_own_source(const struct router *router)
{
	return peers_are_global(router) || !address_is_unspecified(&router->config.source);
}

bool router_may_send_from(const struct router *router, const struct address *address)
{
	return address_is_unspecified(&router->config.source)
		   ? peers_are_global(router) && !address_is_link_local(address) &&
			 address_is_ipv4(address) == (router->config.id.family == AF_INET)
		   : address_equal(&router->config.source, address);
}

struct link_source *link_source_for(struct link *link, const struct address *address)
{
	return address_is_ipv4(address)		? &link->first[VRRP_IPV4]
	       : address_is_link_local(address) ? &link->first[VRRP_IPV6]
						: NULL;
}

const struct link_source *link_source_of(const struct router *router)
{
	const struct vrrp_family *family = vrrp_family_numbered(router->config.id.family);
	return has_own_source(router) ? &router->source : &router->link->first[vrrp_family_index(family)];
}

const char *link_carrier_trouble(const struct link *link)
{
	return link->alias_of	 ? link->trouble
	       : !link->ifindex	 ? "does not exist"
	       : !link->admin_up ? "is down"
	       : !link->running	 ? "has no carrier"
				 : NULL;
}

const char *link_own_trouble(const struct link *link)
{
	const char *found = link_carrier_trouble(link);
	if (found)
		return found;
	if (link->renamed || link->port_of)
		return link->trouble;
	if (!link->has_mac)
		return "has no Ethernet address";
	return NULL;
}

const char *link_trouble(const struct router *router)
{
	const char *found = link_own_trouble(router->link);
	const struct link_source *source = link_source_of(router);
	if (!found && router_auth_is_mute(&router->auth))
		return "cannot be used: the key that signs adverts (auth) cannot be read";
	if (found || source->usable)
		return found;
	return !address_is_unspecified(&router->config.source)
		   ? "does not have the address that `source` names, or it is not ready to use"
	       : router->config.id.family == AF_INET
		   ? "has no IPv4 address of its own that is ready to use, to send adverts from"
	       : peers_are_global(router) ? "has no address besides link-local ones, as its peers have"
					  : "has no link-local address that is ready to use";
}

void router_prefer_source(const struct engine *engine, struct router *router)
{
	bool predecessor = !router->source.usable && !address_is_unspecified(&router->preferred);
	router->source.confirmed = router->source.has_other = false;
	if (peers_are_global(router) && !predecessor)
		packets_route_source(
		    engine, &router->config.peers[0], router->link->ifindex, &router->preferred);
}
