/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has where it knows no IPv6 (ipv6.disable=1): there is no list of its addresses.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "control/report/view.h"

static int error;

FILE *inet6_open(void)
{
	errno = error;
	return NULL;
}

bool inet6_parse(const char *line, struct inet6_entry *entry)
{
	(void)line, (void)entry;
	return false;
}

static bool knows_loopback(void)
{
	static struct board board;
	static struct config config;
	const struct address loopback = address_of_bytes("\x7f\0\0\x01", 4);
	struct view view;
	bool found = false;
	assert_int_equal(view_take(&view, &board, &config, NULL, mono_now()), 0);
	for (unsigned i = 0; i < view.kernel_count; i++)
		found |= address_equal(&view.kernel[i].address, &loopback);
	assert_int_equal(found, view.kernel_known);
	view_free(&view);
	return found;
}

static void a_kernel_without_ipv6_has_addresses(void **state)
{
	(void)state;
	error = ENOENT;
	assert_true(knows_loopback());
}

static void what_cannot_be_read_is_not_known(void **state)
{
	(void)state;
	error = EMFILE;
	assert_false(knows_loopback());
}

/* No descriptor is left for the list of IPv4. */
static void half_of_it_is_not_known(void **state)
{
	(void)state;
	struct rlimit limit, none;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){0, limit.rlim_max};
	error = ENOENT;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bool known = knows_loopback();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_false(known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_kernel_without_ipv6_has_addresses),
	    cmocka_unit_test(what_cannot_be_read_is_not_known),
	    cmocka_unit_test(half_of_it_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
