/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hellos as bytes: golden ones, every truncation and flipped bit, every reason to refuse one, and their MAC.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "vipd/hello.h"
#include "vipd/mono.h"

#define NOW	 (INT64_C(1795365540) * USEC_PER_SEC)
#define INTERVAL USEC_PER_SEC

static const struct hello_envelope envelope = {
    .source = {{{{0xfe, 0x80, [15] = 2}}}},
    .destination = {{{{0xff, 0x02, [15] = 0x12}}}},
    .hop_limit = 255,
};

static const struct hello golden = {
    .family = AF_INET6,
    .vrid = 100,
    .node = "k8s-node02",
    .version = "0.2.0",
    .boot = {0xb0, 0x07, [15] = 0x1d},
    .number = 0x123456789a,
    .interval_ms = 1000,
    .address = {{{{0x20, 0x01, 0x0d, 0xb8, [15] = 2}}}},
    .state = 1,
    .health = 2,
    .priority = 100,
    .effective_priority = 100,
    .candidate = true,
    .reason = "why",
    .advert_interval_ms = 100,
    .preempt = true,
    .auth = 3,
    .key_count = 2,
    .keys = {1, 7},
    .address_count = 1,
    .addresses = {{{{{0x20, 0x01, 0x0d, 0xb8, [14] = 1}}}}},
    .cause = 4,
    .state_ms = 5000,
    .cause_text = "fe80::1 resigned",
    .lowered = 40,
    .lowered_text = "disk: full",
};

static const uint8_t golden_bytes[162] = "vipd\x01\x00\x06\x64" /* version, flags, family, VRID */
					 "\x01\x00\x0a"
					 "k8s-node02"
					 "\x02\x00\x05"
					 "0.2.0"
					 "\x03\x00\x1c" /* boot id, number, interval */
					 "\xb0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\x1d"
					 "\x00\x00\x00\x12\x34\x56\x78\x9a"
					 "\x00\x00\x03\xe8"
					 "\x04\x00\x10" /* address of the node */
					 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
					 "\x05\x00\x05" /* status */
					 "\x01\x02\x64\x64\x02"
					 "\x06\x00\x03"
					 "why"
					 "\x07\x00\x09" /* settings */
					 "\x00\x00\x00\x64\x01\x03\x02\x01\x07"
					 "\x08\x00\x10" /* virtual addresses */
					 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\x01\x00"
					 "\x09\x00\x15" /* cause */
					 "\x04\x00\x00\x13\x88"
					 "fe80::1 resigned"
					 "\x0a\x00\x0b" /* lowered */
					 "\x28"
					 "disk: full";
#define STATUS_AT      79 /* its type */
#define ADDRESSES_SIZE 19
#define CAUSE_SIZE     24
#define LOWERED_SIZE   14

static enum hello_verdict parse(const uint8_t *bytes, size_t size, struct hello *hello)
{
	return hello_parse(bytes, size, &envelope, hello);
}

static void golden_decodes(void **state)
{
	(void)state;
	struct hello hello;
	assert_int_equal(golden_bytes[STATUS_AT], 5);
	assert_int_equal(parse(golden_bytes, sizeof golden_bytes, &hello), HELLO_OK);
	assert_memory_equal(&hello, &golden, sizeof hello);
}

static void golden_encodes(void **state)
{
	(void)state;
	uint8_t bytes[HELLO_SIZE_MAX];
	assert_int_equal(hello_build(&golden, bytes, sizeof bytes), sizeof golden_bytes);
	assert_memory_equal(bytes, golden_bytes, sizeof golden_bytes);
}

static void too_little_room(void **state)
{
	(void)state;
	uint8_t bytes[sizeof golden_bytes];
	for (size_t room = 0; room < sizeof bytes; room++)
		assert_int_equal(hello_build(&golden, bytes, room), 0);
}

