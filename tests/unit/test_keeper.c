/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the keeper carries out orders, with a kernel that refuses what it is told to refuse.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/keeper.h"

#define IFINDEX 7
#define ROUTER	3

static struct board board;
static struct keeper_page page;
static struct keeper keeper;
static bool there;
static int remove_result;
static struct ending_task task; /* the last one */
static unsigned tasks;
static bool done; /* its connections have ended */

int kernel_address_add(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint32_t lease_s)
{
	(void)kernel, (void)ifindex, (void)address, (void)lease_s;
	there = true;
	return 0;
}

int kernel_address_remove(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint8_t prefix)
{
	(void)kernel, (void)ifindex, (void)address, (void)prefix;
	if (remove_result)
		return remove_result;
	int result = there ? 0 : -EADDRNOTAVAIL;
	there = false;
	return result;
}

void keeper_ring(void)
{
}

bool ending_begin(const struct ending_task *begun)
{
	task = *begun;
	tasks++;
	return true;
}

bool ending_is_done(unsigned router, uint32_t generation)
{
	return done && router == task.router && generation == task.generation;
}

static int prepare(void **state)
{
	(void)state;
	memset(&board, 0, sizeof board);
	memset(&page, 0, sizeof page);
	board.router_count = ROUTER + 1;
	keeper = (struct keeper){.board = &board, .page = &page};
	there = false;
	remove_result = 0;
	tasks = 0;
	done = false;
	return 0;
}

static void keep_for(int64_t us)
{
	atomic_store(&board.fresh_until_us[ROUTER], mono_add(mono_now(), us).us);
	atomic_store(&board.keep_until_us[ROUTER], mono_add(mono_now(), us).us);
}

static uint32_t order(uint32_t wanted)
{
	struct board_order *order = board_begin_order(&board, ROUTER);
	*order = (struct board_order){.generation = order->generation + 1,
	    .ifindex = IFINDEX,
	    .wanted = wanted,
	    .address_count = 1,
	    .addresses = {{{{{0x20, 1}}}}}};
	board_end_order(&board, ROUTER);
	return order->generation;
}

/* Another server has the address. */
static uint32_t order_away(void)
{
	uint32_t generation = order(0);
	struct board_order *away = board_begin_order(&board, ROUTER);
	away->reset = true;
	away->port_count = 1;
	away->ports[0] = 6443;
	board_end_order(&board, ROUTER);
	return generation;
}

/* A tick later. */
static void turn(void)
{
	keeper.look_at = keeper.again_at = keeper.wait_until = mono_now();
	keeper_carry_out(&keeper);
}

static void a_failed_removal_is_tried_again(void **state)
{
	(void)state;
	keep_for(USEC_PER_SEC * 60);
	order(1);
	turn();
	assert_true(there);
	remove_result = -ENOMEM;
	uint32_t generation = order(0);
	turn();
	assert_int_equal(keeper_answer(&page, ROUTER).generation, generation);
	assert_int_equal(page.held[ROUTER].count, 1);
	remove_result = 0;
	turn();
	assert_false(there);
	assert_int_equal(page.held[ROUTER].count, 0);
}

static void a_stale_order_waits(void **state)
{
	(void)state;
	keep_for(-1);
	uint32_t generation = order(1);
	turn();
	assert_false(there);
	assert_int_equal(keeper_answer(&page, ROUTER).generation, 0);
	keep_for(USEC_PER_SEC * 60);
	turn();
	assert_true(there);
	assert_int_equal(keeper_answer(&page, ROUTER).generation, generation);
}

/* Past the late limit nothing is put there any more; what is there stays until a Backup must have it. */
static void a_late_engine_keeps_what_it_has(void **state)
{
	(void)state;
	keep_for(USEC_PER_SEC * 60);
	order(1);
	turn();
	atomic_store(&board.fresh_until_us[ROUTER], mono_add(mono_now(), -1).us);
	turn();
	assert_true(there);
	there = false;
	order(1);
	turn();
	assert_false(there);
}

static void time_that_goes_back_is_noticed(void **state)
{
	(void)state;
	keep_for(USEC_PER_SEC * 60);
	order(1);
	turn();
	keep_for(-1);
	turn();
	assert_false(there);
}

static int hold(void **state)
{
	prepare(state);
	keep_for(USEC_PER_SEC * 60);
	order(1);
	turn();
	return there ? 0 : -1;
}

static void connections_end_before_the_address_goes(void **state)
{
	(void)state;
	uint32_t generation = order_away();
	turn();
	turn();
	assert_true(there);
	assert_int_equal(tasks, 1);
	assert_int_equal(task.generation, generation);
	assert_int_equal(task.address_count, 1);
	assert_int_equal(task.addresses[0].in6.s6_addr[0], 0x20);
	assert_int_equal(task.port_count, 1);
	assert_int_equal(task.ports[0], 6443);
	assert_true(mono_sub(keeper.wait_until, mono_now()) <= ENDING_WAIT_US);
	done = true;
	turn();
	assert_false(there);
	assert_int_equal(keeper_answer(&page, ROUTER).generation, generation);
}

static void nothing_waits_longer_for_connections(void **state)
{
	(void)state;
	order_away();
	turn();
	keeper.waits[ROUTER].until = mono_now();
	turn();
	assert_false(there);
}

static void what_is_stale_does_not_wait_for_connections(void **state)
{
	(void)state;
	order_away();
	keep_for(-1);
	turn();
	assert_false(there);
}

static void an_address_that_comes_back_stays(void **state)
{
	(void)state;
	order_away();
	turn();
	order(1);
	done = true;
	turn();
	assert_true(there);
}

/* Nobody has taken it, or another router here has. */
static void connections_live_on_here(void **state)
{
	(void)state;
	order(0);
	turn();
	assert_false(there);
	order(1);
	turn();
	struct board_order *other = board_begin_order(&board, 0);
	*other = board.orders[ROUTER].value;
	other->ifindex = IFINDEX + 1;
	board_end_order(&board, 0);
	order_away();
	turn();
	assert_int_equal(tasks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(a_failed_removal_is_tried_again, prepare),
	    cmocka_unit_test_setup(a_stale_order_waits, prepare),
	    cmocka_unit_test_setup(a_late_engine_keeps_what_it_has, prepare),
	    cmocka_unit_test_setup(time_that_goes_back_is_noticed, prepare),
	    cmocka_unit_test_setup(connections_end_before_the_address_goes, hold),
	    cmocka_unit_test_setup(nothing_waits_longer_for_connections, hold),
	    cmocka_unit_test_setup(what_is_stale_does_not_wait_for_connections, hold),
	    cmocka_unit_test_setup(an_address_that_comes_back_stays, hold),
	    cmocka_unit_test_setup(connections_live_on_here, hold)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
