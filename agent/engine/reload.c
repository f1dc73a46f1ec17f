/*
 * Takes over a configuration: routers that stay are told, those that go hand over, new ones start.
 *
 * A virtual router is its interface and VRID. Everything else about it can change while it runs, and nothing
 * moves.
 */
#include "engine/engine.h"

#include <string.h>

#include "vipd/log.h"

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
	router_start(engine, slot, now, !next->anew);
	if (engine->board->router_count < engine->router_count)
		engine->board->router_count = engine->router_count;
}

static void change(struct engine *engine, struct router *router, const struct configuration *next,
    const struct config_router *config, struct mono now)
{
	struct config_router old = router->config;
	uint32_t old_on_link = router->on_link;
	struct vrrp_params params;
	router->kept = true;
	router_auth_configure(&router->auth, config, next->secrets, next->secrets_size);
	if (memcmp(&old, config, sizeof old) == 0)
		return;
	router->config = *config;
	router->on_link = 0;
	for (unsigned i = 0; i < old.address_count; i++) {
		int index = router_address_index(router, &old.addresses[i]);
		if (!(old_on_link & UINT32_C(1) << i))
			continue;
		if (index >= 0)
			router->on_link |= UINT32_C(1) << index;
		else
			kernel_address_remove(&engine->kernel, router->link->ifindex, &old.addresses[i], 128);
	}
	router_params(config, &params);
	struct vrrp_event event = {.type = VRRP_EVENT_CONFIG, .params = &params};
	event.present = router->vr.wanted ? router->on_link : 0;
	record_identity(engine, router);
	router_event(engine, router, now, &event);
	if (!config->checks)
		router_health(engine, router, now, VRRP_HEALTHY, 0, "");
	else if (!old.checks)
		router->health_until = mono_add(now, HEALTH_GRACE_US);
	for (unsigned i = 0; i < config->track_count; i++)
		link_of(engine, config->track[i]); /* known before the dump that follows */
	if (old.track_count && !config->track_count)
		router_tracks(engine, router, now);
	if (router->link->joined)
		packets_join(engine, router->link, false);
}

static void keep_or_change(struct engine *engine, const struct configuration *next, struct mono now)
{
	for (unsigned i = 0; i < next->config->router_count; i++) {
		const struct config_router *c = &next->config->routers[i];
		struct router *r = router_find(engine, &c->id);
		if (r && r->vr.stopping)
			log_warning("%s: still handing over from its removal; reload again to start it anew",
			    c->name);
		else if (r)
			change(engine, r, next, c, now);
	}
}

static void stop_others(struct engine *engine, struct mono now)
{
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (r->used && !r->kept && !r->vr.stopping)
			router_event(engine, r, now, &(struct vrrp_event){.type = VRRP_EVENT_STOP});
	}
}

static void add_new(
    struct engine *engine, const struct configuration *next, bool of_predecessor, struct mono now)
{
	for (unsigned i = 0; i < next->config->router_count; i++) {
		const struct config_router *c = &next->config->routers[i];
		if (router_find(engine, &c->id))
			continue;
		struct router *slot = find_slot(engine, c, of_predecessor);
		if (slot)
			add(engine, slot, next, c, now);
		else if (!of_predecessor)
			log_error(
			    "%s: no room for it until the removed virtual routers have stopped; reload again",
			    c->name);
	}
}

/* What a predecessor left on the board of routers that are configured no more. */
static void forget_others(struct engine *engine)
{
	for (unsigned i = 0; i < engine->board->router_count; i++) {
		if (engine->routers[i].used || !engine->board->routers[i].value.name[0])
			continue;
		memset(board_begin_router(engine->board, i), 0, sizeof(struct board_router));
		board_end_router(engine->board, i);
	}
}

void engine_configure(struct engine *engine, const struct configuration *next, struct mono now)
{
	for (unsigned i = 0; i < engine->router_count; i++)
		engine->routers[i].kept = false;
	keep_or_change(engine, next, now);
	stop_others(engine, now);
	add_new(engine, next, true, now);
	forget_others(engine);
	add_new(engine, next, false, now);
	link_resync(engine, now);
	for (unsigned i = 0; i < engine->link_count; i++)
		if (engine->links[i].joined)
			packets_join(engine, &engine->links[i], false);
}
