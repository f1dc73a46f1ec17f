/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay: the sequence that a sender makes of its clock, and the window and the marks by which a receiver
 * takes each advert once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "vipd/auth.h"
#include "vipd/mono.h"

#define NOW	 (INT64_C(1795365540) * USEC_PER_SEC)
#define INTERVAL (100 * USEC_PER_MS)

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

static struct auth_key keys[2];

static int make_keys(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		uint8_t text[AUTH_KEY_SIZE_MIN];
		memset(text, 'a' + i, sizeof text);
		if (auth_key_parse((uint8_t)(i + 1), text, sizeof text, &keys[i]) != AUTH_KEY_OK)
			return -1;
	}
	return 0;
}

static const struct address one = {{{{0xfe, 0x80, [15] = 1}}}}, two = {{{{0xfe, 0x80, [15] = 2}}}};

static enum advert_verdict deliver(struct auth_replay *replay, const struct address *source,
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
	struct auth_replay r = {0};
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
	struct auth_replay r = {0};
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
	struct auth_replay r = {0};
	struct address source = one;
	for (uint8_t i = 1; i <= AUTH_SOURCES_MAX; i++) {
		source.in6.s6_addr[15] = i;
		assert_int_equal(deliver(&r, &source, keys, at(NOW + 10), NOW, INTERVAL), ADVERT_OK);
	}
	assert_int_equal(
	    deliver(&r, &one, keys, at(NOW + 100), NOW, INTERVAL), ADVERT_OK); /* so 2 is the oldest */
	source.in6.s6_addr[15] = AUTH_SOURCES_MAX + 1;
	assert_int_equal(deliver(&r, &source, keys, at(NOW + 10), NOW, INTERVAL), ADVERT_OK);
	for (uint8_t i = 1; i <= AUTH_SOURCES_MAX + 1; i++) {
		source.in6.s6_addr[15] = i;
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
		struct auth_replay r = {0};
		assert_int_equal(
		    deliver(&r, &one, keys, at(NOW - limit - resolution), NOW, interval), ADVERT_AUTH_STALE);
		assert_int_equal(
		    deliver(&r, &one, keys, at(NOW + limit + resolution), NOW, interval), ADVERT_AUTH_STALE);
		assert_int_equal(deliver(&r, &one, keys, at(NOW - limit), NOW, interval), ADVERT_OK);
		assert_int_equal(deliver(&r, &one, keys, at(NOW + limit), NOW, interval), ADVERT_OK);
	}
}

static void wrap_around(void **state)
{
	(void)state;
	int64_t turns[] = {(INT64_C(1) << 31) * USEC_PER_SEC, (INT64_C(1) << 32) * USEC_PER_SEC};
	for (size_t i = 0; i < 2; i++) {
		int64_t end = turns[i];
		struct auth_replay r = {0};
		assert_int_equal(deliver(&r, &one, keys, at(end - 50), end - 50, INTERVAL), ADVERT_OK);
		assert_int_equal(deliver(&r, &one, keys, at(end + 50), end + 50, INTERVAL), ADVERT_OK);
		assert_int_equal(
		    deliver(&r, &one, keys, at(end - 20), end + 60, INTERVAL), ADVERT_AUTH_REPLAYED);
		assert_int_equal(deliver(&r, &two, keys, at(end + 70), end - 10, INTERVAL), ADVERT_OK);
		assert_int_equal(deliver(&r, &two, keys, at(end - 6 * USEC_PER_SEC), end + 80, INTERVAL),
		    ADVERT_AUTH_STALE);
	}
}

/* A sender without a mark, as after our start: the window is all that counts. */
static void first_of_a_source(void **state)
{
	(void)state;
	struct auth_replay r = {0};
	assert_int_equal(deliver(&r, &one, keys, at(NOW - 5 * USEC_PER_SEC), NOW, INTERVAL), ADVERT_OK);
	assert_int_equal(
	    deliver(&r, &two, keys, at(NOW - 5 * USEC_PER_SEC - 16), NOW, INTERVAL), ADVERT_AUTH_STALE);
}

/* A sender whose clock steps back by less than the window is still heard. */
static void sender_clock_steps_back(void **state)
{
	(void)state;
	struct auth_replay r = {0};
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
	r = (struct auth_replay){0};
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
	struct auth_replay r = {0};
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
	    cmocka_unit_test(sequence_layout),
	    cmocka_unit_test(sequence_grows),
	    cmocka_unit_test(replay_and_reordering_are_refused),
	    cmocka_unit_test(sources_have_marks_of_their_own),
	    cmocka_unit_test(full_table),
	    cmocka_unit_test(window),
	    cmocka_unit_test(wrap_around),
	    cmocka_unit_test(first_of_a_source),
	    cmocka_unit_test(sender_clock_steps_back),
	    cmocka_unit_test(failed_checks_change_nothing),
	    cmocka_unit_test(nothing_is_allocated),
	};
	return cmocka_run_group_tests(tests, make_keys, NULL);
}
