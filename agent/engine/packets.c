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
	return 0;
}
