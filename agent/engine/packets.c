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
#include "vipd/route.h"
#include "vipd/shortage.h"

/* A kernel may lack a family. */
static int open_vrrp(struct engine *engine)
{
	for (unsigned i = 0; i < VRRP_FAMILIES; i++) {
		int fd = net_open_vrrp(&vrrp_families[i]);
		if (fd < 0 && fd != -EAFNOSUPPORT)
			return fd;
		engine->vrrp_sockets[i] = fd;
	}
	return 0;
}

static int open_tickles(struct engine *engine)
{
	for (unsigned i = 0; i < VRRP_FAMILIES; i++) {
		int tickle = net_open_tickle(&vrrp_families[i]), route = route_open(vrrp_families[i].number);
		engine->tickle_sockets[i] = tickle;
		engine->route_sockets[i] = route; /* it also says which of our addresses is used */
		int error = tickle < 0 ? tickle : route < 0 ? route : 0;
		if (is_shortage(error))
			return error;
		if (error && error != -EAFNOSUPPORT)
			log_warning("cannot open a socket to tell clients: %s; after a takeover those of the "
				    "old holder wait for their own timeout",
			    strerrordesc_np(-error));
	}
	return 0;
}

int packets_open(struct engine *engine)
{
	int result = open_vrrp(engine);
	if (result)
		return result;
	engine->nd_socket = net_open_icmp(&(uint8_t){ND_NEIGHBOR_ADVERT}, 1);
	if (engine->nd_socket < 0 && engine->nd_socket != -EAFNOSUPPORT)
		return engine->nd_socket;
	engine->arp_socket = net_is_arp(FD_ARP) ? FD_ARP : net_open_arp();
	engine->arp_error = -EAGAIN; /* nobody has listened yet */
	if (is_shortage(engine->arp_socket))
		return engine->arp_socket;
	net_arp_forget(engine->arp_socket); /* an engine before this one may have left it */
	if (engine->arp_socket < 0)
		log_warning("cannot open a socket for ARP: %s; IPv4 addresses cannot be announced",
		    strerrordesc_np(-engine->arp_socket));
	return open_tickles(engine);
}

void packets_hear_arp(struct engine *engine)
{
	if (!engine->arp_error || engine->arp_socket < 0)
		return;
	int result = net_arp_listen(engine->arp_socket);
	if (result && result != engine->arp_error)
		log_warning("cannot listen to ARP: %s; it is tried again, and until then foreign holders of "
			    "IPv4 addresses are not noticed",
		    strerrordesc_np(-result));
	engine->arp_error = result;
}

void packets_route_source(
    const struct engine *engine, const struct address *destination, unsigned ifindex, struct address *source)
{
	int fd = engine->route_sockets[vrrp_family_index(vrrp_family_of(destination))];
	if (fd >= 0)
		route_source(fd, destination, ifindex, source);
}
