/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adverts: golden bytes (the first advert of the captured vectors), round trips, and a reason for everything
 * else.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/advert.h"

/* keepalived 2.4.3, VRID 100, priority 150, with a trailer. */
static const uint8_t golden[68] = {0x31, 0x64, 0x96, 0x02, 0x00, 0x0a, 0xd8, 0x75, /* header */
    0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x02, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x02,
    0x64, /* fe80::200:5eff:fe00:264 */
    0x20, 0x01, 0x0a, 0x61, 0x11, 0x62, 0x79, 0xfb, 0xff, 0x00, 0, 0, 0, 0, 0x01, 0x00, /* the VIP */
    0x01, 0x01, 0x00, 0x00, 0x6b, 0x03, 0x1a, 0xa4, 0x4a, 0x36, 0x00, 0x00,		/* trailer */
    0xd2, 0x9a, 0x6b, 0x17, 0xbc, 0xc3, 0x4a, 0x49, 0xde, 0x02, 0xe8, 0x4d, 0x31, 0x3c, 0x20, 0x11};

static struct address address(const char *text)
{
	struct address a;
	assert_int_equal(inet_pton(AF_INET6, text, &a.in6), 1);
	return a;
}

static struct advert_envelope envelope(void)
{
	return (struct advert_envelope){.source = address("fe80::4097:d0ff:fe07:f4e"),
	    .destination = vrrp_families[VRRP_IPV6].group,
	    .hop_limit = 255};
}

static struct advert sample(uint8_t count)
{
	struct advert a = {.vrid = 100, .priority = 150, .interval_cs = 10, .address_count = count};
	a.addresses[0] = address("fe80::200:5eff:fe00:264");
	for (unsigned i = 1; i < ADVERT_ADDRESSES_MAX; i++) {
		a.addresses[i] = address("2001:a61:1162:79fb:ff00::100");
		a.addresses[i].in6.s6_addr[15] = (uint8_t)(i - 1);
	}
	return a;
}

/* A copy of exactly `size` bytes, so that the sanitizer sees a read past the end; refusals must not touch the
 * output. */
static enum advert_verdict parse(const uint8_t *bytes, size_t size, const struct advert_envelope *env)
{
	uint8_t *copy = malloc(size ? size : 1);
	memcpy(copy, bytes, size);
	struct advert out, untouched;
	memset(&out, 0xa5, sizeof out);
	memset(&untouched, 0xa5, sizeof untouched);
	enum advert_verdict verdict = advert_parse(copy, size, env, &out);
	if (verdict != ADVERT_OK)
		assert_memory_equal(&out, &untouched, sizeof out);
	free(copy);
	return verdict;
}

/* Makes the checksum right again after a change, so that what follows it is reached. */
static void seal(uint8_t *bytes, size_t size, const struct advert_envelope *env)
{
	memset(bytes + 6, 0, 2);
	uint16_t sum = checksum_pseudo(&env->source, &env->destination, VRRP_PROTOCOL, bytes, size);
	memcpy(bytes + 6, &sum, 2);
}

static void golden_decodes(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	struct advert a;
	assert_int_equal(advert_parse(golden, sizeof golden, &env, &a), ADVERT_OK);
	assert_int_equal(a.vrid, 100);
	assert_int_equal(a.priority, 150);
	assert_int_equal(a.interval_cs, 10);
	assert_int_equal(a.address_count, 2);
	assert_int_equal(a.size, 40);
	assert_ptr_equal(a.trailer, golden + 40);
	struct address vip = address("2001:a61:1162:79fb:ff00::100");
	assert_memory_equal(&a.addresses[1], &vip, sizeof vip);
}

static void golden_encodes(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	struct advert a = sample(2);
	a.addresses[1] = address("2001:a61:1162:79fb:ff00::100");
	uint8_t bytes[ADVERT_SIZE_MAX];
	assert_int_equal(
	    advert_build(&a, &env.source, &env.destination, golden + 40, bytes, sizeof bytes), 68);
	assert_memory_equal(bytes, golden, sizeof golden);
}

static void round_trips(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	static const uint16_t intervals[] = {1, 10, 255, 256, 4095};
	static const uint8_t priorities[] = {0, 1, 31, 32, 100, 254, 255};
	for (unsigned count = 1; count <= ADVERT_ADDRESSES_MAX; count++) {
		struct advert in = sample((uint8_t)count), out;
		in.vrid = (uint8_t)(count * 15);
		in.interval_cs = intervals[count % 5];
		in.priority = priorities[count % 7];
		uint8_t bytes[ADVERT_SIZE_MAX];
		size_t size = advert_build(&in, &env.source, &env.destination, NULL, bytes, sizeof bytes);
		assert_int_equal(size, 8 + 16 * count);
		assert_int_equal(bytes[4] & 0xf0, 0); /* reserve is sent as zero */
		assert_int_equal(advert_parse(bytes, size, &env, &out), ADVERT_OK);
		assert_int_equal(out.vrid, in.vrid);
		assert_int_equal(out.priority, in.priority);
		assert_int_equal(out.interval_cs, in.interval_cs);
		assert_int_equal(out.address_count, count);
		assert_memory_equal(out.addresses, in.addresses, 16 * count);
		assert_int_equal(out.size, size);
		assert_null(out.trailer);
	}
}

