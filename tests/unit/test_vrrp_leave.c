/*
 * Who leaves: drains, stops, resumes, and health.
 */
#include "story.h"

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
	       "> assign 0\n"
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
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 41406);
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
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	until(3400 * MS);
	event("resume", VRRP_EVENT_RESUME);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] advert 100 from 9\n"
	       "[3052.000] foreign NA\n"
	       "[3053.000] timer\n"
	       "> withdraw\n"
	       "[3400.000] resume\n");
	assert_int_equal(vrrp_deadline(&vr).us, 3400 * MS + 341406);
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
	       "> last word 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3001.000] advert 0 from 9\n"
	       "[3042.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resigned\n"
	       "> announce\n");

	begin_active(&plain); /* what others say that have lost against the claimant, too, is no news */
	hear(9, 200);
	hear(9, 0);
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	hear(8, 100);
	until(3042 * MS);
	expect("[3000.000] advert 200 from 9\n"
	       "> last word 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3000.000] advert 0 from 9\n"
	       "[3000.000] foreign NA\n"
	       "[3000.000] advert 100 from 8\n"
	       "[3041.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resigned\n"
	       "> announce\n");

	begin_active(&plain); /* a better one is */
	hear(9, 200);
	hear(9, 0);
	hear(8, 160);
	until(3042 * MS);
	expect("[3000.000] advert 200 from 9\n"
	       "> last word 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3000.000] advert 0 from 9\n"
	       "[3000.000] advert 160 from 8\n"
	       "[3025.000] timer\n"
	       "> withdraw\n");

	begin_active(&plain); /* one that stops keeps it for its time, and not longer */
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

/* Two successors at once: an announcement may be the loser's, so it proves nothing; the bound does. */
static void test_drain_with_two_successors(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	hear(9, 100);
	hear(8, 100);
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	until(3100 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] advert 100 from 9\n"
	       "[3050.000] advert 100 from 8\n"
	       "[3050.000] foreign NA\n"
	       "[3075.000] timer\n"
	       "> withdraw\n");

	/* The second is heard only when the first has announced: whose announcement it was is open again. */
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	hear(8, 200);
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	assert_int_equal(vr.withdraw.us, 3051 * MS);
	now.us += 500;
	hear(9, 200);
	assert_int_equal(vr.withdraw.us, 3075500);
	hear(8, 200); /* and only once */
	now.us += 500;
	hear(8, 200);
	assert_int_equal(vr.withdraw.us, 3075500);
}

/* Nobody there: a second notice after one interval, and after two the address goes all the same. */
static void test_drain_without_successor(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(9000 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3100.000] timer\n"
	       "> advert 0\n"
	       "[3200.000] timer\n"
	       "> withdraw\n");
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
}

/* Drained or stopped again before anybody took over: the address goes in the end all the same. */
static void test_resume_and_leave_again(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	event("resume", VRRP_EVENT_RESUME);
	until(3060 * MS);
	event("drain", VRRP_EVENT_DRAIN);
	until(9000 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] resume\n"
	       "[3060.000] drain\n"
	       "[3160.000] timer\n"
	       "> advert 0\n"
	       "[3260.000] timer\n"
	       "> withdraw\n");

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

/* "demote": an unhealthy holder keeps the address and says so; nobody healthy means nothing moves. */
static void test_demotion(void **state)
{
	(void)state;
	begin_active(&plain);
	health(false);
	until(3001 * MS);
	health(true);
	expect("[3000.000] unhealthy\n"
	       "> advert 18\n"
	       "[3001.000] healthy\n"
	       "> advert 150\n");
	assert_int_equal(vrrp_demoted_priority(32), 4);
	assert_int_equal(vrrp_demoted_priority(254), 31);
	begin(&plain);
	hear(9, 31); /* the top of the band belongs to it */
	assert_int_equal(vrrp_deadline(&vr).us, 41406);
}

/* A healthy Backup waits Skew_Time, not three intervals, for an unhealthy Active; also without preemption. */
static void test_unhealthy_active(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.preempt = false;
	begin(&params);
	until(100 * MS);
	hear(9, 200);
	until(150 * MS);
	hear(9, 20);
	until(160 * MS);
	hear(9, 20); /* a second one does not restart the wait */
	until(192 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[100.000] advert 200 from 9\n"
	       "[150.000] advert 20 from 9\n"
	       "[160.000] advert 20 from 9\n"
	       "[191.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: peer_unhealthy\n");
}

/* All fail at once: a Backup that hears of the Active's failure first learns of its own before its timer
 * fires. */
static void test_all_unhealthy(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(9, 24);
	until(110 * MS);
	health(false);
	assert_int_equal(vr.state, VRRP_BACKUP);
	/* Skew_Time of the demoted priority 18 is 92.968 ms */
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 300 * MS + 92968);
	until(200 * MS);
	hear(9, 10); /* lower than our 18: among the unhealthy nobody preempts */
	assert_int_equal(vrrp_deadline(&vr).us, 200 * MS + 300 * MS + 92968);
	health(true); /* the first that recovers takes over within Skew_Time */
	assert_int_equal(vrrp_deadline(&vr).us, 200 * MS + 41406);
}

/* Healthy no more, it has no business to replace the lower Active that it was about to preempt. */
static void test_unhealthy_preempts_nobody(void **state)
{
	(void)state;
	begin(&plain);
	until(300 * MS);
	hear(9, 100);
	until(310 * MS);
	health(false);
	assert_int_equal(vrrp_deadline(&vr).us, 300 * MS + 300 * MS + 92968);
}

static void test_resign_unhealthy(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.resign_unhealthy = true;
	begin_active(&params);
	health(false);
	until(3020 * MS);
	hear(9, 100);
	until(9000 * MS);
	assert_int_equal(vr.state, VRRP_BACKUP);
	assert_true(mono_is_never(vrrp_deadline(&vr)));
	expect("[3000.000] unhealthy\n"
	       "> advert 0\n"
	       "> active -> backup: unhealthy\n"
	       "[3020.000] advert 100 from 9\n"
	       "[3045.000] timer\n"
	       "> withdraw\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_active_resigns),
	    cmocka_unit_test(test_second_notice),
	    cmocka_unit_test(test_drain_with_successor),
	    cmocka_unit_test(test_claimant_resigns),
	    cmocka_unit_test(test_drain_with_two_successors),
	    cmocka_unit_test(test_drain_without_successor),
	    cmocka_unit_test(test_resume_at_once),
	    cmocka_unit_test(test_resume_and_leave_again),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_demotion),
	    cmocka_unit_test(test_unhealthy_active),
	    cmocka_unit_test(test_all_unhealthy),
	    cmocka_unit_test(test_unhealthy_preempts_nobody),
	    cmocka_unit_test(test_resign_unhealthy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