/* The fullest hello there can be, with its trailer. */
static void the_longest_fits(void **state)
{
	(void)state;
	struct hello hello = golden, again;
	uint8_t bytes[HELLO_SIZE_MAX];
	hello.is_signed = true;
	memset(hello.node, 'n', sizeof hello.node - 1);
	memset(hello.version, 'v', sizeof hello.version - 1);
	memset(hello.reason, 'r', sizeof hello.reason - 1);
	memset(hello.cause_text, 'c', sizeof hello.cause_text - 1);
	memset(hello.lowered_text, 'l', sizeof hello.lowered_text - 1);
	hello.key_count = HELLO_KEYS_MAX;
	hello.address_count = HELLO_ADDRESSES_MAX;
	size_t size = hello_build(&hello, bytes, sizeof bytes);
	assert_in_range(size, 400, HELLO_SIZE_MAX / 3 * 2);
	assert_int_equal(parse(bytes, size, &again), HELLO_OK);
	assert_memory_equal(&hello, &again, sizeof hello);
	hello.address_count++;
	assert_int_equal(hello_build(&hello, bytes, sizeof bytes), 0);
}

/* The virtual addresses, the cause and what lowers the priority are the last fields and may be missing. */
static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct hello hello;
	size_t lowered_at = sizeof golden_bytes - LOWERED_SIZE, cause_at = lowered_at - CAUSE_SIZE;
	for (size_t size = 0; size < sizeof golden_bytes; size++) {
		enum hello_verdict verdict = parse(golden_bytes, size, &hello);
		if (size != lowered_at && size != cause_at && size != cause_at - ADDRESSES_SIZE)
			assert_int_not_equal(verdict, HELLO_OK);
	}
}

static void unknown_fields_are_skipped(void **state)
{
	(void)state;
	uint8_t bytes[sizeof golden_bytes + 300] = {0};
	struct hello hello;
	memcpy(bytes, golden_bytes, 8);
	memcpy(bytes + 8, (const uint8_t[]){200, 1, 0}, 3); /* 256 bytes */
	memcpy(bytes + 8 + 259, golden_bytes + 8, sizeof golden_bytes - 8);
	memcpy(bytes + 259 + sizeof golden_bytes, (const uint8_t[]){0, 0, 0, 99, 0, 1, 77}, 7);
	assert_int_equal(parse(bytes, 259 + sizeof golden_bytes + 7, &hello), HELLO_OK);
	assert_memory_equal(&hello, &golden, sizeof hello);
}

/* A later version may add to the end of a value. */
static void longer_values_are_read(void **state)
{
	(void)state;
	uint8_t bytes[sizeof golden_bytes + 2];
	struct hello hello;
	size_t end = STATUS_AT + 8;
	memcpy(bytes, golden_bytes, end);
	bytes[STATUS_AT + 2] += 2;
	bytes[end] = bytes[end + 1] = 0xff;
	memcpy(bytes + end + 2, golden_bytes + end, sizeof golden_bytes - end);
	assert_int_equal(parse(bytes, sizeof bytes, &hello), HELLO_OK);
	assert_memory_equal(&hello, &golden, sizeof hello);
}

static void texts_are_printable(void **state)
{
	(void)state;
	uint8_t bytes[sizeof golden_bytes];
	struct hello hello;
	memcpy(bytes, golden_bytes, sizeof bytes);
	memcpy(bytes + 11, "\033[2J\n\xff\x7f", 7);
	assert_int_equal(parse(bytes, sizeof bytes, &hello), HELLO_OK);
	assert_string_equal(hello.node, "?[2J???e02");
}

