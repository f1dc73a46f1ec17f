/*
 * Sockets: one raw socket for VRRP on all links, one for Neighbor Advertisements. The link a packet came
 * through or shall go through is in its control message, so that a burst for many routers is one system call.
 *
 * Every packet that is refused leaves through one place, which counts it under its reason.
 */
#include "engine/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vipd/log.h"
#include "vipd/na.h"

#define RECEIVE_BATCH 16
#define RECEIVE_BATCHES                                                                                      \
	16 /* a turn; more than that waits, so that a flood does not keep the timers from firing */
#define SEND_BATCH    64
#define TRAFFIC_CLASS 0xc0 /* CS6, network control */

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

static const struct in6_addr all_nodes = {.s6_addr = {0xff, 0x02, [15] = 0x01}}; /* ff02::1 */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

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
	option(fd, IPPROTO_IPV6, IPV6_TCLASS, TRAFFIC_CLASS);
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
	struct icmp6_filter nothing;
	ICMP6_FILTER_SETBLOCKALL(&nothing);
	setsockopt(nd, IPPROTO_ICMPV6, ICMP6_FILTER, &nothing, sizeof nothing);
	option(vrrp, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	option(vrrp, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	option(vrrp, IPPROTO_IPV6, IPV6_MULTICAST_ALL,
	    0); /* groups that others joined are none of our business */
	engine->vrrp_socket = vrrp;
	engine->nd_socket = nd;
	return 0;
}

/* Leaves first: a membership may be a remnant of before IPv6 was switched off and on again on this link. */
static void join(const struct engine *engine, const struct link *link, const struct in6_addr *group)
{
	struct ipv6_mreq request = {.ipv6mr_multiaddr = *group, .ipv6mr_interface = link->ifindex};
	setsockopt(engine->vrrp_socket, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &request, sizeof request);
	if (setsockopt(engine->vrrp_socket, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) < 0) {
		char text[INET6_ADDRSTRLEN];
		inet_ntop(AF_INET6, group, text, sizeof text);
		log_error("cannot join %s on %s: %s; adverts of other routers will not be heard", text,
		    link->name, strerrordesc_np(errno));
	}
}

/* ff02::1:ffXX:XXXX, RFC 4291 section 2.7.1: joined before we hold the address, so that a snooping switch
 * forwards. */
static struct in6_addr solicited_node(const struct in6_addr *address)
{
	struct in6_addr group = {.s6_addr = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};
	memcpy(&group.s6_addr[13], &address->s6_addr[13], 3);
	return group;
}

void packets_join(struct engine *engine, const struct link *link)
{
	join(engine, link, &vrrp_group);
	for (unsigned i = 0; i < engine->router_count; i++) {
		const struct router *r = &engine->routers[i];
		if (!r->used || r->link != link)
			continue;
		for (unsigned a = 0; a < r->config.address_count; a++) {
			struct in6_addr group = solicited_node(&r->config.addresses[a]);
			join(engine, link, &group);
		}
	}
}

/* ---- receiving ---- */

static void check_addresses(struct engine *engine, struct router *router, const struct advert *advert)
{
	unsigned ours = 0, theirs = 0;
	for (unsigned i = 0; i < advert->address_count && i < ADVERT_ADDRESSES_MAX; i++) {
		if (IN6_IS_ADDR_LINKLOCAL(&advert->addresses[i]))
			continue;
		theirs++;
		ours += router_address_index(router, &advert->addresses[i]) >= 0;
	}
	bool mismatch = theirs != router->config.address_count || ours != theirs;
	if (mismatch)
		record_count(engine, router, BOARD_ADDRESS_LIST_MISMATCHES);
	if (mismatch && !router->mismatch)
		log_warning("%s: another router with VRID %u on %s has %u addresses, of which %u are among "
			    "our %u: the "
			    "configurations differ",
		    router->config.name, router->config.vrid, router->config.interface, theirs, ours,
		    router->config.address_count);
	router->mismatch = mismatch;
}

/* Multicast: anybody on the link, also straight to us (a last word). Unicast: who is configured. */
static bool is_peer(const struct router *router, const struct advert_envelope *envelope)
{
	const struct config_router *config = &router->config;
	for (unsigned i = 0; i < config->peer_count; i++)
		if (memcmp(&config->peers[i], &envelope->source, sizeof envelope->source) == 0)
			return true;
	return !config->peer_count && IN6_IS_ADDR_LINKLOCAL(&envelope->source);
}

/* What needs to know the routers. The router, if one is concerned, is told also when the packet is refused.
 */
static enum advert_verdict admit(const struct link *link, const uint8_t *bytes, const struct advert *advert,
    const struct advert_envelope *envelope, struct router **concerned)
{
	struct router *router = link->by_vrid[advert->vrid];
	if (!router)
		return ADVERT_UNKNOWN_VRID;
	*concerned = router;
	if (!router->vr.link_up)
		return ADVERT_NOT_READY;
	if (memcmp(&envelope->source, &router->vr.own_address, sizeof envelope->source) == 0)
		return ADVERT_OWN_PACKET;
	if (!is_peer(router, envelope))
		return ADVERT_UNKNOWN_PEER;
	int64_t interval_us = router->vr.learned_interval_us;
	return router_auth_check(&router->auth, &envelope->source, bytes, advert,
	    interval_us ? interval_us : router->config.advert_interval_us);
}

static void take(struct engine *engine, struct link *link, struct mono now, const uint8_t *bytes, size_t size,
    const struct advert_envelope *envelope)
{
	struct advert advert;
	struct router *router = NULL;
	enum advert_verdict verdict = advert_parse(bytes, size, envelope, &advert);
	if (verdict == ADVERT_OK)
		verdict = admit(link, bytes, &advert, envelope, &router);
	if (verdict != ADVERT_OK) {
		record_drop(engine, link, router, verdict);
		return;
	}
	record_count(engine, router, BOARD_ADVERTS_RECEIVED);
	if (advert.priority == VRRP_PRIORITY_RESIGN)
		record_count(engine, router, BOARD_PRIORITY_ZERO_RECEIVED);
	check_addresses(engine, router, &advert);
	struct vrrp_event event = {
	    .type = VRRP_EVENT_ADVERT,
	    .advert = {.source = envelope->source,
		.interval_us = advert.interval_cs * 10 * USEC_PER_MS,
		.priority = advert.priority},
	};
	router_event(engine, router, now, &event);
}

/* Source, destination, hop limit and the index of the link, as the kernel saw them. */
static unsigned open_envelope(struct msghdr *header, struct advert_envelope *envelope)
{
	const struct sockaddr_in6 *from = header->msg_name;
	unsigned ifindex = 0;
	*envelope = (struct advert_envelope){.source = from->sin6_addr};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			envelope->destination = info.ipi6_addr;
			ifindex = info.ipi6_ifindex;
		} else if (c->cmsg_type == IPV6_HOPLIMIT) {
			int hops;
			memcpy(&hops, CMSG_DATA(c), sizeof hops);
			envelope->hop_limit = (uint8_t)hops;
		}
	}
	return ifindex;
}

