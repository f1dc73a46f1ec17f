/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets in: from bytes to events. Every advert that is refused leaves through one place, which counts it
 * under its reason.
 */
#include "engine/engine.h"

#include <string.h>

#include "vipd/interval.h"
#include "vipd/log.h"
#include "vipd/na.h"

#define VRID_CHECK_US (1 * USEC_PER_SEC)

/* RFC 9568 section 5.2.9 wants the link-local one first. What follows is usable without, so it is only
 * logged.
 */
static void check_first_address(struct router *router, struct mono now, const struct advert *advert)
{
	struct suppressed suppressed;
	if (router->config.id.family != AF_INET6 || address_is_link_local(&advert->addresses[0]) ||
	    router->config.link_local_mode == LINK_LOCAL_NONE ||
	    !complaint_due(&router->complaints[COMPLAINT_FIRST_ADDRESS], 1, now, &suppressed))
		return;
	log_router(LOG_LEVEL_WARNING, router->config.name,
	    "adverts of another router list no link-local address first; they are taken all the same%s",
	    suppressed.text);
}

/* RFC 9568 section 7.1: an interval unlike ours is logged, and followed. */
static void check_interval(struct router *router, struct mono now, const struct advert *advert)
{
	struct suppressed suppressed;
	int64_t own_us = router->config.advert_interval_us, us = vrrp_interval_us(advert->interval_cs);
	if (us == own_us || !complaint_due(&router->complaints[COMPLAINT_INTERVAL], 1, now, &suppressed))
		return;
	log_router(LOG_LEVEL_WARNING, router->config.name,
	    "another router advertises every %lld ms, here every %lld ms is configured; "
	    "advert_interval should be the same everywhere%s",
	    (long long)(us / USEC_PER_MS), (long long)(own_us / USEC_PER_MS), suppressed.text);
}

static void check_addresses(
    struct engine *engine, struct router *router, struct mono now, const struct advert *advert)
{
	unsigned ours = 0, theirs = 0, expected = 0;
	for (unsigned i = 0; i < router->config.address_count; i++)
		expected += config_advertises(&router->config, i);
	for (unsigned i = 0; i < advert->address_count && i < ADVERT_ADDRESSES_MAX; i++) {
		if (address_is_link_local(&advert->addresses[i]))
			continue;
		theirs++;
		ours += router_address_index(router, &advert->addresses[i]) >= 0;
	}
	router->foreign = theirs && !ours;
	bool mismatch = theirs != expected || ours != theirs;
	if (!mismatch) {
		router->mismatch = false;
		return;
	}
	record_count(engine, router, BOARD_ADDRESS_LIST_MISMATCHES);
	struct suppressed suppressed;
	if (router->mismatch || !complaint_due(&router->complaints[COMPLAINT_MISMATCH], 1, now, &suppressed))
		return;
	router->mismatch = true;
	log_router(LOG_LEVEL_WARNING, router->config.name,
	    "another router with VRID %u on %s has %u addresses, of which %u are among our %u: the "
	    "configurations differ%s",
	    router->config.id.vrid, router->config.id.interface, theirs, ours, expected, suppressed.text);
}

/* Two VRIDs with the same address elect two holders, and neither hears the other. */
static void check_other_vrid(
    struct engine *engine, struct link *link, struct mono now, const struct advert *advert)
{
	if (!mono_reached(now, link->next_vrid_check))
		return;
	link->next_vrid_check = mono_add(now, VRID_CHECK_US);
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		for (unsigned a = 0; r->used && r->link == link && a < advert->address_count; a++) {
			struct claim claim = {.address = advert->addresses[a], .vrid = advert->vrid};
			if (router_address_index(r, &claim.address) < 0)
				continue;
			conflict_claim(engine, r, now, VRRP_CLAIM_OTHER_VRID, &claim);
			break;
		}
	}
}

