/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roster: who is there, who is not, and who is no server at all.
 */
#include "roster_lines.h"

static void joins_is_lost_and_comes_back(void **state)
{
	(void)state;
	play((struct line[]){
	    {0, "n2", "n2 joined"},
	    {0.5, "n3", "n3 joined"},
	    {1, "n2", ""},
	    {1.5, "n3", ""},
	    {2.5, "n3", ""},
	    {3.5, "n3", ""},
	    {3.9, "", ""},
	    {4, "", "n2 lost"},
	    {4.5, "n3", ""},
	    {5, "n2", "n2 back"},
	    {6, "n2", ""},
	    END,
	});
	assert_int_equal(roster.count, 2);
	assert_int_equal(roster.members[0].since_us, WALL + 5 * SECOND);
	assert_int_equal(roster.members[1].since_us, WALL + SECOND / 2);
}

static void several_are_lost_at_once(void **state)
{
	(void)state;
	play((struct line[]){
	    {0, "n3", "n3 joined"},
	    {0, "n2", "n2 joined"},
	    {1, "", ""},
	    {2, "", ""},
	    {3, "", "n2 lost, n3 lost"},
	    END,
	});
}

/* Three of its own intervals. */
static void slow_ones_have_more_time(void **state)
{
	(void)state;
	play((struct line[]){{0, "n2 slow", "n2 joined"}, END});
	for (double at = 1; at < 30; at++)
		play_on((struct line[]){{at, "", ""}, END});
	play_on((struct line[]){{30, "", "n2 lost"}, END});
}

static void reboot(void **state)
{
	(void)state;
	play((struct line[]){
	    {0, "n2", "n2 joined"},
	    {1, "n2 reboot", ""}, /* so fast that nobody noticed */
	    {2, "", ""},
	    {3, "", ""},
	    {4, "", "n2 lost"},
	    {5, "n2", "n2 back rebooted"},
	    END,
	});
}

static void a_stop_is_no_loss(void **state)
{
	(void)state;
	play((struct line[]){
	    {0, "n2", "n2 joined"},
	    {1, "n2 leaving", "n2 stopped"},
	    {2, "", ""},
	    {3, "", ""},
	    {4, "", ""},
	    {5, "", ""},
	    {6, "n2", "n2 back"},
	    {7, "n2 leaving", "n2 stopped"},
	    {7.1, "n3 leaving", ""}, /* never seen before */
	    END,
	});
	assert_int_equal(roster.members[0].presence, ROSTER_STOPPED);
}

/* An hour later nobody speaks of who has stopped any more; who is lost stays so until somebody sees to it. */
static void who_is_away_is_kept(void **state)
{
	(void)state;
	play((struct line[]){{0, "n2", "n2 joined"}, {0, "n3", "n3 joined"},
	    {0.5, "n3 leaving", "n3 stopped"}, {1, "", ""}, {2, "", ""}, {3, "", "n2 lost"}, END});
	for (double at = 4; at <= 3600; at++)
		play_on((struct line[]){{at, "", ""}, END});
	assert_int_equal(roster.count, 2);
	for (double at = 3601; at < 9000; at++)
		play_on((struct line[]){{at, "", ""}, END});
	assert_int_equal(roster.count, 1);
	assert_int_equal(roster.members[0].presence, ROSTER_LOST);
	play_on((struct line[]){{9000, "n3", "n3 joined"}, {9001, "n2", "n2 back"}, END});
}

/* A server that is lost, and speaks from another network card: nobody would ever be back at the old address.
 */
static void another_address_of_its_own(void **state)
{
	(void)state;
	struct roster_news news;
	play((struct line[]){{0, "n2", "n2 joined"}, {1, "", ""}, {2, "", ""}, {3, "", "n2 lost"}, END});
	struct hello hello = roster.members[0].hello;
	struct address elsewhere = roster.members[0].source;
	elsewhere.in6.s6_addr[15] ^= 0x40;
	assert_int_equal(roster_hear(&roster, &elsewhere, &hello, roster.looked, WALL, &news), HELLO_OK);
	assert_int_equal(news.event, ROSTER_JOINED);
	assert_int_equal(roster.count, 1);
	assert_true(address_equal(&roster.members[0].source, &elsewhere));
}

static void forgotten_by_name(void **state)
{
	(void)state;
	play((struct line[]){
	    {0, "n2", "n2 joined"},
	    {0, "n3", "n3 joined"},
	    {1, "n3", ""},
	    {2, "n3", ""},
	    {3, "n3", "n2 lost"},
	    END,
	});
	assert_int_equal(roster_forget(&roster, "n9", NULL), 0);
	assert_int_equal(roster_forget(&roster, "n3", NULL), 0); /* it is here */
	assert_int_equal(roster_forget(&roster, "n2", NULL), 1);
	assert_int_equal(roster.count, 1);
}

