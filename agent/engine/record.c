/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine tells programs about itself: its side of the board.
 */
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

#include "vipd/log.h"

static void record_active(struct board_router *b, const struct vrrp *vr)
{
	b->active_self = vr->state == VRRP_ACTIVE;
	b->active_known = b->active_self || vr->heard;
	if (b->active_self) {
		b->active_address = vr->own_address;
		b->active_priority = vrrp_effective_priority(vr);
		b->active_seen = vr->sent_at;
	} else {
		b->active_address = vr->active_address;
		b->active_priority = vr->active_priority;
		b->active_seen = vr->heard_at;
	}
}

void record_identity(struct engine *engine, const struct router *router)
{
	const struct config_router *config = &router->config;
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	memcpy(b->name, config->name, sizeof b->name);
	b->id = config->id;
	b->priority = config->priority;
	b->address_count = config->address_count;
	memcpy(b->addresses, config->addresses, sizeof b->addresses);
	board_end_router(engine->board, router_index(engine, router));
}

void record_router(struct engine *engine, const struct router *router)
{
	const struct vrrp *vr = &router->vr;
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	b->state = (uint8_t)vr->state;
	b->reason = (uint8_t)vr->reason;
	b->effective_priority = vrrp_effective_priority(vr);
	b->health = (uint8_t)vr->health;
	b->lowered = vr->lowered;
	b->drained = vr->drained;
	b->advert_interval_us = vr->state == VRRP_BACKUP && vr->learned_interval_us
				    ? vr->learned_interval_us
				    : vr->params.advert_interval_us;
	b->held = vr->on_link & (vrrp_wanted(vr) | ~vr->shared);
	b->ifindex = router->link->ifindex;
	if (vr->link_up)
		b->own_address = vr->own_address;
	b->auth_sequence = router->auth.sequence.last;
	b->auth_clock_us = router->auth.clock_offset_us;
	record_active(b, vr);
	b->active_foreign = !b->active_self && router->foreign;
	board_end_router(engine->board, router_index(engine, router));
}

void record_health(struct engine *engine, const struct router *router, const char *text)
{
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	snprintf(b->health_text, sizeof b->health_text, "%s", text);
	board_end_router(engine->board, router_index(engine, router));
}

void record_drain(struct engine *engine, const struct router *router, uint32_t uid)
{
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	bool again = b->drained;
	bool ends = !mono_is_never(router->drained_until);
	b->drained_by = uid;
	b->drained_for_shutdown = router->drained_for_shutdown;
	if (!again)
		b->drained_since_us = realtime_us();
	b->drained_until = router->drained_until;
	b->drained_until_us = ends ? realtime_us() + mono_sub(router->drained_until, mono_now()) : 0;
	board_end_router(engine->board, router_index(engine, router));
}

void record_transition(
    struct engine *engine, const struct router *router, const struct board_event *event, bool moved)
{
	board_add_event(engine->board, event);
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	if (moved) {
		b->counters[BOARD_TRANSITIONS]++;
		b->counters[BOARD_BECAME_ACTIVE] += event->to == VRRP_ACTIVE;
		b->since = mono_now();
		b->since_realtime_us = event->at_realtime_us;
	}
	memcpy(b->reason_text, event->reason_text, sizeof b->reason_text);
	board_end_router(engine->board, router_index(engine, router));
}

void record_trouble(struct engine *engine, const struct router *router, const char *trouble)
{
	unsigned index = router_index(engine, router);
	char text[BOARD_REASON_MAX];
	snprintf(text, sizeof text, "interface %s %s", router->config.id.interface, trouble);
	if (strncmp(engine->board->routers[index].value.reason_text, text, sizeof text) == 0)
		return;
	memcpy(board_begin_router(engine->board, index)->reason_text, text, sizeof text);
	board_end_router(engine->board, index);
}

void record_count(struct engine *engine, const struct router *router, enum board_counter counter)
{
	board_begin_router(engine->board, router_index(engine, router))->counters[counter]++;
	board_end_router(engine->board, router_index(engine, router));
}

void record_drop(
    struct engine *engine, const struct link *link, const struct router *router, enum advert_verdict verdict)
{
	if (router) {
		board_begin_router(engine->board, router_index(engine, router))->dropped[verdict]++;
		board_end_router(engine->board, router_index(engine, router));
	} else {
		board_begin_link(engine->board, link->board)->dropped[verdict]++;
		board_end_link(engine->board, link->board);
	}
}

void record_conflict(struct engine *engine, const struct router *router, const struct claim *claim)
{
	static const struct claim over;
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	bool fresh = b->conflict != (uint8_t)router->vr.conflict;
	claim = claim ? claim : &over;
	b->conflict = (uint8_t)router->vr.conflict;
	b->conflict_address = claim->address;
	b->conflict_vrid = claim->vrid;
	memcpy(b->conflict_mac, claim->mac, sizeof b->conflict_mac);
	if (fresh) {
		b->conflict_since_us = realtime_us();
		memcpy(b->dropped_before, b->dropped, sizeof b->dropped_before);
	}
	board_end_router(engine->board, router_index(engine, router));
	engine->changed |= fresh;
}

void record_step(struct engine *engine, struct router *router, enum board_step step, struct mono at)
{
	if (mono_is_never(router->takeover_from))
		return;
	int64_t us = mono_sub(at, router->takeover_from);
	router->takeover_steps_us[step] = us;
	if (step != BOARD_STEP_ANNOUNCED)
		return;
	router->takeover_from = MONO_NEVER;
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	histogram_add(&b->takeover, board_takeover_bounds_us, us);
	b->last_takeover.at_realtime_us = realtime_us();
	memcpy(b->last_takeover.steps_us, router->takeover_steps_us, sizeof b->last_takeover.steps_us);
	board_end_router(engine->board, router_index(engine, router));
}

void record_lateness(struct engine *engine, int64_t us, enum board_late cause, int64_t busy_us)
{
	struct board_engine *b = board_begin_engine(engine->board);
	b->late_us[cause] += (uint64_t)busy_us;
	b->late_us[BOARD_LATE_NOT_SCHEDULED] += (uint64_t)(us - busy_us);
	histogram_add(&b->lateness, board_lateness_bounds_us, us);
	b->log_dropped = log_dropped();
	board_end_engine(engine->board);
}

void record_resync(struct engine *engine)
{
	board_begin_engine(engine->board)->netlink_resyncs++;
	board_end_engine(engine->board);
}

void record_clients(struct engine *engine, const struct router *router)
{
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	b->connections.known = router->clients ? router->clients->count : 0;
	board_end_router(engine->board, router_index(engine, router));
}

void record_told(struct engine *engine, const struct router *router, uint32_t told, uint32_t refused)
{
	struct board_router *b = board_begin_router(engine->board, router_index(engine, router));
	b->connections.last_told = told;
	b->connections.told += told;
	b->connections.refused += refused;
	board_end_router(engine->board, router_index(engine, router));
}

void record_ended(struct engine *engine, struct router *router)
{
	unsigned index = router_index(engine, router);
	uint64_t ended = atomic_load(&engine->page->ended[index]);
	if (!router->used || ended == router->ended)
		return;
	board_begin_router(engine->board, index)->connections.ended += ended - router->ended;
	board_end_router(engine->board, index);
	router->ended = ended;
}
