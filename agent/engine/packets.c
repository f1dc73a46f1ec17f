/* SPDX-License-Identifier: Apache-2.0 */
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
	engine->route_socket = net_open_route(); /* without it any address is as good as another */
	return 0;
}

void packets_route_source(
    const struct engine *engine, const struct address *destination, struct address *source)
{
	if (engine->route_socket >= 0)
		net_route_source(engine->route_socket, destination, source);
}
