/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is Active: elections, preemption, ties, losers, and timers.
 */
#include "transcript.h"
#include "vipd/timing.h"

/* 6.4.1, 6.4.2: alone, it becomes Active after Active_Down_Interval; announced only when the kernel has the
 * address. */
static void test_election(void **state)
{
	(void)state;
	begin(&plain);
	until(342 * MS);
	now.us = 342050;
	present(0);
	until(560 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[341.406] timer\n"
	       "> advert 150\n"
	       "> hold 0\n"
	       "> backup -> active: no_advert\n"
	       "[342.050] present\n"
	       "> announce\n"
	       "[352.050] timer\n"
	       "> announce\n"
	       "[392.050] timer\n"
	       "> announce\n"
	       "[441.406] timer\n"
	       "> advert 150\n"
	       "[541.406] timer\n"
	       "> advert 150\n"
	       "[542.050] timer\n"
	       "> announce\n");
}

/* 6.1: never rounded to centiseconds, at both ends of what the configuration allows. */
static void test_timers_at_the_edges(void **state)
{
	(void)state;
	const struct {
		uint8_t priority;
		int64_t interval_us, down_us;
	} edges[] = {
	    {254, 10 * MS, 30078},
	    {1, 10 * MS, 39960},
	    {32, 10 * MS, 38750},
	    {254, 40950 * MS, 123169921},
	    {100, 40950 * MS, 147803906},
	    {32, 40950 * MS, 158681250},
	};
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
		struct vrrp_params params = plain;
		params.priority = edges[i].priority;
		params.advert_interval_us = edges[i].interval_us;
		begin(&params);
		assert_int_equal(due(), edges[i].down_us);
	}
}

/* What others than the state machine have to agree with. */
static void test_limits(void **state)
{
	(void)state;
	const struct {
		int64_t interval_us, alive_us, late_us, unreplaced_us, silence_us, handover_us;
	} rows[] = {
	    {10 * MS, 15000, 30078, 30000, 40000, 50000},
	    {100 * MS, 150000, 300781, 300000, 400000, 200000},
	    {40950 * MS, 61425000, 123169921, 122850000, 163800000, 10000000},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(vrrp_alive_limit(rows[i].interval_us), rows[i].alive_us);
		assert_int_equal(vrrp_late_limit(rows[i].interval_us), rows[i].late_us);
		assert_int_equal(vrrp_unreplaced_limit(rows[i].interval_us), rows[i].unreplaced_us);
		assert_int_equal(vrrp_silence_limit(rows[i].interval_us), rows[i].silence_us);
		assert_int_equal(vrrp_handover_time(rows[i].interval_us), rows[i].handover_us);
	}
}

/* 6.4.2: an acceptable advert restarts the timer and brings the sender's interval with it. */
static void test_backup_follows_active(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear_at_interval(9, 200, 200 * MS);
	assert_int_equal(due(), 100 * MS + 3 * 200 * MS + 106 * 200 * MS / 256);
	hear(9, 150); /* equal is acceptable */
	assert_int_equal(due(), 100 * MS + 341406);
}

