/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of connections as bytes: golden ones, every truncation and flipped bit, and what does not fit a kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/connections.h"
#include "vipd/mono.h"

#define NOW	 (INT64_C(1795365540) * USEC_PER_SEC)
#define INTERVAL USEC_PER_SEC
#define KIND_AT	 11

static const struct hello_envelope envelope = {
    .source = {{{{0xfe, 0x80, [15] = 2}}}},
    .destination = {{{{0xff, 0x02, [15] = 0x12}}}},
    .hop_limit = 255,
};

static const struct connections golden = {
    .family = AF_INET6,
    .vrid = 100,
    .kind = CONNECTIONS_CHANGES,
    .list = 0x123456789a,
    .generation = 7,
    .known = 4097,
    .added = 1,
    .removed = 1,
    .of = {{.local = {{{{0x20, 0x01, 0x0d, 0xb8, [14] = 1}}}},
	       .local_port = 6443,
	       .address = {{{{0x20, 0x01, 0x0d, 0xb8, [15] = 9}}}},
	       .port = 40000},
	{.local = {{{{[10] = 0xff, 0xff, 192, 0, 2, 100}}}},
	    .local_port = 6443,
	    .address = {{{{[10] = 0xff, 0xff, 192, 0, 2, 9}}}},
	    .port = 40001}},
};

static const uint8_t golden_bytes[114] = "vipc\x01\x00\x06\x64" /* version, flags, family, VRID */
					 "\x01\x00\x19"
					 "\x01"
					 "\x00\x00\x00\x12\x34\x56\x78\x9a"
					 "\x00\x00\x00\x00\x00\x00\x00\x07"
					 "\x00\x00\x10\x01"
					 "\x00\x00\x00\x00"
					 "\x02\x00\x24"
					 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\x01\x00\x19\x2b"
					 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\x00\x09\x9c\x40"
					 "\x03\x00\x24"
					 "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x64\x19\x2b"
					 "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x09\x9c\x41";

static enum hello_verdict parse(const uint8_t *bytes, size_t size, struct connections *connections)
{
	return connections_parse(bytes, size, &envelope, connections);
}

static void golden_decodes(void **state)
{
	(void)state;
	struct connections connections;
	assert_true(connections_are_in(golden_bytes, sizeof golden_bytes));
	assert_int_equal(parse(golden_bytes, sizeof golden_bytes, &connections), HELLO_OK);
	assert_memory_equal(&connections, &golden, sizeof connections);
}

static void golden_encodes(void **state)
{
	(void)state;
	uint8_t bytes[HELLO_SIZE_MAX];
	for (size_t room = 0; room < sizeof golden_bytes; room++)
		assert_int_equal(connections_build(&golden, bytes, room), 0);
	assert_int_equal(connections_build(&golden, bytes, sizeof bytes), sizeof golden_bytes);
	assert_memory_equal(bytes, golden_bytes, sizeof golden_bytes);
}

/* The last two fields may be missing. */
static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct connections connections;
	for (size_t size = 0; size < sizeof golden_bytes; size++)
		if (size != 36 && size != 36 + 39)
			assert_int_not_equal(parse(golden_bytes, size, &connections), HELLO_OK);
}

static void a_full_one_fits_and_one_more_does_not(void **state)
{
	(void)state;
	struct connections full = golden, again;
	uint8_t bytes[HELLO_SIZE_MAX];
	full.is_signed = true;
	full.added = CONNECTIONS_DATAGRAM - 1;
	size_t size = connections_build(&full, bytes, sizeof bytes);
	assert_in_range(size, 1, HELLO_SIZE_MAX);
	assert_int_equal(parse(bytes, size, &again), HELLO_OK);
	assert_memory_equal(&full, &again, sizeof full);
	full.added++;
	assert_int_equal(connections_build(&full, bytes, sizeof bytes), 0);
	/* Nor does one that somebody else made: 32 clients of 36 bytes in one field. */
	uint8_t larger[36 + 3 + 32 * 36] = {0};
	memcpy(larger, golden_bytes, 36);
	memcpy(larger + 36, "\x02\x04\x80", 3);
	assert_int_equal(parse(larger, sizeof larger, &again), HELLO_BAD_FIELD);
	larger[38] = 0x5c; /* 31, and what follows are fields of a later version */
	assert_int_equal(parse(larger, 36 + 3 + 31 * 36, &again), HELLO_OK);
}

