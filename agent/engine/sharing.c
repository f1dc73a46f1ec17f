/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several virtual routers of this node with the same address: a reload has changed the VRID or the interface
 * of one, so the old one stops and the new one starts. The address is handed over inside the node: the new
 * one does not remove what the old one still has, the old one stays until the new one has announced the
 * address, and does not take away what the new one has on the same interface.
 */
#include "engine/engine.h"

/* Bit i: address i of this router is one of the other's, as long as those in `wanted` of the other count. */
static uint32_t common(const struct router *router, const struct router *other, uint32_t wanted)
{
	uint32_t mask = 0;
	for (unsigned i = 0; i < router->config.address_count; i++) {
		int index = router_address_index(other, &router->config.addresses[i]);
		if (index >= 0 && wanted >> index & 1)
			mask |= UINT32_C(1) << i;
	}
	return mask;
}

void sharing_find(struct engine *engine)
{
	engine->overlap = false;
	for (unsigned i = 0; i < engine->router_count && !engine->overlap; i++)
		for (unsigned n = 0; n < i && engine->routers[i].used; n++)
			engine->overlap |= engine->routers[n].used &&
					   common(&engine->routers[i], &engine->routers[n], UINT32_MAX);
}

void sharing_tell(struct engine *engine, struct router *router, struct mono now)
{
	struct vrrp_event event = {.type = VRRP_EVENT_SHARED};
	for (unsigned i = 0; i < engine->router_count && engine->overlap; i++) {
		const struct router *other = &engine->routers[i];
		if (other->used && other != router && other->link == router->link)
			event.present |= common(router, other, vrrp_wanted(&other->vr));
	}
	if (event.present != router->vr.shared)
		router_event(engine, router, now, &event);
}

void sharing_announced(struct engine *engine, const struct router *router, struct mono now)
{
	for (unsigned i = 0; i < engine->router_count && engine->overlap; i++) {
		struct router *other = &engine->routers[i];
		if (other->used && other != router && other->vr.stopping && common(router, other, UINT32_MAX))
			router_event(engine, other, now,
			    &(struct vrrp_event){.type = VRRP_EVENT_CLAIM, .claim = VRRP_CLAIM_ANNOUNCED});
	}
}