static void too_little_room(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	struct advert a = sample(2);
	for (size_t room = 0; room < 68; room++) {
		uint8_t *bytes = malloc(room ? room : 1);
		assert_int_equal(
		    advert_build(&a, &env.source, &env.destination, golden + 40, bytes, room), 0);
		free(bytes);
	}
	a.address_count = ADVERT_ADDRESSES_MAX + 1;
	uint8_t bytes[ADVERT_SIZE_MAX];
	assert_int_equal(advert_build(&a, &env.source, &env.destination, NULL, bytes, sizeof bytes), 0);
}

/* 255 addresses are valid; those that do not fit are counted, not stored. */
static void more_addresses_than_stored(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	static uint8_t bytes[ADVERT_SIZE_MAX];
	memset(bytes, 0x55, sizeof bytes);
	memcpy(bytes, (uint8_t[]){0x31, 7, 100, 255, 0, 10}, 6);
	seal(bytes, 8 + 16 * 255, &env);
	struct advert a;
	assert_int_equal(advert_parse(bytes, 8 + 16 * 255, &env, &a), ADVERT_OK);
	assert_int_equal(a.address_count, 255);
	assert_int_equal(a.size, 8 + 16 * 255);
	assert_memory_equal(&a.addresses[ADVERT_ADDRESSES_MAX - 1], bytes + 8, 16);
	seal(bytes, sizeof bytes, &env);
	assert_int_equal(advert_parse(bytes, sizeof bytes, &env, &a), ADVERT_OK);
	assert_ptr_equal(a.trailer, bytes + sizeof bytes - 28);
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct advert_envelope env = envelope();
	for (size_t size = 0; size < sizeof golden; size++) {
		enum advert_verdict verdict = parse(golden, size, &env);
		if (size < ADVERT_HEADER_SIZE)
			assert_int_equal(verdict, ADVERT_TOO_SHORT);
		else if (size == 40) /* fits the count, but the checksum covers the trailer */
			assert_int_equal(verdict, ADVERT_BAD_CHECKSUM);
		else
			assert_int_equal(verdict, ADVERT_BAD_LENGTH);
	}
	uint8_t longer[80] = {0};
	memcpy(longer, golden, sizeof golden);
	for (size_t size = sizeof golden + 1; size <= sizeof longer; size++)
		assert_int_equal(parse(longer, size, &env), ADVERT_BAD_LENGTH);
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < sizeof golden * 8; bit++) {
		struct advert_envelope env = envelope();
		uint8_t bytes[sizeof golden];
		memcpy(bytes, golden, sizeof golden);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(parse(bytes, sizeof bytes, &env), ADVERT_OK);
	}
	for (size_t bit = 0; bit < 128; bit++) {
		struct advert_envelope env = envelope();
		env.source.in6.s6_addr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parse(golden, sizeof golden, &env), ADVERT_BAD_CHECKSUM);
		env = envelope();
		env.destination.in6.s6_addr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(parse(golden, sizeof golden, &env), ADVERT_OK);
	}
}

/* Damage, the reason it must be refused with, and all cheaper reasons are not in its way. */
static void every_reason(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		uint8_t value;
		enum advert_verdict verdict;
	} cases[] = {
	    {0, 0x21, ADVERT_BAD_VERSION}, /* VRRPv2, CARP */
	    {0, 0x41, ADVERT_BAD_VERSION},
	    {0, 0x30, ADVERT_BAD_TYPE},
	    {0, 0x32, ADVERT_BAD_TYPE},
	    {3, 0, ADVERT_NO_ADDRESS},
	    {3, 1, ADVERT_BAD_LENGTH},
	    {3, 3, ADVERT_BAD_LENGTH},
	    {5, 0, ADVERT_BAD_INTERVAL},
	    {4, 0xf0, ADVERT_OK}, /* reserve is ignored, section 5.2.6 */
	    {8, 0x20, ADVERT_OK}, /* the first address is not link-local: for the engine to log */
	    {2, 0, ADVERT_OK},
	    {2, 255, ADVERT_OK},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct advert_envelope env = envelope();
		uint8_t bytes[sizeof golden];
		memcpy(bytes, golden, sizeof golden);
		bytes[cases[i].offset] = cases[i].value;
		seal(bytes, sizeof bytes, &env);
		assert_int_equal(parse(bytes, sizeof bytes, &env), cases[i].verdict);
	}
	struct advert_envelope env = envelope();
	uint8_t bytes[sizeof golden];
	memcpy(bytes, golden, sizeof golden);
	bytes[4] = 0xf0; /* interval 0 behind a reserve nibble */
	bytes[5] = 0;
	seal(bytes, sizeof bytes, &env);
	assert_int_equal(parse(bytes, sizeof bytes, &env), ADVERT_BAD_INTERVAL);
}

