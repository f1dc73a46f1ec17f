/*
 * Does what the routers asked for: all adverts in one go, because others wait for them; then the kernel, then
 * the Neighbor Advertisements. What comes of it goes back as events, which may ask for more. The board learns
 * of it at the end.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "vipd/log.h"

#define ROUNDS_MAX                                                                                           \
	8 /* a refusal leads to a resignation and ends there; more rounds than that would be a bug */

static void withdraw(struct engine *engine, struct router *router)
{
	for (unsigned i = 0; i < router->config.address_count; i++) {
		const struct address *address = &router->config.addresses[i];
		int result = router->link->ifindex
				 ? kernel_address_remove(&engine->kernel, router->link->ifindex, address, 128)
				 : 0;
		if (result && result != -EADDRNOTAVAIL && result != -ENODEV)
			log_error("%s: cannot remove the address from %s: %s; remove it by hand with `ip -6 "
				  "addr del`, two "
				  "nodes may have it now",
			    router->config.name, router->config.id.interface, strerrordesc_np(-result));
	}
}

/* A refused renewal is no failure yet: the state machine tries again while the lease lasts. */
static void tell_refusal(struct router *router, bool renewal, int error, struct mono now)
{
	struct hushed hushed;
	if (renewal && complaint_due(&router->complaints[COMPLAINT_RENEWAL], 1, now, &hushed))
		log_warning("%s: the kernel refuses to renew the address on %s: %s; trying again%s",
		    router->config.name, router->config.id.interface, strerrordesc_np(error), hushed.text);
	else if (!renewal)
		log_error("%s: the kernel refuses the address on %s: %s", router->config.name,
		    router->config.id.interface, strerrordesc_np(error));
}

static void assign(struct engine *engine, struct router *router, uint32_t addresses, struct mono now)
{
	for (unsigned i = 0; i < router->config.address_count; i++) {
		if (!(addresses & UINT32_C(1) << i))
			continue;
		int result = kernel_address_add(&engine->kernel, router->link->ifindex,
		    &router->config.addresses[i], router->config.kernel_lease_s);
		if (!result) { /* its notification is the answer */
			record_step(engine, router, BOARD_STEP_ADDRESS_ASKED, mono_now());
			continue;
		}
		tell_refusal(router, router->vr.present & UINT32_C(1) << i, -result, now);
		record_count(engine, router, BOARD_ADDRESS_FAILURES);
		struct vrrp_event event = {.type = VRRP_EVENT_ADDRESS_FAILED, .index = i, .error = -result};
		router_event(engine, router, now, &event);
		return;
	}
}

static void change_addresses(struct engine *engine, struct router *router, struct mono now)
{
	struct pending *pending = &router->pending;
	if (pending->withdraw) {
		pending->withdraw = false;
		withdraw(engine, router);
	}
	uint32_t addresses = pending->assign;
	if (pending->renew)
		addresses |= router->vr.present;
	pending->assign = 0;
	pending->renew = false;
	if (addresses)
		assign(engine, router, addresses, now);
}

static void announce(struct engine *engine, struct router *router, struct mono now)
{
	router->pending.announce = false;
	for (unsigned i = 0; i < router->config.address_count; i++) {
		int result = packets_send_na(engine, router->link, &router->config.addresses[i]);
		struct hushed hushed;
		if (result && complaint_due(&router->complaints[COMPLAINT_ANNOUNCE], 1, now, &hushed))
			log_warning("%s: cannot send a Neighbor Advertisement on %s: %s%s",
			    router->config.name, router->config.id.interface, strerrordesc_np(-result),
			    hushed.text);
		if (!result)
			record_count(engine, router, BOARD_ANNOUNCEMENTS_SENT);
	}
	record_step(engine, router, BOARD_STEP_ANNOUNCED, mono_now());
}

static bool is_pending(const struct pending *pending)
{
	return pending->advert || pending->withdraw || pending->renew || pending->announce || pending->assign;
}

/* A question that gets lost is asked again. */
static void ask(struct engine *engine, struct router *router)
{
	router->pending.ask = false;
	for (unsigned i = 0; i < router->config.address_count && router->vr.link_up; i++)
		packets_send_ns(engine, router, &router->config.addresses[i]);
}

static bool flush_round(struct engine *engine, struct mono now)
{
	bool any = false;
	packets_send_adverts(engine, now);
	for (unsigned i = 0; i < engine->touched_count; i++)
		change_addresses(engine, engine->touched[i], now);
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
	unsigned index = (unsigned)(router - engine->routers);
	router->touched = false;
	engine->due[index] = router_deadline(router);
	engine->takeover[index] = router->vr.active_down;
	record_router(engine, router);
}

void engine_flush(struct engine *engine, struct mono now)
{
	for (int i = 0; i < ROUNDS_MAX && flush_round(engine, now); i++)
		;
	for (unsigned i = 0; i < engine->touched_count; i++)
		settle(engine, engine->touched[i]);
	transitions_record(engine);
	for (unsigned i = 0; i < engine->touched_count; i++)
		if (engine->touched[i]->stopped)
			router_free(engine, engine->touched[i]);
	engine->touched_count = 0;
}
