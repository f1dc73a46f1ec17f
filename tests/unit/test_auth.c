/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authentication trailer: adverts captured from keepalived, every flipped bit, key files. The replay
 * window is in test_replay.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "vipd/auth.h"
#include "vipd/mono.h"

#define VECTORS	     "tests/unit/vectors/keepalived-2.4.3-hmac.pcap"
#define CAPTURED_MAX 64
#define PACKET_SIZE  68
#define INTERVAL     (100 * USEC_PER_MS)

/* The adverts of the capture, in its order. */
static struct captured {
	int64_t at_us;
	struct advert_envelope envelope;
	uint8_t bytes[PACKET_SIZE];
} captured[CAPTURED_MAX];
static unsigned captured_count;

static struct auth_key keys[2];

static int load_vectors(void **state)
{
	(void)state;
	FILE *file = fopen(VECTORS, "rb");
	if (!file) {
		print_error("cannot open %s: run the tests from the top directory\n", VECTORS);
		return -1;
	}
	uint32_t header[4];
	uint8_t frame[256];
	int result = fseek(file, 24, SEEK_SET);
	while (result == 0 &&
	       fread(header, sizeof header, 1, file) == 1) { /* seconds, us, captured size, size */
		if (header[2] > sizeof frame || fread(frame, 1, header[2], file) != header[2])
			result = -1;
		else if (frame[14 + 6] == VRRP_PROTOCOL && captured_count < CAPTURED_MAX) {
			struct captured *c = &captured[captured_count++];
			c->at_us = header[0] * USEC_PER_SEC + header[1];
			c->envelope.hop_limit = frame[14 + 7];
			memcpy(&c->envelope.source, frame + 14 + 8, 16);
			memcpy(&c->envelope.destination, frame + 14 + 24, 16);
			memcpy(c->bytes, frame + 14 + 40, PACKET_SIZE);
		}
	}
	fclose(file);

	char hex[4 + 2 * 64 + 1] = "hex:";
	for (unsigned i = 0; i < 32; i++)
		sprintf(hex + 4 + 2 * i, "%02x", i);
	if (auth_key_parse(1, (const uint8_t *)hex, 4 + 64, &keys[0]) != AUTH_KEY_OK)
		return -1;
	for (unsigned i = 0; i < 40; i++)
		sprintf(hex + 4 + 2 * i, "%02X", 0x20 + i);
	if (auth_key_parse(2, (const uint8_t *)hex, 4 + 80, &keys[1]) != AUTH_KEY_OK)
		return -1;
	return result;
}

/* What a receiver does: the advert first, then its trailer. */
static enum advert_verdict receive(struct auth_replay *replay, const uint8_t *bytes, size_t size,
    const struct advert_envelope *envelope, int64_t now_us)
{
	struct advert advert;
	enum advert_verdict verdict = advert_parse(bytes, size, envelope, &advert);
	if (verdict != ADVERT_OK)
		return verdict;
	if (!advert.trailer)
		return ADVERT_AUTH_MISSING;
	struct auth_packet packet = {
	    .source = &envelope->source, .pdu = bytes, .size = advert.size, .trailer = advert.trailer};
	return auth_verify(keys, 2, replay, &packet, now_us, INTERVAL);
}

static void captured_adverts_verify(void **state)
{
	(void)state;
	assert_int_equal(captured_count, 38);
	struct auth_replay replay;
	replay = (struct auth_replay){0};
	for (unsigned i = 0; i < captured_count; i++) {
		struct captured *c = &captured[i];
		assert_int_equal(receive(&replay, c->bytes, PACKET_SIZE, &c->envelope, c->at_us), ADVERT_OK);
	}
	for (unsigned i = 0; i < captured_count; i++) { /* and every one only once */
		struct captured *c = &captured[i];
		assert_int_equal(
		    receive(&replay, c->bytes, PACKET_SIZE, &c->envelope, c->at_us), ADVERT_AUTH_REPLAYED);
	}
}

