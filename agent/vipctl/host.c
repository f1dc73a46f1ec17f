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

static bool read_address(const struct ifaddrs *entry, struct address *address, unsigned *length)
{
	struct address mask;
	if (!entry->ifa_netmask || !address_of_sockaddr(entry->ifa_addr, address) ||
	    !address_of_sockaddr(entry->ifa_netmask, &mask))
		return false;
	bool ipv4 = address_is_ipv4(address);
	const uint8_t *bytes = mask.in6.s6_addr + (ipv4 ? 12 : 0);
	*length = 0;
	for (size_t i = 0; i < (ipv4 ? 4 : 16); i++)
		*length += (unsigned)__builtin_popcount(bytes[i]);
	return true;
}

/* An address of this machine. */
struct local {
	const char *interface;
	struct address address;
	unsigned length; /* of its prefix; of IPv4 at most 32 */
};

struct sought {
	const char *interface;
	const struct address *address;
	uint8_t family;
};

typedef bool is_sought(const struct local *local, const struct sought *sought);

/* The first that is: its address and length. */
static bool find(is_sought *is_it, struct sought sought, struct address *address, unsigned *length)
{
	struct ifaddrs *list = NULL;
	bool found = false;
	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next) {
		struct local local = {.interface = entry->ifa_name};
		found = read_address(entry, &local.address, &local.length) && is_it(&local, &sought);
		if (found && address) {
			*address = local.address;
			*length = local.length;
		}
	}
	freeifaddrs(list);
	return found;
}

static bool is_of_family(const struct local *local, const struct sought *sought)
{
	return !strcmp(local->interface, sought->interface) &&
	       address_is_ipv4(&local->address) == (sought->family == AF_INET) &&
	       !address_is_link_local(&local->address) && local->length < address_bits(&local->address);
}

static bool is_same(const struct local *local, const struct sought *sought)
{
	return address_equal(&local->address, sought->address);
}

static bool is_near(const struct local *local, const struct sought *sought)
{
	return !strcmp(local->interface, sought->interface) &&
	       address_in_prefix(sought->address, &local->address, local->length);
}

/* All bits of it behind the prefix are zero, or in IPv4 one. */
static bool has_as_end(const struct local *local, const struct sought *sought)
{
	bool zeros = true, ones = address_is_ipv4(sought->address);
	unsigned length = local->length + address_bits_before(&local->address);
	for (unsigned i = length; i < ADDRESS_BITS; i++) {
		bool one = sought->address->in6.s6_addr[i / 8] >> (7 - i % 8) & 1;
		zeros &= !one;
		ones &= one;
	}
	return is_near(local, sought) && length < ADDRESS_BITS - 1 && (zeros || ones);
}

bool host_prefix(const char *interface, uint8_t family, struct address *address, unsigned *length)
{
	return find(is_of_family, (struct sought){.interface = interface, .family = family}, address, length);
}

bool host_has(const struct address *address)
{
	return find(is_same, (struct sought){.address = address}, NULL, NULL);
}

bool host_is_near(const char *interface, const struct address *address)
{
	return find(is_near, (struct sought){.interface = interface, .address = address}, NULL, NULL);
}

bool host_is_end(const char *interface, const struct address *address)
{
	return find(has_as_end, (struct sought){.interface = interface, .address = address}, NULL, NULL);
}