static struct {
	uint8_t bytes[RECEIVE_BATCH][ADVERT_SIZE_MAX + 1]; /* one more: a longer packet must not look right */
	struct sockaddr_in6 from[RECEIVE_BATCH];
	union control control[RECEIVE_BATCH];
	struct iovec part[RECEIVE_BATCH];
	struct mmsghdr headers[RECEIVE_BATCH];
} in;

static int receive_batch(int fd)
{
	for (unsigned i = 0; i < RECEIVE_BATCH; i++) {
		in.part[i] = (struct iovec){in.bytes[i], sizeof in.bytes[i]};
		in.headers[i].msg_hdr = (struct msghdr){.msg_name = &in.from[i],
		    .msg_namelen = sizeof in.from[i],
		    .msg_iov = &in.part[i],
		    .msg_iovlen = 1,
		    .msg_control = in.control[i].room,
		    .msg_controllen = sizeof in.control[i].room};
	}
	return recvmmsg(fd, in.headers, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
}

void packets_read(struct engine *engine, struct mono now)
{
	for (int batch = 0; batch < RECEIVE_BATCHES; batch++) {
		int count = receive_batch(engine->vrrp_socket);
		for (int i = 0; i < count; i++) {
			struct advert_envelope envelope;
			unsigned ifindex = open_envelope(&in.headers[i].msg_hdr, &envelope);
			struct link *link = NULL;
			for (unsigned l = 0; l < engine->link_count && !link; l++)
				if (engine->links[l].ifindex == ifindex)
					link = &engine->links[l];
			if (link)
				take(engine, link, now, in.bytes[i], in.headers[i].msg_len, &envelope);
		}
		if (count < RECEIVE_BATCH)
			return;
	}
}

/* ---- sending ---- */

static size_t address_message(union control *control, unsigned ifindex, const struct in6_addr *source)
{
	control->header.cmsg_level = IPPROTO_IPV6;
	control->header.cmsg_type = IPV6_PKTINFO;
	control->header.cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo));
	struct in6_pktinfo info = {.ipi6_addr = *source, .ipi6_ifindex = ifindex};
	memcpy(CMSG_DATA(&control->header), &info, sizeof info);
	return CMSG_SPACE(sizeof info);
}

