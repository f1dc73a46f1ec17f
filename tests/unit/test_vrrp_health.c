/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health: three grades, each with a band of priorities. healthy 32..254, recovering 17..31, failing 1..16.
 */
#include "transcript.h"

/* Each band keeps the order of the configured priorities, and no priority is in two of them. */
static void test_bands(void **state)
{
	(void)state;
	assert_int_equal(vrrp_graded_priority(32, VRRP_FAILING), 1);
	assert_int_equal(vrrp_graded_priority(254, VRRP_FAILING), 16);
	assert_int_equal(vrrp_graded_priority(32, VRRP_RECOVERING), 17);
	assert_int_equal(vrrp_graded_priority(254, VRRP_RECOVERING), 31);
	for (enum vrrp_health health = 0; health < VRRP_HEALTHS; health++)
		for (int p = VRRP_PRIORITY_MIN; p <= VRRP_PRIORITY_MAX; p++) {
			uint8_t graded = vrrp_graded_priority((uint8_t)p, health);
			assert_int_equal(vrrp_priority_health(graded), health);
			if (p > VRRP_PRIORITY_MIN)
				assert_true(graded >= vrrp_graded_priority((uint8_t)(p - 1), health));
		}
}

/* What a Backup of one grade waits when the Active advertises a priority: Skew_Time if that is a worse grade.
 */
static void test_grades(void **state)
{
	(void)state;
	const struct {
		enum vrrp_health own;
		uint8_t active;
		int64_t down_us;
	} waits[] = {
	    {VRRP_HEALTHY, 31, 41406}, /* Skew_Time of 150 */
	    {VRRP_HEALTHY, 16, 41406},
	    {VRRP_HEALTHY, 1, 41406},
	    {VRRP_HEALTHY, 200, 341406},
	    {VRRP_RECOVERING, 16, 90625}, /* Skew_Time of 24 */
	    {VRRP_RECOVERING, 1, 90625},
	    {VRRP_RECOVERING, 17, 390625}, /* the same grade: nobody preempts */
	    {VRRP_RECOVERING, 31, 390625},
	    {VRRP_RECOVERING, 32, 390625},
	    {VRRP_FAILING, 1, 396875}, /* Skew_Time of 8 */
	    {VRRP_FAILING, 16, 396875},
	    {VRRP_FAILING, 17, 396875},
	    {VRRP_FAILING, 254, 396875},
	};
	for (int preempt = 0; preempt < 2; preempt++)
		for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
			struct vrrp_params params = plain;
			params.preempt = preempt;
			begin(&params);
			health(waits[i].own);
			hear(9, waits[i].active);
			assert_int_equal(due(), waits[i].down_us);
		}
}

/* "demote": a failing holder keeps the address and says so; as long as nobody is better nothing moves. */
static void test_demotion(void **state)
{
	(void)state;
	begin_active(&plain);
	health(VRRP_FAILING);
	until(3001 * MS);
	health(VRRP_RECOVERING);
	until(3002 * MS);
	health(VRRP_HEALTHY);
	expect("[3000.000] failing\n"
	       "> advert 8\n"
	       "[3001.000] recovering\n"
	       "> advert 24\n"
	       "[3002.000] healthy\n"
	       "> advert 150\n");
}

/* A weight lowers the priority, at once, and never out of the band: a better grade counts for more. */
static void test_weight(void **state)
{
	(void)state;
	begin_active(&plain);
	lowered(20);
	until(3001 * MS);
	lowered(130);
	until(3002 * MS);
	lowered(130); /* nothing new */
	health(VRRP_RECOVERING);
	until(3003 * MS);
	lowered(0);
	hear(9, 100);
	expect("[3000.000] lowered by 20\n"
	       "> advert 130\n"
	       "[3001.000] lowered by 130\n"
	       "> advert 32\n"
	       "[3002.000] lowered by 130\n"
	       "[3002.000] recovering\n"
	       "> advert 17\n"
	       "[3003.000] lowered by 0\n"
	       "> advert 24\n"
	       "[3003.000] advert 100 from 9\n"
	       "> final advert 24\n"
	       "> active -> backup: higher_priority\n");
}

