/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three controls on one link: what they say and hear of each other, and what they tell their engines.
 */
#include "group_world.h"

#include "vipd/message.h"

static bool is_next(unsigned n)
{
	return !mono_reached(world_now, nodes[n].next);
}

static void know_each_other(void **state)
{
	(void)state;
	world_start();
	for (unsigned n = 0; n < NODES; n++) {
		assert_int_equal(group_at(n)->roster.count, 2);
		for (unsigned other = 0; other < NODES; other++)
			assert_true(other == n || is_here(n, other));
	}
	assert_true(is_next(1));
	assert_false(is_next(0) || is_next(2));
}

/* A router of each family on one interface: its groups of both families are joined. */
static void a_copy_in_the_other_family_is_no_rival(void **state)
{
	(void)state;
	for (unsigned n = 0; n < NODES; n++) {
		struct config_router *router = &nodes[n].config->routers[0];
		router->addresses[router->address_count++] = address_of("192.0.2.100");
	}
	world_start();
	assert_int_equal(group_at(0)->rivals.count, 0);
}

/* Only to peers, and only from peers. Node 2 lists the others, and they do not list it. */
static void unicast_to_peers(void **state)
{
	(void)state;
	for (unsigned n = 0; n < NODES; n++) {
		struct config_router *router = &nodes[n].config->routers[0];
		router->peers[router->peer_count++] = link_local_of(n == 0);
		if (n == 2)
			router->peers[router->peer_count++] = link_local_of(1);
	}
	world_start();
	assert_true(is_here(0, 1) && is_here(1, 0));
	assert_int_equal(group_at(0)->roster.count, 1);
	assert_int_equal(group_at(1)->roster.count, 1);
	assert_true(
	    nodes[0].group->refused[HELLO_UNKNOWN_PEER] && nodes[1].group->refused[HELLO_UNKNOWN_PEER]);
	assert_int_equal(group_at(2)->roster.count, 0);
	assert_int_equal(nodes[2].group->received, 0);
	/* Who has no peers takes nothing that was sent to it alone. */
	nodes[2].config->routers[0].peer_count = 0;
	reload(2);
	nodes[0].config->routers[0].peers[1] = link_local_of(2);
	nodes[0].config->routers[0].peer_count = 2;
	reload(0);
	run_for(3);
	assert_true(nodes[2].group->refused[HELLO_BAD_DESTINATION]);
	assert_true(is_here(0, 1) && is_here(1, 0));
}

/* ---- authentication ---- */

static void use_auth(unsigned n, enum config_auth mode)
{
	static const uint8_t key[AUTH_DERIVED_SIZE] = {1, 2, 3};
	struct config_router *router = &nodes[n].config->routers[0];
	router->auth = mode;
	router->key_count = mode != AUTH_OFF;
	router->keys[0] = (struct config_key){.id = 1};
	router->auth_active_key = 1;
	nodes[n].control.secrets = (struct secrets){key, sizeof key};
	engine_says(n, auth_clock_us, mode == AUTH_OFF ? 0 : WALL_AHEAD + nodes[n].clock_us);
}

static void as_many_hellos_with_auth(void **state)
{
	(void)state;
	for (unsigned n = 0; n < NODES; n++) {
		use_auth(n, AUTH_ENFORCE);
		nodes[n].config->group_interval_us = 10 * USEC_PER_SEC;
	}
	world_start();
	unsigned before = nodes[0].said;
	run_for(100);
	assert_in_range(nodes[0].said - before, 9, 11);
	assert_true(is_here(1, 0) && member_at(1, 0)->hello.is_signed);
}

/* Its clock was an hour ahead when it booted, and is corrected; its engine follows when it hears the others.
 */
static void clock_is_set_back(void **state)
{
	(void)state;
	nodes[2].clock_us = 3600 * USEC_PER_SEC;
	for (unsigned n = 0; n < NODES; n++)
		use_auth(n, AUTH_ENFORCE);
	world_start();
	assert_int_equal(group_at(0)->roster.count, 1);
	assert_int_equal(group_at(2)->roster.count, 0);
	nodes[2].clock_us = 0;
	engine_says(2, auth_clock_us, WALL_AHEAD);
	run_for(2);
	assert_true(is_here(0, 2) && is_here(2, 0));
}

