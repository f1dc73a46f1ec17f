/* SPDX-License-Identifier: Apache-2.0 */
/* See inet6.h. */
#include "control/inet6.h"

#include <assert.h>

FILE *inet6_open(void)
{
	return fopen("/proc/net/if_inet6", "re");
}

/* 32 digits, the interface's number, prefix length, scope, flags and the interface's name. */
bool inet6_parse(const char *line, struct inet6_entry *entry)
{
	uint8_t *bytes = entry->address.in6.s6_addr;
	for (int i = 0; i < 16; i++)
		if (sscanf(line + 2 * i, "%2hhx", &bytes[i]) != 1)
			return false;
	static_assert(IF_NAMESIZE == 16, "of the format");
	return sscanf(line, "%*32[0-9a-f] %*x %x %x %x %15s", &entry->prefix, &entry->scope, &entry->flags,
		   entry->interface) == 4;
}
