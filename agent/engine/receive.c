/*
 * Packets in: from bytes to events. Every advert that is refused leaves through one place, which counts it
 * under its reason.
 */
#include "engine/engine.h"

#include <string.h>
#include <sys/socket.h>

#include "vipd/log.h"
#include "vipd/na.h"

#define RECEIVE_BATCH 16
#define RECEIVE_BATCHES                                                                                      \
	16 /* a turn; more than that waits, so that a flood does not keep the timers from firing */

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

static struct {
	uint8_t bytes[RECEIVE_BATCH][ADVERT_SIZE_MAX + 1]; /* one more: a longer packet must not look right */
	struct sockaddr_in6 from[RECEIVE_BATCH];
	union control control[RECEIVE_BATCH];
	struct iovec part[RECEIVE_BATCH];
	struct mmsghdr headers[RECEIVE_BATCH];
	int64_t at_ns;	   /* of the one that is being taken, wall clock; 0: the kernel does not say */
	int64_t behind_us; /* the wall clock minus ours, at this batch */
	unsigned armed;	   /* headers that are ready to be used */
} in;

/*
 * When the advert came, not when we got round to it: the timer that it begins ends when the protocol says.
 * What seems to have waited for more than an interval is taken as of now: the clock was set, or we are far
 * too late. Never before anything that the state machine has seen already.
 */
static struct mono heard_at(struct engine *engine, const struct router *router, struct mono now)
{
	struct mono at = {in.at_ns / 1000 - in.behind_us};
	int64_t us = mono_sub(now, at);
	if (!in.at_ns || us <= 0 || us > router->config.advert_interval_us)
		at = now;
	else if (!mono_reached(at, engine->seen))
		at = engine->seen;
	engine->seen = at;
	return at;
}

static void record(struct engine *engine, const struct link *link, const uint8_t *bytes, size_t size,
    const struct advert_envelope *envelope, uint8_t protocol, enum advert_verdict verdict)
{
	struct tape_packet packet = {.bytes = bytes,
	    .size = size,
	    .source = envelope->source,
	    .destination = envelope->destination,
	    .protocol = protocol,
	    .hop_limit = envelope->hop_limit,
	    .verdict = verdict,
	    .at_ns = in.at_ns};
	tape_received(engine, link, &packet);
}

static void take_advert(struct engine *engine, struct link *link, struct mono now, const uint8_t *bytes,
    size_t size, const struct advert_envelope *envelope)
{
	struct advert advert;
	struct router *router = NULL;
	enum advert_verdict verdict = advert_parse(bytes, size, envelope, &advert);
	if (verdict == ADVERT_OK)
		verdict = admit(link, bytes, &advert, envelope, &router);
	record(engine, link, bytes, size, envelope, VRRP_PROTOCOL, verdict);
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
	router_event(engine, router, heard_at(engine, router, now), &event);
}

/* What matters is an announcement of an address that we have, too: a successor's, or a rival's. What answers
 * our own question (conflict.c) is no successor's: those tell everybody. */
static void take_announcement(struct engine *engine, struct link *link, struct mono now, const uint8_t *bytes,
    size_t size, const struct advert_envelope *envelope)
{
	struct na na;
	if (na_parse(bytes, size, &envelope->source, &envelope->destination, envelope->hop_limit, &na) !=
		NA_OK ||
	    !na.has_mac || memcmp(na.mac, link->mac, sizeof na.mac) == 0)
		return;
	bool recorded = false, answer = !address_is_multicast(&envelope->destination);
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (!r->used || r->link != link || router_address_index(r, &na.target) < 0)
			continue;
		if (!recorded)
			record(engine, link, bytes, size, envelope, IPPROTO_ICMPV6, ADVERT_OK);
		recorded = true;
		if (r->vr.state == VRRP_ACTIVE)
			record_count(engine, r, BOARD_FOREIGN_ANNOUNCEMENTS);
		conflict_announced(engine, r, now, &na);
		if (r->vr.state == VRRP_ACTIVE || (r->vr.wanted && !answer))
			router_event(engine, r, now, &(struct vrrp_event){.type = VRRP_EVENT_FOREIGN_NA});
	}
}

/* Source, destination, hop limit, time and the index of the link, as the kernel saw them. */
static unsigned open_envelope(struct msghdr *header, struct advert_envelope *envelope)
{
	const struct sockaddr_in6 *from = header->msg_name;
	unsigned ifindex = 0;
	*envelope = (struct advert_envelope){.source = {from->sin6_addr}};
	in.at_ns = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec at;
			memcpy(&at, CMSG_DATA(c), sizeof at);
			in.at_ns = at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
		}
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			envelope->destination.in6 = info.ipi6_addr;
			ifindex = info.ipi6_ifindex;
		} else if (c->cmsg_type == IPV6_HOPLIMIT) {
			int hops;
			memcpy(&hops, CMSG_DATA(c), sizeof hops);
			envelope->hop_limit = (uint8_t)hops;
		}
	}
	return ifindex;
}

/* The kernel uses up as many headers as it has packets, most of the time one; only these are made anew. */
static void arm(unsigned i)
{
	in.part[i] = (struct iovec){in.bytes[i], sizeof in.bytes[i]};
	in.headers[i].msg_hdr = (struct msghdr){.msg_name = &in.from[i],
	    .msg_namelen = sizeof in.from[i],
	    .msg_iov = &in.part[i],
	    .msg_iovlen = 1,
	    .msg_control = in.control[i].room,
	    .msg_controllen = sizeof in.control[i].room};
}

static int receive_batch(int fd)
{
	for (; in.armed < RECEIVE_BATCH; in.armed++)
		arm(in.armed);
	int count = recvmmsg(fd, in.headers, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
	in.behind_us = realtime_us() - mono_now().us;
	return count;
}

typedef void packet_taker(struct engine *engine, struct link *link, struct mono now, const uint8_t *bytes,
    size_t size, const struct advert_envelope *envelope);

static void read_all(struct engine *engine, int fd, packet_taker *taker, struct mono now)
{
	for (int batch = 0; batch < RECEIVE_BATCHES; batch++) {
		int count = receive_batch(fd);
		for (int i = 0; i < count; i++) {
			struct advert_envelope envelope;
			struct link *link =
			    link_by_index(engine, open_envelope(&in.headers[i].msg_hdr, &envelope));
			if (link)
				taker(engine, link, now, in.bytes[i], in.headers[i].msg_len, &envelope);
			arm((unsigned)i);
		}
		if (count < RECEIVE_BATCH)
			return;
	}
	engine->flooded = true;
}

void packets_read(struct engine *engine, struct mono now)
{
	read_all(engine, engine->vrrp_socket, take_advert, now);
}

void announcements_read(struct engine *engine, struct mono now)
{
	read_all(engine, engine->nd_socket, take_announcement, now);
}