/* The process was stopped, or the machine suspended: that is no silence of the others. */
static void a_gap_of_ours(void **state)
{
	(void)state;
	play((struct line[]){
	    {0, "n2", "n2 joined"},
	    {1, "n2", ""},
	    {100, "", ""},
	    {101, "", ""},
	    {102, "", ""},
	    {103, "", "n2 lost"},
	    END,
	});
	/* It is no longer than the time in which nothing was read: what waited then is read first. */
	play((struct line[]){
	    {0, "n2", "n2 joined"},
	    {1, "n2", ""},
	    {100, "n2", ""},
	    {101, "", ""},
	    {102, "", ""},
	    {103, "", "n2 lost"},
	    END,
	});
}

/* Nothing of an unsigned hello gets into the entry of one who signs. */
static void unsigned_is_never_merged(void **state)
{
	(void)state;
	play((struct line[]){
	    {0, "n2 signed", "n2 joined"},
	    {0.5, "n2 p250", "unsigned"},
	    {1, "", ""},
	    {2, "n2 leaving", "unsigned"},
	    {3, "n2", "unsigned, n2 lost"},
	    {4, "n2 p90", "n2 back"}, /* where auth allows it: it does not sign any more */
	    {5, "n2 signed", ""},
	    {6, "n2", "unsigned"},
	    {7, "n2 signed leaving", "n2 stopped"},
	    {8, "n2", "n2 back"},
	    END,
	});
	play((struct line[]){
	    {1, "n2 leaving", ""},
	    {2, "n2 signed old", "n2 back"}, /* the other way round is right */
	    END,
	});
	assert_true(roster.members[0].hello.is_signed);
}

static void old_ones_are_refused(void **state)
{
	(void)state;
	play((struct line[]){
	    {0, "n2", "n2 joined"},
	    {1, "n2 p50", ""},
	    {1, "n2 p60", "old"}, /* twice */
	    {2, "n2 old", "old"},
	    {2.5, "n2 p50 leaving", "n2 stopped"},
	    {2.6, "n2 old", "old"}, /* what was on its way does not call it back */
	    END,
	});
	assert_int_equal(roster.members[0].hello.effective_priority, 50);
	play((struct line[]){{0, "n2", "n2 joined"}, {1, "", ""}, {2, "", ""}, {3, "", "n2 lost"},
	    {4, "n2 old", "n2 back"}, /* a restored snapshot */
	    END});
}

static void full(void **state)
{
	(void)state;
	struct roster_news news;
	roster = (struct roster){0};
	for (unsigned n = 2; n < 2 + ROSTER_MEMBERS_MAX; n++) {
		struct hello hello = hello_of(n, 0);
		struct address source = address_of(n);
		assert_int_equal(
		    roster_hear(&roster, &source, &hello, (struct mono){n * 1000}, WALL, &news), HELLO_OK);
	}
	play_on((struct line[]){{0, "n1000", "roster_full"}, END});
	for (unsigned n = 5000; n < 10000; n++) { /* 5,000 names */
		struct hello hello = hello_of(n, 0);
		struct address source = address_of(n);
		assert_int_equal(roster_hear(&roster, &source, &hello, (struct mono){SECOND}, WALL, &news),
		    HELLO_ROSTER_FULL);
	}
	assert_int_equal(roster.count, ROSTER_MEMBERS_MAX);
	/* The one that has been away longest makes room, those that are here never do. */
	play_on((struct line[]){
	    {0.2, "n7 leaving", "n7 stopped"},
	    {0.1, "n5 leaving", "n5 stopped"},
	    {0.3, "n1000", "n1000 joined"},
	    {0.3, "n1001", "n1001 joined"},
	    {0.3, "n1002", "roster_full"},
	    END,
	});
	struct address n5 = address_of(5), n7 = address_of(7), n6 = address_of(6);
	assert_null(roster_find(&roster, &n5));
	assert_null(roster_find(&roster, &n7));
	assert_non_null(roster_find(&roster, &n6));
	for (unsigned i = 1; i < roster.count; i++)
		assert_true(address_compare(&roster.members[i - 1].source, &roster.members[i].source) < 0);
}

/* ---- differences ---- */

/* What has changed is told once, in both directions; not of one that stops. */
static void differences_are_told_once(void **state)
{
	(void)state;
	struct hello ours = hello_of(1, 0), theirs = hello_of(2, 1);
	struct address source = address_of(2);
	struct roster_news news;
	struct mono now = {SECOND};
	roster = (struct roster){0};
	assert_int_equal(roster_compare(&roster, &ours, &source), 0);
	theirs.preempt = !ours.preempt;
	assert_int_equal(roster_hear(&roster, &source, &theirs, now, WALL, &news), HELLO_OK);
	assert_int_equal(roster_compare(&roster, &ours, &source), ROSTER_PREEMPT);
	assert_int_equal(roster.members[0].differed, ROSTER_PREEMPT);
	assert_int_equal(roster_compare(&roster, &ours, &source), 0);
	theirs.leaving = true, theirs.advert_interval_ms++, theirs.number++;
	assert_int_equal(roster_hear(&roster, &source, &theirs, now, WALL, &news), HELLO_OK);
	assert_int_equal(roster_compare(&roster, &ours, &source), 0);
	theirs.leaving = false, theirs.advert_interval_ms--, theirs.number++, theirs.preempt = ours.preempt;
	assert_int_equal(roster_hear(&roster, &source, &theirs, now, WALL, &news), HELLO_OK);
	assert_int_equal(roster_compare(&roster, &ours, &source), ROSTER_PREEMPT);
	assert_int_equal(roster.members[0].differed, 0);
}

