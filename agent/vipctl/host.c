/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces, addresses and the default route, as the kernel lists them.
 */
#include "vipctl/host.h"

#include <ifaddrs.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define GATEWAY 0x2 /* RTF_GATEWAY */

/* /proc/net/ipv6_route: destination, its length, source, its length, next hop, metric, two counters, flags,
 * interface; in hexadecimal. The best of the default routes. */
static bool default_ipv6(char name[static IF_NAMESIZE])
{
	FILE *routes = fopen("/proc/net/ipv6_route", "re");
	char line[256], destination[33], interface[IF_NAMESIZE];
	unsigned length, metric, flags, best = UINT_MAX;
	while (routes && fgets(line, sizeof line, routes)) {
		if (sscanf(line, "%32s %x %*s %*x %*s %x %*x %*x %x %15s", destination, &length, &metric,
			&flags, interface) != 5 ||
		    length || !(flags & GATEWAY) || metric >= best)
			continue;
		best = metric;
		memcpy(name, interface, sizeof interface);
	}
	if (routes)
		fclose(routes);
	return best != UINT_MAX;
}

/* /proc/net/route: interface, destination, gateway, flags, two counters, metric, mask. */
static bool default_ipv4(char name[static IF_NAMESIZE])
{
	FILE *routes = fopen("/proc/net/route", "re");
	char line[256], interface[IF_NAMESIZE];
	unsigned destination, flags, metric, mask, best = UINT_MAX;
	while (routes && fgets(line, sizeof line, routes)) {
		if (sscanf(line, "%15s %x %*x %x %*d %*d %u %x", interface, &destination, &flags, &metric,
			&mask) != 5 ||
		    destination || mask || !(flags & GATEWAY) || metric >= best)
			continue;
		best = metric;
		memcpy(name, interface, sizeof interface);
	}
	if (routes)
		fclose(routes);
	return best != UINT_MAX;
}

bool host_default_interface(char name[static IF_NAMESIZE])
{
	return default_ipv6(name) || default_ipv4(name);
}

/* ---- addresses ---- */

/* The length of a prefix of IPv4 counts the 96 bits before the address, too. */
static bool read_address(const struct ifaddrs *entry, struct address *address, unsigned *length)
{
	struct address mask;
	if (!entry->ifa_netmask || !address_of_sockaddr(entry->ifa_addr, address) ||
	    !address_of_sockaddr(entry->ifa_netmask, &mask))
		return false;
	bool ipv4 = address_is_ipv4(address);
	const uint8_t *bytes = mask.in6.s6_addr + (ipv4 ? 12 : 0);
	*length = ipv4 ? 96 : 0;
	for (size_t i = 0; i < (ipv4 ? 4 : 16); i++)
		*length += (unsigned)__builtin_popcount(bytes[i]);
	return true;
}

static bool shares_prefix(const struct address *a, const struct address *b, unsigned length)
{
	unsigned bytes = length / 8, bits = length % 8;
	if (memcmp(a, b, bytes) != 0)
		return false;
	return !bits || !((a->in6.s6_addr[bytes] ^ b->in6.s6_addr[bytes]) >> (8 - bits));
}

bool host_prefix(const char *interface, uint8_t family, struct address *address, unsigned *length)
{
	struct ifaddrs *list = NULL;
	bool found = false;
	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next)
		found = !strcmp(entry->ifa_name, interface) && read_address(entry, address, length) &&
			address_is_ipv4(address) == (family == AF_INET) && !address_is_link_local(address) &&
			*length < 128;
	freeifaddrs(list);
	return found;
}

static bool find(const char *interface, const struct address *wanted)
{
	struct ifaddrs *list = NULL;
	bool found = false;
	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next) {
		struct address address;
		unsigned length;
		if (!read_address(entry, &address, &length))
			continue;
		found =
		    interface ? !strcmp(entry->ifa_name, interface) && shares_prefix(&address, wanted, length)
			      : address_equal(&address, wanted);
	}
	freeifaddrs(list);
	return found;
}

bool host_has(const struct address *address)
{
	return find(NULL, address);
}

bool host_is_near(const char *interface, const struct address *address)
{
	return find(interface, address);
}

/* Whether all bits behind the prefix are zero, or in IPv4 one. */
static bool is_end(const struct address *address, unsigned length)
{
	bool zeros = true, ones = address_is_ipv4(address);
	for (unsigned i = length; i < 128; i++) {
		bool one = address->in6.s6_addr[i / 8] >> (7 - i % 8) & 1;
		zeros &= !one;
		ones &= one;
	}
	return length < 127 && (zeros || ones);
}

bool host_is_end(const char *interface, const struct address *wanted)
{
	struct ifaddrs *list = NULL;
	bool found = false;
	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next) {
		struct address address;
		unsigned length;
		found = !strcmp(entry->ifa_name, interface) && read_address(entry, &address, &length) &&
			shares_prefix(&address, wanted, length) && is_end(wanted, length);
	}
	freeifaddrs(list);
	return found;
}