/* All of them are an hour ahead, and one after the other is corrected. */
static void all_clocks_are_set_back(void **state)
{
	(void)state;
	for (unsigned n = 0; n < NODES; n++) {
		nodes[n].clock_us = 3600 * USEC_PER_SEC;
		use_auth(n, AUTH_ENFORCE);
	}
	world_start();
	assert_true(is_here(0, 2));
	for (unsigned n = 0; n < NODES; n++) {
		nodes[n].clock_us = 0;
		engine_says(n, auth_clock_us, WALL_AHEAD);
		run_for(5);
	}
	assert_true(is_here(0, 2) && is_here(2, 0) && is_here(1, 2));
}

/* One server after the other, as on a rolling change: signed hellos are not asked of it for ever. */
static void auth_is_given_up(void **state)
{
	(void)state;
	static const enum config_auth modes[] = {AUTH_PERMISSIVE, AUTH_RECEIVE_ONLY, AUTH_OFF};
	for (unsigned n = 0; n < NODES; n++)
		use_auth(n, AUTH_ENFORCE);
	world_start();
	for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
		for (unsigned n = 0; n < NODES; n++) {
			use_auth(n, modes[i]);
			reload(n);
			run_for(5);
		}
		for (unsigned n = 0; n < NODES; n++)
			for (unsigned other = 0; other < NODES; other++)
				assert_true(other == n || is_here(n, other));
	}
}

/* ---- when it says something ---- */

/* Checks that have results all the time, one of which the engine has not taken over yet. */
static void results_keep_nobody_silent(void **state)
{
	(void)state;
	world_start();
	for (unsigned i = 0; i < 500; i++) {
		self = &nodes[1];
		part_group.verdict(self->group, &(struct verdict){.health = VRRP_FAILING});
		run_for(0.01);
		if (i == 100)
			engine_says(1, health, VRRP_FAILING);
		assert_true(is_here(0, 1));
	}
	assert_int_equal(member_at(0, 1)->hello.health, VRRP_FAILING);
}

/* Its engine hangs: its keeper has removed the addresses, whatever the board says. */
static void hung_engine_holds_nothing(void **state)
{
	(void)state;
	world_start();
	nodes[0].hung = true;
	run_for(4);
	const struct hello *hello = &member_at(1, 0)->hello;
	assert_true(is_here(1, 0));
	assert_false(hello->held || hello->candidate);
	assert_int_equal(hello->state, VRRP_FAULT);
	assert_int_equal(hello->cause, VRRP_REASON_LATE);
	assert_string_equal(hello->reason, "the engine does not respond");
	assert_string_equal(hello->cause_text, hello->reason);
}

/* The engine, and the other servers, know only addresses. */
static void words_have_names(void **state)
{
	(void)state;
	static const struct {
		const char *text, *named;
	} rows[] = {
	    {"fe80::2 resigned", "n1 resigned"},
	    {"preempted fe80::3 of lower priority 50", "preempted n2 of lower priority 50"},
	    {"fe80:0::1, and fe80::1;fe80::2", "n0, and n0;n1"},
	    {"fe80::22 resigned", "fe80::22 resigned"},
	    {"no advertisement for 310ms", "no advertisement for 310ms"},
	    {"", ""},
	};
	char words[GROUP_WORDS_MAX], few[8];
	world_start();
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		group_name_addresses(group_at(0), rows[i].text, BOARD_REASON_MAX, words, sizeof words);
		assert_string_equal(words, rows[i].named);
	}
	group_name_addresses(NULL, "fe80::2 resigned, so", 16, words, sizeof words);
	assert_string_equal(words, "fe80::2 resigned");
	group_name_addresses(group_at(0), "fe80::2 resigned", 16, few, sizeof few);
	assert_string_equal(few, "n1 resi");

	struct board_event event = {.at = world_now,
	    .id = group_at(1)->id,
	    .to = VRRP_ACTIVE,
	    .reason = VRRP_REASON_RESIGNED,
	    .reason_text = "fe80::1 resigned"};
	board_add_event(nodes[1].board, &event);
	engine_says(1, reason, VRRP_REASON_RESIGNED);
	memcpy(board_begin_router(nodes[1].board, 0)->reason_text, event.reason_text, BOARD_REASON_MAX);
	board_end_router(nodes[1].board, 0);
	engine_becomes(1, VRRP_ACTIVE);
	run_for(1);
	for (unsigned n = 1; n < NODES; n++) { /* node 2 has it from node 1 */
		const struct timeline *timeline = &nodes[n].group->history->timeline;
		assert_string_equal(timeline->holdings[timeline->count - 1].began.text, "n0 resigned");
	}
}

/* ---- what the engine is told ---- */

