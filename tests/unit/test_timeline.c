/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timeline, as transcripts: who said what at which second, and what is remembered of it:
 * "NODE FROM-UNTIL why it began/why it ended".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/timeline.h"
#include "vipd/vrrp.h"

#define START 1000 /* seconds after the boot */
#define DAY   (24 * 3600)

static struct timeline timeline;
static const struct router_id api = {.interface = "eth0", .family = AF_INET6, .vrid = 100};

static struct mono at(double s)
{
	return (struct mono){(int64_t)((START + s) * 1000) * USEC_PER_MS};
}

static struct address address_of(unsigned n)
{
	return (struct address){{{{0xfe, 0x80, [15] = (uint8_t)n}}}};
}

/* Node nN (n1 is this one) said at second `now` how it stands. */
static bool take(double now, unsigned n, struct timeline_state state)
{
	char node[HELLO_NODE_MAX] = "", router[CONFIG_NAME_MAX] = "api";
	struct address address = address_of(n);
	snprintf(node, sizeof node, "n%u", n);
	state.id = &api;
	state.router = router;
	state.address = &address;
	state.node = node;
	state.self = n == 1;
	return timeline_take(&timeline, &state, at(now));
}

/* That it has been Active, or not, since second `since`. */
static bool say(double now, unsigned n, bool active, double since, enum vrrp_reason cause)
{
	struct timeline_state state = {
	    .active = active, .since = at(since), .why = {.word = TIMELINE_SAID, .cause = (uint8_t)cause}};
	if (cause == VRRP_REASON_NONE) {
		state.since = (struct mono){0};
		state.why.word = TIMELINE_NOT_SAID;
	}
	return take(now, n, state);
}

/* That it is Active no more, and what it is now. */
static const struct holding *leave(double now, unsigned n, enum vrrp_reason cause, const char *trouble)
{
	char text[HELLO_REASON_MAX] = "";
	snprintf(text, sizeof text, "%s", trouble);
	assert_true(take(now, n,
	    (struct timeline_state){.since = at(now),
		.priority = 6,
		.trouble = text,
		.why = {.word = TIMELINE_SAID, .cause = (uint8_t)cause}}));
	return &timeline.holdings[timeline.count - 1];
}

static bool lose(double now, unsigned n, double heard)
{
	struct address address = address_of(n);
	return timeline_lose(&timeline, &api, &address, "", at(heard), at(now));
}

static double seconds(struct mono then)
{
	return (double)mono_sub(then, at(0)) / USEC_PER_SEC;
}

static void expect(const char *expected)
{
	char text[1024] = "";
	for (unsigned i = 0; i < timeline.count; i++) {
		const struct holding *h = &timeline.holdings[i];
		size_t length = strlen(text);
		length += (size_t)snprintf(text + length, sizeof text - length, "%s%s %g-", i ? ", " : "",
		    h->node, seconds(h->from));
		if (h->over)
			length +=
			    (size_t)snprintf(text + length, sizeof text - length, "%g", seconds(h->until));
		snprintf(text + length, sizeof text - length, " %s%s%s", timeline_why_code(&h->began),
		    h->over ? "/" : "", h->over ? timeline_why_code(&h->ended) : "");
	}
	assert_string_equal(text, expected);
}

static int begin_anew(void **state)
{
	(void)state;
	memset(&timeline, 0, sizeof timeline);
	return 0;
}

static void a_drain(void **state)
{
	(void)state;
	assert_true(say(5, 1, true, 5, VRRP_REASON_NO_ADVERT));
	assert_false(say(6, 2, false, 1, VRRP_REASON_STARTED));
	assert_true(say(20, 1, false, 20, VRRP_REASON_DRAINED));
	assert_true(
	    say(21, 2, true, 20.005, VRRP_REASON_RESIGNED)); /* the time is its own, not the hello's */
	assert_false(say(22, 2, true, 20.005, VRRP_REASON_RESIGNED));
	expect("n1 5-20 no_advert/drained, n2 20.005- resigned");
}

