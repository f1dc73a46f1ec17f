/*
 * The pace of probes: a lost connection is asked about at once, and a server that closes all of them does not
 * make it a busy loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/pace.h"

#define SECOND USEC_PER_SEC

static void test_at_once_then_slower(void **state)
{
	(void)state;
	struct pace pace = {0};
	struct mono now = {5 * SECOND}, due = {0};
	int64_t wait_us = -1;
	for (unsigned i = 0; i < PACE_HURRIES; i++) {
		assert_true(pace_hurry(&pace, SECOND, now, &due));
		assert_true(mono_sub(due, now) > wait_us);
		wait_us = mono_sub(due, now);
		assert_true(i || !wait_us);
		now = due;
	}
	due = (struct mono){1};
	assert_false(pace_hurry(&pace, SECOND, now, &due));
	assert_int_equal(due.us, 1);
}

/* Hurries a minute, when the server closes every connection at once. */
static unsigned hurries_a_minute(int64_t interval_us)
{
	struct pace pace = {0};
	unsigned count = 0;
	for (struct mono now = {100 * SECOND}; now.us < 160 * SECOND; now = mono_add(now, USEC_PER_MS)) {
		struct mono due;
		if (pace_hurry(&pace, interval_us, now, &due)) {
			count++;
			now = due;
		}
	}
	return count;
}

static void test_no_busy_loop(void **state)
{
	(void)state;
	assert_int_equal(hurries_a_minute(SECOND / 10), 60 * PACE_HURRIES);
	assert_int_equal(hurries_a_minute(SECOND), 60 * PACE_HURRIES);
	assert_int_equal(hurries_a_minute(20 * SECOND), 3 * PACE_HURRIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_at_once_then_slower),
	    cmocka_unit_test(test_no_busy_loop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
