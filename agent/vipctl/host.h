/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host says of itself.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "vipd/address.h"

/* The interface of the default route, of IPv6 if there is one, else of IPv4; false: there is none. */
bool host_default_interface(char name[static IF_NAMESIZE]);

/* A global address of the interface, of AF_INET or AF_INET6, and the length of its prefix; false: it has
 * none. */
bool host_prefix(const char *interface, uint8_t family, struct address *address, unsigned *length);

/* Whether it is an address of this host; else whether it lies in a prefix of the interface. */
bool host_has(const struct address *address);
bool host_is_near(const char *interface, const struct address *address);

/* Whether it is the first address of a prefix of the interface, or in IPv4 the last, which no host can have.
 */
bool host_is_end(const char *interface, const struct address *address);
