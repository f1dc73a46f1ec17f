/*
 * Packets in: from bytes to events. Every advert that is refused leaves through one place, which counts it
 * under its reason.
 */
#include "engine/engine.h"

#include <string.h>

#include "vipd/log.h"
#include "vipd/na.h"

/* RFC 9568 section 5.2.9 wants the link-local one first. What follows is usable without, so it is only told.
 */
static void check_first_address(struct router *router, struct mono now, const struct advert *advert)
{
	struct hushed hushed;
	if (address_is_link_local(&advert->addresses[0]) ||
	    router->config.link_local_mode == LINK_LOCAL_NONE ||
	    !complaint_due(&router->complaints[COMPLAINT_FIRST_ADDRESS], 1, now, &hushed))
		return;
	log_warning(
	    "%s: adverts of another router list no link-local address first; they are taken all the same%s",
	    router->config.name, hushed.text);
}

/* RFC 9568 section 7.1: an interval unlike ours is told, and followed. */
static void check_interval(struct router *router, struct mono now, const struct advert *advert)
{
	struct hushed hushed;
	int64_t own_us = router->config.advert_interval_us, us = advert->interval_cs * 10 * USEC_PER_MS;
	if (us == own_us || !complaint_due(&router->complaints[COMPLAINT_INTERVAL], 1, now, &hushed))
		return;
	log_warning("%s: another router advertises every %lld ms, here every %lld ms is configured; "
		    "advert_interval should be the same everywhere%s",
	    router->config.name, (long long)(us / USEC_PER_MS), (long long)(own_us / USEC_PER_MS),
	    hushed.text);
}

static void check_addresses(
    struct engine *engine, struct router *router, struct mono now, const struct advert *advert)
{
	unsigned ours = 0, theirs = 0;
	for (unsigned i = 0; i < advert->address_count && i < ADVERT_ADDRESSES_MAX; i++) {
		if (address_is_link_local(&advert->addresses[i]))
			continue;
		theirs++;
		ours += router_address_index(router, &advert->addresses[i]) >= 0;
	}
	bool mismatch = theirs != router->config.address_count || ours != theirs;
	if (!mismatch) {
		router->mismatch = false;
		return;
	}
	record_count(engine, router, BOARD_ADDRESS_LIST_MISMATCHES);
	struct hushed hushed;
	if (router->mismatch || !complaint_due(&router->complaints[COMPLAINT_MISMATCH], 1, now, &hushed))
		return;
	router->mismatch = true;
	log_warning(
	    "%s: another router with VRID %u on %s has %u addresses, of which %u are among our %u: the "
	    "configurations differ%s",
	    router->config.name, router->config.id.vrid, router->config.id.interface, theirs, ours,
	    router->config.address_count, hushed.text);
}

/* Multicast: anybody on the link. Unicast: who is configured. */
static bool is_peer(const struct router *router, const struct advert_envelope *envelope)
{
	const struct config_router *config = &router->config;
	for (unsigned i = 0; i < config->peer_count; i++)
		if (address_equal(&config->peers[i], &envelope->source))
			return true;
	return !config->peer_count && address_is_link_local(&envelope->source);
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

/*
 * When the advert came, not when we got round to it: the timer that it begins ends when the protocol says.
 * What seems to have waited for more than an interval is taken as of now: the clock was set, or we are far
 * too late. Never before anything that the state machine has seen already.
 */
static struct mono heard_at(const struct reading *reading, const struct router *router, int64_t at_ns)
{
	struct engine *engine = reading->engine;
	struct mono now = reading->now, at = {at_ns / 1000 - reading->behind_us};
	int64_t us = mono_sub(now, at);
	if (!at_ns || us <= 0 || us > router->config.advert_interval_us)
		at = now;
	else if (!mono_reached(at, engine->seen))
		at = engine->seen;
	engine->seen = at;
	return at;
}

static void record(struct engine *engine, const struct link *link, const struct net_incoming *packet,
    uint8_t protocol, enum advert_verdict verdict)
{
	struct tape_packet record = {.bytes = packet->bytes,
	    .size = packet->size,
	    .source = packet->envelope.source,
	    .destination = packet->envelope.destination,
	    .protocol = protocol,
	    .hop_limit = packet->envelope.hop_limit,
	    .verdict = verdict,
	    .at_ns = packet->at_ns};
	tape_received(engine, link, &record);
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
		verdict = admit(link, packet->bytes, &advert, envelope, &router);
	record(engine, link, packet, VRRP_PROTOCOL, verdict);
	if (verdict != ADVERT_OK) {
		record_drop(engine, link, router, verdict);
		if (verdict == ADVERT_OWN_PACKET)
			conflict_own_source(engine, router, now);
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
		.interval_us = advert.interval_cs * 10 * USEC_PER_MS,
		.priority = advert.priority},
	};
	router_event(engine, router, heard_at(reading, router, packet->at_ns), &event);
}

/* What matters is an announcement of an address that we have, too: a successor's, or a rival's. What answers
 * our own question (conflict.c) is no successor's: those tell everybody. */
static void take_announcement(void *context, const struct net_incoming *packet)
{
	const struct reading *reading = context;
	struct engine *engine = reading->engine;
	struct mono now = reading->now;
	const struct advert_envelope *envelope = &packet->envelope;
	struct link *link = link_by_index(engine, packet->ifindex);
	struct na na;
	if (!link ||
	    na_parse(packet->bytes, packet->size, &envelope->source, &envelope->destination,
		envelope->hop_limit, &na) != NA_OK ||
	    !na.has_mac || memcmp(na.mac, link->mac, sizeof na.mac) == 0)
		return;
	bool recorded = false, answer = !address_is_multicast(&envelope->destination);
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (!r->used || r->link != link || router_address_index(r, &na.target) < 0)
			continue;
		if (!recorded)
			record(engine, link, packet, IPPROTO_ICMPV6, ADVERT_OK);
		recorded = true;
		if (r->vr.state == VRRP_ACTIVE)
			record_count(engine, r, BOARD_FOREIGN_ANNOUNCEMENTS);
		conflict_announced(engine, r, now, &na);
		if (r->vr.state == VRRP_ACTIVE || (r->vr.wanted && !answer))
			router_event(engine, r, now, &(struct vrrp_event){.type = VRRP_EVENT_FOREIGN_NA});
	}
}

void packets_read(struct engine *engine, struct mono now)
{
	struct reading reading = {engine, now, realtime_us() - mono_now().us};
	engine->flooded |= !net_receive(engine->vrrp_socket, take_advert, &reading);
}

void announcements_read(struct engine *engine, struct mono now)
{
	struct reading reading = {engine, now, 0};
	engine->flooded |= !net_receive(engine->nd_socket, take_announcement, &reading);
}
