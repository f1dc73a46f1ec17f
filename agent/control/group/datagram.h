/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UDP sockets of a group, one a family: what comes in with where it came from, and what goes out by which
 * interface and from which address.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/advert.h"
#include "vipd/hello.h"

struct datagram {
	struct hello_envelope envelope;
	unsigned ifindex;
	const uint8_t *bytes;
	size_t size;
};

/* By the interface `ifindex`; source: of the family of `to`. Returns 0 or -errno. */
int datagram_send(const struct address *source, unsigned ifindex, const struct address *to, uint16_t port,
    const void *bytes, size_t size);

/* The address of that interface by which the group of `family` is spoken to. Returns 0 or -errno. */
int datagram_source(const struct vrrp_family *family, unsigned ifindex, struct address *source);

/* Hands what waits on one socket to `taker`, but not more than a fair share. false: there is more. */
typedef void datagram_taker(void *context, const struct datagram *datagram);
bool datagram_receive(int socket, datagram_taker *taker, void *context);

/* Its socket in this process, if the guardian could open it. */
int datagram_socket(const struct vrrp_family *family);