static struct {
	struct router *routers[SEND_BATCH];
	uint8_t bytes[SEND_BATCH][ADVERT_HEADER_SIZE + 16 * ADVERT_ADDRESSES_MAX + ADVERT_TRAILER_SIZE];
	union control control[SEND_BATCH];
	struct iovec part[SEND_BATCH];
	struct sockaddr_in6 to[SEND_BATCH];
	struct mmsghdr headers[SEND_BATCH];
	unsigned count;
} out;

/* One advert, signed if this router signs. The link goes into the control message. */
static void prepare(struct router *router, const struct in6_addr *destination)
{
	const struct config_router *config = &router->config;
	struct advert advert = {
	    .vrid = config->vrid,
	    .priority = router->pending.priority,
	    .interval_cs = (uint16_t)(config->advert_interval_us / (10 * USEC_PER_MS)),
	};
	if (config->link_local_mode != LINK_LOCAL_NONE)
		advert.addresses[advert.address_count++] = config->link_local;
	for (unsigned i = 0; i < config->address_count; i++)
		advert.addresses[advert.address_count++] = config->addresses[i];

	unsigned n = out.count++;
	const struct in6_addr *source = &router->vr.own_address;
	uint8_t trailer[ADVERT_TRAILER_SIZE];
	size_t size = advert_build(&advert, source, destination, NULL, out.bytes[n], sizeof out.bytes[n]);
	if (router_auth_sign(&router->auth, source, out.bytes[n], size, trailer))
		size = advert_build(&advert, source, destination, trailer, out.bytes[n], sizeof out.bytes[n]);
	out.routers[n] = router;
	out.to[n] = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = *destination};
	out.part[n] = (struct iovec){out.bytes[n], size};
	out.headers[n].msg_hdr = (struct msghdr){.msg_name = &out.to[n],
	    .msg_namelen = sizeof out.to[n],
	    .msg_iov = &out.part[n],
	    .msg_iovlen = 1,
	    .msg_control = out.control[n].room,
	    .msg_controllen = address_message(&out.control[n], router->link->ifindex, source)};
}

static void send_prepared(struct engine *engine)
{
	for (unsigned done = 0; done < out.count;) {
		int sent = sendmmsg(engine->vrrp_socket, out.headers + done, out.count - done, MSG_DONTWAIT);
		for (int i = 0; i < sent; i++) {
			const struct router *router = out.routers[done + (unsigned)i];
			record_count(engine, router, BOARD_ADVERTS_SENT);
			if (router->pending.priority == VRRP_PRIORITY_RESIGN)
				record_count(engine, router, BOARD_PRIORITY_ZERO_SENT);
		}
		if (sent > 0) {
			done += (unsigned)sent;
		} else {
			record_count(engine, out.routers[done], BOARD_ADVERT_SEND_ERRORS);
			log_debug("%s: cannot send an advert on %s: %s", out.routers[done]->config.name,
			    out.routers[done]->config.interface, strerrordesc_np(errno));
			done++;
		}
	}
	out.count = 0;
}

void packets_send_adverts(struct engine *engine)
{
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (!r->used || !r->pending.advert)
			continue;
		bool last_word = r->pending.last_word;
		r->pending.advert = r->pending.last_word = false;
		if (!r->vr.link_up)
			continue;
		if (out.count + 1 + CONFIG_PEERS_MAX > SEND_BATCH)
			send_prepared(engine);
		for (unsigned p = 0; p < r->config.peer_count; p++)
			prepare(r, &r->config.peers[p]);
		if (r->config.peer_count)
			continue;
		prepare(r, &vrrp_group);
		/* A switch that has just got this link back may not know yet that the winner listens. */
		if (last_word)
			prepare(r, &r->vr.active_address);
	}
	send_prepared(engine);
}

int packets_send_na(struct engine *engine, const struct link *link, const struct in6_addr *vip)
{
	struct na na = {.target = *vip, .router = link->forwarding, .override = true, .has_mac = true};
	memcpy(na.mac, link->mac, sizeof na.mac);
	uint8_t bytes[NA_SIZE];
	union control control;
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = all_nodes};
	struct iovec part = {bytes, na_build(&na, vip, &all_nodes, bytes, sizeof bytes)};
	struct msghdr header = {.msg_name = &to,
	    .msg_namelen = sizeof to,
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = address_message(&control, link->ifindex, vip)};
	return sendmsg(engine->nd_socket, &header, MSG_DONTWAIT) < 0 ? -errno : 0;
}
