/*
 * The kernel's own list of addresses.
 *
 * The status must be right even when the engine hangs or lies, so this does not come from the board: each
 * request asks the kernel. Only the router's interface counts: kube-proxy in IPVS mode binds every external
 * address to kube-ipvs0, on all nodes.
 */
#include "control/report/held.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *held_where_name(enum held_where where)
{
	static const char *const names[] = {
	    [HELD_ABSENT] = "absent",
	    [HELD_PRESENT] = "present",
	    [HELD_ELSEWHERE] = "other_interface",
	    [HELD_UNKNOWN] = "unknown",
	};
	return names[where];
}

void held_read(struct held *held)
{
	*held = (struct held){0};
	struct ifaddrs *list = NULL;
	if (getifaddrs(&list) < 0) {
		held->error = errno;
		return;
	}
	unsigned count = 0;
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
		count++;
	held->items = calloc(count + 1, sizeof *held->items);
	if (!held->items) {
		held->error = ENOMEM;
		freeifaddrs(list);
		return;
	}
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct held_address *item = &held->items[held->count];
		if (!address_of_sockaddr(entry->ifa_addr, &item->address))
			continue;
		held->count++;
		snprintf(item->interface, sizeof item->interface, "%s", entry->ifa_name);
	}
	freeifaddrs(list);
}

void held_free(struct held *held)
{
	free(held->items);
	*held = (struct held){0};
}

enum held_where held_find(
    const struct held *held, const struct address *address, const char *interface, const char **other)
{
	if (held->error)
		return HELD_UNKNOWN;
	const char *elsewhere = NULL;
	for (unsigned i = 0; i < held->count; i++) {
		const struct held_address *item = &held->items[i];
		if (!address_equal(&item->address, address))
			continue;
		if (!strncmp(item->interface, interface, sizeof item->interface))
			return HELD_PRESENT;
		if (!elsewhere)
			elsewhere = item->interface;
	}
	if (!elsewhere)
		return HELD_ABSENT;
	if (other)
		*other = elsewhere;
	return HELD_ELSEWHERE;
}