static uint64_t captured_sequence(const struct captured *c)
{
	uint64_t sequence = 0;
	for (unsigned i = 44; i < 52; i++)
		sequence = sequence << 8 | c->bytes[i];
	return sequence;
}

static void signs_as_keepalived_does(void **state)
{
	(void)state;
	for (unsigned i = 0; i < captured_count; i++) {
		struct captured *c = &captured[i];
		const struct auth_key *key = &keys[c->bytes[41] - 1];
		uint8_t trailer[ADVERT_TRAILER_SIZE];
		auth_sign(key, &c->envelope.source, c->bytes, 40, captured_sequence(c), trailer);
		assert_memory_equal(trailer, c->bytes + 40, sizeof trailer);
	}
}

static void flip(uint8_t *bytes, size_t bit)
{
	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void refused(const struct captured *c, const uint8_t *bytes, const struct advert_envelope *envelope)
{
	struct auth_replay replay, before;
	memset(&replay, 0, sizeof replay);
	replay = (struct auth_replay){0};
	before = replay;
	assert_int_not_equal(receive(&replay, bytes, PACKET_SIZE, envelope, c->at_us), ADVERT_OK);
	assert_memory_equal(&replay, &before, sizeof replay);
}

static void seal(uint8_t *bytes, size_t size, const struct advert_envelope *envelope)
{
	memset(bytes + 6, 0, 2);
	uint16_t sum = checksum_pseudo(&envelope->source, &envelope->destination, VRRP_PROTOCOL, bytes, size);
	memcpy(bytes + 6, &sum, 2);
}

/* As on a damaged line, and as a forger does it, who makes the checksum right again. */
static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < captured_count; i++) {
		struct captured *c = &captured[i];
		uint8_t bytes[PACKET_SIZE];
		struct auth_replay replay;
		replay = (struct auth_replay){0}; /* so that a refusal is due to the bit alone */
		assert_int_equal(receive(&replay, c->bytes, PACKET_SIZE, &c->envelope, c->at_us), ADVERT_OK);
		for (size_t bit = 0; bit < PACKET_SIZE * 8; bit++) {
			memcpy(bytes, c->bytes, PACKET_SIZE);
			flip(bytes, bit);
			refused(c, bytes, &c->envelope);
			seal(bytes, PACKET_SIZE, &c->envelope);
			if (bit / 8 != 6 && bit / 8 != 7)
				refused(c, bytes, &c->envelope);
		}
		for (size_t bit = 0; bit < 128; bit++) {
			struct advert_envelope envelope = c->envelope;
			flip(envelope.source.in6.s6_addr, bit);
			memcpy(bytes, c->bytes, PACKET_SIZE);
			refused(c, bytes, &envelope);
			seal(bytes, PACKET_SIZE, &envelope);
			refused(c, bytes, &envelope);
		}
	}
}

static enum auth_key_error parse_key(const char *text, struct auth_key *key)
{
	return auth_key_parse(7, (const uint8_t *)text, strlen(text), key);
}

