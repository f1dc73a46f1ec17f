/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VRRPv3 advertisements: bytes <-> struct advert (RFC 9568 section 5.2).
 *
 *	 0                   1                   2                   3
 *	+-------+-------+---------------+---------------+---------------+
 *	|version| type  | vrid          | priority      | address count |
 *	+-------+-------+---------------+---------------+---------------+
 *	|reserve| max advertise interval| checksum                      |
 *	+-------+-----------------------+-------------------------------+
 *	| address count times an address; in IPv6 the link-local first  |
 *	+---------------------------------------------------------------+
 *
 * An authentication trailer may follow; it is not part of the RFC, and auth.h says what is in it.
 */
#include "vipd/advert.h"

#include "vipd/cursor.h"
#include "vipd/interval.h"

#define VERSION_TYPE	0x31 /* version 3, type 1: ADVERTISEMENT */
#define VERSION_TYPE_2	0x21 /* of VRRPv2, and of CARP */
#define CHECKSUM_OFFSET 6

#define AUTHENTICATION_SIZE 8 /* at the end of an advert of VRRPv2, RFC 3768 section 5.3.10 */

const struct vrrp_family vrrp_families[VRRP_FAMILIES] = {
    [VRRP_IPV6] = {.number = AF_INET6,
	.ip_version = 6,
	.address_size = 16,
	.group = {{{{0xff, 0x02, [15] = 0x12}}}},
	.all_nodes = {{{{0xff, 0x02, [15] = 0x01}}}}},
    [VRRP_IPV4] = {.number = AF_INET,
	.ip_version = 4,
	.address_size = 4,
	.group = {{{{[10] = 0xff, 0xff, 224, 0, 0, 18}}}},
	.all_nodes = {{{{[10] = 0xff, 0xff, 224, 0, 0, 1}}}}},
};

/*
 * Unicast is let through here: whether it comes from a configured peer is for the engine to say. A last word
 * comes to all nodes, which is the one group that a snooping switch never holds back.
 */
static bool destination_acceptable(const struct address *destination)
{
	const struct vrrp_family *family = vrrp_family_of(destination);
	return !address_is_multicast(destination) || address_equal(destination, &family->group) ||
	       address_equal(destination, &family->all_nodes);
}

/* RFC 9568 section 5.1.2.1. A unicast peer may be more than one link away. */
static bool source_acceptable(const struct advert_envelope *envelope)
{
	const struct address *source = &envelope->source;
	if (address_is_ipv4(source) != address_is_ipv4(&envelope->destination))
		return false;
	if (address_is_multicast(&envelope->destination) && !address_is_ipv4(source))
		return address_is_link_local(source);
	return !address_is_multicast(source) && !address_is_unspecified(source);
}

/* RFC 9568 section 5.2.8 wants it without pseudo-header in IPv4; most others send it with one. */
static bool checksum_acceptable(
    const uint8_t *bytes, size_t size, const struct advert_envelope *envelope, struct advert *advert)
{
	if (checksum_pseudo(&envelope->source, &envelope->destination, VRRP_PROTOCOL, bytes, size) == 0)
		return true;
	advert->plain_checksum = address_is_ipv4(&envelope->destination) && checksum_plain(bytes, size) == 0;
	return advert->plain_checksum;
}

static bool is_version_2(uint8_t version_type, size_t size, size_t pdu_size)
{
	return version_type == VERSION_TYPE_2 && size == pdu_size + AUTHENTICATION_SIZE;
}

static void read_addresses(struct reader *r, struct advert *advert, const struct vrrp_family *family)
{
	for (unsigned i = 0; i < advert->address_count; i++) {
		const uint8_t *bytes = read_bytes(r, family->address_size);
		if (bytes && i < ADVERT_ADDRESSES_MAX)
			advert->addresses[i] = address_of_bytes(bytes, family->address_size);
	}
}

enum advert_verdict advert_parse(
    const uint8_t *bytes, size_t size, const struct advert_envelope *envelope, struct advert *advert)
{
	if (envelope->hop_limit != VRRP_HOP_LIMIT) /* section 7.1: it comes from this link */
		return ADVERT_BAD_HOP_LIMIT;
	if (!destination_acceptable(&envelope->destination)) /* section 5.1.2.2 */
		return ADVERT_BAD_DESTINATION;

	const struct vrrp_family *family = vrrp_family_of(&envelope->destination);
	struct reader r = reader_of(bytes, size);
	struct advert a = {0};
	uint8_t version_type = read_u8(&r);
	a.vrid = read_u8(&r);
	a.priority = read_u8(&r);
	a.address_count = read_u8(&r);
	a.interval_cs = read_u16(&r) & VRRP_INTERVAL_MAX_CS; /* section 5.2.6: reserve is ignored */
	read_u16(&r);
	if (r.failed)
		return ADVERT_TOO_SHORT;
	a.size = ADVERT_HEADER_SIZE + (size_t)a.address_count * family->address_size;
	if (is_version_2(version_type, size, a.size))
		return ADVERT_VRRP_VERSION_2;
	if (version_type >> 4 != VERSION_TYPE >> 4)
		return ADVERT_BAD_VERSION;
	if ((version_type & 0xf) != (VERSION_TYPE & 0xf)) /* section 5.2.2 */
		return ADVERT_BAD_TYPE;
	if (a.address_count == 0) /* section 5.2.5 */
		return ADVERT_NO_ADDRESS;
	if (size != a.size && size != a.size + ADVERT_TRAILER_SIZE)
		return ADVERT_BAD_LENGTH;
	if (a.interval_cs == 0) /* section 5.2.7, erratum */
		return ADVERT_BAD_INTERVAL;
	if (!checksum_acceptable(bytes, size, envelope, &a))
		return ADVERT_BAD_CHECKSUM;
	if (!source_acceptable(envelope))
		return ADVERT_BAD_SOURCE;

	read_addresses(&r, &a, family);
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
	unsigned address_size = vrrp_family_of(destination)->address_size;
	struct writer w = writer_of(bytes, room);
	write_u8(&w, VERSION_TYPE);
	write_u8(&w, advert->vrid);
	write_u8(&w, advert->priority);
	write_u8(&w, advert->address_count);
	write_u16(&w, advert->interval_cs & VRRP_INTERVAL_MAX_CS);
	write_u16(&w, 0);
	for (unsigned i = 0; i < advert->address_count; i++)
		write_bytes(&w, advert->addresses[i].in6.s6_addr + 16 - address_size, address_size);
	if (trailer)
		write_bytes(&w, trailer, ADVERT_TRAILER_SIZE);
	if (w.failed)
		return 0;

	size_t size = (size_t)(w.next - bytes);
	uint16_t checksum = advert->plain_checksum
				? checksum_plain(bytes, size)
				: checksum_pseudo(source, destination, VRRP_PROTOCOL, bytes, size);
	memcpy(bytes + CHECKSUM_OFFSET, &checksum, sizeof checksum);
	return size;
}
