/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, MAC addresses, and what names a virtual router.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_MAX INET6_ADDRSTRLEN
#define ADDRESS_BITS	 128 /* of a struct address, an IPv4 one too: what its prefix length is inside vipd */
#define MAC_TEXT_MAX	 18  /* 00:00:5e:00:02:01 and its NUL */

/*
 * An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d. The family is a question to it, never a variable
 * beside it. The bytes are in network order and there is no padding, so memcmp() of what contains one works.
 */
struct address {
	struct in6_addr in6;
};

#define VRID_MIN 1
#define VRID_MAX UINT8_MAX

/* What names a virtual router on the wire and over a reload. */
struct router_id {
	char interface[16]; /* IFNAMSIZ */
	uint8_t family;	    /* AF_INET6: of its adverts */
	uint8_t vrid;	    /* VRID_MIN..VRID_MAX */
};

static inline bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* As unsigned numbers, RFC 9568 section 6.4.3: less than, equal to or greater than 0. */
static inline int address_compare(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof *a);
}

static inline bool address_is_ipv4(const struct address *address)
{
	return IN6_IS_ADDR_V4MAPPED(&address->in6);
}

/* Of an IPv4 address its four bytes, of an IPv6 address its sixteen, and how many. */
static inline const uint8_t *address_bytes(const struct address *address)
{
	return address->in6.s6_addr + (address_is_ipv4(address) ? 12 : 0);
}

static inline unsigned address_size(const struct address *address)
{
	return address_is_ipv4(address) ? 4 : 16;
}

/* The length of its prefix as people and the kernel count it: 32 or 128. */
static inline unsigned address_bits(const struct address *address)
{
	return 8 * address_size(address);
}

/* What a prefix length inside vipd has more than that: 96 or 0. */
static inline unsigned address_bits_before(const struct address *address)
{
	return ADDRESS_BITS - address_bits(address);
}

/* Of so many bytes, 4 or 16. */
static inline struct address address_of_bytes(const void *bytes, unsigned size)
{
	struct address address = {.in6.s6_addr = {[10] = 0xff, 0xff}};
	memcpy(address.in6.s6_addr + 16 - size, bytes, size);
	return address;
}

static inline struct address address_of_ipv4(const struct in_addr *in4)
{
	return address_of_bytes(in4, sizeof *in4);
}

static inline bool address_is_link_local(const struct address *address)
{
	return IN6_IS_ADDR_LINKLOCAL(&address->in6);
}

static inline bool address_is_unspecified(const struct address *address)
{
	static const struct address ipv4 = {{{{[10] = 0xff, 0xff}}}}; /* 0.0.0.0 */
	return IN6_IS_ADDR_UNSPECIFIED(&address->in6) || address_equal(address, &ipv4);
}

static inline bool address_is_loopback(const struct address *address)
{
	return address_is_ipv4(address) ? address->in6.s6_addr[12] == 127
					: IN6_IS_ADDR_LOOPBACK(&address->in6);
}

static inline bool address_is_multicast(const struct address *address)
{
	return address_is_ipv4(address) ? (address->in6.s6_addr[12] & 0xf0) == 0xe0
					: IN6_IS_ADDR_MULTICAST(&address->in6);
}

static inline bool router_id_equal(const struct router_id *a, const struct router_id *b)
{
	return a->vrid == b->vrid && a->family == b->family &&
	       strncmp(a->interface, b->interface, sizeof a->interface) == 0;
}

/* As people write it: "2001:db8::1", "192.0.2.1". Returns text. */
const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX]);

/* Takes either family. *address is written only if it is one. */
bool address_parse(const char *text, struct address *address);

/* Whether the first `bits` of both, as their family counts them, are the same. */
bool address_in_prefix(const struct address *address, const struct address *prefix, unsigned bits);

/* The address of a socket or of an interface. false: it is NULL or of a family that vipd does not know. */
bool address_of_sockaddr(const struct sockaddr *sockaddr, struct address *address);

/* Where to bind or to connect. */
union endpoint {
	struct sockaddr any;
	struct sockaddr_in6 in6;
	struct sockaddr_in in4;
};

/* For a socket of the address's own family, because a kernel may lack the other one. Returns the size. */
socklen_t endpoint_of(const struct address *address, uint16_t port, union endpoint *endpoint);

/* "00:00:5e:00:02:01". Returns text. */
const char *mac_format(const uint8_t mac[static 6], char text[static MAC_TEXT_MAX]);
