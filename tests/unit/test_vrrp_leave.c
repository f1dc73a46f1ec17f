/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who leaves: drains, stops, resumes, and health.
 */
#include "transcript.h"

/* 6.4.2: priority 0 means Skew_Time. */
static void test_active_resigns(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(9, 0);
	until(142 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[100.000] advert 200 from 9\n"
	       "[100.000] advert 0 from 9\n"
	       "[141.406] timer\n"
	       "> advert 150\n"
	       "> hold 0\n"
	       "> backup -> active: resigned\n");
}

/* The second notice does not make the wait of the first longer: the address may be gone by then. */
static void test_second_notice(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(9, 0);
	until(130 * MS);
	hear(9, 0);
	assert_int_equal(due(), 100 * MS + 41406);
}

/* Make before break: the address stays until the successor has announced it, and 1 ms longer. */
static void test_drain_with_successor(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	hear(9, 100);
	until(3052 * MS);
	claim(VRRP_CLAIM_ANNOUNCED);
	until(3400 * MS);
	event("resume", VRRP_EVENT_RESUME);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] advert 100 from 9\n"
	       "[3052.000] announcement\n"
	       "[3053.000] timer\n"
	       "> withdraw\n"
	       "[3400.000] resume\n");
	assert_int_equal(due(), 3400 * MS + 341406);
}

/* The better one cannot hold the address after all: the one that gave way to it has it still. */
static void test_claimant_resigns(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 200);
	now.us = 3001 * MS;
	hear(9, 0);
	until(3043 * MS);
	expect("[3000.000] advert 200 from 9\n"
	       "> final advert 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3001.000] advert 0 from 9\n"
	       "[3042.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resigned\n"
	       "> announce\n");

	begin_active(&plain); /* those that have lost against the claimant, too, are ignored */
	hear(9, 200);
	hear(9, 0);
	claim(VRRP_CLAIM_ANNOUNCED);
	hear(8, 100);
	until(3042 * MS);
	expect("[3000.000] advert 200 from 9\n"
	       "> final advert 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3000.000] advert 0 from 9\n"
	       "[3000.000] announcement\n"
	       "[3000.000] advert 100 from 8\n"
	       "[3041.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resigned\n"
	       "> announce\n");
}

/* The same, until a better one than this router advertises, or the time of a stop is over. */
static void test_claimant_resigns_for_a_while(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 200);
	hear(9, 0);
	hear(8, 160);
	until(3042 * MS);
	expect("[3000.000] advert 200 from 9\n"
	       "> final advert 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3000.000] advert 0 from 9\n"
	       "[3000.000] advert 160 from 8\n"
	       "[3025.000] timer\n"
	       "> withdraw\n");

	begin_active(&plain);
	event("stop", VRRP_EVENT_STOP);
	until(3050 * MS);
	hear(9, 200);
	hear(9, 0);
	until(9000 * MS);
	expect("[3000.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: stopped\n"
	       "[3050.000] advert 200 from 9\n"
	       "[3050.000] advert 0 from 9\n"
	       "[3200.000] timer\n"
	       "> withdraw\n"
	       "> stopped\n");
}

/* A drain and a stop can have a reason of their own, which says more. */
static void test_why(void **state)
{
	(void)state;
	begin_active(&plain);
	step("drain", &(struct vrrp_event){.type = VRRP_EVENT_DRAIN, .why = VRRP_REASON_SHUTDOWN});
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: shutdown\n");
	begin_active(&plain);
	step("stop", &(struct vrrp_event){.type = VRRP_EVENT_STOP, .why = VRRP_REASON_REMOVED});
	expect("[3000.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: removed\n");
	begin(&plain);
	step("stop", &(struct vrrp_event){.type = VRRP_EVENT_STOP, .why = VRRP_REASON_REMOVED});
	assert_int_equal(vr.reason, VRRP_REASON_REMOVED);
}

/* Two successors at once: an announcement may be the loser's, so it proves nothing; the bound does. */
static void test_drain_with_two_successors(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	hear(9, 100);
	hear(8, 100);
	claim(VRRP_CLAIM_ANNOUNCED);
	until(3100 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] advert 100 from 9\n"
	       "[3050.000] advert 100 from 8\n"
	       "[3050.000] announcement\n"
	       "[3075.000] timer\n"
	       "> withdraw\n");

	/* The second is heard only when the first has announced: whose announcement it was is open again. */
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	hear(8, 200);
	claim(VRRP_CLAIM_ANNOUNCED);
	assert_int_equal(vr.leave_at.us, 3051 * MS);
	now.us += 500;
	hear(9, 200);
	assert_int_equal(vr.leave_at.us, 3075500);
	hear(8, 200); /* and only once */
	now.us += 500;
	hear(8, 200);
	assert_int_equal(vr.leave_at.us, 3075500);
}