/* The Active hears whoever is better now, by the rules of preemption; and back again after preempt_delay. */
static void test_weight_and_preemption(void **state)
{
	(void)state;
	begin(&plain);
	lowered(60);
	until(100 * MS);
	hear(9, 100); /* it was the lower one, and is the higher one now */
	assert_int_equal(due(), 100 * MS + 300 * MS + 64843);
	lowered(0);
	assert_int_equal(due(), 100 * MS + 341406); /* by its own priority again, and no advert resets it */
	until(200 * MS);
	hear(9, 100);
	assert_int_equal(due(), 100 * MS + 341406);

	struct vrrp_params params = plain;
	params.preempt_delay_us = 1000 * MS;
	begin(&params);
	lowered(60);
	until(2000 * MS);
	hear(9, 100);
	lowered(0); /* as after an illness */
	until(2100 * MS);
	hear(9, 100);
	assert_int_equal(due(), 2100 * MS + 341406);
	lowered(10); /* worse again, but still better than that one: it waits no longer for it */
	assert_int_equal(vr.preempt_after.us, now.us - 100 * MS + 1000 * MS);
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
	       "> hold 0\n"
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
	health(VRRP_FAILING);
	assert_int_equal(vr.state, VRRP_BACKUP);
	/* Skew_Time of priority 8 is 96.875 ms */
	assert_int_equal(due(), 100 * MS + 300 * MS + 96875);
	until(200 * MS);
	hear(9, 5); /* lower than our 8: among the failing nobody preempts */
	assert_int_equal(due(), 200 * MS + 300 * MS + 96875);
	health(VRRP_HEALTHY); /* the first that recovers takes over within Skew_Time */
	assert_int_equal(due(), 200 * MS + 41406);
}

/* Healthy no more, it has no business to replace the lower Active that it was about to preempt. */
static void test_unhealthy_preempts_nobody(void **state)
{
	(void)state;
	begin(&plain);
	until(300 * MS);
	hear(9, 100);
	until(310 * MS);
	health(VRRP_FAILING);
	assert_int_equal(due(), 300 * MS + 300 * MS + 96875);
}

static void test_resign_unhealthy(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.resign_unhealthy = true;
	begin_active(&params);
	health(VRRP_FAILING);
	until(3020 * MS);
	hear(9, 100);
	until(9000 * MS);
	assert_int_equal(vr.state, VRRP_BACKUP);
	assert_true(mono_is_never(vr.active_down));
	expect("[3000.000] failing\n"
	       "> advert 0\n"
	       "> active -> backup: unhealthy\n"
	       "[3020.000] advert 100 from 9\n"
	       "[3045.000] timer\n"
	       "> withdraw\n");
}

/* "resign": nothing while it fails, a candidate as soon as it recovers; and it leaves no recovering holder.
 */
static void test_resign_recovering(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.resign_unhealthy = true;
	begin(&params);
	health(VRRP_FAILING);
	hear(9, 5);
	assert_true(mono_is_never(vr.active_down));
	until(50 * MS);
	health(VRRP_RECOVERING); /* better than the failing one: Skew_Time of 24 */
	until(141 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[0.000] failing\n"
	       "[0.000] advert 5 from 9\n"
	       "[50.000] recovering\n"
	       "[140.625] timer\n"
	       "> advert 24\n"
	       "> hold 0\n"
	       "> backup -> active: peer_unhealthy\n");
}

/* Both recover while a third one fails: the first one has the address, the other leaves it there. */
static void test_recovering_preempts_nobody(void **state)
{
	(void)state;
	begin(&plain);
	health(VRRP_FAILING);
	hear(9, 5);
	until(50 * MS);
	health(VRRP_RECOVERING);
	until(60 * MS);
	hear(8, 18); /* recovering, too, and lower than our 24 */
	until(200 * MS);
	assert_int_equal(due(), 60 * MS + 390625);
	health(VRRP_HEALTHY);
	assert_int_equal(due(), 200 * MS + 41406);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bands),
	    cmocka_unit_test(test_grades),
	    cmocka_unit_test(test_demotion),
	    cmocka_unit_test(test_weight),
	    cmocka_unit_test(test_weight_and_preemption),
	    cmocka_unit_test(test_unhealthy_active),
	    cmocka_unit_test(test_all_unhealthy),
	    cmocka_unit_test(test_unhealthy_preempts_nobody),
	    cmocka_unit_test(test_resign_unhealthy),
	    cmocka_unit_test(test_resign_recovering),
	    cmocka_unit_test(test_recovering_preempts_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
