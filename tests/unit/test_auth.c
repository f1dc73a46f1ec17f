/*
 * The authentication trailer: adverts captured from keepalived, every flipped bit, key files, the replay
 * window.
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
#define NOW	     (INT64_C(1795365540) * USEC_PER_SEC)
#define INTERVAL     (100 * USEC_PER_MS)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif

#ifndef SANITIZED
void *__libc_malloc(size_t size);

/* Allocations of the whole program since it started; in front of libc's. */
static unsigned long allocations;

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}
#endif

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
	auth_replay_init(&replay, captured[0].at_us);
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
	auth_replay_init(&replay, c->at_us);
	before = replay;
	assert_int_not_equal(receive(&replay, bytes, PACKET_SIZE, envelope, c->at_us), ADVERT_OK);
	assert_memory_equal(&replay, &before, sizeof replay);
}

static void seal(uint8_t *bytes, size_t size, const struct advert_envelope *envelope)
{
	memset(bytes + 6, 0, 2);
	uint16_t sum = checksum_ipv6(&envelope->source, &envelope->destination, VRRP_PROTOCOL, bytes, size);
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
		auth_replay_init(&replay, c->at_us); /* so that a refusal is due to the bit alone */
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
			flip(envelope.source.s6_addr, bit);
			memcpy(bytes, c->bytes, PACKET_SIZE);
			refused(c, bytes, &envelope);
			seal(bytes, PACKET_SIZE, &envelope);
			refused(c, bytes, &envelope);
		}
	}
}

/* A sender with a key of its own, for the tests of the replay window. */
static const struct in6_addr one = {{{0xfe, 0x80, [15] = 1}}}, two = {{{0xfe, 0x80, [15] = 2}}};

static enum advert_verdict deliver(struct auth_replay *replay, const struct in6_addr *source,
    const struct auth_key *key, uint64_t sequence, int64_t now_us, int64_t interval_us)
{
	static const uint8_t pdu[24] = {0x31, 100, 100, 1, 0, 10};
	uint8_t trailer[ADVERT_TRAILER_SIZE];
	auth_sign(key, source, pdu, sizeof pdu, sequence, trailer);
	struct auth_packet packet = {.source = source, .pdu = pdu, .size = sizeof pdu, .trailer = trailer};
	return auth_verify(keys, 2, replay, &packet, now_us, interval_us);
}

/* A sequence as a sender with this clock makes it. */
static uint64_t at(int64_t us)
{
	struct auth_sequence fresh = {0};
	return auth_sequence_next(&fresh, us);
}

static void sequence_layout(void **state)
{
	(void)state;
	assert_int_equal(at(0), 0);
	assert_int_equal(at(USEC_PER_SEC), UINT64_C(1) << 32);
	assert_int_equal(at(USEC_PER_SEC / 2), UINT64_C(0x8000) << 16);
	assert_int_equal(at(999999), UINT64_C(0xffff) << 16);
	assert_int_equal(at(INT64_C(0xffffffff) * USEC_PER_SEC), UINT64_C(0xffffffff) << 32);
	assert_int_equal(at((INT64_C(1) << 32) * USEC_PER_SEC), 0); /* the year 2106 */
	assert_int_equal(at(-USEC_PER_SEC), UINT64_C(0xffffffff) << 32);
}

static void sequence_grows(void **state)
{
	(void)state;
	struct auth_sequence s = {0};
	uint64_t first = auth_sequence_next(&s, NOW);
	assert_int_equal(first, at(NOW));
	assert_int_equal(auth_sequence_next(&s, NOW), first + 1); /* the same moment */
	assert_int_equal(
	    auth_sequence_next(&s, NOW - 3600 * USEC_PER_SEC), first + 2); /* the clock steps back */
	assert_int_equal(auth_sequence_next(&s, NOW + USEC_PER_SEC), at(NOW + USEC_PER_SEC));
	/* after 2038 the first one is the clock, too, and the turn of 2106 is a step forwards */
	int64_t end = (INT64_C(1) << 32) * USEC_PER_SEC;
	struct auth_sequence late = {0};
	assert_int_equal(auth_sequence_next(&late, end - 1), at(end - 1));
	assert_int_equal(auth_sequence_next(&late, end + 1000), at(1000));
}

