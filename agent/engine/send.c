/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets out: adverts in batches, Neighbor Advertisements one by one.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "vipd/log.h"
#include "vipd/na.h"

static struct {
	struct router *routers[NET_BATCH];
	struct net_outgoing packets[NET_BATCH];
	unsigned count;
} out;

static void record_sent(
    struct engine *engine, const struct link *link, const struct net_outgoing *packet, uint8_t protocol)
{
	struct recorder_packet record = {.bytes = packet->bytes,
	    .size = packet->size,
	    .source = packet->source,
	    .destination = packet->destination,
	    .protocol = protocol,
	    .hop_limit = VRRP_HOP_LIMIT};
	recorder_sent(engine, link, &record);
}

static void prepare(struct router *router, const struct address *destination)
{
	struct net_outgoing *packet = &out.packets[out.count];
	uint64_t sequence = 0;
	const struct auth_key *key = router_auth_signs(&router->auth, &sequence);
	packet->ifindex = router->link->ifindex;
	packet->source = router->vr.own_address;
	packet->destination = *destination;
	net_compose(&router->config, router->pending.priority, key, sequence, packet);
	out.routers[out.count++] = router;
}

static void sent(struct engine *engine, unsigned n)
{
	struct router *router = out.routers[n];
	record_step(engine, router, BOARD_STEP_ADVERT_SENT, mono_now());
	record_sent(engine, router->link, &out.packets[n], VRRP_PROTOCOL);
	record_count(engine, router, BOARD_ADVERTS_SENT);
	if (router->pending.priority == VRRP_PRIORITY_RESIGN)
		record_count(engine, router, BOARD_PRIORITY_ZERO_SENT);
}

static void failed(struct engine *engine, struct router *router, int error, struct mono now)
{
	struct suppressed suppressed;
	record_count(engine, router, BOARD_ADVERT_SEND_ERRORS);
	if (complaint_due(&router->complaints[COMPLAINT_SEND], 1, now, &suppressed))
		log_router(LOG_LEVEL_WARNING, router->config.name, "cannot send an advert on %s: %s%s",
		    router->config.id.interface, strerrordesc_np(error), suppressed.text);
}

static void send_prepared(struct engine *engine, struct mono now)
{
	for (unsigned done = 0; done < out.count;) {
		int result = net_send(engine->vrrp_socket, out.packets + done, out.count - done);
		for (int i = 0; i < result; i++)
			sent(engine, done + (unsigned)i);
		if (result < 0)
			failed(engine, out.routers[done], -result, now);
		done += result > 0 ? (unsigned)result : 1;
	}
	out.count = 0;
}

void packets_send_adverts(struct engine *engine, struct mono now)
{
	for (unsigned i = 0; i < engine->touched_count; i++) {
		struct router *r = engine->touched[i];
		if (!r->pending.advert)
			continue;
		bool final_advert = r->pending.final_advert;
		r->pending.advert = r->pending.final_advert = false;
		if (!r->vr.link_up || router_auth_is_mute(&r->auth))
			continue;
		if (out.count + 1 + CONFIG_PEERS_MAX > NET_BATCH)
			send_prepared(engine, now);
		for (unsigned p = 0; p < r->config.peer_count; p++)
			prepare(r, &r->config.peers[p]);
		if (r->config.peer_count)
			continue;
		const struct vrrp_family *family = vrrp_family_numbered(r->config.id.family);
		prepare(r, &family->group);
		/* A switch that has just got its link back may not know yet that the winner listens to the
		 * group, nor forward the solicitation that unicast would begin with. */
		if (final_advert && !address_is_unspecified(&family->all_nodes))
			prepare(r, &family->all_nodes);
	}
	send_prepared(engine, now);
}

void packets_resign(struct engine *engine, struct router *router, struct mono now)
{
	if (router_auth_is_mute(&router->auth))
		return;
	router->pending.priority = VRRP_PRIORITY_RESIGN;
	for (unsigned p = 0; p < router->config.peer_count; p++)
		prepare(router, &router->config.peers[p]);
	if (!router->config.peer_count)
		prepare(router, &vrrp_family_numbered(router->config.id.family)->group);
	send_prepared(engine, now);
}

static int send_nd(struct engine *engine, const struct link *link, const struct net_outgoing *packet)
{
	int result = net_send(engine->nd_socket, packet, 1);
	if (result > 0)
		record_sent(engine, link, packet, IPPROTO_ICMPV6);
	return result < 0 ? result : 0;
}

int packets_send_na(struct engine *engine, const struct link *link, const struct address *vip)
{
	struct na na = {.target = *vip, .router = link->forwarding, .override = true, .has_mac = true};
	struct net_outgoing packet = {
	    .ifindex = link->ifindex, .source = *vip, .destination = vrrp_families[VRRP_IPV6].all_nodes};
	memcpy(na.mac, link->mac, sizeof na.mac);
	packet.size = na_build(&na, vip, &packet.destination, packet.bytes, sizeof packet.bytes);
	return send_nd(engine, link, &packet);
}

int packets_send_ns(struct engine *engine, const struct router *router, const struct address *vip)
{
	const struct link *link = router->link;
	struct net_outgoing packet = {
	    .ifindex = link->ifindex, .source = link->local.address, .destination = solicited_node(vip)};
	if (!link->local.usable)
		return -EADDRNOTAVAIL;
	packet.size =
	    ns_build(vip, link->mac, &packet.source, &packet.destination, packet.bytes, sizeof packet.bytes);
	return send_nd(engine, link, &packet);
}