/* Its last hello may be a second older than its death. */
static void a_silent_death(void **state)
{
	(void)state;
	say(1, 2, true, 0, VRRP_REASON_PREEMPTED_LOWER);
	say(10.4, 3, true, 10.4, VRRP_REASON_NO_ADVERT);
	expect("n2 0- preempted_lower, n3 10.4- no_advert");
	assert_true(lose(12.5, 2, 9.5));
	assert_false(lose(13, 2, 9.5));
	expect("n2 0-10.4 preempted_lower/lost, n3 10.4- no_advert");
}

static void nobody_takes_over(void **state)
{
	(void)state;
	say(1, 2, true, 0, VRRP_REASON_NO_ADVERT);
	assert_true(lose(12.5, 2, 9.5));
	expect("n2 0-9.5 no_advert/lost");
}

/* The partition heals, and it was Active all the time. */
static void lost_and_back(void **state)
{
	(void)state;
	say(1, 2, true, 0, VRRP_REASON_NO_ADVERT);
	lose(12.5, 2, 9.5);
	say(9.9, 1, true, 9.9, VRRP_REASON_NO_ADVERT);
	assert_true(say(30, 2, true, 0.4, VRRP_REASON_NO_ADVERT));
	expect("n2 0- no_advert, n1 9.9- no_advert");
	say(31, 2, false, 31, VRRP_REASON_HIGHER_PRIORITY);
	expect("n2 0-31 no_advert/higher_priority, n1 9.9- no_advert");
}

/* Heard again, it says why. */
static void lost_and_explained(void **state)
{
	(void)state;
	say(1, 2, true, 0, VRRP_REASON_NO_ADVERT);
	say(9.9, 1, true, 9.9, VRRP_REASON_NO_ADVERT);
	lose(12.5, 2, 9.5);
	assert_true(say(30, 2, false, 29, VRRP_REASON_STARTED));
	expect("n2 0-9.9 no_advert/started, n1 9.9- no_advert");
	assert_false(say(40, 2, false, 39, VRRP_REASON_LINK_UP));
	expect("n2 0-9.9 no_advert/started, n1 9.9- no_advert");
}

/* It was Active until it heard a better one. */
static void lost_and_gave_way(void **state)
{
	(void)state;
	say(1, 2, true, 0, VRRP_REASON_NO_ADVERT);
	say(9.9, 1, true, 9.9, VRRP_REASON_NO_ADVERT);
	lose(12.5, 2, 9.5);
	say(30, 2, false, 29, VRRP_REASON_HIGHER_PRIORITY);
	expect("n2 0-29 no_advert/higher_priority, n1 9.9- no_advert");
}

/* It could say only later that it was drained meanwhile, or that it had left before its end was guessed. */
static void lost_and_left(void **state)
{
	(void)state;
	say(1, 2, true, 0, VRRP_REASON_NO_ADVERT);
	say(9.9, 1, true, 9.9, VRRP_REASON_NO_ADVERT);
	lose(12.5, 2, 9.5);
	assert_true(say(30, 2, false, 20, VRRP_REASON_DRAINED));
	expect("n2 0-20 no_advert/drained, n1 9.9- no_advert");
	say(40, 3, true, 40, VRRP_REASON_RESIGNED);
	say(50.005, 1, false, 41, VRRP_REASON_HIGHER_PRIORITY);
	say(51, 2, true, 50.005, VRRP_REASON_RESIGNED);
	lose(53, 3, 49.7);
	assert_false(say(60, 3, false, 30, VRRP_REASON_DRAINED)); /* before that one began */
	assert_true(say(60, 3, false, 50, VRRP_REASON_STARTED));
	expect("n2 0-20 no_advert/drained, n1 9.9-41 no_advert/higher_priority, n3 40-50 resigned/started, "
	       "n2 50.005- resigned");
}

/* It was rebooted meanwhile, and has taken over anew. */
static void lost_and_anew(void **state)
{
	(void)state;
	say(1, 2, true, 0, VRRP_REASON_NO_ADVERT);
	lose(12.5, 2, 9.5);
	say(60, 2, true, 50, VRRP_REASON_PREEMPTED_LOWER);
	expect("n2 0-9.5 no_advert/lost, n2 50- preempted_lower");
}

