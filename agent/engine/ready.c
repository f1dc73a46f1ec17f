/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a virtual router can take part: its interface exists, is up, has carrier, a MAC and a usable source
 * address of the family, and the kernel has joined its multicast group there.
 */
#include "engine/engine.h"

enum hearing { HEARS, WAITS, DEAF };

/*
 * Who does not hear the others would be a second holder. While groups are joined anew, which may take as long
 * as somebody holds a lock, what was joined before still is, unless the link was away.
 */
static enum hearing hearing(const struct router *router)
{
	const struct link *link = router->link;
	unsigned family = vrrp_family_index(vrrp_family_numbered(router->config.id.family));
	bool joined = link->hearing.ifindex == link->ifindex && link->hearing.families >> family & 1;
	if (router->config.peer_count)
		return HEARS;
	if (link->hearing.groups == (uint16_t)link->groups)
		return joined ? HEARS : DEAF;
	return router->vr.link_up || (joined && !link->was_away) ? HEARS : WAITS;
}

const char *router_trouble(const struct router *router)
{
	const char *found = link_trouble(router);
	if (!found && hearing(router) == DEAF)
		found = "cannot join the multicast group of VRRP, so no advert would be heard; trying again";
	return found;
}

static void start_router(
    struct engine *engine, struct router *router, const struct address *source, struct mono now)
{
	struct vrrp_event event = {.type = VRRP_EVENT_LINK_UP, .own_address = *source};
	for (unsigned i = 0; i < router->config.address_count; i++)
		if (router->found[i].state == VRRP_FOUND_RIGHT)
			event.present |= UINT32_C(1) << i;
	router_event(engine, router, now, &event);
}

static bool has_source(const struct engine *engine, const struct link *link)
{
	bool found = link->first[VRRP_IPV6].usable || link->first[VRRP_IPV4].usable;
	for (unsigned i = 0; i < engine->router_count && !found; i++)
		found = engine->routers[i].used && engine->routers[i].link == link &&
			link_source_of(&engine->routers[i])->usable;
	return found;
}

void link_tell_readiness(struct engine *engine, struct link *link, struct mono now)
{
	bool up = !link_own_trouble(link) && has_source(engine, link);
	link->was_down |= link_carrier_trouble(link) != NULL;
	link->was_away |= !up;
	if (up && !link->joined) {
		link->joined = true;
		order_groups(engine, link, link->was_down);
		link->was_down = false;
	}
	link->joined = up;
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (r->used && r->config.track_count)
			router_tracks(engine, r, now);
		if (!r->used || r->link != link)
			continue;
		const char *trouble = router_trouble(r);
		bool waits = !trouble && hearing(r) == WAITS;
		bool ready = !trouble && !waits;
		bool fresh = r->vr.state == VRRP_INITIALIZE && !r->vr.stopping;
		const struct address *source = &link_source_of(r)->address;
		if (ready && (!r->vr.link_up || !address_equal(&r->vr.own_address, source)))
			start_router(engine, r, source, now);
		else if (trouble && (r->vr.link_up || fresh))
			router_event(engine, r, now, &(struct vrrp_event){.type = VRRP_EVENT_LINK_DOWN});
		else if (!ready && r->vr.state == VRRP_FAULT && r->vr.reason == VRRP_REASON_LINK_DOWN)
			record_trouble(engine, r,
			    waits ? "waits until the kernel has joined its multicast group" : trouble);
	}
}

void links_hear(struct engine *engine, struct mono now)
{
	for (unsigned i = 0; i < engine->link_count; i++) {
		struct link *link = &engine->links[i];
		struct keeper_hearing before = link->hearing,
				      heard = keeper_hearing(engine->page, link->board);
		link->hearing = heard;
		link->was_away &= heard.groups != (uint16_t)link->groups;
		bool news = heard.ifindex != before.ifindex || heard.groups != before.groups ||
			    heard.families != before.families;
		if (news && link->joined) /* else it has another trouble, or the first dump will tell */
			link_tell_readiness(engine, link, now);
	}
}