/* Multicast: anybody on the link. Unicast: who is configured. */
static bool is_peer(const struct router *router, const struct advert_envelope *envelope)
{
	const struct config_router *config = &router->config;
	for (unsigned i = 0; i < config->peer_count; i++)
		if (address_equal(&config->peers[i], &envelope->source))
			return true;
	return !config->peer_count &&
	       (address_is_link_local(&envelope->source) ||
		   (address_is_ipv4(&envelope->source) && address_is_multicast(&envelope->destination)));
}

/* What needs to know the routers. The router, if one is concerned, is told also when the packet is refused.
 */
static enum advert_verdict admit(struct engine *engine, const struct link *link, const uint8_t *bytes,
    const struct advert *advert, const struct advert_envelope *envelope, struct router **concerned)
{
	unsigned family = vrrp_family_index(vrrp_family_of(&envelope->source));
	unsigned slot = link->by_vrid[family][advert->vrid];
	struct router *router = slot ? &engine->routers[slot - 1] : NULL;
	if (!router)
		return ADVERT_UNKNOWN_VRID;
	*concerned = router;
	if (!router->vr.link_up)
		return ADVERT_NOT_READY;
	if (address_equal(&envelope->source, &router->vr.own_address))
		return ADVERT_OWN_PACKET;
	if (!is_peer(router, envelope))
		return ADVERT_UNKNOWN_PEER;
	int64_t interval_us = router->vr.learned_interval_us;
	return router_auth_check(&router->auth, &envelope->source, bytes, advert,
	    interval_us ? interval_us : router->config.advert_interval_us);
}

/* One read of a socket. */
struct reading {
	struct engine *engine;
	struct mono now;
	int64_t behind_us; /* the wall clock minus ours */
};

/* When the kernel received it, by our clock; now, if the kernel does not say. */
static struct mono arrived(const struct reading *reading, int64_t at_ns)
{
	return at_ns ? (struct mono){at_ns / 1000 - reading->behind_us} : reading->now;
}

static void record(struct engine *engine, const struct link *link, const struct net_incoming *packet,
    uint8_t protocol, enum advert_verdict verdict)
{
	struct recorder_packet record = {.bytes = packet->bytes,
	    .size = packet->size,
	    .source = packet->envelope.source,
	    .destination = packet->envelope.destination,
	    .protocol = protocol,
	    .hop_limit = packet->envelope.hop_limit,
	    .verdict = verdict,
	    .at_ns = packet->at_ns};
	recorder_received(engine, link, &record);
}

/* Other groups on the link may well speak VRRPv2. */
static bool uses_vrid(const struct link *link, const struct net_incoming *packet)
{
	unsigned family = vrrp_family_index(vrrp_family_of(&packet->envelope.source));
	return packet->size > 1 && link->by_vrid[family][packet->bytes[1]];
}

static void take_advert(void *context, const struct net_incoming *packet)
{
	const struct reading *reading = context;
	struct engine *engine = reading->engine;
	struct mono now = reading->now;
	const struct advert_envelope *envelope = &packet->envelope;
	struct link *link = link_by_index(engine, packet->ifindex);
	struct advert advert;
	struct router *router = NULL;
	if (!link)
		return;
	enum advert_verdict verdict = advert_parse(packet->bytes, packet->size, envelope, &advert);
	if (verdict == ADVERT_OK)
		verdict = admit(engine, link, packet->bytes, &advert, envelope, &router);
	record(engine, link, packet, VRRP_PROTOCOL, verdict);
	if (verdict != ADVERT_OK) {
		record_drop(engine, link, router, verdict);
		if (verdict == ADVERT_OWN_PACKET && router)
			conflict_claim(engine, router, now, VRRP_CLAIM_OWN_SOURCE,
			    &(struct claim){.address = router->vr.own_address});
		else if (verdict == ADVERT_UNKNOWN_VRID)
			check_other_vrid(engine, link, now, &advert);
		if (verdict != ADVERT_VRRP_VERSION_2 || uses_vrid(link, packet))
			complain_of_advert(link, router, now, &envelope->source, verdict);
		return;
	}
	record_count(engine, router, BOARD_ADVERTS_RECEIVED);
	if (advert.priority == VRRP_PRIORITY_RESIGN)
		record_count(engine, router, BOARD_PRIORITY_ZERO_RECEIVED);
	check_first_address(router, now, &advert);
	check_interval(router, now, &advert);
	check_addresses(engine, router, now, &advert);
	struct vrrp_event event = {
	    .type = VRRP_EVENT_ADVERT,
	    .advert = {.source = envelope->source,
		.arrived = arrived(reading, packet->at_ns),
		.interval_us = vrrp_interval_us(advert.interval_cs),
		.priority = advert.priority,
		.final =
		    address_equal(&envelope->destination, &vrrp_family_of(&envelope->source)->all_nodes)},
	};
	router_event(engine, router, now, &event);
}

