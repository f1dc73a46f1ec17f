/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbor Advertisements: bytes <-> struct na (RFC 4861 section 4.4), and the solicitation of one.
 *
 *	type 136 | code 0 | checksum | R S O and 29 reserved bits | target (16) | options
 *
 * The only option that matters here is the target link-layer address (section 4.6.1) of Ethernet.
 */
#include "vipd/na.h"

#include "vipd/advert.h"
#include "vipd/cursor.h"

#define ICMPV6			 58
#define NEIGHBOR_SOLICITATION	 135
#define NEIGHBOR_ADVERTISEMENT	 136
#define FLAG_ROUTER		 0x80
#define FLAG_SOLICITED		 0x40
#define FLAG_OVERRIDE		 0x20
#define CHECKSUM_OFFSET		 2
#define OPTION_SOURCE_LINK_LAYER 1
#define OPTION_TARGET_LINK_LAYER 2
#define OPTION_UNIT		 8 /* option lengths count 8 bytes */

/* Type, code, checksum to come, flags, target, and the link-layer address if there is one. */
static size_t build(uint8_t type, uint8_t flags, const struct address *target, uint8_t option,
    const uint8_t *mac, const struct address *source, const struct address *destination, uint8_t *bytes,
    size_t room)
{
	struct writer w = writer_of(bytes, room);
	write_u8(&w, type);
	write_u8(&w, 0);
	write_u16(&w, 0);
	write_u8(&w, flags);
	write_u8(&w, 0);
	write_u16(&w, 0);
	write_bytes(&w, target, sizeof *target);
	if (mac) {
		write_u8(&w, option);
		write_u8(&w, 1);
		write_bytes(&w, mac, 6);
	}
	if (w.failed)
		return 0;

	size_t size = (size_t)(w.next - bytes);
	uint16_t checksum = checksum_pseudo(source, destination, ICMPV6, bytes, size);
	memcpy(bytes + CHECKSUM_OFFSET, &checksum, sizeof checksum);
	return size;
}

size_t na_build(const struct na *na, const struct address *source, const struct address *destination,
    uint8_t *bytes, size_t room)
{
	uint8_t flags = (uint8_t)((na->router ? FLAG_ROUTER : 0) | (na->solicited ? FLAG_SOLICITED : 0) |
				  (na->override ? FLAG_OVERRIDE : 0));
	return build(NEIGHBOR_ADVERTISEMENT, flags, &na->target, OPTION_TARGET_LINK_LAYER,
	    na->has_mac ? na->mac : NULL, source, destination, bytes, room);
}

size_t ns_build(const struct address *target, const uint8_t mac[static 6], const struct address *source,
    const struct address *destination, uint8_t *bytes, size_t room)
{
	return build(NEIGHBOR_SOLICITATION, 0, target, OPTION_SOURCE_LINK_LAYER, mac, source, destination,
	    bytes, room);
}

struct address solicited_node(const struct address *address)
{
	struct address group = {.in6.s6_addr = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};
	memcpy(&group.in6.s6_addr[13], &address->in6.s6_addr[13], 3);
	return group;
}

/* The first usable option counts, as in Linux. An address of another length belongs to another kind of link.
 */
static bool options_read(struct reader *r, struct na *na)
{
	while (reader_left(r) > 0) {
		uint8_t type = read_u8(r);
		uint8_t units = read_u8(r);
		if (units == 0)
			return false;
		const uint8_t *value = read_bytes(r, (size_t)units * OPTION_UNIT - 2);
		if (!value)
			return false;
		if (type == OPTION_TARGET_LINK_LAYER && units == 1 && !na->has_mac) {
			memcpy(na->mac, value, sizeof na->mac);
			na->has_mac = true;
		}
	}
	return true;
}

/* Each check is a line of RFC 4861 section 7.1.2. */
enum na_verdict na_parse(const uint8_t *bytes, size_t size, const struct address *source,
    const struct address *destination, uint8_t hop_limit, struct na *na)
{
	struct reader r = reader_of(bytes, size);
	struct na n = {0};
	uint8_t type = read_u8(&r);
	uint8_t code = read_u8(&r);
	read_u16(&r);
	uint8_t flags = read_u8(&r);
	read_bytes(&r, 3);
	const uint8_t *target = read_bytes(&r, sizeof n.target);
	if (!target)
		return NA_TOO_SHORT;
	if (hop_limit != NA_HOP_LIMIT)
		return NA_BAD_HOP_LIMIT;
	if (type != NEIGHBOR_ADVERTISEMENT || code != 0)
		return NA_BAD_TYPE;
	if (checksum_pseudo(source, destination, ICMPV6, bytes, size) != 0)
		return NA_BAD_CHECKSUM;

	memcpy(&n.target, target, sizeof n.target);
	n.router = flags & FLAG_ROUTER;
	n.solicited = flags & FLAG_SOLICITED;
	n.override = flags & FLAG_OVERRIDE;
	if (address_is_multicast(&n.target))
		return NA_BAD_TARGET;
	if (n.solicited && address_is_multicast(destination))
		return NA_BAD_SOLICITED;
	if (!options_read(&r, &n))
		return NA_BAD_OPTION;
	*na = n;
	return NA_OK;
}