static void every_reason(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
		enum hello_verdict expected;
	} bad[] = {
	    {3, 'd', HELLO_BAD_MAGIC}, {4, 2, HELLO_BAD_VERSION}, {6, 5, HELLO_BAD_FAMILY},
	    {8, 9, HELLO_MISSING_FIELD},						 /* no list */
	    {10, 24, HELLO_BAD_FIELD},							 /* too short */
	    {KIND_AT, 0, HELLO_BAD_FIELD},						 /* no such kind */
	    {KIND_AT, 4, HELLO_BAD_FIELD}, {KIND_AT, CONNECTIONS_PART, HELLO_BAD_FIELD}, /* part 0 of none */
	    {KIND_AT, CONNECTIONS_ASK, HELLO_BAD_FIELD},				 /* with clients */
	    {KIND_AT + 22, 1, HELLO_BAD_FIELD}, /* changes are no part */
	    {36, 3, HELLO_BAD_FIELD},		/* removed twice */
	    {38, 35, HELLO_BAD_FIELD},		/* not whole clients */
	};
	struct connections connections, untouched;
	memset(&untouched, 0x5a, sizeof untouched);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t bytes[sizeof golden_bytes];
		memcpy(bytes, golden_bytes, sizeof bytes);
		bytes[bad[i].at] = bad[i].value;
		connections = untouched;
		if (parse(bytes, sizeof bytes, &connections) != bad[i].expected)
			fail_msg("byte %zu = %u: %s, expected %s", bad[i].at, bad[i].value,
			    hello_verdict_name(parse(bytes, sizeof bytes, &connections)),
			    hello_verdict_name(bad[i].expected));
		assert_memory_equal(&connections, &untouched, sizeof connections);
	}
}

/* The same envelope as of hellos, whose test tries each of its rules. */
static void a_router_brings_none(void **state)
{
	(void)state;
	struct connections connections;
	struct hello_envelope e = envelope;
	e.hop_limit = 254;
	assert_int_equal(
	    connections_parse(golden_bytes, sizeof golden_bytes, &e, &connections), HELLO_BAD_HOP_LIMIT);
}

static struct auth_key make_key(void)
{
	static const uint8_t raw[AUTH_DERIVED_SIZE] = "of hellos, and of these";
	struct auth_key key;
	auth_key_of(1, raw, &key);
	return key;
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	struct connections c = golden;
	struct auth_key key = make_key();
	struct auth_sequence sequence = {0};
	uint8_t bytes[HELLO_SIZE_MAX];
	c.is_signed = true;
	size_t size = connections_build(&c, bytes, sizeof bytes);
	hello_sign(
	    &key, &envelope.source, &envelope.destination, auth_sequence_next(&sequence, NOW), bytes, size);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		struct auth_replay replay = {0};
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (parse(bytes, size, &c) == HELLO_OK && c.is_signed)
			assert_int_not_equal(
			    hello_verify(&key, 1, &replay, &envelope, bytes, size, NOW, INTERVAL), HELLO_OK);
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	struct auth_replay replay = {0};
	assert_int_equal(hello_verify(&key, 1, &replay, &envelope, bytes, size, NOW, INTERVAL), HELLO_OK);
	assert_int_equal(
	    hello_verify(&key, 1, &replay, &envelope, bytes, size, NOW, INTERVAL), HELLO_AUTH_REPLAYED);
}

static void order(void **state)
{
	(void)state;
	const struct client *a = &golden.of[1], *b = &golden.of[0];
	assert_true(client_compare(a, b) < 0 && client_compare(b, a) > 0 && !client_compare(a, a));
	struct client c = *a;
	c.port++;
	assert_true(client_compare(a, &c) < 0);
	c.local_port--;
	assert_true(client_compare(a, &c) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_decodes),
	    cmocka_unit_test(golden_encodes),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(a_full_one_fits_and_one_more_does_not),
	    cmocka_unit_test(every_reason),
	    cmocka_unit_test(a_router_brings_none),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
