/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VRRPv3 advertisements for IPv6: bytes <-> struct advert (RFC 9568 section 5.2).
 *
 *	 0                   1                   2                   3
 *	+-------+-------+---------------+---------------+---------------+
 *	|version| type  | vrid          | priority      | address count |
 *	+-------+-------+---------------+---------------+---------------+
 *	|reserve| max advertise interval| checksum                      |
 *	+-------+-----------------------+-------------------------------+
 *	| address count times an IPv6 address, the link-local one first |
 *	+---------------------------------------------------------------+
 *
 * An authentication trailer may follow; it is not part of the RFC, and auth.c alone knows what is in it.
 */
#include "vipd/advert.h"

#include "vipd/cursor.h"

#define VERSION_TYPE	0x31 /* version 3, type 1: ADVERTISEMENT */
#define CHECKSUM_OFFSET 6
#define INTERVAL_MAX_CS 4095 /* 12 bits; the 4 above are reserved */

const struct address vrrp_group = {{{{0xff, 0x02, [15] = 0x12}}}};
const struct address vrrp_all_nodes = {{{{0xff, 0x02, [15] = 0x01}}}};

/*
 * Unicast is let through here: whether it comes from a configured peer is for the engine to say. A last word
 * comes to all nodes, which is the one group that a snooping switch never holds back.
 */
static bool destination_acceptable(const struct address *destination)
{
	return !address_is_multicast(destination) || address_equal(destination, &vrrp_group) ||
	       address_equal(destination, &vrrp_all_nodes);
}

/* RFC 9568 section 5.1.2.1. A unicast peer may be more than one link away. */
static bool source_acceptable(const struct advert_envelope *envelope)
{
	if (address_is_multicast(&envelope->destination))
		return address_is_link_local(&envelope->source);
	return !address_is_multicast(&envelope->source) && !address_is_unspecified(&envelope->source);
}

static void read_addresses(struct reader *r, struct advert *advert)
{
	unsigned stored =
	    advert->address_count < ADVERT_ADDRESSES_MAX ? advert->address_count : ADVERT_ADDRESSES_MAX;
	memcpy(advert->addresses, r->next, stored * sizeof advert->addresses[0]);
	read_bytes(r, (size_t)advert->address_count * sizeof advert->addresses[0]);
}

enum advert_verdict advert_parse(
    const uint8_t *bytes, size_t size, const struct advert_envelope *envelope, struct advert *advert)
{
	if (envelope->hop_limit != VRRP_HOP_LIMIT) /* section 7.1: it comes from this link */
		return ADVERT_BAD_HOP_LIMIT;
	if (!destination_acceptable(&envelope->destination)) /* section 5.1.2.2 */
		return ADVERT_BAD_DESTINATION;

	struct reader r = reader_of(bytes, size);
	struct advert a = {0};
	uint8_t version_type = read_u8(&r);
	a.vrid = read_u8(&r);
	a.priority = read_u8(&r);
	a.address_count = read_u8(&r);
	a.interval_cs = read_u16(&r) & INTERVAL_MAX_CS; /* section 5.2.6: reserve is ignored */
	read_u16(&r);
	if (r.failed)
		return ADVERT_TOO_SHORT;
	if (version_type >> 4 != VERSION_TYPE >> 4)
		return ADVERT_BAD_VERSION;
	if ((version_type & 0xf) != (VERSION_TYPE & 0xf)) /* section 5.2.2 */
		return ADVERT_BAD_TYPE;
	if (a.address_count == 0) /* section 5.2.5 */
		return ADVERT_NO_ADDRESS;

	a.size = ADVERT_HEADER_SIZE + (size_t)a.address_count * sizeof(struct address);
	if (size != a.size && size != a.size + ADVERT_TRAILER_SIZE)
		return ADVERT_BAD_LENGTH;
	if (a.interval_cs == 0) /* section 5.2.7, erratum */
		return ADVERT_BAD_INTERVAL;
	if (checksum_ipv6(&envelope->source, &envelope->destination, VRRP_PROTOCOL, bytes, size) != 0)
		return ADVERT_BAD_CHECKSUM;
	if (!source_acceptable(envelope))
		return ADVERT_BAD_SOURCE;

	read_addresses(&r, &a);
	if (size > a.size)
		a.trailer = r.next;
	*advert = a;
	return ADVERT_OK;
}

size_t advert_build(const struct advert *advert, const struct address *source,
    const struct address *destination, const uint8_t *trailer, uint8_t *bytes, size_t room)
{
	if (advert->address_count > ADVERT_ADDRESSES_MAX)
		return 0;
	struct writer w = writer_of(bytes, room);
	write_u8(&w, VERSION_TYPE);
	write_u8(&w, advert->vrid);
	write_u8(&w, advert->priority);
	write_u8(&w, advert->address_count);
	write_u16(&w, advert->interval_cs & INTERVAL_MAX_CS);
	write_u16(&w, 0);
	write_bytes(&w, advert->addresses, advert->address_count * sizeof advert->addresses[0]);
	if (trailer)
		write_bytes(&w, trailer, ADVERT_TRAILER_SIZE);
	if (w.failed)
		return 0;

	size_t size = (size_t)(w.next - bytes);
	uint16_t checksum = checksum_ipv6(source, destination, VRRP_PROTOCOL, bytes, size);
	memcpy(bytes + CHECKSUM_OFFSET, &checksum, sizeof checksum);
	return size;
}
