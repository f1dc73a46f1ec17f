/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The successor that knows that it is one: without Skew_Time, but only if the Active itself says so.
 */
#include "transcript.h"

static void next_until(int64_t us)
{
	step("next", &(struct vrrp_event){.type = VRRP_EVENT_NEXT, .next_until = {us}});
}

/* Follows node 9 of priority 200, and is told at 50 ms that it is next, for 2 s. */
static void follow(const struct vrrp_params *params)
{
	begin(params);
	hear(9, 200);
	until(50 * MS);
	next_until(2050 * MS);
	told[0] = '\0';
}

static void test_resignation(void **state)
{
	(void)state;
	follow(&plain);
	until(70 * MS);
	hear(9, 0);
	assert_int_equal(due(), 70 * MS);
	until(70 * MS);
	expect("[70.000] advert 0 from 9\n"
	       "[70.000] timer\n"
	       "> advert 150\n"
	       "> hold 0\n"
	       "> backup -> active: resigned\n");
}

static void test_worse_grade(void **state)
{
	(void)state;
	static const uint8_t worse[] = {31, 17, 16, 1};
	for (size_t i = 0; i < sizeof worse; i++) {
		follow(&plain);
		until(70 * MS);
		hear(9, worse[i]);
		assert_int_equal(due(), 70 * MS);
	}
	follow(&plain);
	until(70 * MS);
	hear(9, 160); /* another priority is no worse grade */
	assert_int_equal(due(), 411406);
}

/* It cannot know what somebody says whom it does not follow: the Active has Skew_Time to object. */
static void test_somebody_else(void **state)
{
	(void)state;
	follow(&plain);
	until(70 * MS);
	hear(7, 0);
	assert_int_equal(due(), 111406);
	hear(9, 200);
	assert_int_equal(due(), 411406);

	begin(&plain); /* follows nobody yet */
	next_until(2000 * MS);
	hear(9, 0);
	assert_int_equal(due(), 41406);
	begin(&plain);
	next_until(2000 * MS);
	hear(9, 16);
	assert_int_equal(due(), 41406);
}

/* An Active that has been silent may have been replaced meanwhile. */
static void test_old_news(void **state)
{
	(void)state;
	follow(&plain);
	until(300 * MS);
	hear(9, 0);
	assert_int_equal(due(), 300 * MS);
	follow(&plain);
	until(301 * MS);
	hear(9, 0);
	assert_int_equal(due(), 341406); /* Active_Down_Timer is sooner than Skew_Time */
}

static void test_end(void **state)
{
	(void)state;
	begin(&plain);
	hear(9, 200);
	next_until(70 * MS);
	until(70 * MS);
	hear(9, 0);
	assert_int_equal(due(), 111406);

	follow(&plain);
	next_until(0); /* taken back */
	hear(9, 0);
	assert_int_equal(due(), 91406);
}

/* What it was told was about what it was then. */
static void test_another_standing(void **state)
{
	(void)state;
	follow(&plain);
	health(VRRP_RECOVERING);
	hear(9, 0);
	assert_int_equal(due(), 50 * MS + 90625);

	follow(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	event("resume", VRRP_EVENT_RESUME);
	hear(9, 0);
	assert_int_equal(due(), 91406);

	follow(&plain);
	struct vrrp_params params = plain;
	params.priority = 100;
	step("config", &(struct vrrp_event){.type = VRRP_EVENT_CONFIG, .params = &params});
	hear(9, 0);
	assert_int_equal(due(), 50 * MS + 60937);

	follow(&plain);
	event("link down", VRRP_EVENT_LINK_DOWN);
	step("link up", &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
	hear(9, 200);
	hear(9, 0);
	assert_int_equal(due(), 91406);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_resignation),
	    cmocka_unit_test(test_worse_grade),
	    cmocka_unit_test(test_somebody_else),
	    cmocka_unit_test(test_old_news),
	    cmocka_unit_test(test_end),
	    cmocka_unit_test(test_another_standing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
