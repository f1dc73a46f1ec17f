/*
 * Packets out: adverts in batches, Neighbor Advertisements one by one.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "vipd/log.h"
#include "vipd/na.h"

#define SEND_BATCH 64

static size_t address_message(union control *control, unsigned ifindex, const struct address *source)
{
	control->header.cmsg_level = IPPROTO_IPV6;
	control->header.cmsg_type = IPV6_PKTINFO;
	control->header.cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo));
	struct in6_pktinfo info = {.ipi6_addr = source->in6, .ipi6_ifindex = ifindex};
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
static void prepare(struct router *router, const struct address *destination)
{
	const struct config_router *config = &router->config;
	struct advert advert = {
	    .vrid = config->id.vrid,
	    .priority = router->pending.priority,
	    .interval_cs = (uint16_t)(config->advert_interval_us / (10 * USEC_PER_MS)),
	};
	if (config->link_local_mode != LINK_LOCAL_NONE)
		advert.addresses[advert.address_count++] = config->link_local;
	for (unsigned i = 0; i < config->address_count; i++)
		advert.addresses[advert.address_count++] = config->addresses[i];

	unsigned n = out.count++;
	const struct address *source = &router->vr.own_address;
	uint8_t trailer[ADVERT_TRAILER_SIZE];
	size_t size = advert_build(&advert, source, destination, NULL, out.bytes[n], sizeof out.bytes[n]);
	if (router_auth_sign(&router->auth, source, out.bytes[n], size, trailer))
		size = advert_build(&advert, source, destination, trailer, out.bytes[n], sizeof out.bytes[n]);
	out.routers[n] = router;
	out.to[n] = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = destination->in6};
	out.part[n] = (struct iovec){out.bytes[n], size};
	out.headers[n].msg_hdr = (struct msghdr){.msg_name = &out.to[n],
	    .msg_namelen = sizeof out.to[n],
	    .msg_iov = &out.part[n],
	    .msg_iovlen = 1,
	    .msg_control = out.control[n].room,
	    .msg_controllen = address_message(&out.control[n], router->link->ifindex, source)};
}

static void tape_advert(struct engine *engine, unsigned n)
{
	const struct router *router = out.routers[n];
	struct tape_packet packet = {.bytes = out.bytes[n],
	    .size = out.part[n].iov_len,
	    .source = router->vr.own_address,
	    .destination = {out.to[n].sin6_addr},
	    .protocol = VRRP_PROTOCOL,
	    .hop_limit = VRRP_HOP_LIMIT};
	tape_sent(engine, router->link, &packet);
}

static void send_prepared(struct engine *engine, struct mono now)
{
	for (unsigned done = 0; done < out.count;) {
		int sent = sendmmsg(engine->vrrp_socket, out.headers + done, out.count - done, MSG_DONTWAIT);
		for (int i = 0; i < sent; i++) {
			struct router *router = out.routers[done + (unsigned)i];
			record_step(engine, router, BOARD_STEP_ADVERT_SENT, mono_now());
			tape_advert(engine, done + (unsigned)i);
			record_count(engine, router, BOARD_ADVERTS_SENT);
			if (router->pending.priority == VRRP_PRIORITY_RESIGN)
				record_count(engine, router, BOARD_PRIORITY_ZERO_SENT);
		}
		if (sent > 0) {
			done += (unsigned)sent;
		} else {
			struct router *router = out.routers[done];
			struct hushed hushed;
			int error = errno;
			record_count(engine, router, BOARD_ADVERT_SEND_ERRORS);
			if (complaint_due(&router->complaints[COMPLAINT_SEND], 1, now, &hushed))
				log_warning("%s: cannot send an advert on %s: %s%s", router->config.name,
				    router->config.id.interface, strerrordesc_np(error), hushed.text);
			done++;
		}
	}
	out.count = 0;
}

void packets_send_adverts(struct engine *engine, struct mono now)
{
	for (unsigned i = 0; i < engine->touched_count; i++) {
		struct router *r = engine->touched[i];
		if (!r->pending.advert)
			continue;
		bool last_word = r->pending.last_word;
		r->pending.advert = r->pending.last_word = false;
		if (!r->vr.link_up)
			continue;
		if (out.count + 1 + CONFIG_PEERS_MAX > SEND_BATCH)
			send_prepared(engine, now);
		for (unsigned p = 0; p < r->config.peer_count; p++)
			prepare(r, &r->config.peers[p]);
		if (r->config.peer_count)
			continue;
		prepare(r, &vrrp_group);
		/* A switch that has just got its link back may not know yet that the winner listens to the
		 * group, nor forward the solicitation that unicast would begin with. */
		if (last_word)
			prepare(r, &vrrp_all_nodes);
	}
	send_prepared(engine, now);
}

/* ICMPv6 of one kind or another: nothing of it is ever queued. */
static int send_nd(struct engine *engine, const struct link *link, const struct address *source,
    const struct address *destination, uint8_t *bytes, size_t size)
{
	union control control;
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = destination->in6};
	struct iovec part = {bytes, size};
	struct msghdr header = {.msg_name = &to,
	    .msg_namelen = sizeof to,
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = address_message(&control, link->ifindex, source)};
	if (sendmsg(engine->nd_socket, &header, MSG_DONTWAIT) < 0)
		return -errno;
	struct tape_packet packet = {.bytes = bytes,
	    .size = size,
	    .source = *source,
	    .destination = *destination,
	    .protocol = IPPROTO_ICMPV6,
	    .hop_limit = VRRP_HOP_LIMIT};
	tape_sent(engine, link, &packet);
	return 0;
}

int packets_send_na(struct engine *engine, const struct link *link, const struct address *vip)
{
	struct na na = {.target = *vip, .router = link->forwarding, .override = true, .has_mac = true};
	memcpy(na.mac, link->mac, sizeof na.mac);
	uint8_t bytes[NA_SIZE];
	size_t size = na_build(&na, vip, &vrrp_all_nodes, bytes, sizeof bytes);
	return send_nd(engine, link, vip, &vrrp_all_nodes, bytes, size);
}

int packets_send_ns(struct engine *engine, const struct router *router, const struct address *vip)
{
	struct address group = solicited_node(vip);
	uint8_t bytes[NA_SIZE];
	const struct address *source = &router->link->local.address;
	if (!router->link->local.usable)
		return -EADDRNOTAVAIL;
	size_t size = ns_build(vip, router->link->mac, source, &group, bytes, sizeof bytes);
	return send_nd(engine, router->link, source, &group, bytes, size);
}