static void every_reason(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
		enum hello_verdict expected;
	} bad[] = {
	    {0, 'V', HELLO_BAD_MAGIC}, {4, 2, HELLO_BAD_VERSION}, {6, 5, HELLO_BAD_FAMILY},
	    {8, 99, HELLO_MISSING_FIELD},	 /* no node */
	    {8, 2, HELLO_BAD_FIELD},		 /* two versions */
	    {10, 0, HELLO_BAD_FIELD},		 /* an empty name, and what follows is no field */
	    {9, 1, HELLO_BAD_FIELD},		 /* runs past the end */
	    {STATUS_AT + 2, 4, HELLO_BAD_FIELD}, /* too short */
	    {STATUS_AT + 3, 4, HELLO_BAD_FIELD}, /* no such state */
	    {STATUS_AT + 4, 3, HELLO_BAD_FIELD}, /* no such health */
	    {STATUS_AT, 50, HELLO_MISSING_FIELD},
	    {STATUS_AT + 14 + 8, 4, HELLO_BAD_FIELD}, /* no such auth mode */
	    {STATUS_AT + 14 + 9, 5, HELLO_BAD_FIELD}, /* more keys than there can be */
	    {STATUS_AT + 14 + 9, 3, HELLO_BAD_FIELD}, /* more keys than there are */
	    {STATUS_AT + 28, 15, HELLO_BAD_FIELD},    /* not whole addresses */
	    {sizeof golden_bytes - LOWERED_SIZE - CAUSE_SIZE + 2, 4, HELLO_BAD_FIELD}, /* no whole time */
	    {sizeof golden_bytes - LOWERED_SIZE + 3, 0, HELLO_BAD_FIELD}, /* lowered by nothing */
	};
	struct hello hello, untouched;
	memset(&untouched, 0x5a, sizeof untouched);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t bytes[sizeof golden_bytes];
		memcpy(bytes, golden_bytes, sizeof bytes);
		bytes[bad[i].at] = bad[i].value;
		hello = untouched;
		if (parse(bytes, sizeof bytes, &hello) != bad[i].expected)
			fail_msg("byte %zu = %u: %s, expected %s", bad[i].at, bad[i].value,
			    hello_verdict_name(parse(bytes, sizeof bytes, &hello)),
			    hello_verdict_name(bad[i].expected));
		assert_memory_equal(&hello, &untouched, sizeof hello);
	}
	uint8_t long_one[HELLO_SIZE_MAX + 1] = {0};
	memcpy(long_one, golden_bytes, sizeof golden_bytes);
	assert_int_equal(parse(long_one, sizeof long_one, &hello), HELLO_TOO_LONG);
	assert_int_equal(parse(golden_bytes, 7, &hello), HELLO_TOO_SHORT);
	uint8_t is_signed[9] = {'v', 'i', 'p', 'd', 1, 1, 6, 100};
	assert_int_equal(parse(is_signed, sizeof is_signed, &hello), HELLO_TOO_SHORT);
}

static void envelope_is_checked(void **state)
{
	(void)state;
	struct hello hello;
	struct hello_envelope e = envelope;
	e.hop_limit = 254;
	assert_int_equal(hello_parse(golden_bytes, sizeof golden_bytes, &e, &hello), HELLO_BAD_HOP_LIMIT);
	e = envelope;
	e.destination.in6.s6_addr[15] = 0x16;
	assert_int_equal(hello_parse(golden_bytes, sizeof golden_bytes, &e, &hello), HELLO_BAD_DESTINATION);
	e = envelope;
	inet_pton(AF_INET6, "2001:db8::2", &e.source);
	assert_int_equal(hello_parse(golden_bytes, sizeof golden_bytes, &e, &hello), HELLO_BAD_SOURCE);
	inet_pton(AF_INET6, "2001:db8::1", &e.destination); /* unicast */
	assert_int_equal(hello_parse(golden_bytes, sizeof golden_bytes, &e, &hello), HELLO_OK);
}

/* To the group of IPv4, from any address that one router may have; or to one that is known. */
static void envelope_of_ipv4(void **state)
{
	(void)state;
	static const struct {
		const char *source, *destination;
		enum hello_verdict expected;
	} rows[] = {
	    {"192.0.2.11", "224.0.0.18", HELLO_OK},
	    {"169.254.3.4", "224.0.0.18", HELLO_OK},
	    {"192.0.2.11", "192.0.2.12", HELLO_OK},
	    {"192.0.2.11", "224.0.0.22", HELLO_BAD_DESTINATION},
	    {"192.0.2.11", "ff02::12", HELLO_BAD_DESTINATION},
	    {"fe80::11", "224.0.0.18", HELLO_BAD_DESTINATION},
	    {"0.0.0.0", "224.0.0.18", HELLO_BAD_SOURCE},
	    {"224.0.0.18", "192.0.2.12", HELLO_BAD_SOURCE},
	};
	struct hello hello;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hello_envelope e = {.hop_limit = 255};
		assert_true(address_parse(rows[i].source, &e.source));
		assert_true(address_parse(rows[i].destination, &e.destination));
		if (hello_parse(golden_bytes, sizeof golden_bytes, &e, &hello) != rows[i].expected)
			fail_msg("%s to %s: expected %s", rows[i].source, rows[i].destination,
			    hello_verdict_name(rows[i].expected));
	}
}