/* Its control thought for a moment that its engine was dead, which went on; a hello's time is not exact. */
static void its_engine_seemed_dead(void **state)
{
	(void)state;
	say(1, 2, true, 0.001, VRRP_REASON_NO_ADVERT);
	assert_true(say(4, 2, false, 3, VRRP_REASON_LATE));
	assert_true(say(5, 2, true, 0, VRRP_REASON_NO_ADVERT));
	expect("n2 0.001- no_advert");
	assert_true(say(9, 2, false, 9, VRRP_REASON_DRAINED));
	expect("n2 0.001-9 no_advert/drained");
	assert_true(say(9.5, 2, true, 9.2, VRRP_REASON_RESIGNED));
	expect("n2 0.001-9 no_advert/drained, n2 9.2- resigned");
	say(9.6, 2, false, 9.5, VRRP_REASON_DRAINED);
	say(9.9, 2, true, 9.8, VRRP_REASON_RESIGNED);
	expect("n2 0.001-9 no_advert/drained, n2 9.2-9.5 resigned/drained, n2 9.8- resigned");
}

/* Its clock is a little slower than ours: what it says of its beginning drifts, but it is one holding. */
static void clocks_that_drift(void **state)
{
	(void)state;
	for (int i = 0; i <= 100; i++)
		say(10 + 10 * i, 2, true, 10 + 0.1 * i, VRRP_REASON_NO_ADVERT);
	expect("n2 10- no_advert");
	lose(1020, 2, 1010);
	say(1025, 2, true, 20.2, VRRP_REASON_NO_ADVERT);
	expect("n2 10- no_advert");
}

/* It was killed and is back before anybody lost it; another has taken over meanwhile. */
static void died_and_soon_back(void **state)
{
	(void)state;
	say(1, 2, true, 1, VRRP_REASON_NO_ADVERT);
	say(9, 2, true, 1, VRRP_REASON_NO_ADVERT);
	say(9.6, 3, true, 9.5, VRRP_REASON_NO_ADVERT);
	say(11, 2, false, 11, VRRP_REASON_STARTED);
	expect("n2 1-9.5 no_advert/started, n3 9.5- no_advert");
	say(12, 3, false, 12, VRRP_REASON_HIGHER_PRIORITY);
	say(12, 2, true, 12, VRRP_REASON_PREEMPTED_LOWER);
	say(14, 1, true, 13.5, VRRP_REASON_NO_ADVERT);
	say(15, 2, true, 14, VRRP_REASON_PREEMPTED_LOWER);
	expect("n2 1-9.5 no_advert/started, n3 9.5-12 no_advert/higher_priority, "
	       "n2 12-13.5 preempted_lower/unknown, n1 13.5- no_advert, n2 14- preempted_lower");
}

/* A new vipd that is Active a moment after the one before began. */
static void two_short_lives(void **state)
{
	(void)state;
	say(1, 1, true, 1, VRRP_REASON_NO_ADVERT);
	timeline_interrupt(&timeline, at(1.2), at(1.2));
	say(1.6, 1, true, 1.6, VRRP_REASON_NO_ADVERT);
	expect("n1 1-1.2 no_advert/unknown, n1 1.6- no_advert");
}

/* The one that is not over is found wherever it is: it had another address when it began. */
static void one_that_began_before_the_last(void **state)
{
	(void)state;
	say(5, 2, true, 5, VRRP_REASON_NO_ADVERT);
	say(6, 2, false, 6, VRRP_REASON_DRAINED);
	say(7, 2, true, 3, VRRP_REASON_RESIGNED);
	say(8, 2, false, 8, VRRP_REASON_DRAINED);
	expect("n2 5-8 no_advert/drained");
	say(10, 3, true, 10, VRRP_REASON_NO_ADVERT);
	say(20, 2, true, 20, VRRP_REASON_NO_ADVERT);
	say(21, 2, false, 21, VRRP_REASON_DRAINED);
	strcpy(timeline.holdings[1].node, "n2");
	timeline_move(&timeline, &timeline.holdings[1], &timeline.holdings[0].address);
	say(30, 2, false, 30, VRRP_REASON_STOPPED);
	expect("n2 5-8 no_advert/drained, n2 10-30 no_advert/stopped, n2 20-21 no_advert/drained");
}

/* Its hellos were lost while it left and came back. */
static void an_absence_that_was_not_seen(void **state)
{
	(void)state;
	say(1, 2, true, 0, VRRP_REASON_NO_ADVERT);
	say(9, 2, true, 8, VRRP_REASON_PREEMPTED_LOWER);
	expect("n2 0-8 no_advert/unknown, n2 8- preempted_lower");
}

