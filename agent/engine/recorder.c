/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the flight recorder gets: every advert, and every Neighbor Advertisement and ARP packet for one of our
 * addresses, as it was sent, taken or refused.
 */
#include <string.h>
#include <time.h>

#include "engine/engine.h"

static int64_t wall_clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void recorder_write(struct engine *engine, enum flight_kind kind, const struct link *link,
    const struct recorder_packet *packet)
{
	struct flight_packet *slot = flight_begin(engine->board, kind);
	size_t kept = packet->size < sizeof slot->bytes ? packet->size : sizeof slot->bytes;
	slot->at_ns = packet->at_ns ? packet->at_ns : wall_clock_ns();
	memcpy(slot->interface, link->name, sizeof slot->interface);
	slot->source = packet->source;
	slot->destination = packet->destination;
	slot->protocol = packet->protocol;
	slot->hop_limit = packet->hop_limit;
	slot->verdict = (uint8_t)packet->verdict;
	slot->size = (uint16_t)packet->size;
	memcpy(slot->bytes, packet->bytes, kept);
	flight_end(engine->board, kind);
}

void recorder_sent(struct engine *engine, const struct link *link, const struct recorder_packet *packet)
{
	recorder_write(engine, FLIGHT_SENT, link, packet);
}

void recorder_received(struct engine *engine, const struct link *link, const struct recorder_packet *packet)
{
	recorder_write(engine, packet->verdict == ADVERT_OK ? FLIGHT_RECEIVED : FLIGHT_REFUSED, link, packet);
}
