/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations: every unit, the edges, what is no duration, and that what is written is read again.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vipd/duration.h"

#define UNTOUCHED (-7)
#define DAY_US	  INT64_C(86400000000)

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {
	    {"0s", 0},
	    {"0us", 0},
	    {"1us", 1},
	    {"100ms", 100000},
	    {"1s", 1000000},
	    {"2m", 120000000},
	    {"1h", INT64_C(3600000000)},
	    {"24h", DAY_US},
	    {"86400000000us", DAY_US},
	    {"007s", 7000000},
	    {"0.5s", 500000},
	    {"1.5ms", 1500},
	    {"0.000001s", 1},
	    {"40.95s", 40950000},
	    {"0.50000000000000000000s", 500000},
	    {"0.0000000125h", 45},
	    {"0.1h", 360000000},
	    {"23.9999999997222222222500h", -EINVAL},
	    {"1.25m", 75000000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t us = UNTOUCHED;
		int result = duration_parse(cases[i].text, &us);
		if (cases[i].us < 0) {
			assert_int_equal(result, cases[i].us);
			assert_int_equal(us, UNTOUCHED);
		} else {
			assert_int_equal(result, 0);
			assert_int_equal(us, cases[i].us);
		}
	}
}

static void test_refuse(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
	    {"", -EINVAL},
	    {"0", -EINVAL},
	    {"100", -EINVAL},
	    {"ms", -EINVAL},
	    {".5s", -EINVAL},
	    {"5.s", -EINVAL},
	    {"1..5s", -EINVAL},
	    {"-1s", -EINVAL},
	    {"+1s", -EINVAL},
	    {" 1s", -EINVAL},
	    {"1 s", -EINVAL},
	    {"1s ", -EINVAL},
	    {"1S", -EINVAL},
	    {"1sec", -EINVAL},
	    {"1d", -EINVAL},
	    {"1s500ms", -EINVAL},
	    {"1e3s", -EINVAL},
	    {"0x1s", -EINVAL},
	    {"0.5us", -EINVAL},
	    {"0.0000005s", -EINVAL},
	    {"1.0001ms", -EINVAL},
	    {"86400000001us", -ERANGE},
	    {"24.1h", -ERANGE},
	    {"25h", -ERANGE},
	    {"18446744073709551617us", -ERANGE},
	    {"99999999999999999999999999999999h", -ERANGE},
	    {"99999999999999999999999999999999", -EINVAL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t us = UNTOUCHED;
		assert_int_equal(duration_parse(cases[i].text, &us), cases[i].error);
		assert_int_equal(us, UNTOUCHED);
	}
}

static void test_format(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {
	    {0, "0s"},
	    {1, "1us"},
	    {1500, "1500us"},
	    {10000, "10ms"},
	    {100000, "100ms"},
	    {1000000, "1s"},
	    {1500000, "1500ms"},
	    {40950000, "40950ms"},
	    {90000000, "90s"},
	    {120000000, "2m"},
	    {INT64_C(3600000000), "1h"},
	    {DAY_US, "24h"},
	    {INT64_MAX, "9223372036854775807us"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[DURATION_TEXT_MAX];
		assert_string_equal(duration_format(cases[i].us, text), cases[i].text);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	/* Steps that are prime to every unit, so that all of them come up. */
	for (int64_t us = 0, step = 1; us <= DAY_US; us += step, step = step * 2 + 1) {
		const int64_t values[] = {
		    us, us / 1000 * 1000, us / 1000000 * 1000000, us / 60000000 * 60000000};
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			char text[DURATION_TEXT_MAX];
			int64_t again = UNTOUCHED;
			assert_int_equal(duration_parse(duration_format(values[i], text), &again), 0);
			assert_int_equal(again, values[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_refuse),
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
