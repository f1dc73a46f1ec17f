/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does what the routers asked for: orders are written, which a keeper that is awake carries out at once; then
 * all adverts in one go, because others wait for them; then a keeper that sleeps is woken; then the
 * announcements. What comes of it goes back as events, which may ask for more. The board learns of it at the
 * end.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "vipd/log.h"

#define ROUNDS_MAX                                                                                           \
	8 /* a refusal leads to a resignation and ends there; more rounds than that would be a bug */

static void change_addresses(struct engine *engine, struct router *router, struct mono now)
{
	sharing_tell(engine, router, now);
	router->pending.addresses = false;
	order_write(engine, router);
	if (vrrp_wanted(&router->vr))
		record_step(engine, router, BOARD_STEP_ADDRESS_ASKED, mono_now());
}

static void announce(struct engine *engine, struct router *router, struct mono now)
{
	router->pending.announce = false;
	for (unsigned i = 0; i < router->config.address_count; i++) {
		int result = packets_announce(engine, router->link, &router->config.addresses[i]);
		struct suppressed suppressed;
		if (result && complaint_due(&router->complaints[COMPLAINT_ANNOUNCE], 1, now, &suppressed))
			log_router(LOG_LEVEL_WARNING, router->config.name,
			    "cannot announce an address on %s: %s%s", router->config.id.interface,
			    strerrordesc_np(-result), suppressed.text);
		if (!result)
			record_count(engine, router, BOARD_ANNOUNCEMENTS_SENT);
	}
	telling_announced(engine, router, now);
	record_step(engine, router, BOARD_STEP_ANNOUNCED, mono_now());
	sharing_announced(engine, router, now);
}

static bool is_pending(const struct pending *pending)
{
	return pending->advert || pending->addresses || pending->announce;
}

/* A question that gets lost is asked again. */
static void ask(struct engine *engine, struct router *router)
{
	router->pending.ask = false;
	for (unsigned i = 0; i < router->config.address_count && router->vr.link_up; i++)
		packets_ask(engine, router->link, &router->config.addresses[i]);
}

static bool flush_round(struct engine *engine, struct mono now)
{
	bool any = false;
	for (unsigned i = 0; i < engine->touched_count; i++)
		if (engine->touched[i]->pending.addresses)
			change_addresses(engine, engine->touched[i], now);
	packets_send_adverts(engine, now);
	orders_ring(engine);
	for (unsigned i = 0; i < engine->touched_count; i++) {
		struct router *r = engine->touched[i];
		if (r->pending.announce)
			announce(engine, r, now);
		if (r->pending.ask)
			ask(engine, r);
		any |= is_pending(&r->pending);
	}
	return any;
}

static void settle(struct engine *engine, struct router *router)
{
	unsigned index = router_index(engine, router);
	router->touched = false;
	engine->times[index].due = router_deadline(router);
	engine->times[index].takeover = router->vr.active_down;
	order_keep(engine, router);
	order_end_connections(engine, router);
	record_router(engine, router);
}

/* Routers have stopped: others may have waited for their slots, or left them their addresses. */
static void released(struct engine *engine, struct mono now)
{
	bool shared = engine->overlap;
	engine_bring_into_force(engine, now);
	for (unsigned i = 0; i < engine->router_count && shared; i++)
		if (engine->routers[i].used)
			sharing_tell(engine, &engine->routers[i], now);
	sharing_find(engine);
}

void engine_flush(struct engine *engine, struct mono now)
{
	for (int i = 0; i < ROUNDS_MAX && flush_round(engine, now); i++)
		;
	for (unsigned i = 0; i < engine->touched_count; i++)
		settle(engine, engine->touched[i]);
	transitions_record(engine);
	unsigned freed = 0;
	for (unsigned i = 0; i < engine->touched_count; i++) {
		if (!engine->touched[i]->stopped)
			continue;
		router_free(engine, engine->touched[i]);
		freed++;
	}
	engine->touched_count = 0;
	if (freed)
		released(engine, now);
	orders_ring(engine);
}
