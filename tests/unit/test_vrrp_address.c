/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address as a fact of the kernel: asked for, refused, lost, renewed, adopted.
 */
#include "transcript.h"

/* A refused address: priority 0 at once, fault, and another try after a back-off that grows. */
static void test_refused_address(void **state)
{
	(void)state;
	begin(&plain);
	until(342 * MS);
	told[0] = '\0';
	refuse(13);
	until(1342 * MS);
	expect("[342.000] refused\n"
	       "> advert 0\n"
	       "> withdraw\n"
	       "> active -> fault: address_failed\n"
	       "[1342.000] timer\n"
	       "> fault -> backup: address_retry\n");
	until(1700 * MS);
	refuse(13);
	assert_int_equal(due(), 3700 * MS);
}

/* Somebody removes the address: it is back and announced, and nothing moved; ten times in ten seconds, then
 * fault. */
static void test_lost_address(void **state)
{
	(void)state;
	begin_active(&plain);
	lost(0);
	present(0);
	expect("[3000.000] lost\n"
	       "> hold 0\n"
	       "[3000.000] present\n"
	       "> restored 0\n"
	       "> announce\n");
	for (int i = 0; i < 9; i++) {
		lost(0);
		present(0);
	}
	assert_int_equal(vr.state, VRRP_ACTIVE);
	lost(0);
	assert_int_equal(vr.state, VRRP_FAULT);

	begin(&plain);
	until(342 * MS);
	present(0);
	told[0] = '\0';
	lost(0);
	until(400 * MS); /* nothing is announced that is not there */
	expect("[342.000] lost\n"
	       "> hold 0\n");
}

/* Somebody removes it before the kernel has told that it is there: it is asked for again. */
static void test_address_removed_early(void **state)
{
	(void)state;
	begin(&plain);
	until(342 * MS);
	told[0] = '\0';
	lost(0);
	present(0);
	expect("[342.000] lost\n"
	       "> hold 0\n"
	       "[342.000] present\n"
	       "> announce\n");
}

/* The kernel takes the request, and then nothing is heard of it: an Active like that serves nobody. */
static void test_missing_address(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.advert_interval_us = 5000 * MS;
	begin(&params);
	until(19000 * MS);
	told[0] = '\0';
	until(21000 * MS);
	expect("[19070.312] timer\n"
	       "> hold 0\n"
	       "[20070.312] timer\n"
	       "> advert 0\n"
	       "> withdraw\n"
	       "> active -> fault: address_failed\n");

	begin(&params);
	until(19000 * MS);
	present(0);
	lost(0); /* all the time again; and what the kernel has not answered is not asked for a second time */
	kernel_answers = false;
	told[0] = '\0';
	until(20900 * MS);
	expect("[20000.000] timer\n");
	until(28900 * MS);
	told[0] = '\0';
	until(29900 * MS);
	expect("[29000.000] timer\n"
	       "> advert 0\n"
	       "> withdraw\n"
	       "> active -> fault: address_failed\n");
}

static void test_more_addresses(void **state)
{
	(void)state;
	begin_active(&plain);
	struct vrrp_params params = plain;
	params.address_count = 3;
	step("config", &(struct vrrp_event){.type = VRRP_EVENT_CONFIG, .params = &params, .present = 2});
	present(0);
	present(2);
	expect("[3000.000] config\n"
	       "> advert 150\n"
	       "> hold 0 1 2\n"
	       "[3000.000] present\n"
	       "[3000.000] present\n"
	       "> announce\n");
}

/* One of several is lost and does not come back: it is asked for again, and then all are left to another
 * router. */
static void test_one_of_several_is_missing(void **state)
{
	(void)state;
	struct vrrp_params both = plain;
	both.address_count = 2;
	begin_active(&both);
	lost(1);
	answer();
	until(20000 * MS);
	assert_non_null(strstr(told, "> advert 0\n"
				     "> withdraw\n"
				     "> active -> fault: address_failed\n"));
	assert_int_equal(vr.present, 0);
}

/* A new engine in the place of one that died goes on: no transition of the group, no address gone. */
static void test_adoption(void **state)
{
	(void)state;
	told[0] = '\0';
	now = (struct mono){0};
	vrrp_init(&vr, &plain, VRRP_HEALTHY);
	vrrp_succeed(&vr, now);
	step("link up",
	    &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5), .present = 1});
	expect("[0.000] link up\n"
	       "> advert 150\n"
	       "> initialize -> active: adopted\n"
	       "> announce\n");
}

