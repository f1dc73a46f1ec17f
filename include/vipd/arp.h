/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARP for IPv4 over Ethernet (RFC 826, RFC 5227) as bytes and as a struct.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"

#define ARP_SIZE 28

enum arp_operation { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp {
	enum arp_operation operation;
	uint8_t sender_mac[6];
	uint8_t target_mac[6];
	struct address sender; /* 0.0.0.0: it only asks, RFC 5227 section 1.1 */
	struct address target;
};

enum arp_verdict {
	ARP_OK,
	ARP_TOO_SHORT,
	ARP_BAD_TYPE, /* not IPv4 over Ethernet, or neither a request nor a reply */
	ARP_VERDICTS
};

/*
 * An announcement of `address` (RFC 5227 section 3), to be broadcast. Some systems take only requests, others
 * only replies, so both are to be sent. In the reply the target has the sender's MAC, or Linux would believe
 * it only a second after it has heard the one before.
 */
struct arp arp_announcement(
    enum arp_operation operation, const struct address *address, const uint8_t mac[static 6]);

/* The question who has `address`, to be broadcast. It has no sender address: it changes nobody's cache. */
struct arp arp_probe(const struct address *address, const uint8_t mac[static 6]);

/* Returns ARP_SIZE, 0 if `room` is too small. */
size_t arp_build(const struct arp *arp, uint8_t *bytes, size_t room);

/* Bytes behind ARP_SIZE are Ethernet padding. *arp is written on ARP_OK only. */
enum arp_verdict arp_parse(const uint8_t *bytes, size_t size, struct arp *arp);
