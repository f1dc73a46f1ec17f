/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connections_parse() with hostile bytes. Input: source (16) | destination (16) | hop limit (1) | datagram.
 * What is accepted stays within its bounds and survives a round trip, and nobody forges a MAC.
 */
#include <stdlib.h>
#include <string.h>

#include "datagram.h"
#include "vipd/connections.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1795365540000000)

static void round_trip(const struct connections *connections, const struct hello_envelope *envelope)
{
	uint8_t bytes[HELLO_SIZE_MAX];
	struct connections again;
	size_t size = connections_build(connections, bytes, sizeof bytes);
	if (!size || connections_parse(bytes, size, envelope, &again) != HELLO_OK ||
	    memcmp(connections, &again, sizeof again) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct auth_replay replay;
	static const uint8_t raw[AUTH_DERIVED_SIZE] = "which the fuzzer does not know";
	struct hello_envelope envelope;
	struct connections connections = {0};
	struct auth_key key;
	auth_key_of(1, raw, &key);
	struct datagram in;
	if (!datagram_take(data, size, &in))
		return 0;
	envelope.source = in.source;
	envelope.destination = in.destination;
	envelope.hop_limit = in.hop_limit;

	enum hello_verdict verdict = connections_parse(in.bytes, in.size, &envelope, &connections);
	if (!hello_verdict_name(verdict))
		abort();
	if (verdict == HELLO_OK) {
		if (connections.added + connections.removed > CONNECTIONS_DATAGRAM ||
		    !connections_are_in(in.bytes, in.size))
			abort();
		replay = (struct auth_replay){0};
		if (connections.is_signed &&
		    hello_verify(&key, 1, &replay, &envelope, in.bytes, in.size, NOW, 1000000) == HELLO_OK)
			abort();
		round_trip(&connections, &envelope);
	}
	free(in.bytes);
	return 0;
}