/* Its checks have failed since, and then nobody is to hold the address. */
static void test_a_failing_heir(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.resign_unhealthy = true;
	vrrp_init(&vr, &params, VRRP_FAILING);
	vrrp_succeed(&vr, (struct mono){-50 * MS});
	now = (struct mono){0};
	assert_false(vrrp_adopts(&vr, now));
	step("link up",
	    &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5), .present = 1});
	assert_int_equal(vr.state, VRRP_BACKUP);
}

static void begin_leased(void)
{
	struct vrrp_params params = plain;
	params.lease_us = 3000 * MS;
	begin_active(&params);
}

static void test_lease(void **state)
{
	(void)state;
	begin_leased();
	until(3400 * MS);
	expect("[3041.406] timer\n"
	       "> advert 150\n"
	       "[3141.406] timer\n"
	       "> advert 150\n"
	       "[3241.406] timer\n"
	       "> advert 150\n"
	       "[3341.406] timer\n"
	       "> advert 150\n"
	       "> hold 0\n");
}

/* Without a lease from now on: the one that the address still has must not end. */
static void test_lease_given_up(void **state)
{
	(void)state;
	begin_leased();
	until(3000 * MS);
	uint32_t request = vr.request;
	step("config", &(struct vrrp_event){.type = VRRP_EVENT_CONFIG, .params = &plain, .present = 1});
	until(3001 * MS);
	assert_int_equal(vr.request, request + 1);
	kernel_answers = false;
	refuse(12);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	kernel_answers = true;
	until(9000 * MS);
	assert_int_equal(vr.request, request + 2);
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

/* While it was handing over, before it is Active again: its address is there with the lease of before. */
static void test_lease_given_up_in_a_handover(void **state)
{
	(void)state;
	begin_leased();
	event("drain", VRRP_EVENT_DRAIN);
	event("resume", VRRP_EVENT_RESUME);
	assert_true(vr.state == VRRP_BACKUP && vr.present == 1);
	step("config", &(struct vrrp_event){.type = VRRP_EVENT_CONFIG, .params = &plain, .present = 1});
	uint32_t request = vr.request;
	until(now.us + 1000 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	assert_int_equal(vr.request, request + 1);
	event("drain", VRRP_EVENT_DRAIN); /* now it has none */
	event("resume", VRRP_EVENT_RESUME);
	until(now.us + 1000 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	assert_int_equal(vr.request, request + 1);
}

/* The kernel answers only then what it was asked before: with the lease of before. */
static void test_lease_given_up_before_its_answer(void **state)
{
	(void)state;
	begin_leased();
	kernel_answers = false;
	until(3400 * MS);
	assert_true(vr.request != vr.answered);
	event("drain", VRRP_EVENT_DRAIN);
	event("resume", VRRP_EVENT_RESUME);
	step("config", &(struct vrrp_event){.type = VRRP_EVENT_CONFIG, .params = &plain, .present = 1});
	answer();
	kernel_answers = true;
	uint32_t request = vr.request;
	until(now.us + 1000 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	assert_int_equal(vr.request, request + 1);
}

/* Nobody knows with which lease the predecessor has asked. */
static void test_lease_given_up_by_an_heir(void **state)
{
	(void)state;
	vrrp_init(&vr, &plain, VRRP_HEALTHY);
	vrrp_succeed(&vr, (struct mono){-50 * MS});
	now = (struct mono){0};
	step("link up",
	    &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5), .present = 1});
	until(1000 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	assert_int_equal(vr.request, 1);
}

/* A refused renewal: tried again while there is time, then a handover with the address in place. */
static void test_refused_renewal(void **state)
{
	(void)state;
	begin_leased();
	until(3341405);
	kernel_answers = false;
	until(3341406); /* the third renewal */
	told[0] = '\0';
	refuse(12);
	expect("[3341.406] refused\n");
	assert_int_equal(vr.renew.us, 3591406);
	kernel_answers = true;
	until(3591406);
	assert_non_null(strstr(told, "> hold 0\n")); /* and that is taken: as if nothing had been */
	assert_int_equal(vr.renew.us, 4591406);
	kernel_answers = false;

	until(4591406);
	for (int i = 0; i < 6; i++) {
		refuse(12);
		assert_int_equal(vr.state, VRRP_ACTIVE);
		until(4591406 + (i + 1) * 250000);
	}
	told[0] = '\0';
	refuse(12); /* 500 ms are left */
	until(vr.renew.us);
	told[0] = '\0';
	refuse(12);
	expect("[6341.406] refused\n"
	       "> advert 0\n"
	       "> active -> fault: address_failed\n");
	until(6600 * MS);
	expect("[6341.406] refused\n"
	       "> advert 0\n"
	       "> active -> fault: address_failed\n"
	       "[6441.406] timer\n"
	       "> advert 0\n"
	       "[6541.406] timer\n"
	       "> withdraw\n");

	/* Who takes over is refused, too: the address stays as long as it would have, and not until the
	 * retry. */
	begin_leased();
	until(5999 * MS);
	vr.leased = (struct mono){3300 * MS};
	refuse(12);
	assert_int_equal(vr.state, VRRP_FAULT);
	until(6010 * MS);
	hear(9, 200);
	assert_int_equal(vr.leave_at.us, 6035 * MS);
	hear(9, 0);
	assert_int_equal(vr.leave_at.us, 6199 * MS);
}

/* A confirmation that comes after everything was given up: nothing may stay. */
static void test_late_confirmation(void **state)
{
	(void)state;
	begin(&plain);
	told[0] = '\0';
	present(0);
	expect("[0.000] present\n"
	       "> stray 0\n"
	       "> withdraw\n");
}

/* The neighbours must learn it from the holder; a Backup has nothing to say. */
static void test_another_mac(void **state)
{
	(void)state;
	begin(&plain);
	event("another MAC", VRRP_EVENT_MAC_CHANGED);
	until(342 * MS);
	present(0);
	told[0] = '\0';
	event("another MAC", VRRP_EVENT_MAC_CHANGED);
	until(353 * MS);
	expect("[342.000] another MAC\n"
	       "> announce\n"
	       "[352.000] timer\n"
	       "> announce\n");
}

/* The kernel is busy with other people's requests: the lease ends meanwhile, which is nobody's doing. */
static void test_lease_ends_without_an_answer(void **state)
{
	(void)state;
	begin_leased();
	until(3341405);
	kernel_answers = false;
	for (int i = 0; i < 20; i++) {
		until((3400 + i * 50) * MS);
		lost(0);
		found("present", 0, VRRP_FOUND_RIGHT, 0); /* another request of ours is carried out */
	}
	assert_int_equal(vr.state, VRRP_ACTIVE);
	assert_int_equal(vr.losses, 0);
	told[0] = '\0';
	lost(0);
	now.us += 1 * MS;
	present(0);
	expect("[4350.000] lost\n"
	       "> hold 0\n"
	       "[4351.000] present\n"
	       "> restored 0\n"
	       "> announce\n");
}

/* The kernel is busy with what others of this node have asked for, for a minute: nobody gives up. */
static void test_address_waits_for_its_turn(void **state)
{
	(void)state;
	begin(&plain);
	kernel_answers = false;
	until(342 * MS);
	for (int i = 0; i < 60; i++) {
		until((1000 + i * 1000) * MS);
		event("queued", VRRP_EVENT_QUEUED);
		assert_int_equal(vr.state, VRRP_ACTIVE); /* each time: whoever gives up tries again */
	}
	until(70000 * MS);
	assert_int_equal(vr.state, VRRP_FAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused_address),
	    cmocka_unit_test(test_lost_address),
	    cmocka_unit_test(test_address_removed_early),
	    cmocka_unit_test(test_missing_address),
	    cmocka_unit_test(test_more_addresses),
	    cmocka_unit_test(test_one_of_several_is_missing),
	    cmocka_unit_test(test_adoption),
	    cmocka_unit_test(test_a_failing_heir),
	    cmocka_unit_test(test_lease),
	    cmocka_unit_test(test_lease_given_up),
	    cmocka_unit_test(test_lease_given_up_in_a_handover),
	    cmocka_unit_test(test_lease_given_up_before_its_answer),
	    cmocka_unit_test(test_lease_given_up_by_an_heir),
	    cmocka_unit_test(test_refused_renewal),
	    cmocka_unit_test(test_late_confirmation),
	    cmocka_unit_test(test_lease_ends_without_an_answer),
	    cmocka_unit_test(test_address_waits_for_its_turn),
	    cmocka_unit_test(test_another_mac),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
