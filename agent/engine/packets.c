/*
 * The engine's sockets, and the groups it is in: of each link with routers the VRRP group, and the
 * solicited-node groups of their addresses.
 */
#include "engine/engine.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <unistd.h>

#include "vipd/log.h"

int packets_open(struct engine *engine)
{
	int vrrp = net_open_vrrp();
	if (vrrp < 0)
		return vrrp;
	int nd = net_open_icmp(&(uint8_t){ND_NEIGHBOR_ADVERT}, 1);
	if (nd < 0) {
		close(vrrp);
		return nd;
	}
	engine->vrrp_socket = vrrp;
	engine->nd_socket = nd;
	engine->rejoin = MONO_NEVER;
	return 0;
}

#define REJOIN_US USEC_PER_SEC

static void bring_about(struct engine *engine, struct link *link)
{
	int result = net_groups_end(&engine->groups, link->ifindex);
	struct mono now = mono_now();
	struct hushed hushed;
	link->join_failed = result != 0;
	if (!result)
		return;
	engine->rejoin = mono_min(engine->rejoin, result == -EAGAIN ? now : mono_add(now, REJOIN_US));
	if (result != -EAGAIN && complaint_due(&link->join, 1, now, &hushed))
		log_error("%s: cannot join a multicast group: %s; adverts of other routers may not be heard; "
			  "trying again%s",
		    link->name, strerrordesc_np(-result), hushed.text);
}

void packets_join(struct engine *engine, struct link *link, bool anew)
{
	struct net_groups *groups = &engine->groups;
	if (anew)
		net_groups_lost(groups, link->ifindex);
	net_groups_begin(groups, link->ifindex);
	for (unsigned i = 0; i < engine->router_count; i++) {
		const struct router *r = &engine->routers[i];
		if (!r->used || r->link != link) /* a link may only be tracked */
			continue;
		net_groups_want(groups, link->ifindex, &vrrp_group);
		for (unsigned a = 0; a < r->config.address_count; a++) {
			/* before we hold the address, so that a snooping switch forwards */
			struct address group = solicited_node(&r->config.addresses[a]);
			net_groups_want(groups, link->ifindex, &group);
		}
	}
	bring_about(engine, link);
}

void packets_rejoin(struct engine *engine)
{
	engine->rejoin = MONO_NEVER;
	for (unsigned i = 0; i < engine->link_count; i++)
		if (engine->links[i].join_failed)
			bring_about(engine, &engine->links[i]);
}

void packets_leave(struct engine *engine, const struct link *link)
{
	net_groups_begin(&engine->groups, link->ifindex);
	while (net_groups_end(&engine->groups, link->ifindex) == -EAGAIN)
		;
}
