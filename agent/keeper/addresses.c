/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders and what is on the interfaces. Whatever a request has to wait for, the order may have been replaced
 * meanwhile, and the engine may have been silent for so long that somebody else holds the address: both are
 * looked at before and after each one.
 */
#include <errno.h>
#include <string.h>

#include "keeper/keeper.h"
#include "vipd/log.h"

#define COMPLAIN_US (10 * USEC_PER_SEC)
#define AGAIN_US    (100 * USEC_PER_MS) /* what could not be removed */

static struct mono keep_until(const struct keeper *keeper, unsigned router)
{
	return (struct mono){
	    atomic_load_explicit(&keeper->board->keep_until_us[router], memory_order_acquire)};
}

/* The engine has advertised so lately, or is about to, that nobody else can hold the address. */
static bool is_fresh(const struct keeper *keeper, unsigned router)
{
	int64_t until_us = atomic_load_explicit(&keeper->board->fresh_until_us[router], memory_order_acquire);
	return !mono_reached(mono_now(), (struct mono){until_us});
}

static bool is_stale(const struct keeper *keeper, unsigned router)
{
	return mono_reached(mono_now(), keep_until(keeper, router));
}

static bool is_latest(const struct keeper *keeper, unsigned router, const struct board_order *order)
{
	struct board_order now;
	return board_read_order(keeper->board, router, &now) && now.generation == order->generation;
}

static bool wants(const struct board_order *order, uint32_t ifindex, const struct address *address)
{
	for (unsigned i = 0;
	     i < order->address_count && i < CONFIG_ADDRESSES_MAX && order->ifindex == ifindex; i++)
		if (order->wanted & UINT32_C(1) << i && address_equal(&order->addresses[i], address))
			return true;
	return false;
}

bool order_wants(const struct board *board, uint32_t ifindex, const struct address *address)
{
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++) {
		struct board_order order;
		if (board_read_order(board, i, &order) && order.wanted &&
		    wants(&order, ifindex ? ifindex : order.ifindex, address))
			return true;
	}
	return false;
}

/* false: it may be there still. */
static bool remove_address(
    struct keeper *keeper, unsigned router, uint32_t ifindex, const struct address *address, uint8_t prefix)
{
	int result = ifindex ? kernel_address_remove(&keeper->requests, ifindex, address, prefix) : 0;
	struct mono now = mono_now();
	if (!result || result == -EADDRNOTAVAIL || result == -ENODEV)
		return true;
	if (!mono_reached(now, keeper->next_complaint))
		return false;
	struct board_router about;
	char text[ADDRESS_TEXT_MAX];
	keeper->next_complaint = mono_add(now, COMPLAIN_US);
	board_read_router(keeper->board, router, &about);
	log_router(LOG_LEVEL_ERROR, about.name,
	    "cannot remove %s from %s: %s; trying again; two nodes may have it now: remove it by hand with "
	    "`ip addr del`",
	    address_format(address, text), about.id.interface, strerrordesc_np(-result));
	return false;
}

static void held_add(struct keeper_held *held, uint32_t ifindex, const struct address *address)
{
	held->ifindex = ifindex;
	for (unsigned i = 0; i < held->count; i++)
		if (address_equal(&held->addresses[i], address))
			return;
	if (held->count < CONFIG_ADDRESSES_MAX)
		held->addresses[held->count++] = *address;
}

/* Removes what we have put there for a router and nobody wants there; order NULL: all of it. */
static void drop_held(struct keeper *keeper, unsigned router, const struct board_order *order)
{
	struct keeper_held *held = &keeper->page->held[router], kept = {.ifindex = held->ifindex};
	for (unsigned i = 0; i < held->count && i < CONFIG_ADDRESSES_MAX; i++) {
		const struct address *address = &held->addresses[i];
		if (order && wants(order, held->ifindex, address))
			held_add(&kept, held->ifindex, address);
		else if ((!order || !order_wants(keeper->board, held->ifindex, address)) &&
			 !remove_address(keeper, router, held->ifindex, address, ADDRESS_BITS)) {
			held_add(&kept, held->ifindex, address);
			keeper->unfinished[router] = true;
		}
	}
	*held = kept;
}

/* What is there although nobody of us wants it, or in another way than we want it. */
static void clear(struct keeper *keeper, unsigned router, const struct board_order *order)
{
	for (unsigned i = 0; i < order->address_count && i < CONFIG_ADDRESSES_MAX; i++) {
		const struct address *address = &order->addresses[i];
		bool unwanted = !(order->wanted & UINT32_C(1) << i) &&
				!order_wants(keeper->board, order->ifindex, address);
		if ((order->strays[i] &&
			!remove_address(keeper, router, order->ifindex, address, order->strays[i])) ||
		    (unwanted && !remove_address(keeper, router, order->ifindex, address, ADDRESS_BITS)))
			keeper->unfinished[router] = true;
	}
}

/* Puts every wanted address there, or renews it. Stops at the first that is refused. false: the engine
 * is late, or there is a newer order. */
