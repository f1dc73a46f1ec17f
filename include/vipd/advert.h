/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VRRPv3 advertisements (RFC 9568 section 5.2) as bytes and as a struct. No I/O, no state.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"

#define VRRP_PROTOCOL	   112
#define VRRP_HOP_LIMIT	   255
#define VRRP_TRAFFIC_CLASS 0xc0 /* of what we send: CS6, network control */
#define ADVERT_ADDRESSES_MAX                                                                                 \
	17 /* the link-local one and CONFIG_ADDRESSES_MAX more; more are counted, not stored */
#define ADVERT_HEADER_SIZE  8
#define ADVERT_TRAILER_SIZE 28
#define ADVERT_SIZE_MAX	    (ADVERT_HEADER_SIZE + 16 * 255 + ADVERT_TRAILER_SIZE)

/* What differs between IPv4 and IPv6 on the wire. */
struct vrrp_family {
	uint8_t number;		  /* AF_INET or AF_INET6 */
	uint8_t ip_version;	  /* 4 or 6 */
	uint8_t address_size;	  /* in an advert: the last bytes of a struct address */
	struct address group;	  /* RFC 9568 sections 5.1.1.2 and 5.1.2.2 */
	struct address all_nodes; /* of a final advert */
};

enum { VRRP_IPV6, VRRP_IPV4, VRRP_FAMILIES };
extern const struct vrrp_family vrrp_families[VRRP_FAMILIES];

static inline const struct vrrp_family *vrrp_family_of(const struct address *address)
{
	return &vrrp_families[address_is_ipv4(address) ? VRRP_IPV4 : VRRP_IPV6];
}

/* number: as in struct router_id. */
static inline const struct vrrp_family *vrrp_family_numbered(uint8_t number)
{
	return &vrrp_families[number == AF_INET ? VRRP_IPV4 : VRRP_IPV6];
}

/* In tables with an element for each family. */
static inline unsigned vrrp_family_index(const struct vrrp_family *family)
{
	return (unsigned)(family - vrrp_families);
}

/*
 * Why a received packet was refused. The name is the `reason` label of the metric. ADVERT_OK is 0.
 * The order is the order of the checks: cheap ones first. Those from ADVERT_UNKNOWN_VRID on are found by the
 * engine, because they need to know the routers.
 */
enum advert_verdict {
	ADVERT_OK,
	ADVERT_BAD_HOP_LIMIT,
	ADVERT_BAD_DESTINATION,
	ADVERT_TOO_SHORT,
	ADVERT_BAD_VERSION,
	ADVERT_VRRP_VERSION_2,
	ADVERT_BAD_TYPE,
	ADVERT_NO_ADDRESS,   /* count 0 */
	ADVERT_BAD_LENGTH,   /* size does not fit the count */
	ADVERT_BAD_INTERVAL, /* 0 */
	ADVERT_BAD_CHECKSUM,
	ADVERT_BAD_SOURCE, /* IPv6: not link-local */
	ADVERT_UNKNOWN_VRID,
	ADVERT_OWN_PACKET,
	ADVERT_UNKNOWN_PEER,
	ADVERT_NOT_READY,	/* our interface or our state does not take adverts now */
	ADVERT_AUTH_UNEXPECTED, /* a trailer where none is configured, RFC 9568 length rule */
	ADVERT_AUTH_MISSING,
	ADVERT_AUTH_MALFORMED,
	ADVERT_AUTH_UNKNOWN_KEY,
	ADVERT_AUTH_BAD_MAC,
	ADVERT_AUTH_STALE,
	ADVERT_AUTH_REPLAYED,
	ADVERT_VERDICTS
};

/* "bad_checksum", … */
const char *advert_verdict_name(enum advert_verdict verdict);

struct advert {
	uint8_t vrid;
	uint8_t priority;
	uint16_t interval_cs;  /* Max Advertise Interval, 1..4095 centiseconds */
	uint8_t address_count; /* as in the packet; only the first ADVERT_ADDRESSES_MAX are stored */
	struct address addresses[ADVERT_ADDRESSES_MAX];
	bool plain_checksum; /* IPv4: without pseudo-header (RFC 9568), else with it (RFC 5798) */
	size_t size;	     /* of the PDU, 8 + 16 * address_count, in IPv4 8 + 4 * address_count */
	const uint8_t
	    *trailer; /* what follows the PDU if it is exactly ADVERT_TRAILER_SIZE bytes, else NULL */
};

/* What the packet came with, for the checks and the pseudo-header. */
struct advert_envelope {
	struct address source;
	struct address destination;
	uint8_t hop_limit;
};

/*
 * Decodes and checks `bytes` (RFC 9568 sections 5.2 and 7.1, without what needs to know the routers).
 * The family is that of the envelope. The size must be 8 + 16·count (IPv4: 4·count), or that plus a trailer
 * of ADVERT_TRAILER_SIZE. In IPv4 the checksum may cover the pseudo-header or not.
 * Returns ADVERT_OK and fills *advert (whose trailer points into bytes), or the reason with *advert
 * untouched.
 */
enum advert_verdict advert_parse(
    const uint8_t *bytes, size_t size, const struct advert_envelope *envelope, struct advert *advert);

/*
 * Encodes *advert (vrid, priority, interval_cs, address_count, addresses, plain_checksum) with a correct
 * checksum. All addresses are of one family.
 * trailer: ADVERT_TRAILER_SIZE bytes to append, or NULL. Returns the size, 0 if `room` is too small.
 */
size_t advert_build(const struct advert *advert, const struct address *source,
    const struct address *destination, const uint8_t *trailer, uint8_t *bytes, size_t room);

/*
 * Internet checksum (RFC 1071), with the pseudo-header of the family of its addresses (RFC 8200 section 8.1,
 * RFC 9293 section 3.1) or without one, in network order as it stands in the packet. Over a packet with a
 * correct checksum the result is 0.
 */
uint16_t checksum_pseudo(const struct address *source, const struct address *destination, uint8_t protocol,
    const uint8_t *bytes, size_t size);
uint16_t checksum_plain(const uint8_t *bytes, size_t size);