static void key_files(void **state)
{
	(void)state;
	char repeated[160];
	memset(repeated, 'k', sizeof repeated);
	static const struct {
		const char *prefix;
		int fill; /* characters after it */
		const char *end;
		enum auth_key_error error;
	} cases[] = {
	    {"", 31, "", AUTH_KEY_TOO_SHORT},
	    {"", 31, "\n", AUTH_KEY_TOO_SHORT},
	    {"", 32, "", AUTH_KEY_OK},
	    {"", 32, "\n", AUTH_KEY_OK},
	    {"", 64, "\n", AUTH_KEY_OK},
	    {"", 65, "", AUTH_KEY_TOO_LONG},
	    {"", 64, "\n\n", AUTH_KEY_TOO_LONG},
	    {"", 40, "\n\n", AUTH_KEY_NOT_ASCII},
	    {"", 40, "\r\n", AUTH_KEY_NOT_ASCII},
	    {"", 40, "\x80", AUTH_KEY_NOT_ASCII},
	    {"\t", 40, "", AUTH_KEY_NOT_ASCII},
	    {"pass phrase with spaces, ", 20, "", AUTH_KEY_OK},
	    {"", 0, "", AUTH_KEY_EMPTY},
	    {"", 0, "\n", AUTH_KEY_EMPTY},
	    {"hex:", 0, "", AUTH_KEY_TOO_SHORT},
	    {"hex:", 64, "", AUTH_KEY_BAD_HEX},
	    {"hex:00", 0, "\n", AUTH_KEY_TOO_SHORT},
	    {"hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F", 0, "\n", AUTH_KEY_OK},
	    {"hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1", 0, "", AUTH_KEY_ODD_HEX},
	    {"hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0, " ",
		AUTH_KEY_BAD_HEX},
	    {"hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 70, "",
		AUTH_KEY_TOO_LONG},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[256];
		snprintf(
		    text, sizeof text, "%s%.*s%s", cases[i].prefix, cases[i].fill, repeated, cases[i].end);
		struct auth_key key, untouched;
		memset(&key, 0xa5, sizeof key);
		memset(&untouched, 0xa5, sizeof untouched);
		assert_int_equal(parse_key(text, &key), cases[i].error);
		if (cases[i].error == AUTH_KEY_OK)
			assert_int_equal(key.id, 7);
		else
			assert_memory_equal(&key, &untouched, sizeof key);
	}
	for (int i = 0; i < AUTH_KEY_ERRORS; i++)
		assert_non_null(auth_key_error_text((enum auth_key_error)i));
}

static const struct address source = {{{{0xfe, 0x80, [15] = 2}}}};

/* libcrypto's own HMAC over an input put together byte by byte, for every size of key. */
static void agrees_with_libcrypto(void **state)
{
	(void)state;
	for (size_t size = AUTH_KEY_SIZE_MIN; size <= AUTH_KEY_SIZE_MAX; size++) {
		char text[AUTH_KEY_SIZE_MAX + 1] = {0};
		for (size_t i = 0; i < size; i++)
			text[i] = (char)(' ' + (i * 7 + size) % 95);
		struct auth_key key;
		assert_int_equal(parse_key(text, &key), AUTH_KEY_OK);

		uint8_t pdu[8 + 16 * 3], trailer[ADVERT_TRAILER_SIZE], input[20 + sizeof pdu + 28],
		    expected[32];
		memset(pdu, (int)size, sizeof pdu);
		auth_sign(&key, &source, pdu, sizeof pdu, UINT64_C(0x0102030405060708), trailer);
		memset(input, 0, sizeof input);
		memcpy(input, (uint8_t[]){6, 3, pdu[1], 0}, 4);
		memcpy(input + 4, &source, 16);
		memcpy(input + 20, pdu, sizeof pdu);
		memset(input + 26, 0, 2);
		memcpy(input + 20 + sizeof pdu, (uint8_t[]){1, 7, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 12);
		assert_non_null(HMAC(EVP_sha256(), text, (int)size, input, sizeof input, expected, NULL));
		assert_memory_equal(trailer, input + 20 + sizeof pdu, 12);
		assert_memory_equal(trailer + 12, expected, 16);
	}
}

static void wipe(void **state)
{
	(void)state;
	static const struct auth_key zero;
	struct auth_key key = keys[0];
	auth_key_wipe(&key);
	assert_memory_equal(&key, &zero, sizeof key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(captured_adverts_verify),
	    cmocka_unit_test(signs_as_keepalived_does),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(key_files),
	    cmocka_unit_test(agrees_with_libcrypto),
	    cmocka_unit_test(wipe),
	};
	return cmocka_run_group_tests(tests, load_vectors, NULL);
}
