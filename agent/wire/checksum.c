/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum with the IPv6 pseudo-header.
 *
 * The sum is the same in either byte order as long as bytes go in and come out in the order of the machine
 * (RFC 1071 section 2(B)), so words are loaded as they stand and nothing is swapped.
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

uint16_t checksum_ipv6(const struct address *source, const struct address *destination, uint8_t next_header,
    const uint8_t *bytes, size_t size)
{
	uint64_t sum = (uint64_t)htonl((uint32_t)size) + htonl(next_header);
	sum = sum_bytes(sum, source->in6.s6_addr, sizeof source->in6.s6_addr);
	sum = sum_bytes(sum, destination->in6.s6_addr, sizeof destination->in6.s6_addr);
	sum = sum_bytes(sum, bytes, size);

	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}
