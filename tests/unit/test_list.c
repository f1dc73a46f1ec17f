/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder's list of clients, and its copy on another node: lost datagrams, generations, a joiner, another
 * holder, a restart, and more clients than are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/clients/list.h"

static struct own_list holder, next_holder;
static struct copy copy;
static struct mono now;

/* What is on the wire between them. */
static struct {
	unsigned sent, clients;
	bool cut;
	int lose; /* this one from now is lost; -1: none */
} wire;

static int begin(void **state)
{
	(void)state;
	memset(&holder, 0, sizeof holder);
	memset(&next_holder, 0, sizeof next_holder);
	memset(&copy, 0, sizeof copy);
	memset(&wire, 0, sizeof wire);
	holder.number = 1001;
	next_holder.number = 1002;
	now.us = USEC_PER_SEC;
	wire.lose = -1;
	return 0;
}

static struct client client_number(unsigned n)
{
	struct client client = {.local = {{{{0x20, 0x01, 0x0d, 0xb8, [14] = 1}}}},
	    .local_port = 6443,
	    .address = {{{{0x20, 0x01, 0x0d, 0xb8, [15] = 9}}}},
	    .port = (uint16_t)(n * 40503)}; /* a permutation: they are not found in their order */
	return client;
}

static void deliver(void *context, const struct connections *datagram)
{
	struct copy *to = context;
	wire.sent++;
	wire.clients += datagram->added + datagram->removed;
	assert_in_range(datagram->added + datagram->removed, 0, CONNECTIONS_DATAGRAM);
	bool lost = wire.cut || wire.lose == 0;
	if (wire.lose >= 0)
		wire.lose--;
	if (!lost)
		copy_take(to, datagram);
}

/* The holder's kernel has the clients from..to, and what comes of it is sent. */
static void walk(struct own_list *own, unsigned from, unsigned to)
{
	own_list_begin(own);
	for (unsigned n = from; n < to; n++) {
		struct client client = client_number(n);
		own_list_see(own, &client);
	}
	own_list_end(own, deliver, &copy);
}

/* A second passes. Returns whether the copy asked. */
static bool second(struct own_list *own)
{
	now = mono_add(now, USEC_PER_SEC);
	if (!own_list_say_all(own, now, deliver, &copy))
		own_list_say(own, deliver, &copy);
	bool asks = copy_asks(&copy, now);
	own->asked |= asks && !wire.cut;
	return asks;
}

static void expect_equal(const struct own_list *own)
{
	assert_true(copy.whole);
	assert_int_equal(copy.list.count, own->list.count);
	assert_memory_equal(copy.list.of, own->list.of, own->list.count * sizeof own->list.of[0]);
}

static void only_changes_are_sent(void **state)
{
	(void)state;
	walk(&holder, 0, 100);
	expect_equal(&holder);
	assert_int_equal(copy.list.count, 100);
	assert_int_equal(wire.clients, 100);
	walk(&holder, 0, 100);
	assert_int_equal(wire.clients, 100);
	walk(&holder, 10, 101);
	assert_int_equal(wire.clients, 111);
	expect_equal(&holder);
	walk(&holder, 0, 0);
	expect_equal(&holder);
	assert_int_equal(copy.list.count, 0);
}

static void a_joiner_gets_all_of_it(void **state)
{
	(void)state;
	wire.cut = true;
	walk(&holder, 0, 100);
	wire.cut = false;
	assert_true(second(&holder));
	assert_false(second(&holder));
	expect_equal(&holder);
}

/* Whichever datagram it is. */
static void what_is_lost_is_repaired(void **state)
{
	for (int lost = 0; lost < 12; lost++) {
		begin(state);
		wire.lose = lost;
		walk(&holder, 0, 200);
		walk(&holder, 100, 250);
		walk(&holder, 100, 260);
		for (unsigned s = 0; s < 7; s++)
			second(&holder);
		expect_equal(&holder);
	}
}

/* A part of the whole list is lost as well: it is asked for again, but not before five seconds. */
static void a_lost_part_is_repaired(void **state)
{
	(void)state;
	wire.cut = true;
	walk(&holder, 0, 200);
	wire.cut = false;
	assert_true(second(&holder));
	wire.lose = 3;
	assert_false(second(&holder)); /* the list comes, without one part */
	assert_false(copy.whole);
	unsigned seconds = 1;
	while (!second(&holder))
		seconds++;
	assert_int_equal(seconds, 4);
	second(&holder);
	expect_equal(&holder);
}

