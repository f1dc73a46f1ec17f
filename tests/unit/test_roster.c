/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roster, as transcripts: at which second, who says what, and what there is to tell people.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/roster.h"
#include "vipd/vrrp.h"

#define SECOND USEC_PER_SEC
#define WALL   (INT64_C(1795365540) * USEC_PER_SEC)

static struct roster roster;

/* Of node nN: address fe80::N. */
static struct address address_of(unsigned n)
{
	return (struct address){{{{0xfe, 0x80, [14] = (uint8_t)(n >> 8), (uint8_t)n}}}};
}

static struct hello hello_of(unsigned n, double at_s)
{
	struct hello hello = {.family = AF_INET6,
	    .vrid = 100,
	    .boot = {(uint8_t)n},
	    .number = (uint64_t)(at_s * 1000) + 1,
	    .interval_ms = 1000,
	    .state = VRRP_BACKUP,
	    .health = VRRP_HEALTHY,
	    .priority = 100,
	    .effective_priority = 100,
	    .candidate = true,
	    .advert_interval_ms = 100,
	    .address_count = 2,
	    .addresses = {{{{{0x20, [15] = 1}}}}, {{{{0x20, [15] = 2}}}}}};
	snprintf(hello.node, sizeof hello.node, "n%u", n);
	return hello;
}

/* "active" "p150" "failing" "drained" "leaving" "signed" "reboot" "old" "slow" */
static void apply(struct hello *hello, const char *word)
{
	if (!strcmp(word, "active"))
		hello->state = VRRP_ACTIVE;
	else if (word[0] == 'p')
		hello->effective_priority = (uint8_t)atoi(word + 1);
	else if (!strcmp(word, "failing"))
		hello->health = VRRP_FAILING, hello->effective_priority = 5;
	else if (!strcmp(word, "drained"))
		hello->candidate = false, hello->effective_priority = 0;
	else if (!strcmp(word, "leaving"))
		hello->leaving = true;
	else if (!strcmp(word, "signed"))
		hello->is_signed = true;
	else if (!strcmp(word, "reboot"))
		hello->boot[1] = 1, hello->number = 1;
	else if (!strcmp(word, "old"))
		hello->number = 1;
	else if (!strcmp(word, "slow"))
		hello->interval_ms = 10000;
	else
		fail_msg("no such word: %s", word);
}

static void describe(const struct roster_news *news, char *out, size_t room)
{
	static const char *const events[] = {
	    [ROSTER_QUIET] = "",
	    [ROSTER_JOINED] = "joined",
	    [ROSTER_IS_LOST] = "lost",
	    [ROSTER_IS_BACK] = "back",
	    [ROSTER_HAS_STOPPED] = "stopped",
	};
	size_t length = strlen(out);
	if (news->event != ROSTER_QUIET)
		snprintf(out + length, room - length, "%s%s %s%s", length ? ", " : "", news->node,
		    events[news->event], news->rebooted ? " rebooted" : "");
}

/* One line: at that second "nN words…" is heard, or nothing if the text is ""; then the roster is looked at.
 */
struct line {
	double at_s;
	const char *said, *expected;
};

#define END                                                                                                  \
	{                                                                                                    \
		.said = NULL                                                                                 \
	}

static void say(double at_s, const char *said, char *told, size_t room)
{
	char words[64];
	struct roster_news news;
	struct mono now = {(int64_t)(at_s * SECOND) + SECOND};
	unsigned n = (unsigned)atoi(said + 1);
	struct hello hello = hello_of(n, at_s);
	struct address source = address_of(n);
	snprintf(words, sizeof words, "%s", said);
	strtok(words, " ");
	for (char *word = strtok(NULL, " "); word; word = strtok(NULL, " "))
		apply(&hello, word);
	enum hello_verdict verdict =
	    roster_hear(&roster, &source, &hello, now, WALL + (int64_t)(at_s * SECOND), &news);
	if (verdict != HELLO_OK)
		snprintf(told, room, "%s", hello_verdict_name(verdict));
	else
		describe(&news, told, room);
}

static void play_on(const struct line *lines)
{
	for (; lines->expected; lines++) {
		char told[256] = "";
		struct roster_news news;
		struct mono now = {(int64_t)(lines->at_s * SECOND) + SECOND};
		if (lines->said[0])
			say(lines->at_s, lines->said, told, sizeof told);
		while (roster_expire(&roster, now, WALL + (int64_t)(lines->at_s * SECOND), &news))
			describe(&news, told, sizeof told);
		if (strcmp(told, lines->expected))
			fail_msg("[%5.1f] %s -> \"%s\", not \"%s\"", lines->at_s, lines->said, told,
			    lines->expected);
	}
}

