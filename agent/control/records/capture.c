/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng as of draft-ietf-opsawg-pcapng: a section header, a description of each interface, and an enhanced
 * packet block each packet, in the byte order of this machine.
 *
 * The engine keeps no IP headers: those of what was received are made from what the kernel said of them.
 * The traffic class of a received packet is not known and shown as 0.
 */
#include "control/records/capture.h"

#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION	  0x0A0D0D0A
#define BLOCK_INTERFACE	  1
#define BLOCK_PACKET	  6
#define BYTE_ORDER_MAGIC  0x1A2B3C4D
#define LINKTYPE_ETHERNET 1
#define LINKTYPE_IPV6	  229

enum {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_PACKET_FLAGS = 2,
	OPTION_NAME = 2,
	OPTION_USER_APPLICATION = 4,
	OPTION_TIME_RESOLUTION = 9
};
enum { FLAG_INBOUND = 1, FLAG_OUTBOUND = 2 };

#define ETHER_HEADER 14
#define IPV4_HEADER  20
#define IPV6_HEADER  40
#define HEADER_MAX   (ETHER_HEADER + IPV6_HEADER)
#define PACKETS_MAX  (FLIGHT_KINDS * FLIGHT_RING)

struct packet {
	enum flight_kind kind;
	struct flight_packet flight;
};

struct capture {
	uint8_t *bytes;
	size_t size, room;
	bool failed; /* no memory; nothing is added from then on */
	const struct board *board;
	unsigned count;
	struct packet *packets;
	bool ethernet; /* some packet is not of IPv6, and the readers know only one kind of link a file */
	unsigned interface_count;
	char interfaces[BOARD_LINKS_MAX][IF_NAMESIZE];
	uint64_t next_event; /* the next transition to become a comment */
};

/* ---- blocks ---- */

static void put(struct capture *capture, const void *bytes, size_t size)
{
	if (capture->size + size > capture->room) {
		size_t room = 2 * (capture->size + size);
		uint8_t *grown = capture->failed ? NULL : realloc(capture->bytes, room);
		capture->failed = !grown;
		if (!grown)
			return;
		capture->bytes = grown;
		capture->room = room;
	}
	if (size)
		memcpy(capture->bytes + capture->size, bytes, size);
	capture->size += size;
}

static void put_padded(struct capture *capture, const void *bytes, size_t size)
{
	static const uint8_t zeros[4];
	put(capture, bytes, size);
	put(capture, zeros, -size & 3);
}

static void put_u32(struct capture *capture, uint32_t value)
{
	put(capture, &value, sizeof value);
}

static void put_option(struct capture *capture, uint16_t code, const void *bytes, size_t size)
{
	const uint16_t head[] = {code, (uint16_t)size};
	put(capture, head, sizeof head);
	put_padded(capture, bytes, size);
}

static void put_text(struct capture *capture, uint16_t code, const char *text)
{
	put_option(capture, code, text, strlen(text));
}

/* The length of a block stands in it twice, and is known when it ends. */
static size_t block_begin(struct capture *capture, uint32_t type)
{
	size_t at = capture->size;
	put_u32(capture, type);
	put_u32(capture, 0);
	return at;
}

static void block_end(struct capture *capture, size_t at)
{
	put_option(capture, OPTION_END, NULL, 0);
	uint32_t length = (uint32_t)(capture->size - at) + 4;
	put_u32(capture, length);
	if (!capture->failed)
		memcpy(capture->bytes + at + 4, &length, sizeof length);
}

static void put_section(struct capture *capture, const char *node)
{
	const uint16_t version[] = {1, 0};
	const int64_t length = -1; /* unknown */
	char comment[CONFIG_NAME_MAX + 64];
	snprintf(comment, sizeof comment, "the last packets of vipd on %s", node);
	size_t at = block_begin(capture, BLOCK_SECTION);
	put_u32(capture, BYTE_ORDER_MAGIC);
	put(capture, version, sizeof version);
	put(capture, &length, sizeof length);
	put_text(capture, OPTION_COMMENT, comment);
	put_text(capture, OPTION_USER_APPLICATION, "vipd " VIPD_VERSION);
	block_end(capture, at);
}

