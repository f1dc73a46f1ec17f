/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a virtual router can take part: its interface exists, is up, has carrier, a MAC and a usable source
 * address of the family, and the kernel has joined its multicast group there.
 */
#include "engine/engine.h"

/* The keeper has done what it was last asked for, as far as the kernel let it. */
static bool is_answered(const struct link *link)
{
	return link->hearing.groups == (uint16_t)link->groups;
}

static bool is_deaf(const struct router *router)
{
	const struct link *link = router->link;
	unsigned family = vrrp_family_index(vrrp_family_numbered(router->config.id.family));
	return !router->config.peer_count && is_answered(link) &&
	       (link->hearing.ifindex != link->ifindex || !(link->hearing.families >> family & 1));
}

/*
 * Who does not hear the others would be a second holder, and joining takes as long as somebody holds a lock
 * of the kernel. A router that has started stays while groups are joined anew: most are joined all the time.
 * The heir of an Active goes on as that one did.
 */
static bool waits_for_group(const struct router *router, struct mono now)
{
	return !router->config.peer_count && !is_answered(router->link) && !router->vr.link_up &&
	       !vrrp_adopts(&router->vr, now);
}

const char *router_trouble(const struct router *router)
{
	const char *found = link_trouble(router);
	if (!found && is_deaf(router))
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

/* It can send, but nobody would answer it: the others need not wait until it is missed. */
static void stop_deaf(struct engine *engine, struct router *router, struct mono now)
{
	if (router->vr.state == VRRP_ACTIVE && !link_trouble(router))
		packets_resign(engine, router, now);
}

static void tell_router(struct engine *engine, struct router *router, struct mono now)
{
	const struct vrrp *vr = &router->vr;
	const struct address *source = &link_source_of(router)->address;
	const char *trouble = router_trouble(router);
	bool waits = !trouble && waits_for_group(router, now);
	bool fresh = vr->state == VRRP_INITIALIZE && !vr->stopping;
	bool faulty = vr->state == VRRP_FAULT && vr->reason == VRRP_REASON_LINK_DOWN;
	if (waits) {
		if (fresh || faulty)
			record_trouble(
			    engine, router, "is not in the multicast group of VRRP yet: the kernel is busy");
	} else if (!trouble) {
		if (!vr->link_up || !address_equal(&vr->own_address, source))
			start_router(engine, router, source, now);
	} else if (vr->link_up || fresh) {
		stop_deaf(engine, router, now);
		router_event(engine, router, now, &(struct vrrp_event){.type = VRRP_EVENT_LINK_DOWN});
	} else if (faulty) {
		record_trouble(engine, router, trouble);
	}
}

void link_tell_readiness(struct engine *engine, struct link *link, struct mono now)
{
	/* A link that lost its source address may have lost IPv6 and every membership: an MTU below 1280. */
	bool up = !link_own_trouble(link) && has_source(engine, link);
	link->was_down |= link_carrier_trouble(link) != NULL;
	if (up && !link->asked) {
		link->asked = true;
		order_groups(engine, link, link->was_down);
		link->was_down = false;
	}
	link->asked = up;
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (r->used && r->config.track_count)
			router_tracks(engine, r, now);
		if (!r->used || r->link != link)
			continue;
		tell_router(engine, r, now);
	}
}

void links_hear(struct engine *engine, struct mono now)
{
	for (unsigned i = 0; i < engine->link_count; i++) {
		struct link *link = &engine->links[i];
		struct keeper_hearing before = link->hearing,
				      heard = keeper_hearing(engine->page, link->board);
		link->hearing = heard;
		bool news = heard.ifindex != before.ifindex || heard.groups != before.groups ||
			    heard.families != before.families;
		if (news && link->asked &&
		    !engine->settling) /* else a dump will tell, or it has another trouble */
			link_tell_readiness(engine, link, now);
	}
}
