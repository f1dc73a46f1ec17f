/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets out: adverts in batches, announcements and questions one by one.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "vipd/log.h"
#include "vipd/na.h"
#include "vipd/punctual.h"
#include "vipd/timing.h"

/* A batch of each family: a socket sends one. */
static struct batch {
	struct router *routers[NET_BATCH];
	struct net_outgoing packets[NET_BATCH];
	unsigned count;
} batches[VRRP_FAMILIES];

void packets_prepare(void)
{
	touch_memory(batches, sizeof batches);
}

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

static const struct vrrp_family *family_of(const struct router *router)
{
	return vrrp_family_numbered(router->config.id.family);
}

static struct batch *batch_of(const struct router *router)
{
	return &batches[vrrp_family_index(family_of(router))];
}

static void prepare(struct router *router, const struct address *destination)
{
	struct batch *out = batch_of(router);
	struct net_outgoing *packet = &out->packets[out->count];
	uint64_t sequence = 0;
	const struct auth_key *key = router_auth_signs(&router->auth, &sequence);
	packet->ifindex = router->link->ifindex;
	packet->source = router->vr.own_address;
	packet->destination = *destination;
	net_compose(&router->config, router->pending.priority, key, sequence, packet);
	out->routers[out->count++] = router;
}

static void sent(struct engine *engine, struct router *router, const struct net_outgoing *packet)
{
	record_step(engine, router, BOARD_STEP_ADVERT_SENT, mono_now());
	record_sent(engine, router->link, packet, VRRP_PROTOCOL);
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

static void send_batch(struct engine *engine, unsigned family, struct mono now)
{
	struct batch *out = &batches[family];
	for (unsigned done = 0; done < out->count;) {
		int result = net_send(engine->vrrp_sockets[family], out->packets + done, out->count - done);
		for (unsigned i = done; result > 0 && i < done + (unsigned)result; i++)
			sent(engine, out->routers[i], &out->packets[i]);
		if (result < 0)
			failed(engine, out->routers[done], -result, now);
		done += result > 0 ? (unsigned)result : 1;
	}
	out->count = 0;
}

static void send_prepared(struct engine *engine, struct mono now)
{
	for (unsigned family = 0; family < VRRP_FAMILIES; family++)
		send_batch(engine, family, now);
}

/* To everybody whom an advert of this router is for. */
static void prepare_all(struct router *router, bool final_advert)
{
	const struct vrrp_family *family = family_of(router);
	for (unsigned p = 0; p < router->config.peer_count; p++)
		prepare(router, &router->config.peers[p]);
	if (router->config.peer_count)
		return;
	prepare(router, &family->group);
	/* The winner knows by it that nothing follows. And a switch that has just got its link back may not
	 * know yet that the winner listens to the group, nor forward the solicitation that unicast would
	 * begin with. */
	if (final_advert)
		prepare(router, &family->all_nodes);
}

void packets_send_adverts(struct engine *engine, struct mono now)
{
	bool any = false;
	for (unsigned i = 0; i < engine->touched_count; i++) {
		struct router *r = engine->touched[i];
		if (!r->pending.advert)
			continue;
		bool final_advert = r->pending.final_advert;
		r->pending.advert = r->pending.final_advert = false;
		if (!r->vr.link_up || router_auth_is_mute(&r->auth))
			continue;
		if (batch_of(r)->count + 1 + CONFIG_PEERS_MAX > NET_BATCH)
			send_prepared(engine, now);
		prepare_all(r, final_advert);
		any = true;
	}
	if (any)
		send_prepared(engine, now);
}

void packets_resign(struct engine *engine, struct router *router, struct mono now)
{
	const struct vrrp *vr = &router->vr;
	bool is_late = mono_sub(now, vr->sent_at) > vrrp_late_limit(vr->params.advert_interval_us);
	if (is_late || router_auth_is_mute(&router->auth))
		return;
	router->pending.priority = VRRP_PRIORITY_RESIGN;
	prepare_all(router, false);
	send_prepared(engine, now);
}

static int send_nd(struct engine *engine, const struct link *link, const struct net_outgoing *packet)
{
	int result = net_send(engine->nd_socket, packet, 1);
	if (result > 0)
		record_sent(engine, link, packet, IPPROTO_ICMPV6);
	return result < 0 ? result : 0;
}

static int send_na(struct engine *engine, const struct link *link, const struct address *vip)
{
	struct na na = {.target = *vip, .router = link->forwarding, .override = true, .has_mac = true};
	struct net_outgoing packet = {
	    .ifindex = link->ifindex, .source = *vip, .destination = vrrp_families[VRRP_IPV6].all_nodes};
	memcpy(na.mac, link->mac, sizeof na.mac);
	packet.size = na_build(&na, vip, &packet.destination, packet.bytes, sizeof packet.bytes);
	return send_nd(engine, link, &packet);
}

static int send_ns(struct engine *engine, const struct link *link, const struct address *vip)
{
	const struct link_source *source = &link->first[VRRP_IPV6];
	struct net_outgoing packet = {
	    .ifindex = link->ifindex, .source = source->address, .destination = solicited_node(vip)};
	if (!source->usable)
		return -EADDRNOTAVAIL;
	packet.size =
	    ns_build(vip, link->mac, &packet.source, &packet.destination, packet.bytes, sizeof packet.bytes);
	return send_nd(engine, link, &packet);
}

static int send_arp(struct engine *engine, const struct link *link, const struct arp *arp)
{
	uint8_t bytes[ARP_SIZE];
	arp_build(arp, bytes, sizeof bytes);
	int result = net_send_arp(engine->arp_socket, link->ifindex, bytes);
	if (!result)
		recorder_sent(engine, link,
		    &(struct recorder_packet){.bytes = bytes,
			.size = sizeof bytes,
			.source = arp->sender,
			.destination = arp->target,
			.protocol = FLIGHT_ARP});
	return result;
}

/* In both forms, since some hosts believe only one of them. */
static int send_arp_announcements(struct engine *engine, const struct link *link, const struct address *vip)
{
	struct arp request = arp_announcement(ARP_REQUEST, vip, link->mac);
	struct arp reply = arp_announcement(ARP_REPLY, vip, link->mac);
	int result = send_arp(engine, link, &request);
	return result ? result : send_arp(engine, link, &reply);
}

int packets_announce(struct engine *engine, const struct link *link, const struct address *vip)
{
	return address_is_ipv4(vip) ? send_arp_announcements(engine, link, vip) : send_na(engine, link, vip);
}

int packets_ask(struct engine *engine, const struct link *link, const struct address *vip)
{
	struct arp probe;
	if (!address_is_ipv4(vip))
		return send_ns(engine, link, vip);
	packets_hear_arp(engine); /* or it would hear no answer */
	probe = arp_probe(vip, link->mac);
	return send_arp(engine, link, &probe);
}