/* ---- authentication ---- */

static struct auth_key advert_key, hello_key;
static uint8_t derived[AUTH_DERIVED_SIZE];

static int make_keys(void **state)
{
	(void)state;
	static const uint8_t text[] = "a key of adverts, which control never sees";
	if (auth_key_parse(1, text, sizeof text - 1, &advert_key) != AUTH_KEY_OK)
		return -1;
	auth_key_derive(&advert_key, AUTH_LABEL_HELLO, derived);
	auth_key_of(1, derived, &hello_key);
	return 0;
}

static size_t build_signed(uint8_t bytes[static HELLO_SIZE_MAX], uint64_t sequence)
{
	struct hello hello = golden;
	hello.is_signed = true;
	size_t size = hello_build(&hello, bytes, HELLO_SIZE_MAX);
	hello_sign(&hello_key, &envelope.source, &envelope.destination, sequence, bytes, size);
	return size;
}

static uint64_t sequence_of(int64_t us)
{
	struct auth_sequence sequence = {0};
	return auth_sequence_next(&sequence, us);
}

static enum hello_verdict verify(
    struct auth_replay *replay, const struct hello_envelope *e, const uint8_t *bytes, size_t size)
{
	return hello_verify(&hello_key, 1, replay, e, bytes, size, NOW, INTERVAL);
}

/* RFC 2104 by libcrypto, of the label and of the hello. */
static void mac_is_hmac(void **state)
{
	(void)state;
	static const char text[] = "a key of adverts, which control never sees";
	uint8_t bytes[HELLO_SIZE_MAX], digest[32], message[32 + HELLO_SIZE_MAX] = {0};
	HMAC(EVP_sha256(), text, sizeof text - 1, (const uint8_t *)"vipd hello 1", 12, digest, NULL);
	assert_memory_equal(derived, digest, sizeof derived);
	size_t size = build_signed(bytes, 0x0102030405060708);
	memcpy(message, &envelope.source, 16);
	memcpy(message + 16, &envelope.destination, 16);
	memcpy(message + 32, bytes, size - 16); /* up to the MAC, which counts as zero */
	HMAC(EVP_sha256(), derived, sizeof derived, message, 32 + size, digest, NULL);
	assert_memory_equal(bytes + size - 16, digest, 16);
	assert_memory_equal(bytes + size - 28, "\1\1\0\0\1\2\3\4\5\6\7\10", 12);
}

static void taken_once(void **state)
{
	(void)state;
	struct auth_replay replay = {0};
	struct hello hello;
	uint8_t bytes[HELLO_SIZE_MAX];
	size_t size = build_signed(bytes, sequence_of(NOW));
	assert_int_equal(parse(bytes, size, &hello), HELLO_OK);
	assert_true(hello.is_signed);
	assert_int_equal(verify(&replay, &envelope, bytes, size), HELLO_OK);
	assert_int_equal(verify(&replay, &envelope, bytes, size), HELLO_AUTH_REPLAYED);
	size = build_signed(bytes, sequence_of(NOW - 10 * USEC_PER_SEC));
	assert_int_equal(verify(&replay, &envelope, bytes, size), HELLO_AUTH_STALE);
}

