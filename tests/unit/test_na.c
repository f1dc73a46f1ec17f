/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbor Advertisements: golden bytes (a NA of the captured vectors), round trips, every refusal of RFC
 * 4861 section 7.1.2.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/advert.h"
#include "vipd/na.h"

static const char vip[] = "2001:a61:1162:79fb:ff00::100";

/* keepalived 2.4.3: R=0, S=0, O=1, to ff02::1. */
static const uint8_t golden[NA_SIZE] = {0x88, 0x00, 0xa6, 0xb6, 0x20, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0a,
    0x61, 0x11, 0x62, 0x79, 0xfb, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x02, 0x01, 0xb6, 0x7b,
    0x9e, 0x71, 0xef, 0x7a};

static struct address address(const char *text)
{
	struct address a;
	assert_int_equal(inet_pton(AF_INET6, text, &a.in6), 1);
	return a;
}

static enum na_verdict parse(const uint8_t *bytes, size_t size, const char *source, const char *destination,
    uint8_t hop_limit, struct na *out)
{
	struct address from = address(source), to = address(destination);
	uint8_t *copy = malloc(size ? size : 1);
	memcpy(copy, bytes, size);
	struct na na, untouched;
	memset(&na, 0xa5, sizeof na);
	memset(&untouched, 0xa5, sizeof untouched);
	enum na_verdict verdict = na_parse(copy, size, &from, &to, hop_limit, &na);
	if (verdict != NA_OK)
		assert_memory_equal(&na, &untouched, sizeof na);
	else if (out)
		*out = na;
	free(copy);
	return verdict;
}

/* Parses a variant of the golden one with a right checksum. */
static enum na_verdict parse_sealed(uint8_t *bytes, size_t size, const char *destination, struct na *out)
{
	struct address from = address(vip), to = address(destination);
	memset(bytes + 2, 0, 2);
	uint16_t sum = checksum_pseudo(&from, &to, 58, bytes, size);
	memcpy(bytes + 2, &sum, 2);
	return parse(bytes, size, vip, destination, 255, out);
}

static void golden_decodes(void **state)
{
	(void)state;
	struct na na;
	assert_int_equal(parse(golden, sizeof golden, vip, "ff02::1", 255, &na), NA_OK);
	struct address target = address(vip);
	assert_memory_equal(&na.target, &target, sizeof target);
	assert_false(na.router);
	assert_false(na.solicited);
	assert_true(na.override);
	assert_true(na.has_mac);
	assert_memory_equal(na.mac, golden + 26, 6);
}

static void golden_encodes(void **state)
{
	(void)state;
	struct address target = address(vip), all_nodes = address("ff02::1");
	struct na na = {.target = target, .override = true, .has_mac = true};
	memcpy(na.mac, golden + 26, 6);
	uint8_t bytes[NA_SIZE];
	assert_int_equal(na_build(&na, &target, &all_nodes, bytes, sizeof bytes), NA_SIZE);
	assert_memory_equal(bytes, golden, sizeof golden);
	for (size_t room = 0; room < NA_SIZE; room++)
		assert_int_equal(na_build(&na, &target, &all_nodes, bytes, room), 0);
}

static void round_trips(void **state)
{
	(void)state;
	struct address source = address("2001:db8::1"), destination = address("fe80::2");
	for (unsigned i = 0; i < 16; i++) {
		struct na in = {.target = source,
		    .router = i & 1,
		    .solicited = i & 2,
		    .override = i & 4,
		    .has_mac = i & 8};
		if (in.has_mac)
			memcpy(in.mac, (uint8_t[]){2, 0, 0, 0xab, 0xcd, 0xef}, 6);
		uint8_t bytes[NA_SIZE];
		size_t size = na_build(&in, &source, &destination, bytes, sizeof bytes);
		assert_int_equal(size, in.has_mac ? NA_SIZE : NA_SIZE - 8);
		struct na out;
		assert_int_equal(parse(bytes, size, "2001:db8::1", "fe80::2", 255, &out), NA_OK);
		assert_memory_equal(&out.target, &in.target, 16);
		assert_int_equal(out.router, in.router);
		assert_int_equal(out.solicited, in.solicited);
		assert_int_equal(out.override, in.override);
		assert_int_equal(out.has_mac, in.has_mac);
		assert_memory_equal(out.mac, in.mac, 6);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof golden; size++)
		assert_int_equal(parse(golden, size, vip, "ff02::1", 255, NULL),
		    size < 24 ? NA_TOO_SHORT : NA_BAD_CHECKSUM);
	uint8_t bytes[sizeof golden];
	memcpy(bytes, golden, sizeof golden);
	for (size_t size = 25; size < sizeof golden; size++)
		assert_int_equal(parse_sealed(bytes, size, "ff02::1", NULL), NA_BAD_OPTION);
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < sizeof golden * 8; bit++) {
		uint8_t bytes[sizeof golden];
		memcpy(bytes, golden, sizeof golden);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(parse(bytes, sizeof bytes, vip, "ff02::1", 255, NULL), NA_OK);
	}
	assert_int_equal(parse(golden, sizeof golden, "2001:db8::1", "ff02::1", 255, NULL), NA_BAD_CHECKSUM);
}

static void every_reason(void **state)
{
	(void)state;
	for (unsigned hops = 0; hops < 255; hops++)
		assert_int_equal(
		    parse(golden, sizeof golden, vip, "ff02::1", (uint8_t)hops, NULL), NA_BAD_HOP_LIMIT);
	static const struct {
		size_t offset;
		uint8_t value;
		const char *destination;
		enum na_verdict verdict;
	} cases[] = {
	    {0, 135, "ff02::1", NA_BAD_TYPE}, {1, 1, "ff02::1", NA_BAD_TYPE},
	    {8, 0xff, "ff02::1", NA_BAD_TARGET}, {4, 0x60, "ff02::1", NA_BAD_SOLICITED},
	    {4, 0x60, "fe80::1", NA_OK}, {5, 0xff, "ff02::1", NA_OK}, /* reserved bits are ignored */
	    {25, 0, "ff02::1", NA_BAD_OPTION}, {25, 2, "ff02::1", NA_BAD_OPTION},
	    {24, 99, "ff02::1", NA_OK}, /* unknown options are skipped */
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t bytes[sizeof golden];
		memcpy(bytes, golden, sizeof golden);
		bytes[cases[i].offset] = cases[i].value;
		assert_int_equal(
		    parse_sealed(bytes, sizeof bytes, cases[i].destination, NULL), cases[i].verdict);
	}
}

static void options(void **state)
{
	(void)state;
	uint8_t bytes[24 + 40] = {0};
	memcpy(bytes, golden, 24);
	bytes[24] = 99; /* unknown, 16 bytes */
	bytes[25] = 2;
	bytes[40] = 2; /* a link-layer address of another kind of link, 16 bytes */
	bytes[41] = 2;
	memcpy(bytes + 56, golden + 24, 8);
	struct na na;
	assert_int_equal(parse_sealed(bytes, sizeof bytes, "ff02::1", &na), NA_OK);
	assert_true(na.has_mac);
	assert_memory_equal(na.mac, golden + 26, 6);
	assert_int_equal(parse_sealed(bytes, 24, "ff02::1", &na), NA_OK);
	assert_false(na.has_mac);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_decodes),
	    cmocka_unit_test(golden_encodes),
	    cmocka_unit_test(round_trips),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(every_reason),
	    cmocka_unit_test(options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
