/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flight recorder: the last packets, adverts and announcements in both directions, in rings on
 * the board. The engine writes them as it sends and reads; control makes capture files of them. They outlive
 * an engine, as everything on the board does.
 *
 * One ring for each of sent, received and refused, so that a flood of what is refused does not push out what
 * matters.
 */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/advert.h"

#define FLIGHT_RING 512 /* packets of each kind; at one in 100 ms: the last 51 s */
#define FLIGHT_BYTES_MAX                                                                                     \
	(ADVERT_HEADER_SIZE + 16 * ADVERT_ADDRESSES_MAX +                                                    \
	    ADVERT_TRAILER_SIZE) /* of a longer one the beginning */

#define FLIGHT_ARP 0 /* no IP protocol; source and destination: sender and target address */

enum flight_kind { FLIGHT_SENT, FLIGHT_RECEIVED, FLIGHT_REFUSED, FLIGHT_KINDS };

struct flight_packet {
	uint64_t
	    number; /* 1, 2, … over all kinds, in the order in which the engine dealt with them; 0: empty */
	int64_t at_ns; /* wall clock: when the kernel received it, or when it was sent */
	char interface[IF_NAMESIZE];
	struct address source;
	struct address destination;
	uint8_t protocol; /* VRRP_PROTOCOL, IPPROTO_ICMPV6 or FLIGHT_ARP */
	uint8_t hop_limit;
	uint8_t verdict; /* enum advert_verdict: why it was refused */
	uint16_t size;	 /* of the packet behind its IP header, or of ARP; what stands in bytes[] is at most
			    FLIGHT_BYTES_MAX */
	uint8_t bytes[FLIGHT_BYTES_MAX];
};

struct board;

/*
 * The engine's side: fills in *packet between begin and end; number is set by begin.
 * No system call, no allocation; constant time.
 */
struct flight_packet *flight_begin(struct board *board, enum flight_kind kind);
void flight_end(struct board *board, enum flight_kind kind);

/*
 * The readers' side: a consistent copy of the packet that is in `slot` (0 .. FLIGHT_RING - 1) of a ring.
 * false: there is none, or it was being written.
 */
bool flight_read(const struct board *board, enum flight_kind kind, unsigned slot, struct flight_packet *copy);
