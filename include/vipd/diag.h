/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of a sock_diag request (sock_diag(7)): a program that the kernel runs for each socket.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"

/* Bytes for `count` addresses: a condition with its address, and a jump behind all but the last. */
#define DIAG_FILTER_MAX(count) ((count) * (4 + 8 + 16 + 4))

/*
 * "The local address is one of these", of any port. An IPv4 address also means connections of IPv4 clients
 * to a socket that listens on [::]. Returns the size.
 */
size_t diag_filter(const struct address *addresses, unsigned count, uint8_t *filter);
