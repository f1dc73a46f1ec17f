/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drained router to which nobody succeeds keeps the address, as the worst of all.
 */
#include "transcript.h"

#define KEPT                                                                                                 \
	"[3000.000] drain\n"                                                                                 \
	"> advert 0\n"                                                                                       \
	"> active -> backup: drained\n"                                                                      \
	"[3100.000] timer\n"                                                                                 \
	"> advert 0\n"                                                                                       \
	"[3200.000] timer\n"                                                                                 \
	"> advert 1\n"                                                                                       \
	"> backup -> active: no_successor\n"                                                                 \
	"> announce\n"

static void begin_kept(const struct vrrp_params *params)
{
	begin_active(params);
	event("drain", VRRP_EVENT_DRAIN);
	until(3200 * MS);
	expect(KEPT);
	told[0] = '\0';
}

/* Nobody there: a second notice after one interval, and after two it is Active again, worse than anybody. */
static void test_drain_without_successor(void **state)
{
	(void)state;
	begin_kept(&plain);
	tell_questions = true;
	until(3300 * MS);
	expect("[3210.000] timer\n"
	       "> announce\n"
	       "[3250.000] timer\n"
	       "> announce\n"
	       "[3300.000] timer\n"
	       "> advert 1\n");
	until(3650 * MS);
	told[0] = '\0';
	until(3700 * MS); /* twice a second */
	expect("[3700.000] timer\n"
	       "> ask\n"
	       "> advert 1\n");
	until(4150 * MS);
	told[0] = '\0';
	until(4200 * MS);
	expect("[4200.000] timer\n"
	       "> ask\n"
	       "> advert 1\n"
	       "> announce\n");
}

static void test_kept_renews_its_lease(void **state)
{
	(void)state;
	struct vrrp_params leased = plain;
	leased.lease_us = 3000 * MS;
	begin_active(&leased);
	event("drain", VRRP_EVENT_DRAIN);
	until(60000 * MS);
	assert_true(vr.kept && vr.present == 1);
	assert_true(mono_sub(now, vr.leased) <= 1000 * MS);
}

/* The least router is better. */
static void test_kept_leaves_for_any_better_one(void **state)
{
	(void)state;
	begin_kept(&plain);
	hear(9, 2);
	claim(VRRP_CLAIM_ANNOUNCED);
	until(9000 * MS);
	expect("[3200.000] advert 2 from 9\n"
	       "> final advert 1\n"
	       "> active -> backup: higher_priority\n"
	       "[3200.000] announcement\n"
	       "[3201.000] timer\n"
	       "> withdraw\n");
	assert_false(vr.kept);
}

static void test_kept_leaves_to_whoever_answers(void **state)
{
	(void)state;
	for (enum vrrp_claim how = VRRP_CLAIM_ANNOUNCED; how <= VRRP_CLAIM_ANSWERED; how++) {
		begin_kept(&plain);
		until(3240 * MS);
		told[0] = '\0';
		claim(how);
		until(9000 * MS);
		assert_non_null(strstr(told, "> advert 0\n"
					     "> active -> backup: drained\n"
					     "[3241.000] timer\n"
					     "> withdraw\n"));
	}
}

/* Both halves of a group have kept the address, and meet: the one that wins stays, though the other
 * announces. */
static void test_kept_stays_when_the_loser_announces(void **state)
{
	(void)state;
	begin_kept(&plain);
	until(3240 * MS);
	told[0] = '\0';
	hear(0, 1);
	claim(VRRP_CLAIM_ANNOUNCED);
	assert_true(vr.kept && vr.state == VRRP_ACTIVE);
	until(3400 * MS);
	claim(VRRP_CLAIM_ANNOUNCED); /* of somebody else: it did not lose */
	assert_false(vr.kept);
}

/* Nor does it take the address where it knows of somebody who has it. */
static void test_nothing_is_kept_from_a_foreign_holder(void **state)
{
	(void)state;
	begin_active(&plain);
	claim(VRRP_CLAIM_ANSWERED);
	told[0] = '\0';
	event("drain", VRRP_EVENT_DRAIN);
	until(3700 * MS);
	assert_null(strstr(told, "no_successor"));
	assert_non_null(strstr(told, "> withdraw\n"));
}

static void test_kept_is_resumed_or_stopped(void **state)
{
	(void)state;
	begin_kept(&plain);
	event("resume", VRRP_EVENT_RESUME);
	expect("[3200.000] resume\n"
	       "> advert 150\n");
	assert_false(vr.kept);

	begin_kept(&plain);
	event("stop", VRRP_EVENT_STOP);
	until(9000 * MS);
	expect("[3200.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: stopped\n"
	       "[3300.000] timer\n"
	       "> advert 0\n"
	       "[3400.000] timer\n"
	       "> withdraw\n"
	       "> stopped\n");
}

