/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Others who use what is ours: foreign holders, rivals that do not hear us, other VRIDs.
 */
#include "transcript.h"

static void begin_with_questions(const struct vrrp_params *params)
{
	begin(params);
	tell_questions = true;
	told[0] = '\0';
}

/* It asks when an Active would have been heard, until there is one; then after a second, then every ten, and
 * announces with it. */
static void test_questions(void **state)
{
	(void)state;
	begin_with_questions(&plain);
	until(342 * MS);
	present(0);
	until(1342 * MS);
	assert_non_null(strstr(told, "[200.000] timer\n> ask\n"));
	assert_non_null(strstr(told, "[1341.406] timer\n> ask\n") ? told : strstr(told, "> ask\n"));
	told[0] = '\0';
	until(11300 * MS);
	assert_null(strstr(told, "> ask\n"));
	until(11400 * MS);
	assert_non_null(strstr(told, "> ask\n> announce\n"));
	vr.present = 0; /* what the kernel does not have is not announced */
	told[0] = '\0';
	until(21400 * MS);
	assert_non_null(strstr(told, "> ask\n"));
	assert_null(strstr(told, "> announce\n"));
	begin_with_questions(&plain); /* somebody is Active: no question */
	hear(9, 200);
	for (int i = 1; i < 10; i++) {
		until(i * 100 * MS);
		hear(9, 200);
	}
	assert_null(strstr(told, "> ask\n"));
}

