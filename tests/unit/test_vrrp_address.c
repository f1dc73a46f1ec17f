/*
 * The address as a fact of the kernel: asked for, refused, lost, renewed, adopted, used by others.
 */
#include "story.h"

/* A refused address: priority 0 at once, fault, and another try after a back-off that grows. */
static void test_refused_address(void **state)
{
	(void)state;
	begin(&plain);
	until(342 * MS);
	told[0] = '\0';
	step("failed", &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS_FAILED, .error = 13});
	until(1342 * MS);
	expect("[342.000] failed\n"
	       "> advert 0\n"
	       "> withdraw\n"
	       "> active -> fault: address_failed\n"
	       "[1342.000] timer\n"
	       "> fault -> backup: address_retry\n");
	until(1700 * MS);
	step("failed", &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS_FAILED, .error = 13});
	assert_int_equal(vrrp_deadline(&vr).us, 3700 * MS);
}

/* Somebody removes the address: it is back and announced, and nothing moved; ten times in ten seconds, then
 * fault. */
static void test_lost_address(void **state)
{
	(void)state;
	begin_active(&plain);
	event("lost", VRRP_EVENT_ADDRESS_LOST);
	present(0);
	expect("[3000.000] lost\n"
	       "> assign 0\n"
	       "[3000.000] present\n"
	       "> announce\n");
	for (int i = 0; i < 9; i++) {
		event("lost", VRRP_EVENT_ADDRESS_LOST);
		present(0);
	}
	assert_int_equal(vr.state, VRRP_ACTIVE);
	event("lost", VRRP_EVENT_ADDRESS_LOST);
	assert_int_equal(vr.state, VRRP_FAULT);

	begin(&plain);
	until(342 * MS);
	present(0);
	told[0] = '\0';
	event("lost", VRRP_EVENT_ADDRESS_LOST);
	until(400 * MS); /* nothing is announced that is not there */
	expect("[342.000] lost\n"
	       "> assign 0\n");
}

/* Somebody removes it before the kernel has told that it is there: it is asked for again. */
static void test_snatched_address(void **state)
{
	(void)state;
	begin(&plain);
	until(342 * MS);
	told[0] = '\0';
	event("lost", VRRP_EVENT_ADDRESS_LOST);
	present(0);
	expect("[342.000] lost\n"
	       "> assign 0\n"
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
	       "> assign 0\n"
	       "[20070.312] timer\n"
	       "> advert 0\n"
	       "> withdraw\n"
	       "> active -> fault: address_failed\n");

	begin(&params);
	until(19000 * MS);
	present(0);
	event("lost", VRRP_EVENT_ADDRESS_LOST); /* all the time again */
	told[0] = '\0';
	until(20900 * MS);
	expect("[20000.000] timer\n"
	       "> assign 0\n");
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
	       "> assign 0\n"
	       "> assign 2\n"
	       "[3000.000] present\n"
	       "[3000.000] present\n"
	       "> announce\n");
}

/* A new engine in the place of one that died goes on: no transition of the group, no address gone. */
static void test_adoption(void **state)
{
	(void)state;
	told[0] = '\0';
	now = (struct mono){0};
	vrrp_init(&vr, &plain, VRRP_HEALTHY);
	step("adopt", &(struct vrrp_event){.type = VRRP_EVENT_ADOPT, .own_address = node(5), .present = 1});
	expect("[0.000] adopt\n"
	       "> advert 150\n"
	       "> initialize -> active: adopted\n"
	       "> announce\n");
}

static void test_lease(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.lease_us = 3000 * MS;
	begin_active(&params);
	until(3400 * MS);
	expect("[3041.406] timer\n"
	       "> advert 150\n"
	       "[3141.406] timer\n"
	       "> advert 150\n"
	       "[3241.406] timer\n"
	       "> advert 150\n"
	       "[3341.406] timer\n"
	       "> advert 150\n"
	       "> renew\n");
}

/* A refused renewal: tried again while there is time, then a handover with the address in place. */
static void test_refused_renewal(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	const struct vrrp_event refused = {.type = VRRP_EVENT_ADDRESS_FAILED, .error = 12};
	params.lease_us = 3000 * MS;
	begin_active(&params);
	until(3341406); /* the first renewal */
	told[0] = '\0';
	step("refused", &refused);
	expect("[3341.406] refused\n");
	assert_int_equal(vr.renew.us, 3591406);
	until(3591406);
	assert_non_null(strstr(told, "> renew\n")); /* and that is taken: as if nothing had been */
	assert_int_equal(vr.renew.us, 4591406);

	until(4591406);
	for (int i = 0; i < 6; i++) {
		step("refused", &refused);
		assert_int_equal(vr.state, VRRP_ACTIVE);
		until(4591406 + (i + 1) * 250000);
	}
	told[0] = '\0';
	step("refused", &refused); /* 500 ms are left */
	until(vr.renew.us);
	told[0] = '\0';
	step("refused", &refused);
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
	begin_active(&params);
	until(5999 * MS);
	vr.leased_before = (struct mono){3300 * MS};
	step("refused", &refused);
	assert_int_equal(vr.state, VRRP_FAULT);
	until(6010 * MS);
	hear(9, 200);
	assert_int_equal(vr.withdraw.us, 6035 * MS);
	hear(9, 0);
	assert_int_equal(vr.withdraw.us, 6199 * MS);
}

/* A confirmation that comes after everything was given up: nothing may stay. */
static void test_late_confirmation(void **state)
{
	(void)state;
	begin(&plain);
	told[0] = '\0';
	present(0);
	expect("[0.000] present\n"
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

static void occupied(bool yes)
{
	step(yes ? "occupied" : "vacant", &(struct vrrp_event){.type = VRRP_EVENT_OCCUPIED, .occupied = yes});
}

/* on_conflict = "wait": at the start, and only then, the address is left to a host without VRRP. */
static void test_occupied_address(void **state)
{
	(void)state;
	struct vrrp_params waits = plain;
	waits.wait_if_occupied = true;
	begin(&waits);
	occupied(true);
	told[0] = '\0';
	until(700 * MS);
	occupied(false);
	until(1030 * MS);
	expect("[341.406] timer\n"
	       "[682.812] timer\n"
	       "[700.000] vacant\n"
	       "[1024.218] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: no_advert\n");

	begin(&waits); /* there has been an Active: nothing delays the next one */
	hear(7, 200);
	occupied(true);
	told[0] = '\0';
	until(350 * MS);
	expect("[341.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: no_advert\n");

	begin(&plain);
	occupied(true);
	told[0] = '\0';
	until(350 * MS);
	expect("[341.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: no_advert\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused_address),
	    cmocka_unit_test(test_lost_address),
	    cmocka_unit_test(test_snatched_address),
	    cmocka_unit_test(test_missing_address),
	    cmocka_unit_test(test_more_addresses),
	    cmocka_unit_test(test_adoption),
	    cmocka_unit_test(test_lease),
	    cmocka_unit_test(test_refused_renewal),
	    cmocka_unit_test(test_late_confirmation),
	    cmocka_unit_test(test_another_mac),
	    cmocka_unit_test(test_occupied_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
