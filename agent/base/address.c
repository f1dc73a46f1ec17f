/* SPDX-License-Identifier: Apache-2.0 */
#include "vipd/address.h"

#include <arpa/inet.h>
#include <stdio.h>

const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	return address_is_ipv4(address) ? inet_ntop(AF_INET, address_bytes(address), text, ADDRESS_TEXT_MAX)
					: inet_ntop(AF_INET6, &address->in6, text, ADDRESS_TEXT_MAX);
}

bool address_parse(const char *text, struct address *address)
{
	struct in_addr ipv4;
	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		*address = address_of_ipv4(&ipv4);
		return true;
	}
	struct address ipv6;
	if (inet_pton(AF_INET6, text, &ipv6.in6) != 1)
		return false;
	*address = ipv6;
	return true;
}

bool address_in_prefix(const struct address *address, const struct address *prefix, unsigned bits)
{
	const uint8_t *a = address->in6.s6_addr, *b = prefix->in6.s6_addr;
	bits += address_bits_before(prefix);
	for (unsigned i = 0; i < bits && i < ADDRESS_BITS; i++)
		if ((a[i / 8] ^ b[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

bool address_of_sockaddr(const struct sockaddr *sockaddr, struct address *address)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in4;
	if (sockaddr && sockaddr->sa_family == AF_INET6) {
		memcpy(&in6, sockaddr, sizeof in6);
		address->in6 = in6.sin6_addr;
		return true;
	}
	if (!sockaddr || sockaddr->sa_family != AF_INET)
		return false;
	memcpy(&in4, sockaddr, sizeof in4);
	*address = address_of_ipv4(&in4.sin_addr);
	return true;
}

socklen_t endpoint_of(const struct address *address, uint16_t port, union endpoint *endpoint)
{
	if (address_is_ipv4(address)) {
		endpoint->in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		memcpy(&endpoint->in4.sin_addr, address_bytes(address), sizeof endpoint->in4.sin_addr);
		return sizeof endpoint->in4;
	}
	endpoint->in6 = (struct sockaddr_in6){
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = address->in6};
	return sizeof endpoint->in6;
}

const char *mac_format(const uint8_t mac[static 6], char text[static MAC_TEXT_MAX])
{
	snprintf(text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
	    mac[5]);
	return text;
}
