/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum.
 *
 * The sum is the same in either byte order as long as bytes go in and come out in the order of the machine
 * (RFC 1071 section 2(B)), so words are loaded as they stand and nothing is swapped.
 *
 * One pseudo-header does for both families: an IPv4 address is ::ffff:a.b.c.d, and ffff counts as zero in
 * one's complement.
 */
#include <arpa/inet.h>
#include <string.h>

#include "vipd/advert.h"

/* Sums 32-bit words in 64 bits: 2^32 of them fit without a carry, and every caller has far fewer. */
static uint64_t sum_bytes(uint64_t sum, const uint8_t *bytes, size_t size)
{
	for (; size >= 4; bytes += 4, size -= 4) {
		uint32_t word;
		memcpy(&word, bytes, 4);
		sum += word;
	}
	if (size > 0) {
		uint32_t word = 0;
		memcpy(&word, bytes, size);
		sum += word;
	}
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

uint16_t checksum_pseudo(const struct address *source, const struct address *destination, uint8_t protocol,
    const uint8_t *bytes, size_t size)
{
	uint64_t sum = (uint64_t)htonl((uint32_t)size) + htonl(protocol);
	sum = sum_bytes(sum, source->in6.s6_addr, sizeof source->in6.s6_addr);
	sum = sum_bytes(sum, destination->in6.s6_addr, sizeof destination->in6.s6_addr);
	return fold(sum_bytes(sum, bytes, size));
}

uint16_t checksum_plain(const uint8_t *bytes, size_t size)
{
	return fold(sum_bytes(0, bytes, size));
}
