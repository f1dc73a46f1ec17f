/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of both families as text, in order, and what names a virtual router. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "vipd/address.h"

static struct address address(const char *text)
{
	struct address parsed;
	assert_true(address_parse(text, &parsed));
	return parsed;
}

static void text_round_trips(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "::", "::1", "2001:db8::100", "fe80::1", "ff02::12", "192.0.2.1", "0.0.0.0", "255.255.255.255"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct address parsed = address(texts[i]);
		char text[ADDRESS_TEXT_MAX];
		assert_string_equal(address_format(&parsed, text), texts[i]);
		assert_int_equal(address_is_ipv4(&parsed), !strchr(texts[i], ':'));
	}
}

static void what_is_no_address_changes_nothing(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "", "eth0", "192.0.2", "192.0.2.1/32", "2001:db8::1/128", "fe80::1%eth0", "[::1]", " ::1", "1"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct address untouched = address("2001:db8::7"), before = untouched;
		assert_false(address_parse(texts[i], &untouched));
		assert_memory_equal(&untouched, &before, sizeof before);
	}
}

static void kinds_of_both_families(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool link_local, multicast, loopback, unspecified;
	} cases[] = {
	    {"fe80::1", true, false, false, false},
	    {"ff02::12", false, true, false, false},
	    {"224.0.0.18", false, true, false, false},
	    {"192.0.2.1", false, false, false, false},
	    {"::1", false, false, true, false},
	    {"::", false, false, false, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address a = address(cases[i].text);
		assert_int_equal(address_is_link_local(&a), cases[i].link_local);
		assert_int_equal(address_is_multicast(&a), cases[i].multicast);
		assert_int_equal(address_is_loopback(&a), cases[i].loopback);
		assert_int_equal(address_is_unspecified(&a), cases[i].unspecified);
	}
}

static void order_is_that_of_unsigned_bytes(void **state)
{
	(void)state;
	static const char *const ascending[] = {
	    "::1", "10.0.0.1", "10.0.0.200", "200.0.0.1", "2001:db8::1", "fe80::1", "fe80::ff"};
	size_t count = sizeof ascending / sizeof *ascending;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			struct address a = address(ascending[i]), b = address(ascending[j]);
			int order = address_compare(&a, &b);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(address_equal(&a, &b), i == j);
		}
}

static void only_known_families_of_sockets(void **state)
{
	(void)state;
	struct address out = address("::7");
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = address("2001:db8::1").in6};
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr = {htonl(0xc0000201)}};
	struct sockaddr other = {.sa_family = AF_UNIX};
	struct address seven = out, expected = address("2001:db8::1");
	assert_false(address_of_sockaddr(NULL, &out));
	assert_false(address_of_sockaddr(&other, &out));
	assert_true(address_equal(&out, &seven));
	assert_true(address_of_sockaddr((struct sockaddr *)&in6, &out));
	assert_true(address_equal(&out, &expected));
	expected = address("192.0.2.1");
	assert_true(address_of_sockaddr((struct sockaddr *)&in4, &out));
	assert_true(address_equal(&out, &expected));
}

static void prefixes_of_both_families(void **state)
{
	(void)state;
	static const struct {
		const char *address, *prefix;
		unsigned bits;
		bool in;
	} rows[] = {
	    {"2001:db8::100", "2001:db8::", 112, true}, {"2001:db8::1:0", "2001:db8::", 112, false},
	    {"2001:db8::1", "2001:db8::", 127, true}, {"2001:db8::2", "2001:db8::", 127, false},
	    {"2001:db8::1", "2001:db8::1", 128, true}, {"2001:db8::1", "::", 0, true},
	    {"10.43.255.1", "10.43.0.0", 16, true}, {"10.44.0.1", "10.43.0.0", 16, false},
	    {"2001:db8::1", "0.0.0.0", 0, false}, {"192.0.2.1", "::", 0, true}, /* a mapped address */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct address one = address(rows[i].address), prefix = address(rows[i].prefix);
		assert_int_equal(address_in_prefix(&one, &prefix, rows[i].bits), rows[i].in);
	}
}

static void routers_are_told_apart(void **state)
{
	(void)state;
	struct router_id a = {"eth0", AF_INET6, 100}, same = {"eth0", AF_INET6, 100};
	struct router_id others[] = {
	    {"eth1", AF_INET6, 100}, {"eth0", AF_INET, 100}, {"eth0", AF_INET6, 101}, {"", AF_INET6, 100}};
	memcpy(same.interface, "eth0\0rest", 10);
	assert_true(router_id_equal(&a, &same));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(router_id_equal(&a, &others[i]));
}

static void mac_as_text(void **state)
{
	(void)state;
	char text[MAC_TEXT_MAX];
	assert_string_equal(mac_format((uint8_t[6]){0, 0, 0x5e, 0, 2, 0xff}, text), "00:00:5e:00:02:ff");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_round_trips),
	    cmocka_unit_test(what_is_no_address_changes_nothing),
	    cmocka_unit_test(kinds_of_both_families),
	    cmocka_unit_test(order_is_that_of_unsigned_bytes),
	    cmocka_unit_test(only_known_families_of_sockets),
	    cmocka_unit_test(prefixes_of_both_families),
	    cmocka_unit_test(routers_are_told_apart),
	    cmocka_unit_test(mac_as_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
