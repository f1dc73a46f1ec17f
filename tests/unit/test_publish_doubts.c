/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How soon a change is published, and what becomes of servers that are lost: by a clock of its own, with the
 * holder's looks at the roster as far apart as they are, and at every place between two of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "control/publish/set.h"
#include "vipd/vrrp.h"

#define SEC	   USEC_PER_SEC
#define SETTLE_US  SEC		/* the default */
#define REQUEST_US (SEC / 4)	/* what remains of the second for the request itself, at least */
#define BEGIN_US   (1000 * SEC) /* it has been the holder for long, and all is said */
#define STEP_US	   (PUBLISH_TICK_US / 10)

static struct roster roster;
static struct hello ours;
static struct publish_set kept;
static struct publish_doubts doubts;
static struct publish_target target;
static struct publish_facts facts = {.roster = &roster, .ours = &ours, .kept = &kept, .gone = &doubts.gone};
static bool dead[ROSTER_MEMBERS_MAX]; /* takes no connections */
static int64_t look_ends;	      /* 0: nobody is looked for */

static struct hello hello(unsigned number)
{
	return (struct hello){.node = {'n', (char)('0' + number)},
	    .address = {.in6.s6_addr = {0x20, 0x01, [15] = (uint8_t)number}},
	    .health = VRRP_HEALTHY};
}

/* This node is n9; n0, n1 and n2 are members. */
static void restart(void)
{
	roster = (struct roster){.count = 3};
	doubts = (struct publish_doubts){0};
	target = (struct publish_target){0};
	kept = (struct publish_set){0};
	memset(dead, 0, sizeof dead);
	look_ends = 0;
	ours = hello(9);
	for (unsigned i = 0; i < roster.count; i++)
		roster.members[i] = (struct roster_member){
		    .source = hello(i).address, .hello = hello(i), .presence = ROSTER_HERE};
}

/* As publish.c does it. Returns whether something was published. */
static bool tick(int64_t since_us, int64_t now_us)
{
	struct publish_set set;
	struct mono now = {now_us};
	if (publish_doubts_begin(&doubts, &facts, now))
		look_ends = now_us + PUBLISH_LOOK_US;
	publish_set_make(&set, &facts);
	publish_target_look(&target, true, doubts.known ? &set : NULL, (struct mono){since_us}, now);
	if (!publish_target_due(&target, SETTLE_US, SEC, now))
		return false;
	publish_target_tried(&target);
	publish_target_succeeded(&target, &target.wanted, now);
	kept = target.wanted;
	return true;
}

static bool look_end(int64_t now_us)
{
	char answer[ROSTER_MEMBERS_MAX];
	for (unsigned i = 0; i < doubts.asked.count; i++)
		answer[i] = dead[doubts.asked.addresses[i].in6.s6_addr[15]] ? '-' : '+';
	look_ends = 0;
	struct mono since = publish_doubts_end(&doubts, answer, doubts.asked.count, (struct mono){now_us});
	return tick(since.us, now_us);
}

static bool is_published(unsigned number)
{
	for (unsigned i = 0; i < target.published.count; i++)
		if (target.published.servers[i].address.in6.s6_addr[15] == number)
			return target.published.servers[i].ready;
	return false;
}

/* ---- what can happen ---- */

enum change { FAILS, IS_DRAINED, STOPS, DIES, LOSES_ITS_HELLOS, RETURNS };

struct event {
	int64_t at_us; /* after BEGIN_US */
	enum change change;
	unsigned number;
};

static void happen(const struct event *event)
{
	struct roster_member *member = &roster.members[event->number];
	switch (event->change) {
	case FAILS: member->hello.health = VRRP_FAILING; break;
	case IS_DRAINED: member->hello.drained = true; break;
	case STOPS: member->presence = ROSTER_STOPPED; break;
	case DIES: dead[event->number] = true; /* fall through */
	case LOSES_ITS_HELLOS: member->presence = ROSTER_LOST; break;
	case RETURNS:
		dead[event->number] = false;
		*member = (struct roster_member){
		    hello(event->number).address, hello(event->number), ROSTER_HERE, {0}, 0, 0};
	}
}

/* From the holder's calm to ten seconds after it, with its looks `phase_us` after each quarter of a second; a
 * server's row in `changed_us`: when it was published otherwise last, 0: never. Returns how often in all. */
static unsigned run(const struct event *events, unsigned count, int64_t phase_us,
    int64_t changed_us[static ROSTER_MEMBERS_MAX])
{
	unsigned next = 0, published = 0;
	bool before[ROSTER_MEMBERS_MAX];
	restart();
	for (int64_t at = BEGIN_US - 100 * SEC; at < BEGIN_US; at += PUBLISH_TICK_US)
		tick(at + phase_us, at + phase_us);
	assert_int_equal(target.published.ready, 4);
	memset(changed_us, 0, ROSTER_MEMBERS_MAX * sizeof *changed_us);
	for (int64_t at = BEGIN_US; at < BEGIN_US + 10 * SEC; at += STEP_US) {
		bool news = false;
		for (unsigned i = 0; i < roster.count; i++)
			before[i] = is_published(i);
		/* What happens in this moment is not seen in it. */
		if (look_ends && at >= look_ends)
			news |= look_end(at);
		if ((at - phase_us) % PUBLISH_TICK_US == 0)
			news |= tick(at, at);
		for (; next < count && at >= BEGIN_US + events[next].at_us; next++)
			happen(&events[next]);
		published += news;
		for (unsigned i = 0; i < roster.count; i++)
			if (is_published(i) != before[i])
				changed_us[i] = at - BEGIN_US;
	}
	return published;
}