static void put_interface(struct capture *capture, const char *name)
{
	const uint16_t type[] = {capture->ethernet ? LINKTYPE_ETHERNET : LINKTYPE_IPV6, 0};
	const uint8_t nanoseconds = 9;
	size_t at = block_begin(capture, BLOCK_INTERFACE);
	put(capture, type, sizeof type);
	put_u32(capture, 0); /* no limit of the size */
	put_text(capture, OPTION_NAME, name);
	put_option(capture, OPTION_TIME_RESOLUTION, &nanoseconds, 1);
	block_end(capture, at);
}

/* ---- packets ---- */

static void put_comment_of_event(struct capture *capture, const struct board_event *event)
{
	char text[CONFIG_NAME_MAX + BOARD_REASON_MAX + 64];
	snprintf(text, sizeof text, "vipd: %.*s: state change %s -> %s, reason: %.*s",
	    (int)sizeof event->router, event->router, vrrp_state_name(event->from),
	    vrrp_state_name(event->to), (int)sizeof event->reason_text, event->reason_text);
	put_text(capture, OPTION_COMMENT, text);
}

/* The transitions up to this packet; behind the last one also those to which nothing was said any more. */
static void put_events(struct capture *capture, int64_t at_ns, bool last)
{
	uint64_t count = atomic_load(&capture->board->event_count);
	for (; capture->next_event <= count; capture->next_event++) {
		struct board_event event;
		if (!board_read_event(capture->board, capture->next_event, &event))
			continue;
		if (!last && event.at_realtime_us > at_ns / 1000)
			return;
		put_comment_of_event(capture, &event);
	}
}

static uint8_t *make_ipv6(const struct flight_packet *packet, bool sent, uint8_t *header)
{
	header[0] = 0x60 | (sent ? VRRP_TRAFFIC_CLASS >> 4 : 0);
	header[4] = (uint8_t)(packet->size >> 8);
	header[5] = (uint8_t)packet->size;
	header[6] = packet->protocol;
	header[7] = packet->hop_limit;
	memcpy(header + 8, &packet->source, 16);
	memcpy(header + 24, &packet->destination, 16);
	return header + IPV6_HEADER;
}

static uint8_t *make_ipv4(const struct flight_packet *packet, bool sent, uint8_t *header)
{
	uint16_t size = (uint16_t)(IPV4_HEADER + packet->size);
	header[0] = 0x40 | IPV4_HEADER / 4;
	header[1] = sent ? VRRP_TRAFFIC_CLASS : 0;
	header[2] = (uint8_t)(size >> 8);
	header[3] = (uint8_t)size;
	header[8] = packet->hop_limit;
	header[9] = packet->protocol;
	memcpy(header + 12, address_bytes(&packet->source), 4);
	memcpy(header + 16, address_bytes(&packet->destination), 4);
	uint16_t checksum = checksum_plain(header, IPV4_HEADER);
	memcpy(header + 10, &checksum, sizeof checksum);
	return header + IPV4_HEADER;
}

/* The MAC addresses are not known but those in ARP. */
static uint8_t *make_ethernet(uint16_t type, uint8_t *header)
{
	header[12] = (uint8_t)(type >> 8);
	header[13] = (uint8_t)type;
	return header + ETHER_HEADER;
}

static bool is_ipv6(const struct flight_packet *packet)
{
	return packet->protocol != FLIGHT_ARP && !address_is_ipv4(&packet->destination);
}

/* Returns its size. */
static uint32_t make_header(
    const struct flight_packet *packet, bool ethernet, bool sent, uint8_t header[static HEADER_MAX])
{
	uint8_t *end = header;
	memset(header, 0, HEADER_MAX);
	if (ethernet)
		end = make_ethernet(packet->protocol == FLIGHT_ARP ? ETHERTYPE_ARP
				    : is_ipv6(packet)		   ? ETHERTYPE_IPV6
								   : ETHERTYPE_IP,
		    end);
	if (is_ipv6(packet))
		end = make_ipv6(packet, sent, end);
	else if (packet->protocol != FLIGHT_ARP)
		end = make_ipv4(packet, sent, end);
	return (uint32_t)(end - header);
}

static unsigned interface_index(const struct capture *capture, const char *name)
{
	unsigned i = 0;
	while (i < capture->interface_count && strncmp(capture->interfaces[i], name, IF_NAMESIZE) != 0)
		i++;
	return i;
}