/* However often it is asked. */
static void all_of_it_is_told_every_five_seconds(void **state)
{
	(void)state;
	walk(&holder, 0, 31 * 3);
	unsigned whole = 0;
	for (unsigned s = 0; s < 50; s++) {
		unsigned before = wire.sent;
		holder.asked = true;
		second(&holder);
		whole += wire.sent - before == 3;
	}
	assert_int_equal(whole, 10);
	expect_equal(&holder);
}

static void another_holder_begins_anew(void **state)
{
	(void)state;
	walk(&holder, 0, 100);
	walk(&next_holder, 200, 230);
	expect_equal(&next_holder);
	/* One that we did not hear from the beginning: the old list stays until the new one is whole. */
	holder.number = 1003;
	wire.lose = 0;
	walk(&holder, 300, 400);
	assert_int_equal(copy.list.count, 30);
	second(&holder);
	assert_int_equal(copy.list.count, 30);
	second(&holder);
	expect_equal(&holder);
}

static void a_holder_without_clients_has_an_empty_list(void **state)
{
	(void)state;
	walk(&holder, 0, 100);
	second(&next_holder);
	assert_true(copy.whole);
	assert_int_equal(copy.list.count, 0);
}

static void datagrams_that_come_late_change_nothing(void **state)
{
	(void)state;
	struct connections late = {.kind = CONNECTIONS_CHANGES, .list = 1001, .generation = 1, .added = 1};
	walk(&holder, 0, 31);
	walk(&holder, 0, 62);
	late.of[0] = client_number(5000);
	assert_false(copy_take(&copy, &late));
	expect_equal(&holder);
	late.kind = CONNECTIONS_PART;
	late.parts = 1;
	assert_false(copy_take(&copy, &late));
	expect_equal(&holder);
	late.kind = CONNECTIONS_ASK;
	assert_false(copy_take(&copy, &late));
	expect_equal(&holder);
}

/* Twenty thousand are counted and 4096 of them told; those that are told stay. */
static void the_list_is_bounded(void **state)
{
	(void)state;
	walk(&holder, 0, 20000);
	assert_int_equal(holder.known, 20000);
	assert_int_equal(copy.known, 20000);
	assert_int_equal(copy.list.count, CLIENTS_MAX);
	expect_equal(&holder);
	unsigned told = wire.clients;
	walk(&holder, 0, 20000);
	assert_int_equal(wire.clients, told);
	/* What leaves makes room for others. */
	walk(&holder, 1000, 20000);
	assert_int_equal(wire.clients, told + 2000);
	expect_equal(&holder);
	/* And a list that somebody made up is not longer either. */
	struct connections forged = {.kind = CONNECTIONS_CHANGES, .list = 1, .added = CONNECTIONS_DATAGRAM};
	for (unsigned n = 0; n < 10000; n++) {
		forged.generation++;
		for (unsigned i = 0; i < CONNECTIONS_DATAGRAM; i++) {
			forged.of[i] = client_number(n * CONNECTIONS_DATAGRAM + i);
			forged.of[i].address.in6.s6_addr[0] = (uint8_t)n;
		}
		copy_take(&copy, &forged);
	}
	assert_int_equal(copy.list.count, CLIENTS_MAX);
}

/* Clients come and go, one datagram in ten is lost: the copy is right in the end. */
static void whatever_is_lost(void **state)
{
	for (unsigned seed = 1; seed <= 50; seed++) {
		begin(state);
		srand(seed);
		for (unsigned s = 0; s < 60; s++) {
			unsigned from = (unsigned)rand() % 300, count = (unsigned)rand() % 700;
			wire.lose = rand() % 10;
			walk(s < 30 ? &holder : &next_holder, from, from + count);
			second(s < 30 ? &holder : &next_holder);
		}
		wire.lose = -1;
		for (unsigned s = 0; s < 12; s++)
			second(&next_holder);
		if (!copy.whole || copy.list.count != next_holder.list.count)
			fail_msg("seed %u: %u clients instead of %u", seed, copy.list.count,
			    next_holder.list.count);
		expect_equal(&next_holder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(only_changes_are_sent, begin),
	    cmocka_unit_test_setup(a_joiner_gets_all_of_it, begin),
	    cmocka_unit_test_setup(what_is_lost_is_repaired, begin),
	    cmocka_unit_test_setup(a_lost_part_is_repaired, begin),
	    cmocka_unit_test_setup(all_of_it_is_told_every_five_seconds, begin),
	    cmocka_unit_test_setup(another_holder_begins_anew, begin),
	    cmocka_unit_test_setup(a_holder_without_clients_has_an_empty_list, begin),
	    cmocka_unit_test_setup(datagrams_that_come_late_change_nothing, begin),
	    cmocka_unit_test_setup(the_list_is_bounded, begin),
	    cmocka_unit_test_setup(whatever_is_lost, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
