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
#define MAC_TEXT_MAX	 18 /* 00:00:5e:00:02:01 and its NUL */

/*
 * An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d. The family is a question to it, never a variable
 * beside it. The bytes are in network order and there is no padding, so memcmp() of what contains one works.
 */
struct address {
	struct in6_addr in6;
};

/* What names a virtual router on the wire and over a reload. */
struct router_id {
	char interface[16]; /* IFNAMSIZ */
	uint8_t family;	    /* AF_INET6: of its adverts */
	uint8_t vrid;	    /* 1..255 */
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

static inline bool address_is_link_local(const struct address *address)
{
	return IN6_IS_ADDR_LINKLOCAL(&address->in6);
}

static inline bool address_is_unspecified(const struct address *address)
{
	return IN6_IS_ADDR_UNSPECIFIED(&address->in6);
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

/* The address of a socket or of an interface. false: it is NULL or of a family that vipd does not know. */
bool address_of_sockaddr(const struct sockaddr *sockaddr, struct address *address);

/* "00:00:5e:00:02:01". Returns text. */
const char *mac_format(const uint8_t mac[static 6], char text[static MAC_TEXT_MAX]);
