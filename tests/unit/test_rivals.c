/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that have our address in another virtual router: found, told once, forgotten, never too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/rivals.h"

static struct rivals rivals;
static const struct mono start = {10 * USEC_PER_SEC};

static struct hello hello_of(const char *node, uint8_t family, uint8_t vrid, const char *address)
{
	struct hello hello = {.family = family, .vrid = vrid, .interval_ms = 1000, .address_count = 2};
	snprintf(hello.node, sizeof hello.node, "%s", node);
	assert_true(address_parse("2001:db8::77", &hello.addresses[0]));
	assert_true(address_parse(address, &hello.addresses[1]));
	return hello;
}

/* What we have: VRID 100 of IPv6 with these two. */
static const struct rival *hear(const struct hello *hello, struct mono now)
{
	struct hello ours = hello_of("ours", AF_INET6, 100, "192.0.2.100");
	struct address source;
	assert_true(address_parse("2001:db8::100", &ours.addresses[0]));
	assert_true(address_parse("192.0.2.12", &source));
	if (!rivals_concern(&rivals, hello, &ours))
		return NULL;
	return rivals_hear(&rivals, &source, hello, &ours, now);
}

static int begin(void **state)
{
	(void)state;
	rivals = (struct rivals){0};
	return 0;
}

static void is_told_once(void **state)
{
	(void)state;
	struct hello other_family = hello_of("n2", AF_INET, 100, "192.0.2.100"),
		     other_vrid = hello_of("n2", AF_INET6, 101, "2001:db8::100"),
		     harmless = hello_of("n3", AF_INET, 100, "192.0.2.101");
	assert_null(hear(&harmless, start));
	const struct rival *rival = hear(&other_family, start);
	assert_non_null(rival);
	assert_string_equal(rival->node, "n2");
	assert_true(address_equal(&rival->address, &other_family.addresses[1]));
	assert_int_equal(rival->family, AF_INET);
	assert_null(hear(&other_family, start));
	assert_non_null(hear(&other_vrid, start));
	assert_int_equal(rivals.count, 2);
}

/* What we hear of our own group in the other family, or with other settings, is of a member. */
static void a_member_is_no_rival(void **state)
{
	(void)state;
	struct hello member = hello_of("n2", AF_INET6, 100, "2001:db8::100");
	assert_null(hear(&member, start));
	assert_int_equal(rivals.count, 0);
}

static void is_forgotten(void **state)
{
	(void)state;
	struct hello rival = hello_of("n2", AF_INET, 100, "192.0.2.100"), good = rival;
	hear(&rival, start);
	rivals_expire(&rivals, mono_add(start, 2999 * USEC_PER_MS));
	assert_int_equal(rivals.count, 1);
	rivals_expire(&rivals, mono_add(start, 3000 * USEC_PER_MS));
	assert_int_equal(rivals.count, 0);
	/* When it stops, or does not have the address any more. */
	hear(&rival, start);
	rival.leaving = true;
	assert_null(hear(&rival, start));
	assert_int_equal(rivals.count, 0);
	rival.leaving = false;
	hear(&rival, start);
	good.addresses[1] = good.addresses[0];
	assert_null(hear(&good, start));
	assert_int_equal(rivals.count, 0);
}

static void never_too_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		char node[16];
		snprintf(node, sizeof node, "n%u", i);
		struct hello rival = hello_of(node, AF_INET, 100, "192.0.2.100");
		assert_int_equal(hear(&rival, start) != NULL, i < RIVALS_MAX);
	}
	assert_int_equal(rivals.count, RIVALS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(is_told_once, begin),
	    cmocka_unit_test_setup(a_member_is_no_rival, begin),
	    cmocka_unit_test_setup(is_forgotten, begin),
	    cmocka_unit_test_setup(never_too_many, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