static enum advert_verdict parse_sealed(struct advert_envelope env)
{
	uint8_t bytes[sizeof golden];
	memcpy(bytes, golden, sizeof golden);
	seal(bytes, sizeof bytes, &env);
	return parse(bytes, sizeof bytes, &env);
}

static void envelope_is_checked(void **state)
{
	(void)state;
	for (unsigned hops = 0; hops < 255; hops++) {
		struct advert_envelope env = envelope();
		env.hop_limit = (uint8_t)hops;
		assert_int_equal(parse_sealed(env), ADVERT_BAD_HOP_LIMIT);
	}
	static const struct {
		const char *source, *destination;
		enum advert_verdict verdict;
	} cases[] = {
	    {"fe80::1", "ff02::12", ADVERT_OK},
	    {"febf::1", "ff02::12", ADVERT_OK},
	    {"2001:db8::1", "ff02::12", ADVERT_BAD_SOURCE},
	    {"fec0::1", "ff02::12", ADVERT_BAD_SOURCE},
	    {"::", "ff02::12", ADVERT_BAD_SOURCE},
	    {"fe80::1", "ff02::1", ADVERT_OK}, /* a last word */
	    {"2001:db8::1", "ff02::1", ADVERT_BAD_SOURCE},
	    {"fe80::1", "ff02::2", ADVERT_BAD_DESTINATION},
	    {"fe80::1", "ff05::12", ADVERT_BAD_DESTINATION},
	    {"fe80::1", "fe80::2", ADVERT_OK}, /* unicast peers */
	    {"2001:db8::1", "2001:db8::2", ADVERT_OK},
	    {"ff02::1", "2001:db8::2", ADVERT_BAD_SOURCE},
	    {"::", "2001:db8::2", ADVERT_BAD_SOURCE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct advert_envelope env = {.source = address(cases[i].source),
		    .destination = address(cases[i].destination),
		    .hop_limit = 255};
		assert_int_equal(parse_sealed(env), cases[i].verdict);
	}
}

/* RFC 1071 section 3: 00 01 f2 03 f4 f5 f6 f7 sums up to ddf2; the pseudo-header adds what is not zero in it.
 */
static void checksum_vectors(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	struct address zero = {0}, ones;
	memset(&ones, 0xff, sizeof ones);
	assert_int_equal(ntohs(checksum_pseudo(&zero, &zero, 0, bytes, 8)), (uint16_t) ~(0xddf2 + 8));
	assert_int_equal(ntohs(checksum_pseudo(&zero, &zero, 112, bytes, 8)), (uint16_t) ~(0xddf2 + 8 + 112));
	assert_int_equal(ntohs(checksum_pseudo(&ones, &ones, 0, bytes, 8)), (uint16_t) ~(0xddf2 + 8));
	/* an odd last byte counts as if a zero followed: 0001 + f203 + f4f5 + f600 = 2 dcf9, folded dcfb */
	assert_int_equal(ntohs(checksum_pseudo(&zero, &zero, 0, bytes, 7)), (uint16_t) ~(0xdcfb + 7));
	assert_int_equal(ntohs(checksum_pseudo(&zero, &zero, 0, bytes, 0)), 0xffff);
}

/* The plainest implementation there is, against the fast one, over sizes that end in every residue. */
static void checksum_agrees_with_the_definition(void **state)
{
	(void)state;
	uint8_t bytes[99];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 167 + 201);
	struct address source = address("fe80::ffff:ffff:ffff:ffff"),
		       destination = vrrp_families[VRRP_IPV6].group;
	for (size_t size = 0; size <= sizeof bytes; size++) {
		uint32_t sum = (uint32_t)size + 112;
		for (unsigned i = 0; i < 16; i += 2)
			sum += (uint32_t)(source.in6.s6_addr[i] << 8 | source.in6.s6_addr[i + 1]) +
			       (uint32_t)(destination.in6.s6_addr[i] << 8 | destination.in6.s6_addr[i + 1]);
		for (size_t i = 0; i < size; i++)
			sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal(
		    ntohs(checksum_pseudo(&source, &destination, 112, bytes, size)), (uint16_t)~sum);
	}
}

static void names(void **state)
{
	(void)state;
	for (int i = 0; i < ADVERT_VERDICTS; i++) {
		const char *name = advert_verdict_name((enum advert_verdict)i);
		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789"), strlen(name));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, advert_verdict_name((enum advert_verdict)j));
	}
	assert_string_equal(advert_verdict_name(ADVERT_BAD_CHECKSUM), "bad_checksum");
	assert_string_equal(advert_verdict_name(ADVERT_VERDICTS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_decodes),
	    cmocka_unit_test(golden_encodes),
	    cmocka_unit_test(round_trips),
	    cmocka_unit_test(too_little_room),
	    cmocka_unit_test(more_addresses_than_stored),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(every_reason),
	    cmocka_unit_test(envelope_is_checked),
	    cmocka_unit_test(checksum_vectors),
	    cmocka_unit_test(checksum_agrees_with_the_definition),
	    cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
