/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adverts of IPv4: golden bytes (keepalived 2.2.7 and FRR 8.4.4 send the same), both checksums, the
 * signature, and VRRPv2.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/advert.h"
#include "vipd/auth.h"

/* From 192.0.2.21, VRID 100, priority 150, 100 ms, 192.0.2.100 and 192.0.2.101. */
static const uint8_t golden[16] = {
    0x31, 0x64, 0x96, 0x02, 0x00, 0x0a, 0x11, 0x1c, 192, 0, 2, 100, 192, 0, 2, 101};
/* The same of keepalived with vrrp_version 2. */
static const uint8_t version_2[24] = {
    0x21, 0x64, 0x96, 0x02, 0x00, 0x01, 0xc3, 0xcd, 192, 0, 2, 100, 192, 0, 2, 101};

static struct address address(const char *text)
{
	struct in_addr in4;
	assert_int_equal(inet_pton(AF_INET, text, &in4), 1);
	return address_of_ipv4(&in4);
}

static struct advert_envelope envelope(void)
{
	return (struct advert_envelope){
	    .source = address("192.0.2.21"), .destination = address("224.0.0.18"), .hop_limit = 255};
}

static struct advert sample(void)
{
	return (struct advert){.vrid = 100,
	    .priority = 150,
	    .interval_cs = 10,
	    .address_count = 2,
	    .addresses = {address("192.0.2.100"), address("192.0.2.101")}};
}

static enum advert_verdict parse(
    const uint8_t *bytes, size_t size, const struct advert_envelope *env, struct advert *out)
{
	uint8_t *copy = malloc(size ? size : 1); /* the sanitizer sees a read past the end */
	memcpy(copy, bytes, size);
	struct advert room;
	enum advert_verdict verdict = advert_parse(copy, size, env, out ? out : &room);
	free(copy);
	return verdict;
}

static void golden_decodes(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	struct advert a, expected = sample();
	assert_int_equal(parse(golden, sizeof golden, &env, &a), ADVERT_OK);
	assert_int_equal(a.vrid, 100);
	assert_int_equal(a.priority, 150);
	assert_int_equal(a.interval_cs, 10);
	assert_int_equal(a.address_count, 2);
	assert_memory_equal(a.addresses, expected.addresses, 2 * sizeof a.addresses[0]);
	assert_int_equal(a.size, 16);
	assert_false(a.plain_checksum);
	assert_null(a.trailer);
}

static void golden_encodes(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	struct advert a = sample();
	uint8_t bytes[ADVERT_SIZE_MAX];
	assert_int_equal(
	    advert_build(&a, &env.source, &env.destination, NULL, bytes, sizeof bytes), sizeof golden);
	assert_memory_equal(bytes, golden, sizeof golden);
	for (size_t room = 0; room < sizeof golden; room++)
		assert_int_equal(advert_build(&a, &env.source, &env.destination, NULL, bytes, room), 0);
}

/* RFC 9568 section 5.2.8. */
static void checksum_without_pseudo_header(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	struct advert a = sample(), out;
	uint8_t bytes[ADVERT_SIZE_MAX];
	a.plain_checksum = true;
	assert_int_equal(advert_build(&a, &env.source, &env.destination, NULL, bytes, sizeof bytes), 16);
	assert_int_equal(bytes[6] << 8 | bytes[7], 0xb3c4);
	assert_int_equal(parse(bytes, 16, &env, &out), ADVERT_OK);
	assert_true(out.plain_checksum);
	bytes[2]++;
	assert_int_equal(parse(bytes, 16, &env, NULL), ADVERT_BAD_CHECKSUM);
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < sizeof golden * 8; bit++) {
		struct advert_envelope env = envelope();
		uint8_t bytes[sizeof golden];
		memcpy(bytes, golden, sizeof golden);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(parse(bytes, sizeof bytes, &env, NULL), ADVERT_OK);
	}
	for (size_t bit = 96; bit < 128; bit++) {
		struct advert_envelope env = envelope();
		env.source.in6.s6_addr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(parse(golden, sizeof golden, &env, NULL), ADVERT_OK);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	for (size_t size = 0; size < sizeof golden; size++)
		assert_int_equal(parse(golden, size, &env, NULL),
		    size < ADVERT_HEADER_SIZE ? ADVERT_TOO_SHORT : ADVERT_BAD_LENGTH);
}