/* A check that fails changes nothing; whoever wants no holder then has none. */
static void test_kept_and_failing(void **state)
{
	(void)state;
	struct vrrp_params resigns = plain;
	resigns.resign_unhealthy = true;
	begin_kept(&plain);
	health(VRRP_FAILING);
	expect("[3200.000] failing\n"
	       "> advert 1\n");
	begin_kept(&resigns);
	health(VRRP_FAILING);
	until(9000 * MS);
	assert_non_null(strstr(told, "> active -> backup: unhealthy\n"));
	assert_true(vr.state == VRRP_BACKUP && vrrp_wanted(&vr) == 0);
	health(VRRP_HEALTHY); /* drained, like any other */
	until(60000 * MS);
	assert_int_equal(vr.state, VRRP_BACKUP);
}

/* The next engine keeps it as well. */
static void test_kept_is_adopted(void **state)
{
	(void)state;
	begin_kept(&plain);
	struct mono sent_at = vr.sent_at;
	now.us += 150 * MS;
	vrrp_init(&vr, &plain, VRRP_HEALTHY);
	vr.drained = true;
	vrrp_succeed(&vr, sent_at);
	step("link up",
	    &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5), .present = 1});
	expect("[3350.000] link up\n"
	       "> advert 1\n"
	       "> initialize -> active: adopted\n"
	       "> announce\n");
	assert_true(vr.kept);
}

/* Late: nobody else has been heard, so it takes the address again, as the worst of all. */
static void test_kept_and_late(void **state)
{
	(void)state;
	begin_kept(&plain);
	now.us += 10000 * MS;
	event("timer", VRRP_EVENT_TIMER);
	assert_true(vr.state == VRRP_BACKUP && vr.reason == VRRP_REASON_LATE && vrrp_wanted(&vr) == 0);
	until(13400 * MS);
	assert_true(vr.state == VRRP_ACTIVE && vr.kept && vrrp_effective_priority(&vr) == VRRP_PRIORITY_KEPT);
}

static void flap(void)
{
	event("link down", VRRP_EVENT_LINK_DOWN);
	assert_true(vr.state == VRRP_FAULT && vrrp_wanted(&vr) == 0);
	until(now.us + 5000 * MS);
	step("link up", &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
	assert_int_equal(vr.state, VRRP_BACKUP);
}

static void test_kept_and_a_link_that_flaps(void **state)
{
	(void)state;
	begin_kept(&plain);
	flap();
	until(now.us + 390 * MS);
	assert_int_equal(vr.state, VRRP_BACKUP);
	until(now.us + 20 * MS); /* Active_Down_Interval of priority 1 */
	assert_true(vr.state == VRRP_ACTIVE && vr.kept);
}

/* Then it is a drained router like any other. */
static void test_not_kept_once_somebody_else_was_there(void **state)
{
	(void)state;
	begin_kept(&plain);
	flap();
	hear(9, 2);
	assert_false(vr.kept);
	until(now.us + 60000 * MS);
	assert_int_equal(vr.state, VRRP_BACKUP);

	begin_kept(&plain);
	flap();
	claim(VRRP_CLAIM_ANNOUNCED);
	assert_true(!vr.kept && mono_is_never(vr.active_down));
	until(now.us + 60000 * MS);
	assert_int_equal(vr.state, VRRP_BACKUP);

	begin_kept(&plain);
	flap();
	event("resume", VRRP_EVENT_RESUME);
	assert_false(vr.kept);
	until(now.us + 400 * MS);
	assert_true(vr.state == VRRP_ACTIVE && vrrp_effective_priority(&vr) == 150);
}

/* An engine that is back too late to adopt. */
static void test_kept_by_a_late_engine(void **state)
{
	(void)state;
	begin_kept(&plain);
	struct mono sent_at = vr.sent_at;
	now.us += 5000 * MS;
	vrrp_init(&vr, &plain, VRRP_HEALTHY);
	vr.drained = true;
	vrrp_succeed(&vr, sent_at);
	step("link up", &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
	assert_int_equal(vr.state, VRRP_BACKUP);
	until(now.us + 400 * MS);
	assert_true(vr.state == VRRP_ACTIVE && vr.kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_drain_without_successor),
	    cmocka_unit_test(test_kept_renews_its_lease),
	    cmocka_unit_test(test_kept_leaves_for_any_better_one),
	    cmocka_unit_test(test_kept_leaves_to_whoever_answers),
	    cmocka_unit_test(test_kept_stays_when_the_loser_announces),
	    cmocka_unit_test(test_nothing_is_kept_from_a_foreign_holder),
	    cmocka_unit_test(test_kept_is_resumed_or_stopped),
	    cmocka_unit_test(test_kept_and_failing),
	    cmocka_unit_test(test_kept_is_adopted),
	    cmocka_unit_test(test_kept_and_late),
	    cmocka_unit_test(test_kept_and_a_link_that_flaps),
	    cmocka_unit_test(test_not_kept_once_somebody_else_was_there),
	    cmocka_unit_test(test_kept_by_a_late_engine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
