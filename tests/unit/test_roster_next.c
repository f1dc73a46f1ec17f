/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roster: who takes over next, and the hint that says so.
 */
#include "roster_lines.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_next),
	    cmocka_unit_test(hint_of_the_next),
	    cmocka_unit_test(no_hint_from_a_young_roster),
	    cmocka_unit_test(no_hint_while_one_is_missed),
	    cmocka_unit_test(no_hint_without_one_active),
	    cmocka_unit_test(no_hint_beside_a_stranger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