static void replay_and_reordering_are_refused(void **state)
{
	(void)state;
	struct auth_replay r;
	auth_replay_init(&r, NOW);
	assert_int_equal(deliver(&r, &one, keys, at(NOW + 10), NOW + 10, INTERVAL), ADVERT_OK);
	assert_int_equal(deliver(&r, &one, keys, at(NOW + 10), NOW + 20, INTERVAL), ADVERT_AUTH_REPLAYED);
	assert_int_equal(deliver(&r, &one, keys, at(NOW + 10) + 1, NOW + 20, INTERVAL), ADVERT_OK);
	assert_int_equal(deliver(&r, &one, keys, at(NOW + 10), NOW + 20, INTERVAL), ADVERT_AUTH_REPLAYED);
	assert_int_equal(deliver(&r, &one, keys, at(NOW - 1000), NOW + 20, INTERVAL), ADVERT_AUTH_REPLAYED);
	/* the mark is of the source, whatever the key */
	assert_int_equal(deliver(&r, &one, keys + 1, at(NOW + 10), NOW + 20, INTERVAL), ADVERT_AUTH_REPLAYED);
	assert_int_equal(deliver(&r, &one, keys + 1, at(NOW + 40), NOW + 40, INTERVAL), ADVERT_OK);
}

static void sources_have_marks_of_their_own(void **state)
{
	(void)state;
	struct auth_replay r;
	auth_replay_init(&r, NOW);
	assert_int_equal(deliver(&r, &one, keys, at(NOW + 1000), NOW, INTERVAL), ADVERT_OK);
	assert_int_equal(deliver(&r, &two, keys, at(NOW + 500), NOW, INTERVAL), ADVERT_OK);
	assert_int_equal(deliver(&r, &one, keys, at(NOW + 1000), NOW, INTERVAL), ADVERT_AUTH_REPLAYED);
	assert_int_equal(deliver(&r, &two, keys, at(NOW + 500), NOW, INTERVAL), ADVERT_AUTH_REPLAYED);
	assert_int_equal(deliver(&r, &two, keys, at(NOW + 600), NOW, INTERVAL), ADVERT_OK);
}

/* The one that was silent for longest goes; the others keep their marks. */
static void full_table(void **state)
{
	(void)state;
	struct auth_replay r;
	auth_replay_init(&r, NOW);
	struct in6_addr source = one;
	for (uint8_t i = 1; i <= AUTH_SOURCES_MAX; i++) {
		source.s6_addr[15] = i;
		assert_int_equal(deliver(&r, &source, keys, at(NOW + 10), NOW, INTERVAL), ADVERT_OK);
	}
	assert_int_equal(
	    deliver(&r, &one, keys, at(NOW + 100), NOW, INTERVAL), ADVERT_OK); /* so 2 is the oldest */
	source.s6_addr[15] = AUTH_SOURCES_MAX + 1;
	assert_int_equal(deliver(&r, &source, keys, at(NOW + 10), NOW, INTERVAL), ADVERT_OK);
	for (uint8_t i = 1; i <= AUTH_SOURCES_MAX + 1; i++) {
		source.s6_addr[15] = i;
		if (i != 2)
			assert_int_equal(
			    deliver(&r, &source, keys, at(NOW + 10), NOW, INTERVAL), ADVERT_AUTH_REPLAYED);
	}
	assert_int_equal(deliver(&r, &two, keys, at(NOW + 10), NOW, INTERVAL), ADVERT_OK);
}