static void put_packet(struct capture *capture, unsigned index)
{
	const struct packet *packet = &capture->packets[index];
	const struct flight_packet *flight = &packet->flight;
	bool sent = packet->kind == FLIGHT_SENT;
	uint8_t bytes[HEADER_MAX + FLIGHT_BYTES_MAX];
	uint32_t kept = flight->size < FLIGHT_BYTES_MAX ? flight->size : FLIGHT_BYTES_MAX;
	uint32_t flags = sent ? FLAG_OUTBOUND : FLAG_INBOUND;
	uint32_t header = make_header(flight, capture->ethernet, sent, bytes);
	memcpy(bytes + header, flight->bytes, kept);

	size_t at = block_begin(capture, BLOCK_PACKET);
	put_u32(capture, interface_index(capture, flight->interface));
	put_u32(capture, (uint32_t)((uint64_t)flight->at_ns >> 32));
	put_u32(capture, (uint32_t)flight->at_ns);
	put_u32(capture, header + kept);
	put_u32(capture, header + flight->size);
	put_padded(capture, bytes, header + kept);
	put_option(capture, OPTION_PACKET_FLAGS, &flags, sizeof flags);
	if (packet->kind == FLIGHT_REFUSED) {
		char why[64];
		snprintf(why, sizeof why, "vipd: refused: %s", advert_verdict_name(flight->verdict));
		put_text(capture, OPTION_COMMENT, why);
	}
	put_events(capture, flight->at_ns, index + 1 == capture->count);
	block_end(capture, at);
}

/* ---- all of it ---- */

static int compare(const void *a, const void *b)
{
	const struct flight_packet *x = &((const struct packet *)a)->flight,
				   *y = &((const struct packet *)b)->flight;
	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void collect(struct capture *capture)
{
	for (int kind = 0; kind < FLIGHT_KINDS; kind++) {
		for (unsigned slot = 0; slot < FLIGHT_RING; slot++) {
			struct packet *packet = &capture->packets[capture->count];
			if (!flight_read(capture->board, (enum flight_kind)kind, slot, &packet->flight))
				continue;
			packet->kind = (enum flight_kind)kind;
			packet->flight.interface[IF_NAMESIZE - 1] = '\0';
			unsigned known = interface_index(capture, packet->flight.interface);
			if (known == BOARD_LINKS_MAX)
				continue;
			if (known == capture->interface_count)
				memcpy(capture->interfaces[capture->interface_count++],
				    packet->flight.interface, IF_NAMESIZE);
			capture->ethernet |= !is_ipv6(&packet->flight);
			capture->count++;
		}
	}
	qsort(capture->packets, capture->count, sizeof *capture->packets, compare);
}

/* Transitions before the first packet are of another time: its own are not, so 1 s is granted. */
static void skip_old_events(struct capture *capture)
{
	int64_t first_us = capture->count ? capture->packets[0].flight.at_ns / 1000 - USEC_PER_SEC : 0;
	uint64_t count = atomic_load(&capture->board->event_count);
	struct board_event event;
	capture->next_event = count > BOARD_EVENTS_MAX ? count - BOARD_EVENTS_MAX + 1 : 1;
	while (
	    capture->next_event <= count && (!board_read_event(capture->board, capture->next_event, &event) ||
						event.at_realtime_us < first_us))
		capture->next_event++;
}

static void put_everything(struct capture *capture, const char *node)
{
	put_section(capture, node);
	for (unsigned i = 0; i < capture->interface_count; i++)
		put_interface(capture, capture->interfaces[i]);
	for (unsigned i = 0; i < capture->count; i++)
		put_packet(capture, i);
}

int capture_make(const struct board *board, const char *node, uint8_t **bytes, size_t *size)
{
	struct capture *capture = calloc(1, sizeof *capture);
	if (!capture)
		return -ENOMEM;
	capture->board = board;
	capture->packets = calloc(PACKETS_MAX, sizeof *capture->packets);
	capture->failed = !capture->packets;
	if (!capture->failed) {
		collect(capture);
		skip_old_events(capture);
		put_everything(capture, node);
	}
	bool failed = capture->failed;
	if (failed) {
		free(capture->bytes);
	} else {
		*bytes = capture->bytes;
		*size = capture->size;
	}
	free(capture->packets);
	free(capture);
	return failed ? -ENOMEM : 0;
}