static void an_engine_is_restarted(void **state)
{
	(void)state;
	say(1, 1, true, 0, VRRP_REASON_NO_ADVERT);
	assert_false(say(9, 1, true, 9, VRRP_REASON_ADOPTED));
	say(10, 2, true, 10, VRRP_REASON_NO_ADVERT);
	lose(13, 2, 10);
	assert_true(say(30, 2, true, 20, VRRP_REASON_ADOPTED)); /* nobody heard it meanwhile */
	expect("n1 0- no_advert, n2 10- no_advert");
}

/* An older vipd says only that it is Active. */
static void without_a_cause(void **state)
{
	(void)state;
	say(3, 2, true, 0, VRRP_REASON_NONE);
	assert_false(say(9, 2, true, 0, VRRP_REASON_NONE));
	say(10, 2, false, 0, VRRP_REASON_NONE);
	expect("n2 3-10 unknown/unknown");
}

/* In the order in which they began, whoever was heard first. */
static void late_news(void **state)
{
	(void)state;
	say(10, 3, true, 10, VRRP_REASON_RESIGNED);
	say(10.5, 2, true, 4, VRRP_REASON_NO_ADVERT);
	expect("n2 4- no_advert, n3 10- resigned");
}

static void a_clock_that_lies(void **state)
{
	(void)state;
	say(10, 2, true, 99, VRRP_REASON_RESIGNED);    /* in the future */
	say(11, 2, false, -2000, VRRP_REASON_DRAINED); /* before the boot */
	expect("n2 10-11 resigned/drained");
}

static void of_a_day(void **state)
{
	(void)state;
	say(0, 2, true, 0, VRRP_REASON_NO_ADVERT);
	say(5, 1, true, 5, VRRP_REASON_PREEMPTED_LOWER);
	say(6, 2, false, 6, VRRP_REASON_HIGHER_PRIORITY);
	timeline_expire(&timeline, at(DAY + 5));
	assert_int_equal(timeline.count, 2);
	timeline_expire(&timeline, at(DAY + 7));
	expect("n1 5- preempted_lower");
	timeline_expire(&timeline, at(9 * DAY));
	expect("n1 5- preempted_lower");
}

/* Who holds it is not forgotten, however often others come and go. */
static void it_is_bounded(void **state)
{
	(void)state;
	say(0, 1, true, 0, VRRP_REASON_NO_ADVERT);
	for (int i = 1; i < 2 * TIMELINE_MAX; i++) {
		say(10 * i, 2, true, 10 * i, VRRP_REASON_NO_ADVERT);
		say(10 * i + 5, 2, false, 10 * i + 5, VRRP_REASON_HIGHER_PRIORITY);
	}
	assert_int_equal(timeline.count, TIMELINE_MAX);
	assert_false(timeline.holdings[0].over);
	assert_true(timeline.holdings[1].self == false && timeline.holdings[1].over);
	assert_int_equal(timeline.holdings[TIMELINE_MAX - 1].until.us, at(20 * TIMELINE_MAX - 5).us);
}

static void changes_are_told_in_order(void **state)
{
	(void)state;
	say(1, 1, true, 1, VRRP_REASON_NO_ADVERT);
	say(2, 2, true, 2, VRRP_REASON_NO_ADVERT);
	say(3, 1, false, 3, VRRP_REASON_HIGHER_PRIORITY);
	const struct holding *first = timeline_next(&timeline, 0);
	assert_string_equal(first->node, "n2"); /* n1 has changed since */
	const struct holding *second = timeline_next(&timeline, first->change);
	assert_string_equal(second->node, "n1");
	assert_true(second->over);
	assert_null(timeline_next(&timeline, second->change));
}

/* The vipd of before has died with the address. */
static void a_life_ends(void **state)
{
	(void)state;
	say(1, 1, true, 0, VRRP_REASON_NO_ADVERT);
	say(1, 2, true, 0, VRRP_REASON_NO_ADVERT);
	timeline_interrupt(&timeline, at(30), at(31));
	expect("n1 0-30 no_advert/unknown, n2 0- no_advert");
	say(40, 1, true, 40, VRRP_REASON_NO_ADVERT);
	expect("n1 0-30 no_advert/unknown, n2 0- no_advert, n1 40- no_advert");
	timeline_interrupt(&timeline, at(50), at(60));
	assert_true(say(60, 1, false, 60, VRRP_REASON_STARTED));
	expect("n1 0-30 no_advert/unknown, n2 0- no_advert, n1 40-50 no_advert/started");
}

