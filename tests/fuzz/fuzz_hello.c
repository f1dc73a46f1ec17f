/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello_parse() with hostile bytes. Input: source (16) | destination (16) | hop limit (1) | hello. What is
 * accepted must survive a round trip, and nobody forges a MAC; one signed here is accepted exactly once.
 */
#include <stdlib.h>
#include <string.h>

#include "datagram.h"
#include "vipd/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1795365540000000)

static void check_text(const char *text, size_t room)
{
	if (strnlen(text, room) == room)
		abort();
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			abort();
}

static void sign_and_verify(const struct auth_key *key, const struct hello *hello,
    const struct hello_envelope *envelope, struct auth_replay *replay)
{
	uint8_t bytes[HELLO_SIZE_MAX];
	struct hello ours = *hello, again;
	struct auth_sequence sequence = {0};
	ours.is_signed = true;
	size_t size = hello_build(&ours, bytes, sizeof bytes);
	if (!size)
		abort();
	hello_sign(
	    key, &envelope->source, &envelope->destination, auth_sequence_next(&sequence, NOW), bytes, size);
	if (hello_parse(bytes, size, envelope, &again) != HELLO_OK || memcmp(&ours, &again, sizeof ours) != 0)
		abort();
	*replay = (struct auth_replay){0};
	if (hello_verify(key, 1, replay, envelope, bytes, size, NOW, 1000000) != HELLO_OK ||
	    hello_verify(key, 1, replay, envelope, bytes, size, NOW, 1000000) != HELLO_AUTH_REPLAYED)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct auth_replay replay;
	static const uint8_t raw[AUTH_DERIVED_SIZE] = "which the fuzzer does not know";
	struct hello_envelope envelope;
	struct hello hello = {0};
	struct auth_key key;
	auth_key_of(1, raw, &key);
	struct datagram in;
	if (!datagram_take(data, size, &in))
		return 0;
	envelope.source = in.source;
	envelope.destination = in.destination;
	envelope.hop_limit = in.hop_limit;

	enum hello_verdict verdict = hello_parse(in.bytes, in.size, &envelope, &hello);
	if (!hello_verdict_name(verdict))
		abort();
	if (verdict == HELLO_OK) {
		check_text(hello.node, sizeof hello.node);
		check_text(hello.version, sizeof hello.version);
		check_text(hello.reason, sizeof hello.reason);
		check_text(hello.cause_text, sizeof hello.cause_text);
		if (hello.state >= HELLO_STATES || hello.health >= HELLO_HEALTHS || hello.auth >= HELLO_AUTHS)
			abort();
		replay = (struct auth_replay){0};
		if (hello.is_signed &&
		    hello_verify(&key, 1, &replay, &envelope, in.bytes, in.size, NOW, 1000000) == HELLO_OK)
			abort();
		sign_and_verify(&key, &hello, &envelope, &replay);
	}
	free(in.bytes);
	return 0;
}
