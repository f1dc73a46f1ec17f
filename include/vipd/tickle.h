/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tickle: the bare ACK with which a client learns that its connection is gone.
 *
 * Its sequence number is wrong, so the client answers with what it expects (RFC 9293 section 3.10.7.4). The
 * host that has the server's address now does not know the connection, and resets it. A connection that
 * exists is not disturbed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"

#define TICKLE_SIZE_MAX 60 /* IPv6 and TCP header */

/*
 * The whole packet with its IP header, of the family of `source`; `destination` is of the same. Ports are in
 * host byte order. Returns its size.
 */
size_t tickle_build(const struct address *source, uint16_t source_port, const struct address *destination,
    uint16_t destination_port, uint8_t bytes[static TICKLE_SIZE_MAX]);