static bool assign(
    struct keeper *keeper, unsigned router, const struct board_order *order, struct keeper_answer *answer)
{
	for (unsigned i = 0; i < order->address_count && i < CONFIG_ADDRESSES_MAX; i++) {
		if (!(order->wanted & UINT32_C(1) << i) || !order->ifindex)
			continue;
		if (!is_fresh(keeper, router) || !is_latest(keeper, router, order))
			return false;
		held_add(&keeper->page->held[router], order->ifindex, &order->addresses[i]);
		int result = kernel_address_add(
		    &keeper->requests, order->ifindex, &order->addresses[i], order->lease_s);
		if (result) {
			*answer = (struct keeper_answer){answer->generation, (uint8_t)i, -result};
			return true;
		}
	}
	return true;
}

/* false: there is nothing to end. */
static bool begin_ending(const struct keeper *keeper, unsigned router, const struct board_order *order)
{
	const struct keeper_held *held = &keeper->page->held[router];
	bool is_cleared = !order->address_count; /* the router is gone, what it held is not */
	const struct address *addresses = is_cleared ? held->addresses : order->addresses;
	unsigned count = is_cleared ? held->count : order->address_count;
	struct ending_task task = {
	    .router = (uint8_t)router, .generation = order->generation, .patient = order->patient};
	for (unsigned i = 0; i < count && i < CONFIG_ADDRESSES_MAX; i++)
		if (!order_wants(keeper->board, 0, &addresses[i]))
			task.addresses[task.address_count++] = addresses[i];
	task.port_count =
	    (uint8_t)(order->port_count < CONFIG_PORTS_MAX ? order->port_count : CONFIG_PORTS_MAX);
	memcpy(task.ports, order->ports, sizeof task.ports);
	return task.address_count && ending_begin(&task);
}

/* Whether what it gives away must stay for a moment. */
static bool must_wait(struct keeper *keeper, unsigned router, const struct board_order *order)
{
	struct keeper_wait *wait = &keeper->waits[router];
	struct mono now = mono_now();
	if (!order->reset || order->wanted)
		return false;
	if (wait->generation != order->generation) {
		wait->generation = order->generation;
		wait->until = begin_ending(keeper, router, order) ? mono_add(now, ENDING_WAIT_US) : now;
	}
	if (mono_reached(now, wait->until) || ending_is_done(router, order->generation))
		return false;
	keeper->wait_until = mono_min(keeper->wait_until, wait->until);
	return true;
}

static void carry_out(struct keeper *keeper, unsigned router, const struct board_order *order)
{
	struct keeper_answer answer = {.generation = order->generation};
	keeper_beat(keeper);
	keeper->unfinished[router] = false;
	keeper->done[router] = order->generation;
	drop_held(keeper, router, order);
	clear(keeper, router, order);
	bool complete = assign(keeper, router, order, &answer);
	if (is_stale(keeper, router)) {
		drop_held(keeper, router, NULL);
		complete &= !order->wanted;
	}
	if (!complete) { /* the next order is, or this one once the engine moves its time */
		keeper->unfinished[router] = true;
		return;
	}
	keeper_answer_write(keeper, router, &answer);
	keeper_ring();
}

static void drop_stale(struct keeper *keeper, unsigned router)
{
	if (!keeper->page->held[router].count || !is_stale(keeper, router))
		return;
	struct mono now = mono_now();
	if (mono_reached(now, keeper->next_late)) {
		keeper->next_late = mono_add(now, COMPLAIN_US);
		log_error("the engine is late: removing its addresses, as it would itself");
	}
	drop_held(keeper, router, NULL);
}

/* Again after an interval: while the engine is late the order waits for it. */
static bool is_to_do(
    const struct keeper *keeper, unsigned router, const struct board_order *order, bool again)
{
	return order->generation != keeper->done[router] ||
	       (again && (!order->wanted || is_fresh(keeper, router)));
}

void keeper_carry_out(struct keeper *keeper)
{
	uint32_t count = atomic_load(&keeper->board->order_count);
	keeper_beat(keeper);
	struct mono now = mono_now();
	if (count == keeper->seen && !mono_reached(now, mono_min(keeper->look_at, keeper->wait_until)))
		return;
	keeper->seen = count;
	keeper->look_at = keeper->wait_until = MONO_NEVER;
	bool repeat = mono_reached(now, keeper->again_at);
	if (repeat)
		keeper->again_at = mono_add(now, AGAIN_US);
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++) {
		struct board_order order;
		bool again = repeat && keeper->unfinished[i];
		drop_stale(keeper, i);
		for (; board_read_order(keeper->board, i, &order) && is_to_do(keeper, i, &order, again) &&
		       !must_wait(keeper, i, &order);
		     again = false)
			carry_out(keeper, i, &order);
		if (keeper->unfinished[i])
			keeper->look_at = mono_min(keeper->look_at, keeper->again_at);
		else if (keeper->page->held[i].count)
			keeper->look_at = mono_min(keeper->look_at, keep_until(keeper, i));
	}
}