static void window(void **state)
{
	(void)state;
	static const struct {
		int64_t interval_us, limit_us;
	} cases[] = {
	    {10 * USEC_PER_MS, 5 * USEC_PER_SEC},
	    {USEC_PER_SEC, 5 * USEC_PER_SEC},
	    {4 * USEC_PER_SEC, 12 * USEC_PER_SEC},
	    {40950 * USEC_PER_MS, 122850 * USEC_PER_MS},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t limit = cases[i].limit_us, interval = cases[i].interval_us;
		static const int64_t resolution = 16; /* 2^-16 s */
		struct auth_replay r;
		auth_replay_init(&r, NOW - 1000 * USEC_PER_SEC);
		assert_int_equal(
		    deliver(&r, &one, keys, at(NOW - limit - resolution), NOW, interval), ADVERT_AUTH_STALE);
		assert_int_equal(
		    deliver(&r, &one, keys, at(NOW + limit + resolution), NOW, interval), ADVERT_AUTH_STALE);
		assert_int_equal(deliver(&r, &one, keys, at(NOW - limit), NOW, interval), ADVERT_OK);
		assert_int_equal(deliver(&r, &one, keys, at(NOW + limit), NOW, interval), ADVERT_OK);
	}
}

/* The start was at another time than thought; marks are the sources' own and stay. */
static void start_is_moved(void **state)
{
	(void)state;
	static const int64_t steps[] = {3600 * USEC_PER_SEC, -3600 * USEC_PER_SEC, 1500 * USEC_PER_MS};
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		int64_t moved = NOW + steps[i];
		struct auth_replay r;
		auth_replay_init(&r, NOW);
		assert_int_equal(deliver(&r, &one, keys, at(NOW), NOW, INTERVAL), ADVERT_OK);
		auth_replay_step(&r, steps[i]);
		assert_int_equal(deliver(&r, &two, keys, at(moved - 251 * USEC_PER_MS), moved, INTERVAL),
		    ADVERT_AUTH_STALE);
		assert_int_equal(
		    deliver(&r, &two, keys, at(moved - 249 * USEC_PER_MS), moved, INTERVAL), ADVERT_OK);
		assert_int_equal(deliver(&r, &one, keys, at(NOW), NOW, INTERVAL), ADVERT_AUTH_REPLAYED);
	}
}

static void nothing_from_before_the_start(void **state)
{
	(void)state;
	struct auth_replay r;
	auth_replay_init(&r, NOW);
	assert_int_equal(
	    deliver(&r, &one, keys, at(NOW - 250 * USEC_PER_MS - 16), NOW, INTERVAL), ADVERT_AUTH_STALE);
	assert_int_equal(deliver(&r, &one, keys, at(NOW - 250 * USEC_PER_MS), NOW, INTERVAL), ADVERT_OK);
	/* from then on the mark of the source is what counts */
	assert_int_equal(deliver(&r, &one, keys, at(NOW - 240 * USEC_PER_MS), NOW, INTERVAL), ADVERT_OK);
	assert_int_equal(
	    deliver(&r, &two, keys, at(NOW - 1 * USEC_PER_SEC), NOW, INTERVAL), ADVERT_AUTH_STALE);
}

static void wrap_around(void **state)
{
	(void)state;
	int64_t turns[] = {(INT64_C(1) << 31) * USEC_PER_SEC, (INT64_C(1) << 32) * USEC_PER_SEC};
	for (size_t i = 0; i < 2; i++) {
		int64_t end = turns[i];
		struct auth_replay r;
		auth_replay_init(&r, end - 100);
		assert_int_equal(deliver(&r, &one, keys, at(end - 50), end - 50, INTERVAL), ADVERT_OK);
		assert_int_equal(deliver(&r, &one, keys, at(end + 50), end + 50, INTERVAL), ADVERT_OK);
		assert_int_equal(
		    deliver(&r, &one, keys, at(end - 20), end + 60, INTERVAL), ADVERT_AUTH_REPLAYED);
		assert_int_equal(deliver(&r, &two, keys, at(end + 70), end - 10, INTERVAL), ADVERT_OK);
		assert_int_equal(deliver(&r, &two, keys, at(end - 6 * USEC_PER_SEC), end + 80, INTERVAL),
		    ADVERT_AUTH_STALE);
	}
}

/* A sender whose clock steps back by less than the window is still heard. */
static void sender_clock_steps_back(void **state)
{
	(void)state;
	struct auth_replay r;
	auth_replay_init(&r, NOW);
	struct auth_sequence s = {0};
	for (int i = 0; i < 100; i++) {
		int64_t now = NOW + i * INTERVAL / 10;
		int64_t sender = i < 50 ? now : now - 2 * USEC_PER_SEC;
		assert_int_equal(
		    deliver(&r, &one, keys, auth_sequence_next(&s, sender), now, INTERVAL), ADVERT_OK);
	}
}

