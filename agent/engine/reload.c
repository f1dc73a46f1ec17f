/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes over a configuration: routers that stay are told, those that go hand over, new ones start.
 *
 * A virtual router is its interface, the family of its adverts and its VRID. Everything else about it can
 * change while it runs, and nothing moves.
 */
#include "engine/engine.h"

#include <string.h>

#include "vipd/timing.h"

/*
 * A slot for a new router: the one whose record on the board a predecessor of this engine left (counters go
 * on, and it may be adopted), else one that nobody left anything in.
 */
static struct router *find_slot(
    struct engine *engine, const struct config_router *config, bool of_predecessor)
{
	unsigned written = engine->board->router_count; /* what is not is not looked at: it costs no memory */
	for (unsigned i = 0; i < written; i++) {
		const struct board_router *b =
		    &engine->board->routers[i].value; /* our own writing: no lock */
		bool same = router_id_equal(&b->id, &config->id);
		if (!engine->routers[i].used && (of_predecessor ? same : !b->name[0]))
			return &engine->routers[i];
	}
	return of_predecessor || written == ROUTERS_MAX ? NULL : &engine->routers[written];
}

static void add(struct engine *engine, struct router *slot, const struct configuration *next,
    const struct config_router *config, struct mono now)
{
	unsigned index = (unsigned)(slot - engine->routers);
	*slot = (struct router){.used = true, .kept = true, .config = *config};
	router_auth_init(&slot->auth);
	router_auth_configure(&slot->auth, config, next->secrets, next->secrets_size);
	if (engine->router_count <= index)
		engine->router_count = index + 1;
	router_start(engine, slot, now, next->may_adopt);
	if (engine->board->router_count < engine->router_count)
		engine->board->router_count = engine->router_count;
}

static void change(struct engine *engine, struct router *router, const struct configuration *next,
    const struct config_router *config, struct mono now)
{
	struct config_router old = router->config;
	uint32_t old_on_link = router->vr.on_link, old_present = router->vr.present;
	struct vrrp_params params;
	router->kept = true;
	router_auth_configure(&router->auth, config, next->secrets, next->secrets_size);
	if (memcmp(&old, config, sizeof old) == 0)
		return;
	router->config = *config;
	struct vrrp_event event = {.type = VRRP_EVENT_CONFIG, .params = &params};
	for (unsigned i = 0; i < old.address_count; i++) {
		int index = router_address_index(router, &old.addresses[i]);
		if (index >= 0 && old_present >> i & 1)
			event.present |= UINT32_C(1) << index;
		if (index < 0 && old_on_link >> i & 1)
			router->pending.addresses = true; /* the keeper removes what is ordered no more */
	}
	router_params(config, &params);
	if (!config->reset_connections) {
		clients_forget(engine, router);
		telling_end(router);
	}
	record_identity(engine, router);
	router_event(engine, router, now, &event);
	if (!config->checks)
		router_health(engine, router, now, VRRP_HEALTHY, 0, 0, "");
	else if (!old.checks)
		router->health_until = mono_add(now, HEALTH_GRACE_US);
	for (unsigned i = 0; i < config->track_count; i++)
		link_of(engine, config->track[i]); /* known before the dump that follows */
	if (old.track_count && !config->track_count)
		router_tracks(engine, router, now);
}

static void keep_or_change(struct engine *engine, const struct configuration *next, struct mono now)
{
	for (unsigned i = 0; i < next->config->router_count; i++) {
		const struct config_router *c = &next->config->routers[i];
		struct router *r = router_find(engine, &c->id);
		if (!r)
			continue;
		change(engine, r, next, c, now);
		if (r->vr.stopping) /* it was removed, and is put back before it has handed over */
			router_event(engine, r, now, &(struct vrrp_event){.type = VRRP_EVENT_RETURN});
	}
}

/*
 * How long it keeps its addresses if a new router of this node has one of them: until that is Active, unless
 * another node takes over before. The longest that this can take: Active_Down_Interval, and the kernel.
 */
static int64_t stay_of(const struct configuration *next, const struct router *router)
{
	int64_t longest_us = 0;
	for (unsigned i = 0; i < next->config->router_count; i++) {
		const struct config_router *c = &next->config->routers[i];
		int64_t us = vrrp_silence_limit(c->advert_interval_us) + VRRP_CONFIRM_US;
		for (unsigned a = 0; a < c->address_count && us > longest_us; a++)
			if (router_address_index(router, &c->addresses[a]) >= 0)
				longest_us = us;
	}
	return longest_us;
}

static void stop_others(struct engine *engine, const struct configuration *next, struct mono now)
{
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (r->used && !r->kept && !r->vr.stopping)
			router_event(engine, r, now,
			    &(struct vrrp_event){.type = VRRP_EVENT_STOP,
				.why = VRRP_REASON_REMOVED,
				.stay_us = stay_of(next, r)});
	}
}

/* false: there is no room for one of them until a router that stops has handed over. */
static bool add_new(
    struct engine *engine, const struct configuration *next, bool of_predecessor, struct mono now)
{
	bool complete = true;
	for (unsigned i = 0; i < next->config->router_count; i++) {
		const struct config_router *c = &next->config->routers[i];
		if (router_find(engine, &c->id))
			continue;
		struct router *slot = find_slot(engine, c, of_predecessor);
		if (slot)
			add(engine, slot, next, c, now);
		complete &= slot != NULL;
	}
	return complete;
}

/* What a predecessor left on the board of routers that are configured no more. */
static void forget_others(struct engine *engine)
{
	for (unsigned i = 0; i < engine->board->router_count; i++) {
		if (engine->routers[i].used || !engine->board->routers[i].value.name[0])
			continue;
		memset(board_begin_router(engine->board, i), 0, sizeof(struct board_router));
		board_end_router(engine->board, i);
		order_clear(engine, i);
	}
}

bool engine_configure(struct engine *engine, const struct configuration *next, struct mono now)
{
	for (unsigned i = 0; i < engine->router_count; i++)
		engine->routers[i].kept = false;
	links_retain(engine, next->config);
	keep_or_change(engine, next, now);
	stop_others(engine, next, now);
	add_new(engine, next, true, now);
	forget_others(engine);
	bool complete = add_new(engine, next, false, now);
	sharing_find(engine);
	for (unsigned i = 0; i < next->config->router_count; i++)
		if (config_has_family(&next->config->routers[i], AF_INET))
			packets_hear_arp(engine);
	for (unsigned i = 0; i < engine->link_count; i++)
		if (engine->links[i].asked)
			order_groups(engine, &engine->links[i], false);
	order_dump(engine);
	engine->settling = true;
	return complete;
}
