/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trailers and key files with hostile bytes. Input: wall clock in us (8) | trailer (28) | PDU or key file.
 * Nobody forges a MAC, so an accepted trailer is a finding; one signed here must be accepted exactly once.
 */
#include <stdlib.h>
#include <string.h>

#include "vipd/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key_text[] = "the key that the fuzzer does not know, ok";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_key key, parsed;
	if (auth_key_parse(1, (const uint8_t *)key_text, sizeof key_text - 1, &key) != AUTH_KEY_OK)
		abort();
	if (size < 8 + ADVERT_TRAILER_SIZE)
		return 0;
	uint64_t clock;
	memcpy(&clock, data, 8);
	int64_t now = (int64_t)(clock % (UINT64_C(1) << 53)); /* up to the year 2255 */
	const uint8_t *trailer = data + 8;
	size -= 8 + ADVERT_TRAILER_SIZE;
	uint8_t *rest = malloc(size ? size : 1);
	memcpy(rest, trailer + ADVERT_TRAILER_SIZE, size);

	if (!auth_key_error_text(auth_key_parse(9, rest, size, &parsed)))
		abort();
	if (size >= ADVERT_HEADER_SIZE) {
		static const struct address source = {{{{0xfe, 0x80, [15] = 1}}}};
		struct auth_replay replay;
		replay = (struct auth_replay){0};
		struct auth_packet packet = {
		    .source = &source, .pdu = rest, .size = size, .trailer = trailer};
		if (auth_verify(&key, 1, &replay, &packet, now, 100000) == ADVERT_OK)
			abort();

		struct auth_sequence sequence = {0};
		uint8_t own[ADVERT_TRAILER_SIZE];
		auth_sign(&key, &source, rest, size, auth_sequence_next(&sequence, now), own);
		packet.trailer = own;
		if (auth_verify(&key, 1, &replay, &packet, now, 100000) != ADVERT_OK)
			abort();
		if (auth_verify(&key, 1, &replay, &packet, now, 100000) != ADVERT_AUTH_REPLAYED)
			abort();
	}
	free(rest);
	return 0;
}