static void differences(void **state)
{
	(void)state;
	struct hello ours = hello_of(1, 0), theirs = hello_of(2, 0);
	assert_int_equal(roster_differences(&ours, &theirs), 0);
	theirs.addresses[0] = ours.addresses[1];
	theirs.addresses[1] = ours.addresses[0];
	assert_int_equal(roster_differences(&ours, &theirs), 0);
	theirs.addresses[1].in6.s6_addr[15] = 9;
	assert_int_equal(roster_differences(&ours, &theirs), ROSTER_ADDRESSES);
	theirs.address_count = 1;
	assert_int_equal(roster_differences(&ours, &theirs), ROSTER_ADDRESSES);
	theirs = ours;
	theirs.advert_interval_ms = 1000;
	theirs.preempt = true;
	assert_int_equal(roster_differences(&ours, &theirs), ROSTER_INTERVAL | ROSTER_PREEMPT);
	theirs = ours;
	theirs.auth = ours.auth + 1;
	assert_int_equal(roster_differences(&ours, &theirs), ROSTER_AUTH);
	theirs = ours;
	theirs.key_count = 1;
	assert_int_equal(roster_differences(&ours, &theirs), ROSTER_AUTH);
	assert_string_equal(roster_setting_name(3), "auth");
}

/* ---- strangers ---- */

static bool hear_active(unsigned n, double at_s)
{
	struct address source = address_of(n);
	roster_active(&roster, &source, (struct mono){(int64_t)(at_s * SECOND) + SECOND});
	for (unsigned i = 0; i < roster.stranger_count; i++)
		if (address_equal(&roster.strangers[i].source, &source))
			return roster_is_stranger(&roster, &roster.strangers[i]);
	return false;
}

static void strangers(void **state)
{
	(void)state;
	play((struct line[]){{0, "n2", "n2 joined"}, END});
	for (double at = 0; at < 10; at += 0.5)
		assert_false(hear_active(2, at));
	/* One that has just started: its hellos come a moment later. */
	assert_false(hear_active(7, 0));
	assert_false(hear_active(7, 1));
	play_on((struct line[]){{1.1, "n7", "n7 joined"}, END});
	assert_int_equal(roster.stranger_count, 0);
	/* One of another make: for ever, also when it is silent again. */
	assert_false(hear_active(8, 10));
	assert_false(hear_active(8, 11));
	assert_false(hear_active(8, 12.9));
	assert_true(hear_active(8, 13));
	assert_true(hear_active(8, 1000));
	/* Active for a moment now and then proves nothing. */
	assert_false(hear_active(9, 10));
	assert_false(hear_active(9, 20));
	assert_false(hear_active(9, 21));
	/* Their number is bounded, and the proven one stays. */
	for (unsigned n = 100; n < 200; n++)
		hear_active(n, 30);
	assert_int_equal(roster.stranger_count, ROSTER_STRANGERS_MAX);
	assert_true(hear_active(8, 1001));
	struct address n8 = address_of(8);
	assert_int_equal(roster_forget(&roster, "n8", NULL), 0); /* it has no name */
	assert_int_equal(roster_forget(&roster, "fe80::8", &n8), 1);
	assert_false(hear_active(8, 1002));
}

/* A vipd that was replaced by something else, or whose hellos a firewall drops. */
static void a_member_becomes_a_stranger(void **state)
{
	(void)state;
	static const char *const ends[] = {"n2", "n2 leaving"};
	for (unsigned i = 0; i < 2; i++) {
		play((struct line[]){{0, "n2", "n2 joined"}, END});
		play_on((struct line[]){{1, ends[i], i ? "n2 stopped" : ""}, {2, "", ""}, {3, "", ""}, END});
		play_on((struct line[]){{4, "", i ? "" : "n2 lost"}, END});
		assert_false(hear_active(2, 5));
		assert_false(hear_active(2, 6.5));
		assert_true(hear_active(2, 8));
		play_on((struct line[]){{8, "n2", "n2 back"}, END});
		assert_false(hear_active(2, 9));
		assert_int_equal(roster.stranger_count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(joins_is_lost_and_comes_back),
	    cmocka_unit_test(several_are_lost_at_once),
	    cmocka_unit_test(slow_ones_have_more_time),
	    cmocka_unit_test(reboot),
	    cmocka_unit_test(a_stop_is_no_loss),
	    cmocka_unit_test(who_is_away_is_kept),
	    cmocka_unit_test(another_address_of_its_own),
	    cmocka_unit_test(forgotten_by_name),
	    cmocka_unit_test(a_gap_of_ours),
	    cmocka_unit_test(unsigned_is_never_merged),
	    cmocka_unit_test(old_ones_are_refused),
	    cmocka_unit_test(full),
	    cmocka_unit_test(differences),
	    cmocka_unit_test(differences_are_told_once),
	    cmocka_unit_test(strangers),
	    cmocka_unit_test(a_member_becomes_a_stranger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
