/* SPDX-License-Identifier: Apache-2.0 */
/*
 * na_parse() with hostile bytes. Input: source (16) | destination (16) | hop limit (1) | ICMPv6 message.
 * Each message is also tried with a right checksum, and what was accepted must survive a round trip.
 */
#include <stdlib.h>
#include <string.h>

#include "vipd/advert.h"
#include "vipd/na.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *message, size_t size, const struct address *source,
    const struct address *destination, uint8_t hop_limit)
{
	struct na na = {0}, again = {0};
	enum na_verdict verdict = na_parse(message, size, source, destination, hop_limit, &na);
	if (verdict >= NA_VERDICTS)
		abort();
	if (verdict != NA_OK)
		return;

	uint8_t rebuilt[NA_SIZE];
	size_t n = na_build(&na, source, destination, rebuilt, sizeof rebuilt);
	if (n == 0 || na_parse(rebuilt, n, source, destination, hop_limit, &again) != NA_OK)
		abort();
	if (memcmp(&na.target, &again.target, 16) != 0 || memcmp(na.mac, again.mac, 6) != 0 ||
	    na.router != again.router || na.solicited != again.solicited || na.override != again.override ||
	    na.has_mac != again.has_mac)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address source, destination;
	if (size < 33)
		return 0;
	memcpy(&source, data, 16);
	memcpy(&destination, data + 16, 16);
	uint8_t hop_limit = data[32];
	size -= 33;
	uint8_t *message = malloc(size ? size : 1);
	memcpy(message, data + 33, size);
	check(message, size, &source, &destination, hop_limit);
	if (size >= 4) {
		memset(message + 2, 0, 2);
		uint16_t sum = checksum_pseudo(&source, &destination, 58, message, size);
		memcpy(message + 2, &sum, 2);
		check(message, size, &source, &destination, hop_limit);
	}
	free(message);
	return 0;
}