/* Whoever has no key moves nothing: neither marks nor places in the table. */
static void failed_checks_change_nothing(void **state)
{
	(void)state;
	static const uint8_t pdu[24] = {0x31, 100, 100, 1, 0, 10};
	static const struct {
		size_t offset;
		enum advert_verdict verdict;
	} cases[] = {
	    {0, ADVERT_AUTH_MALFORMED},
	    {1, ADVERT_AUTH_UNKNOWN_KEY},
	    {2, ADVERT_AUTH_MALFORMED},
	    {3, ADVERT_AUTH_MALFORMED},
	    {4, ADVERT_AUTH_STALE},
	    {11, ADVERT_AUTH_BAD_MAC},
	    {12, ADVERT_AUTH_BAD_MAC},
	    {27, ADVERT_AUTH_BAD_MAC},
	};
	struct auth_replay r, before;
	memset(&r, 0, sizeof r);
	auth_replay_init(&r, NOW);
	assert_int_equal(deliver(&r, &one, keys, at(NOW), NOW, INTERVAL), ADVERT_OK);
	before = r;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t trailer[ADVERT_TRAILER_SIZE];
		auth_sign(keys, &one, pdu, sizeof pdu, at(NOW + 100), trailer);
		trailer[cases[i].offset] ^= 0x40;
		struct auth_packet packet = {
		    .source = &one, .pdu = pdu, .size = sizeof pdu, .trailer = trailer};
		assert_int_equal(auth_verify(keys, 2, &r, &packet, NOW, INTERVAL), cases[i].verdict);
		assert_memory_equal(&r, &before, sizeof r);
		assert_int_equal(auth_verify(NULL, 0, &r, &packet, NOW, INTERVAL),
		    cases[i].verdict == ADVERT_AUTH_MALFORMED ? ADVERT_AUTH_MALFORMED
							      : ADVERT_AUTH_UNKNOWN_KEY);
	}
	assert_int_equal(deliver(&r, &one, keys, at(NOW + 100), NOW, INTERVAL), ADVERT_OK);
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
		auth_sign(&key, &two, pdu, sizeof pdu, UINT64_C(0x0102030405060708), trailer);
		memset(input, 0, sizeof input);
		memcpy(input, (uint8_t[]){6, 3, pdu[1], 0}, 4);
		memcpy(input + 4, &two, 16);
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

static void nothing_is_allocated(void **state)
{
	(void)state;
#ifdef SANITIZED
	skip(); /* its malloc() must be the only one */
#else
	unsigned long before = allocations;
	uint8_t digest[32];
	HMAC(EVP_sha256(), "x", 1, (const uint8_t *)"x", 1, digest, NULL);
	assert_int_not_equal(allocations, before); /* the count works */

	before = allocations;
	struct auth_replay r;
	auth_replay_init(&r, NOW);
	struct auth_sequence s = {0};
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
		    deliver(&r, &one, keys, auth_sequence_next(&s, NOW + i), NOW + i, INTERVAL), ADVERT_OK);
	assert_int_equal(allocations, before);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(captured_adverts_verify),
	    cmocka_unit_test(signs_as_keepalived_does),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(sequence_layout),
	    cmocka_unit_test(sequence_grows),
	    cmocka_unit_test(replay_and_reordering_are_refused),
	    cmocka_unit_test(sources_have_marks_of_their_own),
	    cmocka_unit_test(full_table),
	    cmocka_unit_test(window),
	    cmocka_unit_test(start_is_moved),
	    cmocka_unit_test(nothing_from_before_the_start),
	    cmocka_unit_test(wrap_around),
	    cmocka_unit_test(sender_clock_steps_back),
	    cmocka_unit_test(failed_checks_change_nothing),
	    cmocka_unit_test(key_files),
	    cmocka_unit_test(agrees_with_libcrypto),
	    cmocka_unit_test(wipe),
	    cmocka_unit_test(nothing_is_allocated),
	};
	return cmocka_run_group_tests(tests, load_vectors, NULL);
}
