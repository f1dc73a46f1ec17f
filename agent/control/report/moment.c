/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over the rings: each packet is held against what has been found so far.
 */
#include "control/report/moment.h"

#include <string.h>

#include "control/text.h"
#include "vipd/advert.h"
#include "vipd/mono.h"

#define SLACK_US     (20 * USEC_PER_MS) /* between the clock that the time is of and that of the packets */
#define MOMENT_US    (3 * USEC_PER_SEC)
#define REFUSED_US   (10 * USEC_PER_SEC)
#define NA_TARGET_AT 8

/* Of each the time, 0: none. */
struct found {
	int64_t recorded_us, heard_us, advert_us, announced_us;
	struct address heard_from;
	uint8_t heard_priority, advert_priority;
	bool announced_here;
	unsigned announcements;
	unsigned refused[ADVERT_VERDICTS];
};

static bool is_known(const struct address *address)
{
	return !address_is_unspecified(address);
}

/* RFC 9568 section 5.1: type and version, VRID, priority. */
static bool is_advert(const struct moment *moment, const struct flight_packet *packet)
{
	return packet->protocol == VRRP_PROTOCOL && packet->size >= 3 &&
	       packet->bytes[1] == moment->router->id.vrid &&
	       address_is_ipv4(&packet->source) == (moment->router->id.family == AF_INET);
}

static bool is_announcement(const struct moment *moment, const struct flight_packet *packet)
{
	const struct config_router *router = moment->router;
	for (unsigned i = 0; i < router->address_count; i++) {
		const struct address *address = &router->addresses[i];
		if (packet->protocol == FLIGHT_ARP
			? address_equal(&packet->source, address)
			: packet->protocol == IPPROTO_ICMPV6 && address_is_multicast(&packet->destination) &&
			      packet->size >= NA_TARGET_AT + 16 &&
			      !memcmp(packet->bytes + NA_TARGET_AT, address, 16))
			return true;
	}
	return false;
}

static void take_advert(const struct moment *moment, const struct flight_packet *packet, int64_t us,
    bool sent, struct found *found)
{
	const struct address *source = &packet->source;
	bool of_to = is_known(&moment->to) && address_equal(source, &moment->to);
	if (!found->recorded_us || us < found->recorded_us)
		found->recorded_us = us;
	if (!sent && !of_to && us < moment->at_us + USEC_PER_MS && us > found->heard_us &&
	    (!is_known(&moment->from) || address_equal(source, &moment->from))) {
		found->heard_us = us;
		found->heard_from = *source;
		found->heard_priority = packet->bytes[2];
	}
	if (of_to && us > moment->at_us - SLACK_US && us < moment->at_us + MOMENT_US &&
	    (!found->advert_us || us < found->advert_us)) {
		found->advert_us = us;
		found->advert_priority = packet->bytes[2];
	}
}

static void take_announcement(const struct moment *moment, int64_t us, bool sent, struct found *found)
{
	if (us < moment->at_us - SLACK_US || us > moment->at_us + MOMENT_US)
		return;
	found->announcements++;
	if (found->announced_us && found->announced_us <= us)
		return;
	found->announced_us = us;
	found->announced_here = sent;
}

static void take(const struct moment *moment, enum flight_kind kind, const struct flight_packet *packet,
    struct found *found)
{
	int64_t us = packet->at_ns / 1000;
	if (strncmp(packet->interface, moment->router->id.interface, sizeof packet->interface) != 0)
		return;
	if (kind != FLIGHT_REFUSED && is_advert(moment, packet))
		take_advert(moment, packet, us, kind == FLIGHT_SENT, found);
	else if (kind != FLIGHT_REFUSED && is_announcement(moment, packet))
		take_announcement(moment, us, kind == FLIGHT_SENT, found);
	else if (kind == FLIGHT_REFUSED && is_advert(moment, packet) && packet->verdict < ADVERT_VERDICTS &&
		 us > moment->at_us - REFUSED_US && us <= moment->at_us)
		found->refused[packet->verdict]++;
}

/* ---- as JSON ---- */

static json_t *advert_json(int64_t us, const struct address *address, uint8_t priority)
{
	char text[ADDRESS_TEXT_MAX];
	if (!us)
		return json_null();
	return json_pack("{s:o, s:s, s:i}", "at", text_json_time(us), "address",
	    address_format(address, text), "priority", priority);
}

static json_t *refused_json(const struct found *found)
{
	json_t *json = json_object();
	for (unsigned i = 0; i < ADVERT_VERDICTS; i++)
		if (found->refused[i])
			json_object_set_new(json, advert_verdict_name(i), json_integer(found->refused[i]));
	return json;
}

json_t *moment_json(const struct moment *moment)
{
	struct found found = {0};
	struct flight_packet packet;
	for (enum flight_kind kind = 0; kind < FLIGHT_KINDS; kind++)
		for (unsigned slot = 0; slot < FLIGHT_RING; slot++)
			if (flight_read(moment->board, kind, slot, &packet))
				take(moment, kind, &packet, &found);
	json_t *announced = found.announced_us
				? json_pack("{s:o, s:b}", "at", text_json_time(found.announced_us), "by_self",
				      found.announced_here)
				: json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:i, s:o}", "recorded_from", text_json_time(found.recorded_us),
	    "heard", advert_json(found.heard_us, &found.heard_from, found.heard_priority), "advert",
	    advert_json(found.advert_us, &moment->to, found.advert_priority), "announced", announced,
	    "announcements", found.announcements, "refused", refused_json(&found));
}
