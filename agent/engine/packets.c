/*
 * The engine's sockets, and the groups it is in: of each link with routers the VRRP group, and the
 * solicited-node groups of their addresses.
 */
#include "engine/engine.h"

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
	return 0;
}

void packets_join(struct engine *engine, const struct link *link)
{
	struct net_groups *groups = &engine->groups;
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
	int result = net_groups_end(groups, link->ifindex);
	if (result)
		log_error("%s: cannot join a multicast group: %s; adverts of other routers may not be heard",
		    link->name, strerrordesc_np(-result));
}