/* The roster knows it at the time of the event. */
static void in_time(const struct event *events, unsigned count)
{
	int64_t changed[ROSTER_MEMBERS_MAX];
	for (int64_t phase = 0; phase < PUBLISH_TICK_US; phase += STEP_US) {
		run(events, count, phase, changed);
		for (unsigned i = 0; i < count; i++) {
			int64_t after = changed[events[i].number] - events[i].at_us;
			if (after <= 0 || after > SETTLE_US + SEC - REQUEST_US)
				fail_msg("event %u: published %lld us after it (phase %lld)", i,
				    (long long)after, (long long)phase);
		}
	}
}

static void test_within_settle_and_a_second(void **state)
{
	(void)state;
	in_time((struct event[]){{0, FAILS, 1}}, 1);
	in_time((struct event[]){{0, IS_DRAINED, 1}}, 1);
	in_time((struct event[]){{0, STOPS, 1}}, 1);
	in_time((struct event[]){{0, DIES, 1}}, 1);
	in_time((struct event[]){{0, DIES, 1}, {0, DIES, 2}}, 2);
}

static void test_a_return(void **state)
{
	(void)state;
	int64_t changed[ROSTER_MEMBERS_MAX];
	for (int64_t phase = 0; phase < PUBLISH_TICK_US; phase += STEP_US) {
		const struct event events[] = {{0, DIES, 1}, {4 * SEC, RETURNS, 1}};
		run(events, 2, phase, changed);
		assert_true(is_published(1));
		assert_in_range(changed[1], 4 * SEC, 4 * SEC + SETTLE_US + SEC - REQUEST_US);
	}
}

/* While one is looked for the others go on. */
static void test_one_after_the_other(void **state)
{
	(void)state;
	for (int64_t later = STEP_US; later < 2 * SEC; later += STEP_US) {
		int64_t changed[ROSTER_MEMBERS_MAX];
		for (int64_t phase = 0; phase < PUBLISH_TICK_US; phase += STEP_US) {
			const struct event lost[] = {{0, LOSES_ITS_HELLOS, 0}, {later, FAILS, 1}};
			run(lost, 2, phase, changed);
			assert_int_equal(changed[0], 0);
			assert_in_range(changed[1], later, later + SETTLE_US + SEC - REQUEST_US);
			const struct event die[] = {{0, DIES, 0}, {later, DIES, 1}};
			run(die, 2, phase, changed);
			assert_in_range(changed[0], 1, SETTLE_US + SEC - REQUEST_US);
			assert_in_range(
			    changed[1], later, later + PUBLISH_LOOK_US + SETTLE_US + SEC - REQUEST_US);
		}
	}
}

static void test_hellos_that_are_lost_withdraw_nobody(void **state)
{
	(void)state;
	int64_t changed[ROSTER_MEMBERS_MAX];
	for (int64_t phase = 0; phase < PUBLISH_TICK_US; phase += STEP_US) {
		const struct event events[] = {
		    {0, LOSES_ITS_HELLOS, 0}, {SEC / 2, LOSES_ITS_HELLOS, 1}, {SEC, LOSES_ITS_HELLOS, 2}};
		assert_int_equal(run(events, 3, phase, changed), 0);
		assert_int_equal(target.published.ready, 4);
	}
}

/* One that has not said anything yet waits, also for a look that began when it was the holder before. */
static void test_a_new_holder_waits_for_the_look(void **state)
{
	(void)state;
	restart();
	happen(&(struct event){0, DIES, 1});
	assert_false(tick(SEC, SEC));
	assert_false(doubts.known);
	doubts = (struct publish_doubts){.looking = doubts.looking};
	assert_int_equal(publish_doubts_end(&doubts, "-", 1, (struct mono){2 * SEC}).us, 2 * SEC);
	assert_false(doubts.known);
	look_ends = 0;
	for (int64_t at = 2 * SEC; !look_ends || at < look_ends; at += PUBLISH_TICK_US)
		assert_false(tick(at, at));
	assert_true(look_end(look_ends));
	assert_int_equal(target.published.ready, 3);
	assert_false(is_published(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_within_settle_and_a_second),
	    cmocka_unit_test(test_a_return),
	    cmocka_unit_test(test_one_after_the_other),
	    cmocka_unit_test(test_hellos_that_are_lost_withdraw_nobody),
	    cmocka_unit_test(test_a_new_holder_waits_for_the_look),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