/* What matters is an announcement of an address that we have, too: a successor's, or a rival's. What answers
 * our own question (conflict.c) is no successor's: those tell everybody. */
static void take_claim(const struct reading *reading, struct link *link, const struct net_incoming *packet,
    uint8_t protocol, enum vrrp_claim kind, const struct claim *claim)
{
	struct engine *engine = reading->engine;
	bool recorded = false;
	if (memcmp(claim->mac, link->mac, sizeof claim->mac) == 0)
		return;
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (!r->used || r->link != link || router_address_index(r, &claim->address) < 0)
			continue;
		if (!recorded)
			record(engine, link, packet, protocol, ADVERT_OK);
		recorded = true;
		if (r->vr.state == VRRP_ACTIVE)
			record_count(engine, r, BOARD_FOREIGN_ANNOUNCEMENTS);
		conflict_claim(engine, r, reading->now, kind, claim);
	}
}

static void take_announcement(void *context, const struct net_incoming *packet)
{
	const struct reading *reading = context;
	const struct advert_envelope *envelope = &packet->envelope;
	struct link *link = link_by_index(reading->engine, packet->ifindex);
	struct na na;
	if (!link ||
	    na_parse(packet->bytes, packet->size, &envelope->source, &envelope->destination,
		envelope->hop_limit, &na) != NA_OK ||
	    !na.has_mac)
		return;
	bool answer = !address_is_multicast(&envelope->destination);
	struct claim claim = {.address = na.target};
	memcpy(claim.mac, na.mac, sizeof claim.mac);
	take_claim(reading, link, packet, IPPROTO_ICMPV6, answer ? VRRP_CLAIM_ANSWERED : VRRP_CLAIM_ANNOUNCED,
	    &claim);
}

static void take_arp(void *context, const struct net_incoming *packet)
{
	const struct reading *reading = context;
	struct link *link = link_by_index(reading->engine, packet->ifindex);
	struct arp arp;
	if (!link || arp_parse(packet->bytes, packet->size, &arp) != ARP_OK)
		return;
	struct net_incoming of_arp = *packet;
	of_arp.envelope = (struct advert_envelope){.source = arp.sender, .destination = arp.target};
	struct claim claim = {.address = arp.sender};
	memcpy(claim.mac, arp.sender_mac, sizeof claim.mac);
	take_claim(reading, link, &of_arp, FLIGHT_ARP,
	    address_equal(&arp.sender, &arp.target) ? VRRP_CLAIM_ANNOUNCED : VRRP_CLAIM_ANSWERED, &claim);
}

void packets_read(struct engine *engine, unsigned family, struct mono now)
{
	struct reading reading = {engine, now, realtime_us() - mono_now().us};
	engine->flooded |= !net_receive(engine->vrrp_sockets[family], take_advert, &reading);
}

void announcements_read(struct engine *engine, struct mono now)
{
	struct reading reading = {engine, now, 0};
	engine->flooded |= !net_receive(engine->nd_socket, take_announcement, &reading);
}

void arp_read(struct engine *engine, struct mono now)
{
	struct reading reading = {engine, now, 0};
	engine->flooded |= !net_receive(engine->arp_socket, take_arp, &reading);
}