/* The receiver of one router takes no hello that was made for another, or came from or to somebody else. */
static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	struct hello hello;
	uint8_t bytes[HELLO_SIZE_MAX];
	size_t size = build_signed(bytes, sequence_of(NOW));
	for (size_t bit = 0; bit < 8 * size; bit++) {
		struct auth_replay replay = {0};
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		bool parsed = parse(bytes, size, &hello) == HELLO_OK;
		/* Without the flag it is an unsigned one; who wants signed ones refuses that. */
		if (parsed && hello.is_signed)
			assert_int_not_equal(verify(&replay, &envelope, bytes, size), HELLO_OK);
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct auth_replay replay = {0};
		struct hello_envelope e = envelope;
		(i ? &e.source : &e.destination)->in6.s6_addr[8] ^= 1;
		assert_int_equal(verify(&replay, &e, bytes, size), HELLO_AUTH_BAD_MAC);
	}
}

/* The MAC covers addresses of IPv4 as ::ffff:a.b.c.d, as others of the same 32 bits do not. */
static void mac_covers_ipv4_addresses(void **state)
{
	(void)state;
	struct hello ours = golden, hello;
	struct hello_envelope e = {.hop_limit = 255}, other;
	struct auth_replay replay = {0};
	uint8_t bytes[HELLO_SIZE_MAX];
	ours.is_signed = true;
	ours.family = AF_INET;
	assert_true(address_parse("192.0.2.11", &e.source) && address_parse("224.0.0.18", &e.destination));
	size_t size = hello_build(&ours, bytes, sizeof bytes);
	hello_sign(&hello_key, &e.source, &e.destination, sequence_of(NOW), bytes, size);
	assert_int_equal(hello_parse(bytes, size, &e, &hello), HELLO_OK);
	assert_memory_equal(&hello, &ours, sizeof hello);
	other = e;
	assert_true(address_parse("192.0.2.12", &other.source));
	assert_int_equal(verify(&replay, &other, bytes, size), HELLO_AUTH_BAD_MAC);
	other = e;
	assert_true(address_parse("::c000:20b", &other.source)); /* the last 32 bits are the same */
	assert_int_equal(verify(&replay, &other, bytes, size), HELLO_AUTH_BAD_MAC);
	assert_int_equal(verify(&replay, &e, bytes, size), HELLO_OK);
}

/* Control has the derived key only: an advert that is signed with it is refused. */
static void key_signs_no_adverts(void **state)
{
	(void)state;
	static const uint8_t pdu[24] = {0x31, 100, 100, 1, 0, 10};
	uint8_t trailer[ADVERT_TRAILER_SIZE];
	struct auth_replay replay = {0};
	auth_sign(&hello_key, &envelope.source, pdu, sizeof pdu, sequence_of(NOW), trailer);
	struct auth_packet packet = {&envelope.source, pdu, sizeof pdu, trailer};
	assert_int_equal(auth_verify(&advert_key, 1, &replay, &packet, NOW, INTERVAL), ADVERT_AUTH_BAD_MAC);
}

static void names(void **state)
{
	(void)state;
	for (int i = 0; i < HELLO_VERDICTS; i++) {
		const char *name = hello_verdict_name((enum hello_verdict)i);
		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, hello_verdict_name((enum hello_verdict)j));
	}
	assert_string_equal(hello_verdict_name(HELLO_AUTH_BAD_MAC), "auth_bad_mac");
	assert_string_equal(hello_verdict_name(HELLO_VERDICTS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_decodes),
	    cmocka_unit_test(golden_encodes),
	    cmocka_unit_test(too_little_room),
	    cmocka_unit_test(the_longest_fits),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(unknown_fields_are_skipped),
	    cmocka_unit_test(longer_values_are_read),
	    cmocka_unit_test(texts_are_printable),
	    cmocka_unit_test(every_reason),
	    cmocka_unit_test(envelope_is_checked),
	    cmocka_unit_test(envelope_of_ipv4),
	    cmocka_unit_test(mac_is_hmac),
	    cmocka_unit_test(taken_once),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(mac_covers_ipv4_addresses),
	    cmocka_unit_test(key_signs_no_adverts),
	    cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, make_keys, NULL);
}
