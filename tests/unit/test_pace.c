/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pace of probes: a lost connection is asked about at once, and a server that closes all of them does not
 * make it a busy loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/checks/pace.h"

#define SECOND USEC_PER_SEC

static void test_at_once_then_slower(void **state)
{
	(void)state;
	struct pace pace = {0};
	struct mono now = {5 * SECOND}, due = {0};
	int64_t wait_us = -1;
	for (unsigned i = 0; i < PACE_HURRIES; i++) {
		assert_true(pace_hurry(&pace, now, &due));
		assert_true(mono_sub(due, now) > wait_us);
		wait_us = mono_sub(due, now);
		assert_true(i || !wait_us);
		now = due;
	}
	due = (struct mono){1};
	assert_false(pace_hurry(&pace, now, &due));
	assert_int_equal(due.us, 1);
}

/* The server closes every connection at once: one probe a second, after the first four. */
static void test_no_busy_loop(void **state)
{
	(void)state;
	struct pace pace = {0};
	unsigned count = 0;
	for (struct mono now = {100 * SECOND}; now.us < 160 * SECOND; now = mono_add(now, USEC_PER_MS)) {
		struct mono due;
		count += pace_hurry(&pace, now, &due);
	}
	assert_int_equal(count, PACE_HURRIES + 59);
}

/* It closes idle connections now and then: each is asked about at once. */
static void test_all_is_forgiven(void **state)
{
	(void)state;
	struct pace pace = {0};
	for (struct mono now = {0}; now.us < 60 * SECOND; now = mono_add(now, SECOND)) {
		struct mono due;
		assert_true(pace_hurry(&pace, now, &due));
		assert_int_equal(due.us, now.us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_at_once_then_slower),
	    cmocka_unit_test(test_no_busy_loop),
	    cmocka_unit_test(test_all_is_forgiven),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
