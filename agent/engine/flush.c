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

static void remove_address(
    struct engine *engine, struct router *router, const struct address *address, uint8_t prefix)
{
	int result = kernel_address_remove(&engine->kernel, router->link->ifindex, address, prefix);
	if (result && result != -EADDRNOTAVAIL && result != -ENODEV)
		log_error(
		    "%s: cannot remove the address from %s: %s; remove it by hand with `ip -6 addr del`, two "
		    "nodes may have it now",
		    router->config.name, router->config.id.interface, strerrordesc_np(-result));
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

static void change_addresses(struct engine *engine, struct router *router, struct mono now)
{
	sharing_tell(engine, router, now);
	router->pending.addresses = false;
	const struct vrrp *vr = &router->vr;
	struct vrrp_event answer = {.type = VRRP_EVENT_ANSWER, .answer.number = vr->request};
	uint32_t wanted = vrrp_wanted(vr), unwanted = ~wanted & ~vr->shared;
	for (unsigned i = 0; i < router->config.address_count && router->link->ifindex; i++) {
		const struct address *address = &router->config.addresses[i];
		if (vr->remove[i])
			remove_address(engine, router, address, vr->remove[i]);
		else if (unwanted >> i & 1)
			remove_address(engine, router, address, OUR_PREFIX);
		if (!(wanted >> i & 1))
			continue;
		int result = kernel_address_add(
		    &engine->kernel, router->link->ifindex, address, router->config.kernel_lease_s);
		if (!result) { /* its notification is what counts */
			record_step(engine, router, BOARD_STEP_ADDRESS_ASKED, mono_now());
			continue;
		}
		tell_refusal(router, vr->present >> i & 1, -result, now);
		record_count(engine, router, BOARD_ADDRESS_FAILURES);
		answer.index = i;
		answer.answer.error = -result;
		break;
	}
	router_event(engine, router, now, &answer);
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
		packets_send_ns(engine, router, &router->config.addresses[i]);
}

static bool flush_round(struct engine *engine, struct mono now)
{
	bool any = false;
	packets_send_adverts(engine, now);
	for (unsigned i = 0; i < engine->touched_count; i++)
		if (engine->touched[i]->pending.addresses)
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
}
