/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the flight recorder has, as a capture file that Wireshark and tshark read (pcapng, nanoseconds, IPv6
 * packets without a link layer).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vipd/board.h"

/*
 * Sorted by time; each packet with its interface and direction, one that was refused with the reason as its
 * comment, and the first one after a transition with that. The caller frees *bytes. Returns 0 or -ENOMEM.
 */
int capture_make(const struct board *board, const char *node, uint8_t **bytes, size_t *size);