/* Resumed before anybody took over: the address was never gone. */
static void test_resume_at_once(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	event("resume", VRRP_EVENT_RESUME);
	until(3092 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] resume\n"
	       "[3091.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resumed\n"
	       "> announce\n");
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3080 * MS);
	event("resume", VRRP_EVENT_RESUME);
	told[0] = '\0';
	until(3122 * MS); /* the second notice was due at 3100 */
	expect("[3121.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resumed\n"
	       "> announce\n");
}

/* Whom it followed before, and at which interval, is over since it took over. */
static void test_resume_of_one_that_has_followed(void **state)
{
	(void)state;
	begin(&plain);
	hear_at_interval(9, 200, 1000 * MS);
	until(9000 * MS);
	present(0);
	until(12000 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	event("drain", VRRP_EVENT_DRAIN);
	event("resume", VRRP_EVENT_RESUME);
	told[0] = '\0';
	until(12042 * MS);
	expect("[12041.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resumed\n"
	       "> announce\n");
}

/* Somebody announces the address before it is Active again: that is the successor, whose advert was lost. */
static void test_resume_too_late(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	event("resume", VRRP_EVENT_RESUME);
	told[0] = '\0';
	claim(VRRP_CLAIM_ANNOUNCED);
	until(3392 * MS);
	expect("[3050.000] announcement\n"
	       "[3051.000] timer\n"
	       "> withdraw\n"
	       "[3391.406] timer\n"
	       "> advert 150\n"
	       "> hold 0\n"
	       "> backup -> active: no_advert\n");
}

/* Just before the address would go: it stays. */
static void test_resume_at_the_last_moment(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3180 * MS);
	told[0] = '\0';
	event("resume", VRRP_EVENT_RESUME);
	until(3222 * MS);
	expect("[3180.000] resume\n"
	       "[3221.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resumed\n"
	       "> announce\n");
}

/* Drained again before anybody took over: once more there is time for that. Stopped: the address goes. */
static void test_resume_and_leave_again(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	event("resume", VRRP_EVENT_RESUME);
	until(3060 * MS);
	event("drain", VRRP_EVENT_DRAIN);
	until(3260 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] resume\n"
	       "[3060.000] drain\n"
	       "[3160.000] timer\n"
	       "> advert 0\n"
	       "[3260.000] timer\n"
	       "> advert 1\n"
	       "> backup -> active: no_successor\n"
	       "> announce\n");

	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	event("resume", VRRP_EVENT_RESUME);
	event("stop", VRRP_EVENT_STOP);
	until(9000 * MS);
	assert_non_null(strstr(told, "> stopped\n"));
}

static void test_stop(void **state)
{
	(void)state;
	begin_active(&plain);
	event("stop", VRRP_EVENT_STOP);
	until(3042 * MS);
	hear(9, 100);
	until(4000 * MS);
	expect("[3000.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: stopped\n"
	       "[3042.000] advert 100 from 9\n"
	       "[3067.000] timer\n"
	       "> withdraw\n"
	       "> stopped\n");

	begin(&plain);
	told[0] = '\0';
	event("stop", VRRP_EVENT_STOP);
	expect("[0.000] stop\n"
	       "> backup -> initialize: stopped\n"
	       "> stopped\n");
}

/* Removed from the configuration and put back before it has handed over: the address was never gone. */
static void test_stop_is_taken_back(void **state)
{
	(void)state;
	begin_active(&plain);
	event("stop", VRRP_EVENT_STOP);
	until(3050 * MS);
	event("return", VRRP_EVENT_RETURN);
	until(3092 * MS);
	expect("[3000.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: stopped\n"
	       "[3050.000] return\n"
	       "> initialize -> backup: started\n"
	       "[3091.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resumed\n"
	       "> announce\n");

	begin_active(&plain); /* somebody has taken over meanwhile */
	event("stop", VRRP_EVENT_STOP);
	until(3050 * MS);
	hear(9, 100);
	event("return", VRRP_EVENT_RETURN);
	until(3200 * MS);
	expect("[3000.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: stopped\n"
	       "[3050.000] advert 100 from 9\n"
	       "[3050.000] return\n"
	       "> initialize -> backup: started\n"
	       "[3075.000] timer\n"
	       "> withdraw\n");
	assert_int_equal(due(), 3050 * MS + 341406);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_active_resigns),
	    cmocka_unit_test(test_second_notice),
	    cmocka_unit_test(test_drain_with_successor),
	    cmocka_unit_test(test_why),
	    cmocka_unit_test(test_claimant_resigns),
	    cmocka_unit_test(test_claimant_resigns_for_a_while),
	    cmocka_unit_test(test_drain_with_two_successors),
	    cmocka_unit_test(test_resume_at_once),
	    cmocka_unit_test(test_resume_of_one_that_has_followed),
	    cmocka_unit_test(test_resume_too_late),
	    cmocka_unit_test(test_resume_at_the_last_moment),
	    cmocka_unit_test(test_resume_and_leave_again),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_stop_is_taken_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