static void play(const struct line *lines)
{
	roster = (struct roster){0};
	play_on(lines);
}

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

/* An hour later nobody speaks of it any more. */
static void kept_for_an_hour(void **state)
{
	(void)state;
	play((struct line[]){{0, "n2", "n2 joined"}, {1, "", ""}, {2, "", ""}, {3, "", "n2 lost"}, END});
	for (double at = 4; at < 3600; at++)
		play_on((struct line[]){{at, "", ""}, END});
	assert_int_equal(roster.count, 1);
	play_on((struct line[]){{3600, "", ""}, END});
	assert_int_equal(roster.count, 0);
	play_on((struct line[]){{3601, "n2", "n2 joined"}, END});
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
	    {4, "n2", "unsigned"}, /* lost ones too, until they are forgotten */
	    {5, "n2 signed", "n2 back"},
	    END,
	});
	assert_int_equal(roster.members[0].hello.effective_priority, 100);
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

/* ---- who can take over ---- */

/* n1 is this node. next: 0 is nobody. */
static void expect_next(const char *words, unsigned candidates, unsigned next)
{
	char copy[64];
	struct hello ours = hello_of(1, 0);
	struct address source = address_of(1);
	snprintf(copy, sizeof copy, "%s", words);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		apply(&ours, word);
	int found = roster_next(&roster, &ours, &source);
	unsigned is = found == ROSTER_SELF     ? 1
		      : found == ROSTER_NOBODY ? 0
					       : (unsigned)atoi(roster.members[found].hello.node + 1);
	assert_int_equal(is, next);
	assert_int_equal(roster_candidates(&roster, &ours), candidates);
}

static void who_is_next(void **state)
{
	(void)state;
	play((struct line[]){END});
	expect_next("active", 0, 0);
	expect_next("", 1, 1);
	play((struct line[]){{0, "n2", "n2 joined"}, {0, "n3", "n3 joined"}, END});
	expect_next("active", 2, 3); /* the greater address */
	play_on((struct line[]){{0.1, "n2 p101", ""}, END});
	expect_next("active", 2, 2);
	play_on((struct line[]){{0.2, "n2 p101 active", ""}, END});
	expect_next("", 2, 3);
	expect_next("p150", 2, 1);
	play_on((struct line[]){{0.3, "n3 drained", ""}, END});
	expect_next("", 1, 1);
	expect_next("drained", 0, 0);
	play_on((struct line[]){{0.4, "n3 failing", ""}, END});
	expect_next("", 1, 1);	      /* healthy ones first */
	expect_next("drained", 0, 3); /* better than nobody, and nobody healthy */
	expect_next("failing", 0, 3);
	play_on((struct line[]){{0.5, "n3 leaving", "n3 stopped"}, END});
	expect_next("drained", 0, 0);
	expect_next("leaving", 0, 0);
	play_on((struct line[]){{0.6, "n3", "n3 back"}, {1.6, "n2 active", ""}, {2.6, "n2 active", ""},
	    {3.6, "n2 active", "n3 lost"}, END});
	expect_next("p50", 1, 1); /* who is lost is not counted on */
}

/* ---- the hint ---- */

/* Seconds from at_s until the hint ends, for n1 with these words; 0: none. */
static double hint_at(double at_s, const char *words)
{
	char copy[64];
	struct hello ours = hello_of(1, 0);
	struct address source = address_of(1);
	struct mono now = {(int64_t)(at_s * SECOND) + SECOND};
	snprintf(copy, sizeof copy, "%s", words);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		apply(&ours, word);
	struct mono until = roster_hint(&roster, &ours, &source, now);
	return mono_reached(now, until) ? 0 : (double)mono_sub(until, now) / SECOND;
}

#define assert_hint(at_s, words, left_s) assert_true(hint_at(at_s, words) == (left_s))

/* n2 is Active and n3 a Backup with priority 90, from second 0 on; heard last at second 3. */
static void calm(void)
{
	play((struct line[]){{0, "n2 active", "n2 joined"}, {0, "n3 p90", "n3 joined"}, {1, "n2 active", ""},
	    {1, "n3 p90", ""}, {2, "n2 active", ""}, {2, "n3 p90", ""}, {3, "n2 active", ""},
	    {3, "n3 p90", ""}, END});
}