static void what_cannot_be_one_is_refused(void **state)
{
	(void)state;
	static struct timeline good;
	say(1, 1, true, 0, VRRP_REASON_NO_ADVERT);
	say(9, 1, false, 8, VRRP_REASON_DRAINED);
	good = timeline;
	assert_true(timeline_check(&timeline, at(10)));
	assert_memory_equal(&timeline, &good, sizeof good);
	assert_false(timeline_check(&timeline, at(7))); /* of the future */
	memset(timeline.holdings[0].node, 'n', HELLO_NODE_MAX);
	memset(timeline.holdings[0].ended.text, 't', TIMELINE_TEXT_MAX);
	assert_true(timeline_check(&timeline, at(10)));
	assert_int_equal(strlen(timeline.holdings[0].node), HELLO_NODE_MAX - 1);
	assert_int_equal(strlen(timeline.holdings[0].ended.text), TIMELINE_TEXT_MAX - 1);
	timeline = good, timeline.count = TIMELINE_MAX + 1;
	assert_false(timeline_check(&timeline, at(10)));
	timeline = good, timeline.holdings[0].over = 2;
	assert_false(timeline_check(&timeline, at(10)));
	timeline = good, timeline.holdings[0].until.us = INT64_MIN;
	assert_false(timeline_check(&timeline, at(10)));
}

/* A vipd that was killed and is started anew has no passing check yet: that is not why it was killed. */
static void what_it_was_when_it_left(void **state)
{
	(void)state;
	say(1, 2, true, 1, VRRP_REASON_NO_ADVERT);
	const struct holding *left = leave(2, 2, VRRP_REASON_STARTED, "no health check has passed yet");
	assert_string_equal(left->trouble, "");
	assert_int_equal(left->priority, 0);
	say(3, 2, true, 3, VRRP_REASON_NO_ADVERT);
	left = leave(4, 2, VRRP_REASON_HIGHER_PRIORITY, "apiserver: HTTP 500");
	assert_string_equal(left->trouble, "apiserver: HTTP 500");
	assert_int_equal(left->priority, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_drain, begin_anew),
	    cmocka_unit_test_setup(a_silent_death, begin_anew),
	    cmocka_unit_test_setup(nobody_takes_over, begin_anew),
	    cmocka_unit_test_setup(lost_and_back, begin_anew),
	    cmocka_unit_test_setup(what_it_was_when_it_left, begin_anew),
	    cmocka_unit_test_setup(its_engine_seemed_dead, begin_anew),
	    cmocka_unit_test_setup(one_that_began_before_the_last, begin_anew),
	    cmocka_unit_test_setup(clocks_that_drift, begin_anew),
	    cmocka_unit_test_setup(died_and_soon_back, begin_anew),
	    cmocka_unit_test_setup(two_short_lives, begin_anew),
	    cmocka_unit_test_setup(lost_and_explained, begin_anew),
	    cmocka_unit_test_setup(lost_and_gave_way, begin_anew),
	    cmocka_unit_test_setup(lost_and_left, begin_anew),
	    cmocka_unit_test_setup(lost_and_anew, begin_anew),
	    cmocka_unit_test_setup(an_absence_that_was_not_seen, begin_anew),
	    cmocka_unit_test_setup(an_engine_is_restarted, begin_anew),
	    cmocka_unit_test_setup(without_a_cause, begin_anew),
	    cmocka_unit_test_setup(late_news, begin_anew),
	    cmocka_unit_test_setup(a_clock_that_lies, begin_anew),
	    cmocka_unit_test_setup(of_a_day, begin_anew),
	    cmocka_unit_test_setup(it_is_bounded, begin_anew),
	    cmocka_unit_test_setup(a_life_ends, begin_anew),
	    cmocka_unit_test_setup(what_cannot_be_one_is_refused, begin_anew),
	    cmocka_unit_test_setup(changes_are_told_in_order, begin_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
