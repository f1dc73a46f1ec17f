/* SPDX-License-Identifier: Apache-2.0 */
/*
 * advert_parse() with hostile bytes. Input: source (16) | destination (16) | hop limit (1) | packet.
 * Each packet is also tried with a right checksum, and what was accepted must survive a round trip.
 */
#include <stdlib.h>
#include <string.h>

#include "datagram.h"
#include "vipd/advert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(uint8_t *packet, size_t size, const struct advert_envelope *envelope)
{
	struct advert advert, again;
	enum advert_verdict verdict = advert_parse(packet, size, envelope, &advert);
	if (!advert_verdict_name(verdict) || verdict >= ADVERT_UNKNOWN_VRID)
		abort();
	if (verdict != ADVERT_OK || advert.address_count > ADVERT_ADDRESSES_MAX)
		return;

	uint8_t rebuilt[ADVERT_SIZE_MAX];
	size_t n = advert_build(
	    &advert, &envelope->source, &envelope->destination, advert.trailer, rebuilt, sizeof rebuilt);
	if (n != size || advert_parse(rebuilt, n, envelope, &again) != ADVERT_OK)
		abort();
	packet[4] &= 0x0f; /* reserve is ignored on receive */
	if (memcmp(rebuilt, packet, 6) != 0 || memcmp(rebuilt + 8, packet + 8, n - 8) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct advert_envelope envelope;
	struct datagram in;
	if (!datagram_take(data, size, &in))
		return 0;
	envelope.source = in.source;
	envelope.destination = in.destination;
	envelope.hop_limit = in.hop_limit;
	check(in.bytes, in.size, &envelope);
	if (in.size >= ADVERT_HEADER_SIZE) {
		memset(in.bytes + 6, 0, 2);
		uint16_t sum = checksum_pseudo(
		    &envelope.source, &envelope.destination, VRRP_PROTOCOL, in.bytes, in.size);
		memcpy(in.bytes + 6, &sum, 2);
		check(in.bytes, in.size, &envelope);
	}
	free(in.bytes);
	return 0;
}
