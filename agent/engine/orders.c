/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine wants of the kernel: written on the board for the keeper, which may have to wait for it.
 * Only the latest counts. That an address is there is told by the kernel's notification, not by an answer;
 * answers tell of refusals, of groups that are joined, and of dumps.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vipd/log.h"
#include "vipd/punctual.h"

#define AWAKE_US 200 /* from the time of the takeover to its order */

void orders_ring(struct engine *engine)
{
	static const uint64_t one = 1;
	/* A full counter is as good: it rings. */
	if (engine->ring && write(engine->keeper_ring, &one, sizeof one) != sizeof one && errno != EAGAIN)
		log_error("cannot wake the keeper: %s", strerrordesc_np(errno));
	engine->ring = false;
}

void order_prepare(struct engine *engine, const struct router *router)
{
	unsigned index = router_index(engine, router);
	touch_memory(&engine->board->orders[index], sizeof engine->board->orders[index]);
	touch_memory(&engine->board->fresh_until_us[index], sizeof engine->board->fresh_until_us[index]);
	touch_memory(&engine->board->keep_until_us[index], sizeof engine->board->keep_until_us[index]);
}

void orders_expect(struct engine *engine, struct mono at)
{
	atomic_store(&engine->board->awake_until_us, mono_add(at, AWAKE_US).us);
	engine->ring = true;
	orders_ring(engine);
}

void order_keep(struct engine *engine, const struct router *router)
{
	unsigned index = router_index(engine, router);
	if (!vrrp_wanted(&router->vr))
		return;
	atomic_store_explicit(
	    &engine->board->fresh_until_us[index], vrrp_fresh_until(&router->vr).us, memory_order_release);
	atomic_store_explicit(
	    &engine->board->keep_until_us[index], vrrp_keep_until(&router->vr).us, memory_order_release);
}

/* Somebody else advertises, and a handover has ended: whatever clients send now goes there. */
static bool is_elsewhere(const struct router *router)
{
	const struct vrrp *vr = &router->vr;
	return router->config.reset_connections && !vrrp_wanted(vr) && vr->state != VRRP_ACTIVE && vr->heard;
}

void order_write(struct engine *engine, struct router *router)
{
	unsigned index = router_index(engine, router);
	const struct vrrp *vr = &router->vr;
	order_keep(engine, router);
	struct board_order *order = board_begin_order(engine->board, index);
	order->generation++;
	order->ifindex = router->link->ifindex;
	order->lease_s = router->config.kernel_lease_s;
	order->wanted = vrrp_wanted(vr);
	order->reset = is_elsewhere(router);
	order->patient = vr->health != VRRP_FAILING;
	router->has_connections = order->wanted || (router->has_connections && !order->reset);
	order->port_count = router->config.port_count;
	memcpy(order->ports, router->config.ports, sizeof order->ports);
	order->address_count = router->config.address_count;
	memcpy(order->addresses, router->config.addresses, sizeof order->addresses);
	memcpy(order->strays, vr->remove, sizeof order->strays);
	router->order = order->generation;
	router->request = vr->request;
	board_end_order(engine->board, index);
	engine->ring = true;
}

/* One that was late, or had no link, could not know that somebody else would take over. */
void order_end_connections(struct engine *engine, struct router *router)
{
	if (router->has_connections && is_elsewhere(router))
		order_write(engine, router);
}

/* The slot may get another router: what the keeper still holds for this one goes, and its connections as they
 * would have. */
void order_clear(struct engine *engine, unsigned index)
{
	struct board_order *order = board_begin_order(engine->board, index);
	order->generation++;
	order->reset &= !order->wanted;
	order->ifindex = order->lease_s = 0;
	order->wanted = order->address_count = 0;
	memset(order->strays, 0, sizeof order->strays);
	memset(order->addresses, 0, sizeof order->addresses);
	board_end_order(engine->board, index);
	engine->ring = true;
}

/* A refused renewal is no failure yet: the state machine tries again while the lease lasts. */
static void refused(
    struct engine *engine, struct router *router, const struct keeper_answer *answer, struct mono now)
{
	const char *why = strerrordesc_np(answer->error);
	struct suppressed suppressed;
	bool renewal = router->vr.present & UINT32_C(1) << answer->index;
	if (renewal && complaint_due(&router->complaints[COMPLAINT_RENEWAL], 1, now, &suppressed))
		log_router(LOG_LEVEL_WARNING, router->config.name,
		    "the kernel refuses to renew the address on %s: %s; trying again%s",
		    router->config.id.interface, why, suppressed.text);
	else if (!renewal)
		log_router(LOG_LEVEL_ERROR, router->config.name, "the kernel refuses the address on %s: %s",
		    router->config.id.interface, why);
	record_count(engine, router, BOARD_ADDRESS_FAILURES);
}

/* Thousands of addresses take the kernel many seconds; a router whose turn has not come is not refused. */
static void tell_those_that_wait(struct engine *engine, struct mono now)
{
	static struct mono told;
	if (mono_sub(now, told) < USEC_PER_SEC / 2)
		return;
	told = now;
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].used && engine->routers[i].order)
			router_event(engine, &engine->routers[i], now,
			    &(struct vrrp_event){.type = VRRP_EVENT_QUEUED});
}

void answers_read(struct engine *engine, struct mono now)
{
	uint64_t rings;
	bool any = false;
	if (read(engine->ring_of_keeper, &rings, sizeof rings) < 0 && errno != EAGAIN)
		log_error("cannot read the keeper's answers: %s", strerrordesc_np(errno));
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		struct keeper_answer answer = keeper_answer(engine->page, i);
		record_ended(engine, r);
		if (!r->used || !r->order || answer.generation != r->order)
			continue;
		r->order = 0; /* answered */
		any = true;
		if (answer.error)
			refused(engine, r, &answer, now);
		router_event(engine, r, now,
		    &(struct vrrp_event){.type = VRRP_EVENT_ANSWER,
			.index = answer.index,
			.answer = {.number = r->request, .error = answer.error}});
	}
	if (any)
		tell_those_that_wait(engine, now);
}

void order_groups(struct engine *engine, struct link *link, bool up)
{
	struct board_link *b = board_begin_link(engine->board, link->board);
	b->ifindex = link->ifindex;
	link->groups = ++b->groups;
	b->ups += up;
	board_end_link(engine->board, link->board);
	engine->ring = true;
}

void order_dump(struct engine *engine)
{
	engine->resync = engine->changed_since_dump = false;
	engine->dump_at = MONO_NEVER;
	engine->dumping = true;
	engine->dump = atomic_fetch_add(&engine->board->dump_wanted, 1) + 1;
	engine->ring = true;
}