/* It was next, and is not when it comes back from another state: the engine is told before the hint ends. */
static void hint_is_taken_back(void **state)
{
	(void)state;
	world_start();
	assert_true(is_next(1));
	engine_becomes(1, VRRP_ACTIVE);
	assert_false(is_next(1));
}

/* A link was down, and the engine has dropped what it was told. */
static void hint_is_given_again(void **state)
{
	(void)state;
	world_start();
	nodes[1].next = MONO_PAST;
	engine_becomes(1, VRRP_BACKUP);
	assert_true(is_next(1));
}

static void hint_ends_with_the_setting(void **state)
{
	(void)state;
	world_start();
	nodes[1].config->group_hints = false;
	reload(1);
	assert_false(is_next(1));
}

/* Returns how often the engine was told in twenty intervals, whenever the hellos of the others come. */
static unsigned hint_lasts(void **state, double interval, double gap, double next_gap)
{
	world_begin(state);
	timers_late_us = 20 * USEC_PER_MS;
	for (unsigned n = 0; n < NODES; n++)
		nodes[n].config->group_interval_us = (int64_t)(interval * USEC_PER_SEC);
	for (unsigned n = 0; n < NODES; n++) {
		control_start(n);
		run_for(interval * (n == 0 ? gap : next_gap));
	}
	run_for(5 * interval);
	unsigned before = nodes[1].told;
	for (unsigned k = 0; k < 4000; k++) {
		run_for(0.005 * interval);
		assert_true(is_next(1));
	}
	unsigned told = nodes[1].told - before;
	timers_late_us = 0;
	world_end(state);
	return told;
}

/* It never lapses, and the engine is woken for it with our own hello, and seldom once more. */
static void hint_lasts_and_is_cheap(void **state)
{
	double gaps[] = {0, 0.01, 0.1, 0.24, 0.26, 0.4, 0.5, 0.6, 0.74, 0.76, 0.9, 0.99},
	       intervals[] = {1, 10};
	const unsigned count = sizeof gaps / sizeof gaps[0];
	for (unsigned i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
		unsigned sum = 0;
		for (unsigned g = 0; g < count * count; g++)
			sum += hint_lasts(state, intervals[i], gaps[g / count], gaps[g % count]);
		assert_in_range(sum, count * count * 20 * 9 / 10, count * count * 20 * 6 / 5);
	}
}

static void control_restart(unsigned n)
{
	control_end(n, false);
	control_start(n);
	run_for(10);
}

/* One of another make was heard: that is known until somebody says that it is gone, whatever ends meanwhile.
 */
static void strangers_outlive_control(void **state)
{
	(void)state;
	carry_timeline(1);
	world_start();
	for (unsigned i = 0; i < 50; i++) {
		board_hears(1, "fe80::77");
		run_for(0.1);
	}
	run_for(5);
	assert_false(is_next(1));
	control_restart(1);
	assert_false(is_next(1));
	assert_int_equal(group_at(1)->roster.stranger_count, 1);
	assert_int_equal(group_forget(nodes[1].group, "fe80::77"), 1);
	run_for(2);
	control_restart(1);
	assert_true(is_next(1));
	close(FD_TIMELINE);
}

static void lost_ones_outlive_control(void **state)
{
	(void)state;
	carry_timeline(1);
	world_start();
	control_end(2, false);
	control_end(0, false);
	run_for(5);
	struct roster_member before = *member_at(1, 2);
	assert_int_equal(before.presence, ROSTER_LOST);
	control_restart(1);
	assert_memory_equal(member_at(1, 2), &before, sizeof before);
	assert_int_equal(group_at(1)->roster.count, 2);
	assert_false(group_at(1)->roster.has_heard); /* it knows of them, and has heard nobody */
	assert_int_equal(group_forget(nodes[1].group, "n2"), 1);
	control_start(0);
	run_for(2);
	assert_true(is_here(1, 0) && group_at(1)->roster.has_heard);
	control_restart(1);
	assert_int_equal(group_at(1)->roster.count, 1);
	close(FD_TIMELINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(know_each_other, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(a_copy_in_the_other_family_is_no_rival, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(unicast_to_peers, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(as_many_hellos_with_auth, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(clock_is_set_back, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(all_clocks_are_set_back, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(auth_is_given_up, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(results_keep_nobody_silent, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(hung_engine_holds_nothing, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(words_have_names, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(hint_is_taken_back, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(hint_is_given_again, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(hint_ends_with_the_setting, world_begin, world_end),
	    cmocka_unit_test(hint_lasts_and_is_cheap),
	    cmocka_unit_test_setup_teardown(strangers_outlive_control, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(lost_ones_outlive_control, world_begin, world_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
