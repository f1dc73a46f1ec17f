/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who advertises beside whom: adverts as the doctor may see them, in letters. 'A' to 'D' are routers, of
 * which A and B have the same address by mistake; a small letter is a final advert, and '.' a tenth of a
 * second without one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/segment.h"

#define VRID	7
#define STEP_US 100000

static struct segment segment;

static const unsigned usual_cs[4] = {20, 20, 20, 20};

static void hear(char letter, int64_t at_us, const unsigned interval_cs[static 4])
{
	int who = (letter | 0x20) - 'a';
	const uint8_t mac[6] = {2, [5] = (uint8_t)who};
	struct address source = {.in6.s6_addr = {0xfe, 0x80, [15] = who < 2 ? 1 : 2}};
	struct advert advert = {
	    .vrid = VRID, .priority = letter & 0x20 ? 0 : 100, .interval_cs = (uint16_t)interval_cs[who]};
	segment_hear(&segment, &source, mac, &advert, who == 0, at_us);
}

static enum speaking of(const char *transcript, const unsigned interval_cs[static 4])
{
	segment = (struct segment){0};
	for (size_t i = 0; transcript[i]; i++) {
		if (transcript[i] != '.')
			hear(transcript[i], (int64_t)(i + 1) * STEP_US, interval_cs);
	}
	return segment_speaking(&segment, &(struct router_id){.family = AF_INET6, .vrid = VRID});
}

static void test_one_holder(void **state)
{
	(void)state;
	assert_int_equal(of("", usual_cs), SPEAKING_NOBODY);
	assert_int_equal(of("A.A.A.A", usual_cs), SPEAKING_ONE);
	assert_int_equal(of("A.A.A......A.A", usual_cs), SPEAKING_ONE);
}

static void test_moves(void **state)
{
	(void)state;
	assert_int_equal(of("A.A.A.......B.B.B", usual_cs), SPEAKING_IN_TURN);
	assert_int_equal(of("A.A.aB.B.B", usual_cs), SPEAKING_IN_TURN);
	assert_int_equal(of("A.A.A.....B.B.A.A.A", usual_cs), SPEAKING_IN_TURN);
	assert_int_equal(of("A.A.aB.bA.A.aB.B.bA.A", usual_cs), SPEAKING_IN_TURN);
	assert_int_equal(of("A.A.aB.bC.C.cA.A", usual_cs), SPEAKING_IN_TURN);
	/* what is final does not go on, and nobody overlaps with it */
	assert_int_equal(of("A.A.BaB.B.B", usual_cs), SPEAKING_IN_TURN);
	assert_int_equal(of("aB.B.B.aB.B", usual_cs), SPEAKING_IN_TURN);
}

static void test_crossing_adverts_are_not_sure(void **state)
{
	(void)state;
	assert_int_equal(of("A.A.BAB.B.B.B", usual_cs), SPEAKING_BESIDE);
}

static void test_two_who_do_not_hear_each_other(void **state)
{
	(void)state;
	assert_int_equal(of("ABABABAB", usual_cs), SPEAKING_SEVERAL);
	assert_int_equal(of("A.ABA.ABA.ABA", (unsigned[]){20, 40, 20, 20}), SPEAKING_SEVERAL);
	assert_int_equal(of("CBACBACBA", (unsigned[]){30, 30, 30, 30}), SPEAKING_SEVERAL);
	/* one is much slower */
	assert_int_equal(of("A.A.ABA.A.A", (unsigned[]){20, 400, 20, 20}), SPEAKING_BESIDE);
	assert_int_equal(of("A.A.ABA.A.A.A.ABA.A.A", (unsigned[]){20, 100, 20, 20}), SPEAKING_SEVERAL);
}

/* The two directions are read one after the other. */
static void test_order_is_that_of_the_times(void **state)
{
	(void)state;
	segment = (struct segment){0};
	for (int i = 5; i >= 0; i--)
		hear('B', 10 * STEP_US + i * 2 * STEP_US, usual_cs);
	for (int i = 0; i < 5; i++)
		hear('A', 1 + i * 2 * STEP_US, usual_cs);
	assert_int_equal(segment_speaking(&segment, &(struct router_id){.family = AF_INET6, .vrid = VRID}),
	    SPEAKING_IN_TURN);
	for (unsigned i = 1; i < segment.said_count; i++)
		assert_true(segment.said[i - 1].at_us <= segment.said[i].at_us);
}

static void test_other_virtual_routers_do_not_matter(void **state)
{
	(void)state;
	assert_int_equal(of("A.A.A.A", usual_cs), SPEAKING_ONE);
	assert_int_equal(
	    segment_speaking(&segment, &(struct router_id){.family = AF_INET6, .vrid = VRID + 1}),
	    SPEAKING_NOBODY);
}

/* 2026-11-25, and 16 bits of the fraction of a second. */
static void test_skew_of_a_signed_advert(void **state)
{
	(void)state;
	static const uint8_t trailer[ADVERT_TRAILER_SIZE] = {1, 1, 0, 0, 0x6a, 0x15, 0x9b, 0x80, 0x80};
	const int64_t stamp_us = INT64_C(0x6a159b80) * 1000000 + 500000;
	struct address source = {0};
	struct advert advert = {.vrid = VRID, .priority = 1, .trailer = trailer};
	segment = (struct segment){0};
	segment_hear(&segment, &source, (uint8_t[6]){2}, &advert, false, stamp_us - 90250000);
	assert_true(segment.speakers[0].stamped);
	assert_int_equal(segment.speakers[0].skew_us, 90250000);
	segment_hear(&segment, &source, (uint8_t[6]){2}, &advert, false, stamp_us + 1);
	assert_int_equal(segment.speakers[0].skew_us, -1);
}

static void test_too_many(void **state)
{
	(void)state;
	segment = (struct segment){0};
	for (int i = 0; i < 2 * SEGMENT_SAID_MAX; i++)
		hear("AB"[i % 2], i * (int64_t)STEP_US, usual_cs);
	assert_int_equal(segment.said_count, SEGMENT_SAID_MAX);
	assert_true(segment.lost);
	assert_int_equal(segment_speaking(&segment, &(struct router_id){.family = AF_INET6, .vrid = VRID}),
	    SPEAKING_SEVERAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_holder),
	    cmocka_unit_test(test_moves),
	    cmocka_unit_test(test_crossing_adverts_are_not_sure),
	    cmocka_unit_test(test_two_who_do_not_hear_each_other),
	    cmocka_unit_test(test_order_is_that_of_the_times),
	    cmocka_unit_test(test_other_virtual_routers_do_not_matter),
	    cmocka_unit_test(test_skew_of_a_signed_advert),
	    cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
