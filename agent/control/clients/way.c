/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing here waits for the lock of the kernel's RTNL, as a request for its routes would. See
 * control/inet6.h.
 */
#include "control/clients/way.h"

#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#include "control/inet6.h"
#include "vipd/route.h"

static void add(struct ways *ways, const struct address *address, uint8_t length)
{
	if (ways->count == WAYS_PREFIXES_MAX)
		return;
	ways->prefixes[ways->count].address = *address;
	ways->prefixes[ways->count++].length = length;
}

static void read_ipv6(struct ways *ways)
{
	char line[128];
	struct inet6_entry entry;
	FILE *file = inet6_open();
	while (file && fgets(line, sizeof line, file))
		if (inet6_parse(line, &entry))
			add(ways, &entry.address, (uint8_t)entry.prefix);
	if (file)
		fclose(file);
}

/* Routes without a gateway: interface, destination, gateway, …, the mask is the eighth. As in memory. */
static void read_ipv4(struct ways *ways)
{
	char line[256];
	unsigned to, gateway, mask;
	FILE *file = fopen("/proc/net/route", "re");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "%*s %x %x %*s %*s %*s %*s %x", &to, &gateway, &mask) == 3 && !gateway) {
			struct address address = address_of_bytes(&to, sizeof to);
			add(ways, &address, (uint8_t)__builtin_popcount(mask));
		}
	if (file)
		fclose(file);
}

void ways_open(struct ways *ways, const char *interface)
{
	*ways = (struct ways){.ifindex = if_nametoindex(interface)};
	for (int i = 0; i < 2; i++)
		ways->sockets[i] = route_open(i ? AF_INET : AF_INET6);
	read_ipv6(ways);
	read_ipv4(ways);
}

void ways_close(struct ways *ways)
{
	for (int i = 0; i < 2; i++)
		if (ways->sockets[i] >= 0)
			close(ways->sockets[i]);
}

static bool is_elsewhere(const struct ways *ways, const struct address *to)
{
	struct address source = {0};
	int result = route_source(ways->sockets[address_is_ipv4(to)], to, ways->ifindex, &source);
	return !result && !address_equal(&source, to);
}

enum way way_to(const struct ways *ways, const struct address *to)
{
	if (!is_elsewhere(ways, to))
		return WAY_NONE;
	for (unsigned i = 0; i < ways->count; i++)
		if (address_in_prefix(to, &ways->prefixes[i].address, ways->prefixes[i].length))
			return WAY_NEIGHBOUR;
	return WAY_ROUTER;
}
