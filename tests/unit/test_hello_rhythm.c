/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When hellos are said: together with that of the Active; and what goes with them.
 */
#include "group_world.h"

static int64_t after_us(unsigned n)
{
	return mono_sub(group_at(n)->said, group_at(0)->said);
}

/* From any phase: together with that of the Active, which never waits for others. */
static void hellos_go_out_together(void **state)
{
	double gaps[] = {0, 0.01, 0.12, 0.13, 0.24, 0.26, 0.5, 0.74, 0.76, 0.88, 0.99};
	const unsigned count = sizeof gaps / sizeof gaps[0];
	for (unsigned g = 0; g < count * count; g++) {
		world_begin(state);
		for (unsigned n = 0; n < NODES; n++) {
			control_start(n);
			run_for(n == 0 ? gaps[g / count] : gaps[g % count]);
		}
		run_for(5);
		unsigned said[NODES];
		for (unsigned n = 0; n < NODES; n++)
			said[n] = nodes[n].said;
		for (unsigned k = 0; k < 20; k++) {
			run_for(0.5);
			assert_in_range(after_us(1), 0, 20 * USEC_PER_MS);
			assert_in_range(after_us(2), 0, 20 * USEC_PER_MS);
		}
		for (unsigned n = 0; n < NODES; n++)
			assert_in_range(nodes[n].said - said[n], 9, 11);
		world_end(state);
	}
}

/* Nobody waits for long for an Active that says nothing any more. */
static void hellos_without_the_active(void **state)
{
	(void)state;
	world_start();
	nodes[0].is_cut = true;
	unsigned said[] = {nodes[1].said, nodes[2].said};
	run_for(20);
	for (unsigned n = 1; n < NODES; n++)
		assert_in_range(nodes[n].said - said[n - 1], 19, 21);
}

/* What is due and cannot be said is no reason to try again and again: this returns. */
static void hellos_without_a_record(void **state)
{
	(void)state;
	world_start();
	atomic_store(&nodes[1].board->router_count, 0);
	unsigned said = nodes[1].said;
	run_for(5);
	assert_int_equal(nodes[1].said, said);
	atomic_store(&nodes[1].board->router_count, 1);
	run_for(5);
	assert_in_range(nodes[1].said - said, 4, 7);
}

/* An Active with another interval leads nobody, however often it says hello. */
static void hellos_of_another_rhythm(void **state)
{
	(void)state;
	nodes[0].config->group_interval_us = 100 * USEC_PER_MS;
	world_start();
	unsigned said = nodes[1].said;
	run_for(20);
	assert_in_range(nodes[1].said - said, 19, 21);
}

/* What is sent every second goes with our own hello, whatever its interval is, if one is due then. */
static void a_moment_near_a_hello(void **state)
{
	(void)state;
	world_start();
	const struct group *group = nodes[0].group;
	struct mono said = group->routers[0].said, second = mono_add(world_now, USEC_PER_SEC);
	int64_t off_us = mono_sub(group_near_hello(group, second, USEC_PER_SEC / 2), said);
	assert_int_equal(off_us % USEC_PER_SEC, 0);
	assert_in_range(off_us, USEC_PER_SEC / 2, 2 * USEC_PER_SEC);
	nodes[0].config->group_interval_us = 300 * USEC_PER_MS;
	for (int64_t us = 0; us < USEC_PER_SEC; us += 7 * USEC_PER_MS) {
		struct mono at = mono_add(said, us), near = group_near_hello(group, at, USEC_PER_SEC / 2);
		assert_int_equal(mono_sub(near, said) % (300 * USEC_PER_MS), 0);
		assert_true(llabs(mono_sub(near, at)) <= 150 * USEC_PER_MS);
	}
	nodes[0].config->group_interval_us = 10 * USEC_PER_SEC;
	struct mono far = mono_add(said, 4 * USEC_PER_SEC);
	assert_true(group_near_hello(group, far, USEC_PER_SEC / 2).us == far.us);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hellos_go_out_together),
	    cmocka_unit_test_setup_teardown(hellos_without_the_active, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(hellos_without_a_record, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(hellos_of_another_rhythm, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(a_moment_near_a_hello, world_begin, world_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
