/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 9568 section 6.4, line by line, where the stories of test_vrrp.c do not say it by themselves: which
 * timer runs in which state, what it is set to, and what is left alone. Priority 150 at 100 ms, as there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/vrrp.h"

#define MS	     USEC_PER_MS
#define ACTIVE_DOWN  341406 /* 3 * 100 ms + Skew_Time */
#define SKEW_OF_100  41406
#define SKEW_OF_200  82812
#define ACTIVE_SINCE (400 * MS)

static struct vrrp vr;
static struct vrrp_effects done;

static const struct vrrp_params plain = {
    .priority = 150, .preempt = true, .advert_interval_us = 100 * MS, .address_count = 1};

static struct address node(uint8_t number)
{
	return (struct address){.in6.s6_addr = {0xfe, 0x80, [15] = number}};
}

static void step(int64_t us, struct vrrp_event event)
{
	vrrp_step(&vr, (struct mono){us}, &event, &done);
}

static void hear(int64_t us, uint8_t from, uint8_t priority, int64_t interval_us)
{
	step(us, (struct vrrp_event){.type = VRRP_EVENT_ADVERT,
		     .advert = {.source = node(from),
			 .arrived = {us},
			 .priority = priority,
			 .interval_us = interval_us}});
}

static unsigned adverts(uint8_t priority)
{
	unsigned count = 0;
	for (unsigned i = 0; i < done.count; i++)
		count += done.items[i].type == VRRP_EFFECT_ADVERT && done.items[i].priority == priority;
	return count;
}

