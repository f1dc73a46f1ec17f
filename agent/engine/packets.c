/*
 * Sockets: one raw socket for VRRP on all links, one for Neighbor Advertisements. The link a packet came
 * through or shall go through is in its control message, so that a burst for many routers is one system call.
 */
#include "engine/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vipd/log.h"

#define TRAFFIC_CLASS 0xc0 /* CS6, network control */

/* What waits while we are not looking: over 100 ms of a flood of 10,000 packets/s, among which are the
 * adverts. */
#define RECEIVE_BUFFER (1024 * 1024)

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

static int option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int raw_socket(int protocol)
{
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -errno;
	int result = option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, VRRP_HOP_LIMIT);
	if (!result)
		result = option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, VRRP_HOP_LIMIT);
	if (!result)
		result = option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
	if (result) {
		close(fd);
		return result;
	}
	option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	option(fd, IPPROTO_IPV6, IPV6_TCLASS, TRAFFIC_CLASS);
	option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
	option(
	    fd, SOL_SOCKET, SO_PRIORITY, 7); /* TC_PRIO_CONTROL; needs NET_ADMIN and does not matter much */
	return fd;
}

int packets_open(struct engine *engine)
{
	int vrrp = raw_socket(VRRP_PROTOCOL);
	if (vrrp < 0)
		return vrrp;
	int nd = raw_socket(IPPROTO_ICMPV6);
	if (nd < 0) {
		close(vrrp);
		return nd;
	}
	struct icmp6_filter filter;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
	setsockopt(nd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
	option(vrrp, IPPROTO_IPV6, IPV6_MULTICAST_ALL,
	    0); /* groups that others joined are none of our business */
	engine->vrrp_socket = vrrp;
	engine->nd_socket = nd;
	return 0;
}

/* Leaves first: a membership may be a remnant of before IPv6 was switched off and on again on this link. */
static void join(const struct engine *engine, const struct link *link, const struct address *group)
{
	struct ipv6_mreq request = {.ipv6mr_multiaddr = group->in6, .ipv6mr_interface = link->ifindex};
	setsockopt(engine->vrrp_socket, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &request, sizeof request);
	if (setsockopt(engine->vrrp_socket, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) < 0) {
		char text[ADDRESS_TEXT_MAX];
		address_format(group, text);
		log_error("cannot join %s on %s: %s; adverts of other routers will not be heard", text,
		    link->name, strerrordesc_np(errno));
	}
}

void packets_join(struct engine *engine, const struct link *link)
{
	bool joined = false;
	for (unsigned i = 0; i < engine->router_count; i++) {
		const struct router *r = &engine->routers[i];
		if (!r->used || r->link != link) /* a link may only be tracked */
			continue;
		if (!joined) {
			join(engine, link, &vrrp_group);
			join(engine, link, &vrrp_all_nodes); /* last words */
		}
		joined = true;
		for (unsigned a = 0; a < r->config.address_count; a++) {
			/* before we hold the address, so that a snooping switch forwards */
			struct address group = solicited_node(&r->config.addresses[a]);
			join(engine, link, &group);
		}
	}
}