/* on_conflict = "wait": at the start, and only then, the address is left to a foreign holder. */
static void test_wait_for_a_foreign_holder(void **state)
{
	(void)state;
	struct vrrp_params waits = plain;
	waits.wait_if_occupied = true;
	begin(&waits);
	until(201 * MS);
	claim(VRRP_CLAIM_ANSWERED);
	until(700 * MS);
	claim(VRRP_CLAIM_ANSWERED);
	told[0] = '\0';
	until(2500 * MS);
	assert_int_equal(vr.state, VRRP_BACKUP); /* until 1.75 s after the last answer */
	assert_non_null(strstr(told, "[2450.000] timer\n> conflict: none\n"));
	until(3000 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);

	begin(&waits); /* there has been an Active: nothing delays the next one */
	until(201 * MS);
	claim(VRRP_CLAIM_ANSWERED);
	hear(7, 200);
	until(600 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);

	begin(&plain); /* "take" */
	until(201 * MS);
	claim(VRRP_CLAIM_ANSWERED);
	until(350 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

/* As Active: noticed, answered, and over when nobody has answered three questions. */
static void test_foreign_holder(void **state)
{
	(void)state;
	begin_active(&plain);
	tell_questions = true;
	claim(VRRP_CLAIM_ANNOUNCED);
	expect("[3000.000] announcement\n"
	       "> conflict: address\n"
	       "> advert 150\n"
	       "> announce\n");
	told[0] = '\0';
	until(6499 * MS);
	assert_int_equal(vr.conflict, VRRP_CONFLICT_ADDRESS);
	unsigned asks = 0;
	for (const char *ask = told; (ask = strstr(ask, "> ask\n")); ask++)
		asks++;
	assert_int_equal(asks, 3);
	until(6500 * MS);
	assert_int_equal(vr.conflict, VRRP_CONFLICT_NONE);

	begin_active(&plain); /* what is heard before the first question belongs to the election */
	event("drain", VRRP_EVENT_DRAIN);
	event("resume", VRRP_EVENT_RESUME);
	until(3100 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	claim(VRRP_CLAIM_ANNOUNCED);
	assert_int_equal(vr.conflict, VRRP_CONFLICT_NONE);
}

/* Two at once are answered with the same advert; nothing is owed to the second. */
static void test_two_rivals_at_once(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(0, 100);
	until(3005 * MS);
	hear(1, 100);
	until(3999 * MS);
	told[0] = '\0';
	until(5000 * MS);
	const char *announce = strstr(told, "> announce\n"); /* the last of five */
	assert_non_null(announce);
	assert_null(strstr(announce + 1, "> announce\n"));
}

static void test_other_claims(void **state)
{
	(void)state;
	begin_active(&plain);
	claim(VRRP_CLAIM_OTHER_VRID);
	claim(VRRP_CLAIM_OWN_SOURCE);
	claim(VRRP_CLAIM_OTHER_VRID); /* the worse one is shown */
	expect("[3000.000] our address, other VRID\n"
	       "> conflict: vrid\n"
	       "[3000.000] our own source\n"
	       "> conflict: source\n"
	       "[3000.000] our address, other VRID\n");
}

static unsigned count(const char *what)
{
	unsigned n = 0;
	for (const char *at = told; (at = strstr(at, what)); at++)
		n++;
	return n;
}

/*
 * Two Actives that hear each other's announcements and not each other's adverts (two VRIDs, a deaf node):
 * after some answers they leave it at one a second, and whoever spoke last is answered in the end.
 */
static void test_rival_that_does_not_hear(void **state)
{
	(void)state;
	struct vrrp_params slow = plain;
	slow.advert_interval_us = 10000 * MS; /* all adverts but its own are answers */
	begin(&slow);
	until(34200 * MS);
	present(0);
	until(36000 * MS);
	int64_t start = now.us;
	told[0] = '\0';
	for (int i = 0; i < 300; i++) {
		until(start + i * 10 * MS);
		claim(VRRP_CLAIM_ANNOUNCED);
	}
	assert_in_range(count("> advert"), 11, 13); /* ten at once, and then one a second */
	assert_true(count("> announce") <= 30);
	told[0] = '\0';
	until(start + 4000 * MS);
	assert_in_range(count("> advert"), 1, 1);

	until(start + 8000 * MS); /* quiet: everything is answered at once again */
	told[0] = '\0';
	claim(VRRP_CLAIM_ANNOUNCED);
	assert_int_equal(count("> advert"), 1);
}

/*
 * A rival that did not hear us for long, and then does: it yields, and its clients believe it until we
 * announce. Its final advert is answered at once, however many answers came before; where it says none,
 * silence tells.
 */
static void test_rival_that_yields_after_long(void **state)
{
	(void)state;
	begin_active(&plain);
	int64_t start = now.us;
	for (int i = 1; i <= 25; i++) {
		until(start + i * 100 * MS);
		hear(1, 100);
	}
	assert_int_equal(vr.state, VRRP_ACTIVE);
	told[0] = '\0';
	until(now.us + 140 * MS); /* what was announced last has been repeated */
	unsigned repeated = count("> announce");
	hear_final(1, 100);
	assert_int_equal(count("> announce"), repeated + 1);
	told[0] = '\0';
	for (int i = 0; i < 100; i++) { /* who goes on yielding is no better than who goes on advertising */
		until(now.us + 15 * MS);
		if (i % 2)
			hear_final(1, 100);
		else
			hear(1, VRRP_PRIORITY_RESIGN);
	}
	assert_in_range(count("> advert"), 15 + 9, 15 + 9 + 4); /* its own; the rest of ten; one a second */
	until(now.us + 3000 * MS);

	start = now.us;
	for (int i = 1; i <= 25; i++) {
		until(start + i * 100 * MS);
		hear(1, 100);
	}
	until(now.us + 140 * MS);
	told[0] = '\0';
	until(now.us + 20 * MS);
	assert_in_range(count("> announce"), 1, 2);
}

/* However many adverts of a rival were answered: its announcement takes the clients away, and is answered at
 * once. */
static void test_rival_that_advertised_for_long_announces(void **state)
{
	(void)state;
	begin_active(&plain);
	for (int i = 0; i < 25; i++) {
		until(now.us + 100 * MS);
		hear(1, 100);
	}
	until(now.us + 50 * MS);
	told[0] = '\0';
	claim(VRRP_CLAIM_ANNOUNCED);
	assert_int_equal(count("> advert"), 1);
	assert_int_equal(count("> announce"), 1);
}

/* Equal link-local addresses: each refuses the other's adverts as its own, so both answer for the address. */
static void test_an_equal_source_is_the_cause(void **state)
{
	(void)state;
	begin_active(&plain);
	claim(VRRP_CLAIM_ANSWERED);
	assert_int_equal(vr.conflict, VRRP_CONFLICT_ADDRESS);
	claim(VRRP_CLAIM_OWN_SOURCE);
	assert_int_equal(vr.conflict, VRRP_CONFLICT_SOURCE);
	claim(VRRP_CLAIM_ANSWERED);
	assert_int_equal(vr.conflict, VRRP_CONFLICT_SOURCE);
	until(9000 * MS); /* and when it is over */
	assert_int_equal(vr.conflict, VRRP_CONFLICT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_questions),
	    cmocka_unit_test(test_wait_for_a_foreign_holder),
	    cmocka_unit_test(test_foreign_holder),
	    cmocka_unit_test(test_two_rivals_at_once),
	    cmocka_unit_test(test_other_claims),
	    cmocka_unit_test(test_rival_that_does_not_hear),
	    cmocka_unit_test(test_rival_that_yields_after_long),
	    cmocka_unit_test(test_rival_that_advertised_for_long_announces),
	    cmocka_unit_test(test_an_equal_source_is_the_cause),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