static void begin_backup(const struct vrrp_params *params)
{
	vrrp_init(&vr, params, VRRP_HEALTHY);
	step(0, (struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
	assert_int_equal(vr.state, VRRP_BACKUP);
}

static void begin_active(void)
{
	begin_backup(&plain);
	step(ACTIVE_SINCE, (struct vrrp_event){.type = VRRP_EVENT_TIMER});
	step(ACTIVE_SINCE, (struct vrrp_event){.type = VRRP_EVENT_ADDRESS, .found.state = VRRP_FOUND_RIGHT});
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

/* 6.4.1: nothing happens before the Startup event, and nothing heard before counts. */
static void initialize_waits(void **state)
{
	(void)state;
	vrrp_init(&vr, &plain, VRRP_HEALTHY);
	assert_true(mono_is_never(vrrp_deadline(&vr)));
	hear(10 * MS, 9, 200, 100 * MS);
	assert_int_equal(vr.state, VRRP_INITIALIZE);
	assert_int_equal(done.count, 0);
	assert_true(mono_is_never(vrrp_deadline(&vr)));
}

/* 6.4.1: Active_Down_Timer to Active_Down_Interval of the own interval; the Adver_Timer does not run. */
static void startup(void **state)
{
	(void)state;
	begin_backup(&plain);
	assert_int_equal(vr.active_down.us, ACTIVE_DOWN);
	assert_true(mono_is_never(vr.adver));
	assert_int_equal(adverts(150), 0);
}

/* 6.4.2: Shutdown cancels the Active_Down_Timer; a Backup has nothing to resign. */
static void backup_shutdown(void **state)
{
	(void)state;
	begin_backup(&plain);
	step(10 * MS, (struct vrrp_event){.type = VRRP_EVENT_STOP});
	assert_int_equal(vr.state, VRRP_INITIALIZE);
	assert_true(mono_is_never(vrrp_deadline(&vr)));
	assert_int_equal(adverts(0), 0);
}

/* 6.4.2: the timer fires: an advert, the Adver_Timer at Advertisement_Interval, Active; the other timer
 * stops. */
static void backup_takes_over(void **state)
{
	(void)state;
	begin_backup(&plain);
	hear(10 * MS, 9, 200, 200 * MS); /* its interval is forgotten */
	step(700 * MS, (struct vrrp_event){.type = VRRP_EVENT_TIMER});
	assert_int_equal(vr.state, VRRP_ACTIVE);
	assert_int_equal(adverts(150), 1);
	assert_int_equal(vr.adver.us, 700 * MS + 100 * MS);
	assert_true(mono_is_never(vr.active_down));
}

/* 6.4.2, priority 0: Skew_Time, of the interval in force, with preemption or without, from whomever. */
static void backup_hears_priority_zero(void **state)
{
	(void)state;
	begin_backup(&plain);
	hear(10 * MS, 9, 200, 200 * MS);
	hear(20 * MS, 9, 0, 100 * MS);
	assert_int_equal(vr.active_down.us, 20 * MS + SKEW_OF_200);

	struct vrrp_params params = plain;
	params.preempt = false;
	begin_backup(&params);
	hear(20 * MS, 4, 0, 100 * MS);
	assert_int_equal(vr.active_down.us, 20 * MS + SKEW_OF_100);
	assert_int_equal(done.count, 0);
}

/* 6.4.2: greater or equal; addresses do not matter in Backup. */
static void backup_accepts(void **state)
{
	(void)state;
	const struct {
		uint8_t from, priority;
	} accepted[] = {{9, 151}, {9, 150}, {1, 150}, {1, 254}, {9, 255}};
	for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
		begin_backup(&plain);
		hear(50 * MS, accepted[i].from, accepted[i].priority, 200 * MS);
		assert_int_equal(vr.learned_interval_us, 200 * MS);
		assert_int_equal(vr.active_down.us, 50 * MS + 600 * MS + SKEW_OF_200);
		assert_int_equal(done.count, 0);
	}
}

/* 6.4.2: a lower priority with Preempt_Mode true is discarded: neither its interval counts nor its presence.
 */
static void backup_discards(void **state)
{
	(void)state;
	begin_backup(&plain);
	hear(50 * MS, 9, 149, 200 * MS);
	assert_int_equal(vr.learned_interval_us, 0);
	assert_int_equal(vr.active_down.us, ACTIVE_DOWN);
	assert_int_equal(done.count, 0);
}

/* 6.4.2: with Preempt_Mode false the same advert counts, whole. */
static void backup_without_preemption(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.preempt = false;
	begin_backup(&params);
	hear(50 * MS, 9, 100, 200 * MS);
	assert_int_equal(vr.learned_interval_us, 200 * MS);
	assert_int_equal(vr.active_down.us, 50 * MS + 600 * MS + SKEW_OF_200);
}

/* 6.4.3: Shutdown: one advert with priority 0, the Adver_Timer stops, Initialize. */
static void active_shutdown(void **state)
{
	(void)state;
	begin_active();
	step(ACTIVE_SINCE + 10 * MS, (struct vrrp_event){.type = VRRP_EVENT_STOP});
	assert_int_equal(vr.state, VRRP_INITIALIZE);
	assert_int_equal(adverts(0), 1);
	assert_true(mono_is_never(vr.adver));
	assert_true(mono_is_never(vr.active_down));
}

/* 6.4.3: the Adver_Timer fires: one advert, and the timer anew. */
static void active_adverts(void **state)
{
	(void)state;
	begin_active();
	for (int i = 1; i < 5; i++) {
		step(ACTIVE_SINCE + i * 100 * MS, (struct vrrp_event){.type = VRRP_EVENT_TIMER});
		assert_int_equal(adverts(150), 1);
		assert_int_equal(vr.adver.us, ACTIVE_SINCE + (i + 1) * 100 * MS);
	}
}

/* 6.4.3, priority 0: an advert now, and the Adver_Timer anew. */
static void active_hears_priority_zero(void **state)
{
	(void)state;
	begin_active();
	hear(ACTIVE_SINCE + 30 * MS, 9, 0, 100 * MS);
	assert_int_equal(adverts(150), 1);
	assert_int_equal(vr.adver.us, ACTIVE_SINCE + 130 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

/* 6.4.3: the winner's interval counts from now on; Active_Down_Timer runs, Adver_Timer does not. Preempt_Mode
 * does not matter here. */
static void active_gives_way(void **state)
{
	(void)state;
	const struct {
		uint8_t from, priority;
	} better[] = {{9, 151}, {1, 151}, {9, 150}, {1, 255}};
	for (size_t i = 0; i < 2 * sizeof better / sizeof better[0]; i++) {
		begin_active();
		vr.params.preempt = i % 2;
		hear(ACTIVE_SINCE + 30 * MS, better[i / 2].from, better[i / 2].priority, 200 * MS);
		assert_int_equal(vr.state, VRRP_BACKUP);
		assert_int_equal(vr.learned_interval_us, 200 * MS);
		assert_int_equal(vr.active_down.us, ACTIVE_SINCE + 30 * MS + 600 * MS + SKEW_OF_200);
		assert_true(mono_is_never(vr.adver));
	}
}

/* 6.4.3: whoever loses is discarded and answered; its interval does not count, and the Adver_Timer runs on.
 */
static void active_stays(void **state)
{
	(void)state;
	const struct {
		uint8_t from, priority;
	} worse[] = {{9, 149}, {9, 1}, {4, 150}};
	for (size_t i = 0; i < sizeof worse / sizeof worse[0]; i++) {
		begin_active();
		hear(ACTIVE_SINCE + 30 * MS, worse[i].from, worse[i].priority, 200 * MS);
		assert_int_equal(vr.state, VRRP_ACTIVE);
		assert_int_equal(adverts(150), 1);
		assert_int_equal(vr.learned_interval_us, 0);
		assert_int_equal(vr.adver.us, ACTIVE_SINCE + 100 * MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(initialize_waits),
	    cmocka_unit_test(startup),
	    cmocka_unit_test(backup_shutdown),
	    cmocka_unit_test(backup_takes_over),
	    cmocka_unit_test(backup_hears_priority_zero),
	    cmocka_unit_test(backup_accepts),
	    cmocka_unit_test(backup_discards),
	    cmocka_unit_test(backup_without_preemption),
	    cmocka_unit_test(active_shutdown),
	    cmocka_unit_test(active_adverts),
	    cmocka_unit_test(active_hears_priority_zero),
	    cmocka_unit_test(active_gives_way),
	    cmocka_unit_test(active_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