/* 6.4.2: Preempt_Mode true discards lower priorities: the timer runs on. False accepts them. */
static void test_preemption(void **state)
{
	(void)state;
	begin(&plain);
	until(300 * MS);
	hear(9, 100);
	until(342 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[300.000] advert 100 from 9\n"
	       "[341.406] timer\n"
	       "> advert 150\n"
	       "> hold 0\n"
	       "> backup -> active: preempted_lower\n");

	struct vrrp_params params = plain;
	params.preempt = false;
	begin(&params);
	until(300 * MS);
	hear(9, 100);
	assert_int_equal(due(), 300 * MS + 341406);

	params.preempt = true;
	params.preempt_delay_us = 1000 * MS;
	begin(&params);
	for (int i = 1; i < 10; i++) {
		until(i * 100 * MS);
		hear(9, 100);
	}
	assert_int_equal(vr.state, VRRP_BACKUP);
	for (int i = 10; i < 14; i++) { /* the delay is over: the next three adverts are discarded */
		until(i * 100 * MS);
		hear(9, 100);
	}
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

/* Design: a port that passes nothing at first must not make a returning server Active alone. */
static void test_start_delay(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.start_delay_us = 1000 * MS;
	begin(&params);
	until(1100 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[341.406] timer\n"
	       "[1041.406] timer\n" /* who waited as long is elected by Skew_Time, too */
	       "> advert 150\n"
	       "> hold 0\n"
	       "> backup -> active: no_advert\n");
	begin(&params);
	until(100 * MS);
	hear(9, 200); /* it passes: from here on all is as always */
	assert_int_equal(due(), 100 * MS + 341406);
	begin(&params);
	until(100 * MS);
	hear(9, 0);
	assert_int_equal(due(), 100 * MS + 41406);
	until(500 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

/* 6.4.3: a greater priority wins; the loser says a final advert, so that the winner announces last, and lets
 * go.
 */
static void test_active_meets_better(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 151);
	until(3100 * MS);
	expect("[3000.000] advert 151 from 9\n"
	       "> final advert 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3025.000] timer\n"
	       "> withdraw\n");
}

/* 6.4.3: equal priority, the greater address wins, as an unsigned number in network order. */
static void test_tie(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(4, 150);
	expect("[3000.000] advert 150 from 4\n"
	       "> advert 150\n"
	       "> announce\n");
	told[0] = '\0';
	until(3020 * MS);
	told[0] = '\0';
	hear(200, 150); /* above 127: unsigned */
	expect("[3020.000] advert 150 from 200\n"
	       "> final advert 150\n"
	       "> active -> backup: higher_address\n");
}

/* 6.4.3: a losing advert is answered at once and announced against, but not faster than every 10 ms. */
static void test_losing_adverts_are_answered(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 100);
	now.us += 1 * MS;
	hear(9, 100);
	now.us = 3011 * MS;
	hear(9, 100);
	expect("[3000.000] advert 100 from 9\n"
	       "> advert 150\n"
	       "> announce\n"
	       "[3001.000] advert 100 from 9\n"
	       "[3011.000] advert 100 from 9\n"
	       "> advert 150\n"
	       "> announce\n");
}

/* Who wins announces last: somebody else's NA for our address is answered, too. */
static void test_foreign_announcement(void **state)
{
	(void)state;
	begin_active(&plain);
	claim(VRRP_CLAIM_ANNOUNCED);
	now.us += 1 * MS;
	claim(VRRP_CLAIM_ANNOUNCED);
	expect("[3000.000] announcement\n"
	       "> conflict: address\n"
	       "> advert 150\n"
	       "> announce\n"
	       "[3001.000] announcement\n"
	       "> conflict: address\n");
	begin(&plain);
	told[0] = '\0';
	claim(VRRP_CLAIM_ANNOUNCED); /* the Active's, as it should be */
	expect("[0.000] announcement\n");
}

/* 6.4.3, priority 0 heard by the Active: an advert at once, and the timer restarts. */
static void test_active_hears_priority_zero(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 0);
	assert_non_null(strstr(told, "> advert 150\n"));
	assert_int_equal(vr.adver.us, 3100 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

static void test_link(void **state)
{
	(void)state;
	begin_active(&plain);
	event("link down", VRRP_EVENT_LINK_DOWN);
	until(5000 * MS);
	step("link up", &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
	expect("[3000.000] link down\n"
	       "> withdraw\n"
	       "> active -> fault: link_down\n"
	       "[5000.000] link up\n"
	       "> fault -> backup: link_up\n");
}

/* The final advert of an unhealthy loser does not turn those who follow a healthy Active. */
static void test_final_advert_is_ignored(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(8, 20);
	assert_int_equal(due(), 100 * MS + 341406);
	hear(9, 20);
	assert_int_equal(due(), 100 * MS + 41406);
}

/* A Backup that follows an Active ignores those that have lost against it. */
static void test_losers_are_ignored(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(8, 100);
	hear(8, 20); /* it has turned unhealthy meanwhile */
	assert_int_equal(due(), 100 * MS + 341406);
	until(110 * MS);
	hear(8, 200); /* a tie that 9 wins */
	assert_int_equal(due(), 100 * MS + 341406);
	until(251 * MS); /* 9 should have spoken by now */
	hear(8, 20);
	assert_int_equal(due(), 251 * MS + 41406);

	begin(&plain); /* the same while unhealthy: healthy again, it follows the healthy one */
	health(VRRP_FAILING);
	hear(9, 200);
	hear(8, 20);
	health(VRRP_HEALTHY);
	assert_int_equal(due(), 341406);
}

/* A late engine is a dead engine: it releases the address before it looks at anything. */
static void test_late_engine(void **state)
{
	(void)state;
	begin_active(&plain);
	now.us = 3241 * MS; /* 299.6 ms after the last advert: not yet */
	hear(9, 100);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	told[0] = '\0';
	now.us = 3600 * MS;
	hear(9, 100);
	expect("[3600.000] advert 100 from 9\n"
	       "> withdraw\n"
	       "> active -> backup: late\n");
}

/* A Backup that slept past its timer by more than an interval, here of 200 ms, hears what it missed, if there
 * was anything; once. */
static void test_late_backup(void **state)
{
	(void)state;
	begin(&plain);
	hear_at_interval(9, 200, 200 * MS); /* due at 682.812 ms */
	now.us = 882 * MS;
	event("timer", VRRP_EVENT_TIMER);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	begin(&plain);
	hear_at_interval(9, 200, 200 * MS);
	now.us = 900 * MS;
	event("timer", VRRP_EVENT_TIMER);
	assert_int_equal(vr.state, VRRP_BACKUP);
	assert_int_equal(due(), 900 * MS + 682812);
	now.us = 1900 * MS;
	event("timer", VRRP_EVENT_TIMER);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	begin(&plain);
	hear(9, 200);
	now.us = 900 * MS;
	event("timer", VRRP_EVENT_TIMER);
	now.us = 950 * MS;
	hear(9, 200);
	assert_int_equal(due(), 950 * MS + 341406);
	now.us = 2000 * MS; /* it has heard the Active since, so it listens anew */
	event("timer", VRRP_EVENT_TIMER);
	assert_int_equal(vr.state, VRRP_BACKUP);
}

/* A forged advert with the longest interval silences a Backup for ten of its own Active_Down_Intervals. */
static void test_learned_interval_is_bounded(void **state)
{
	(void)state;
	begin(&plain);
	hear_at_interval(9, 254, 40950 * MS);
	assert_int_equal(due(), 3000 * MS + 414060);
	health(VRRP_FAILING); /* a longer Skew_Time does not get around it */
	assert_int_equal(due(), 3000 * MS + 968750);
}

/* A rolling change of the interval, or a peer with another one: what the Active told lives until its next own
 * advert. */
static void test_longer_interval(void **state)
{
	(void)state;
	begin(&plain);
	for (int i = 1; i < 5; i++) {
		until(i * 100 * MS);
		hear(9, 200);
	}
	for (int s = 0; s < 5; s++) {
		until((450 + s * 1000) * MS);
		hear_at_interval(9, 200, 1000 * MS);
		assert_int_equal(vr.state, VRRP_BACKUP);
	}
	until(4450 * MS +
	      3414059); /* ten own Active_Down_Intervals, a little more than three of its intervals */
	assert_int_equal(vr.state, VRRP_BACKUP);
	until(4450 * MS + 3414060);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	until(9000 * MS);
	hear(9, 200); /* and back to the shorter one */
	assert_int_equal(vr.active_down.us, 9000 * MS + 341406);
}

/* A reload that changes priority and interval moves nothing; the others hear of it at once. */
static void test_reconfiguration(void **state)
{
	(void)state;
	begin_active(&plain);
	struct vrrp_params params = plain;
	params.priority = 120;
	params.advert_interval_us = 1000 * MS;
	step("config", &(struct vrrp_event){.type = VRRP_EVENT_CONFIG, .params = &params, .present = 1});
	until(4500 * MS);
	expect("[3000.000] config\n"
	       "> advert 120\n"
	       "[4000.000] timer\n"
	       "> advert 120\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_election),
	    cmocka_unit_test(test_timers_at_the_edges),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_backup_follows_active),
	    cmocka_unit_test(test_preemption),
	    cmocka_unit_test(test_start_delay),
	    cmocka_unit_test(test_active_meets_better),
	    cmocka_unit_test(test_tie),
	    cmocka_unit_test(test_losing_adverts_are_answered),
	    cmocka_unit_test(test_foreign_announcement),
	    cmocka_unit_test(test_active_hears_priority_zero),
	    cmocka_unit_test(test_link),
	    cmocka_unit_test(test_final_advert_is_ignored),
	    cmocka_unit_test(test_losers_are_ignored),
	    cmocka_unit_test(test_late_engine),
	    cmocka_unit_test(test_late_backup),
	    cmocka_unit_test(test_learned_interval_is_bounded),
	    cmocka_unit_test(test_longer_interval),
	    cmocka_unit_test(test_reconfiguration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
