/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strays: the address on the interface of a router that has not asked for it, or otherwise than it would.
 */
#include "transcript.h"

#include <stdio.h>

/* Put there by hand in another way: removed, or put right if it is ours now; and not for ever. */
static void test_wrong_address(void **state)
{
	(void)state;
	begin(&plain);
	told[0] = '\0';
	found("as /64", 0, VRRP_FOUND_WRONG, 64);
	lost(0);
	expect("[0.000] as /64\n"
	       "> stray 0\n"
	       "> withdraw without 0/64\n"
	       "[0.000] lost\n");

	begin_active(&plain);
	found("as /64", 0, VRRP_FOUND_WRONG, 64);
	found("tentative", 0, VRRP_FOUND_TENTATIVE, 128);
	present(0);
	expect("[3000.000] as /64\n"
	       "> stray 0\n"
	       "> hold without 0/64 0\n"
	       "[3000.000] tentative\n"
	       "[3000.000] present\n"
	       "> restored 0\n"
	       "> announce\n");
	found("duplicate", 0, VRRP_FOUND_DUPLICATE, 128);
	assert_int_equal(vr.state, VRRP_FAULT);

	begin(&plain);
	until(342 * MS);
	for (int i = 0; i < 10; i++)
		found("as /64", 0, VRRP_FOUND_WRONG, 64);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	found("as /64", 0, VRRP_FOUND_WRONG, 64);
	assert_int_equal(vr.state, VRRP_FAULT);
}

/* On a Backup, too: ten times a minute at once, then once a second; as wrong ones, and as they should be. */
static void test_address_put_back_again_and_again(void **state)
{
	(void)state;
	static const struct {
		enum vrrp_found_state how;
		uint8_t prefix;
		const char *cleared;
	} kinds[] = {
	    {VRRP_FOUND_WRONG, 64, "> withdraw without 0/64\n"}, {VRRP_FOUND_RIGHT, 0, "> withdraw\n"}};
	for (unsigned kind = 0; kind < 2; kind++) {
		char expected[256];
		begin(&plain);
		event("drain", VRRP_EVENT_DRAIN);
		for (int i = 0; i < 10; i++) {
			found("there", 0, kinds[kind].how, kinds[kind].prefix);
			lost(0);
			answer();
		}
		uint32_t requests = vr.request;
		told[0] = '\0';
		found("there", 0, kinds[kind].how, kinds[kind].prefix);
		lost(0);
		now.us += 1 * MS;
		found("there", 0, kinds[kind].how, kinds[kind].prefix);
		assert_int_equal(vr.request, requests);
		until(999 * MS);
		assert_int_equal(vr.request, requests);
		told[0] = '\0';
		until(1000 * MS);
		snprintf(expected, sizeof expected, "[1000.000] timer\n%s", kinds[kind].cleared);
		expect(expected);
		lost(0);
		until(5000 * MS);
		assert_int_equal(vr.request, requests + 1);
	}
}

/* It is removed, and there again before the keeper has said that it is done. */
static void test_address_put_back_meanwhile(void **state)
{
	(void)state;
	begin(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	kernel_answers = false;
	present(0);
	lost(0);
	found("there", 0, VRRP_FOUND_RIGHT, 0);
	refuse(0); /* carried out */
	kernel_answers = true;
	told[0] = '\0';
	until(1000 * MS);
	expect("[1000.000] timer\n> withdraw\n");
}

/* Another router of this node has the address, because a reload has changed its VRID: it is no stray. */
static void test_shared_address(void **state)
{
	(void)state;
	begin(&plain);
	told[0] = '\0';
	step("shared", &(struct vrrp_event){.type = VRRP_EVENT_SHARED, .present = 1});
	present(0);
	step("not shared", &(struct vrrp_event){.type = VRRP_EVENT_SHARED});
	expect("[0.000] shared\n"
	       "[0.000] present\n"
	       "[0.000] not shared\n"
	       "> withdraw\n");

	begin_active(
	    &plain); /* the other side of it: it stays for longer, and leaves what the other one has */
	step("stop", &(struct vrrp_event){.type = VRRP_EVENT_STOP, .stay_us = 1000 * MS});
	until(3500 * MS);
	step("shared", &(struct vrrp_event){.type = VRRP_EVENT_SHARED, .present = 1});
	claim(VRRP_CLAIM_ANNOUNCED);
	until(4500 * MS);
	expect("[3000.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: stopped\n"
	       "[3100.000] timer\n"
	       "> advert 0\n"
	       "[3500.000] shared\n"
	       "[3500.000] announcement\n"
	       "[3501.000] timer\n"
	       "> withdraw, leave 0\n"
	       "> stopped\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wrong_address),
	    cmocka_unit_test(test_address_put_back_again_and_again),
	    cmocka_unit_test(test_address_put_back_meanwhile),
	    cmocka_unit_test(test_shared_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