static void hint_of_the_next(void **state)
{
	(void)state;
	calm();
	assert_hint(3, "", 2);
	assert_hint(4, "", 1);
	assert_hint(4.75, "", 0.25);
	assert_hint(5, "", 0); /* two intervals after the oldest hello */
	assert_hint(3, "p80", 0);
	assert_hint(3, "p90", 0); /* n3 has the greater address */
	assert_hint(3, "failing", 0);
	assert_hint(3, "drained", 0);
	assert_hint(3, "active", 0);
	play_on((struct line[]){{3.5, "n2 active", ""}, END});
	assert_hint(3.5, "", 1.5); /* the oldest counts */
}

static void no_hint_from_a_young_roster(void **state)
{
	(void)state;
	play((struct line[]){{0, "n2 active", "n2 joined"}, {1, "n2 active", ""}, {2, "n2 active", ""}, END});
	assert_hint(2, "", 0);
	assert_hint(2.9, "", 0);
	play_on((struct line[]){{3, "n2 active", ""}, END});
	assert_hint(3, "", 2);
	play_on((struct line[]){{10, "n2 active", ""}, END}); /* this process was stopped */
	assert_hint(10, "", 0);
	for (double at = 11; at < 13; at++)
		play_on((struct line[]){{at, "n2 active", ""}, END});
	assert_hint(12.9, "", 0);
	play_on((struct line[]){{13, "n2 active", ""}, END});
	assert_hint(13, "", 2);
}

/* One that is lost may live, and be the better one. */
static void no_hint_while_one_is_missed(void **state)
{
	(void)state;
	calm();
	for (double at = 4; at < 6; at++)
		play_on((struct line[]){{at, "n2 active", ""}, END});
	assert_hint(5, "", 0);
	play_on((struct line[]){{6, "n2 active", "n3 lost"}, END});
	for (double at = 6; at < 13; at++) {
		assert_hint(at, "", 0);
		play_on((struct line[]){{at + 1, "n2 active", ""}, END});
	}
	assert_hint(13, "", 2); /* ten intervals after its last hello */
	play_on((struct line[]){{13.5, "n3 p200", "n3 back"}, END});
	assert_hint(13.5, "", 0); /* it is better */
	play_on((struct line[]){{13.6, "n3 p200 leaving", "n3 stopped"}, END});
	assert_hint(13.6, "", 1.4); /* who has said so is not missed */
}

static void no_hint_without_one_active(void **state)
{
	(void)state;
	calm();
	play_on((struct line[]){{3.1, "n3 active", ""}, END});
	assert_hint(3.1, "", 0); /* two */
	play_on((struct line[]){{3.2, "n3 p90", ""}, {3.3, "n2", ""}, END});
	assert_hint(3.3, "", 0); /* none */
}

static void no_hint_beside_a_stranger(void **state)
{
	(void)state;
	struct address stranger = address_of(9);
	calm();
	for (double at = 0; at <= 3; at++)
		roster_active(&roster, &stranger, (struct mono){(int64_t)(at * SECOND) + SECOND});
	assert_hint(3, "", 0);
	assert_hint(4, "", 0);
	assert_int_equal(roster_forget(&roster, "fe80::9", &stranger), 1);
	assert_hint(4, "", 1);
}

/* ---- differences ---- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(joins_is_lost_and_comes_back),
	    cmocka_unit_test(several_are_lost_at_once),
	    cmocka_unit_test(slow_ones_have_more_time),
	    cmocka_unit_test(reboot),
	    cmocka_unit_test(a_stop_is_no_loss),
	    cmocka_unit_test(kept_for_an_hour),
	    cmocka_unit_test(forgotten_by_name),
	    cmocka_unit_test(a_gap_of_ours),
	    cmocka_unit_test(unsigned_is_never_merged),
	    cmocka_unit_test(old_ones_are_refused),
	    cmocka_unit_test(full),
	    cmocka_unit_test(who_is_next),
	    cmocka_unit_test(hint_of_the_next),
	    cmocka_unit_test(no_hint_from_a_young_roster),
	    cmocka_unit_test(no_hint_while_one_is_missed),
	    cmocka_unit_test(no_hint_without_one_active),
	    cmocka_unit_test(no_hint_beside_a_stranger),
	    cmocka_unit_test(differences),
	    cmocka_unit_test(strangers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