/* 255 addresses are valid; those that do not fit are counted, not stored. */
static void more_addresses_than_stored(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	static uint8_t bytes[8 + 4 * 255] = {0x31, 7, 100, 255, 0, 10};
	uint16_t sum = checksum_plain(bytes, sizeof bytes);
	memcpy(bytes + 6, &sum, 2);
	struct advert a;
	assert_int_equal(parse(bytes, sizeof bytes, &env, &a), ADVERT_OK);
	assert_int_equal(a.address_count, 255);
	assert_int_equal(a.size, sizeof bytes);
}

static void envelope_is_checked(void **state)
{
	(void)state;
	static const struct {
		const char *source, *destination;
		enum advert_verdict verdict;
	} cases[] = {
	    {"192.0.2.21", "224.0.0.18", ADVERT_OK},
	    {"192.0.2.21", "192.0.2.11", ADVERT_OK}, /* unicast peers */
	    {"192.0.2.21", "224.0.0.1", ADVERT_OK},  /* a final advert */
	    {"192.0.2.21", "224.0.0.19", ADVERT_BAD_DESTINATION},
	    {"0.0.0.0", "224.0.0.18", ADVERT_BAD_SOURCE},
	    {"224.0.0.18", "224.0.0.18", ADVERT_BAD_SOURCE},
	};
	struct advert a = sample();
	uint8_t bytes[16];
	a.plain_checksum = true;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct advert_envelope env = {.source = address(cases[i].source),
		    .destination = address(cases[i].destination),
		    .hop_limit = 255};
		advert_build(&a, &env.source, &env.destination, NULL, bytes, sizeof bytes);
		assert_int_equal(parse(bytes, sizeof bytes, &env, NULL), cases[i].verdict);
		env.hop_limit = 254;
		assert_int_equal(parse(bytes, sizeof bytes, &env, NULL), ADVERT_BAD_HOP_LIMIT);
	}
}

static void version_2_is_named(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	uint8_t bytes[sizeof version_2 + 1] = {0};
	memcpy(bytes, version_2, sizeof version_2);
	assert_int_equal(parse(bytes, sizeof version_2, &env, NULL), ADVERT_VRRP_VERSION_2);
	assert_int_equal(parse(bytes, sizeof bytes, &env, NULL), ADVERT_BAD_VERSION); /* CARP, for instance */
}

/* Made by another implementation of draft-cassen-vrrp-auth-hmac-00: family 4, address padded with zeros. */
static void signature(void **state)
{
	(void)state;
	static const uint8_t expected[ADVERT_TRAILER_SIZE] = {0x01, 0x01, 0x00, 0x00, 0x6b, 0x03, 0x1a, 0xa4,
	    0x4a, 0x36, 0x00, 0x00, 0x04, 0xc8, 0x4f, 0x2c, 0xd2, 0x04, 0xae, 0xfe, 0xf7, 0xfa, 0x1a, 0xfd,
	    0x26, 0x61, 0x55, 0xf3};
	struct advert_envelope env = envelope();
	struct auth_key key;
	char text[4 + 64 + 1] = "hex:";
	for (unsigned i = 0; i < 32; i++)
		sprintf(text + 4 + 2 * i, "%02x", i);
	assert_int_equal(auth_key_parse(1, (const uint8_t *)text, 68, &key), AUTH_KEY_OK);
	uint8_t trailer[ADVERT_TRAILER_SIZE], bytes[ADVERT_SIZE_MAX];
	auth_sign(&key, &env.source, golden, sizeof golden, UINT64_C(0x6b031aa44a360000), trailer);
	assert_memory_equal(trailer, expected, sizeof expected);

	struct advert a = sample(), out;
	size_t size = advert_build(&a, &env.source, &env.destination, trailer, bytes, sizeof bytes);
	assert_int_equal(size, 16 + 28);
	assert_int_equal(advert_parse(bytes, size, &env, &out), ADVERT_OK);
	struct auth_packet packet = {
	    .source = &env.source, .pdu = bytes, .size = out.size, .trailer = out.trailer};
	struct auth_replay replay;
	replay = (struct auth_replay){0};
	int64_t now = INT64_C(0x6b031aa4) * 1000000;
	assert_int_equal(auth_verify(&key, 1, &replay, &packet, now, 100000), ADVERT_OK);
	assert_int_equal(auth_verify(&key, 1, &replay, &packet, now, 100000), ADVERT_AUTH_REPLAYED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_decodes),
	    cmocka_unit_test(golden_encodes),
	    cmocka_unit_test(checksum_without_pseudo_header),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(more_addresses_than_stored),
	    cmocka_unit_test(envelope_is_checked),
	    cmocka_unit_test(version_2_is_named),
	    cmocka_unit_test(signature),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
