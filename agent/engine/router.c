/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtual router inside the engine: an event goes in, vrrp_step() decides, what it wants is noted in
 * `pending`.
 */
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

#include "vipd/log.h"

#define STRAYS_LOGGED 10 /* lines a minute, as many as are put right */

_Static_assert(VRRP_ADDRESSES_MAX == CONFIG_ADDRESSES_MAX, "core has room for what is configured");

void router_params(const struct config_router *config, struct vrrp_params *params)
{
	*params = (struct vrrp_params){
	    .priority = config->priority,
	    .preempt = config->preempt,
	    .wait_if_occupied = config->on_conflict == CONFLICT_WAIT,
	    .resign_unhealthy = config->when_unhealthy == UNHEALTHY_RESIGN,
	    .advert_interval_us = config->advert_interval_us,
	    .preempt_delay_us = config->preempt_delay_us,
	    .start_delay_us = config->start_delay_us,
	    .lease_us = config->kernel_lease_s * USEC_PER_SEC,
	    .address_count = config->address_count,
	};
}

struct router *router_find(struct engine *engine, const struct router_id *id)
{
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (r->used && router_id_equal(&r->config.id, id))
			return r;
	}
	return NULL;
}

int router_address_index(const struct router *router, const struct address *address)
{
	for (unsigned i = 0; i < router->config.address_count; i++)
		if (address_equal(&router->config.addresses[i], address))
			return (int)i;
	return -1;
}

/* Something happened to it: flush will look at it. Whoever changes what router_deadline() or the board says
 * of it does this. */
static void touch(struct engine *engine, struct router *router)
{
	if (!router->touched)
		engine->touched[engine->touched_count++] = router;
	router->touched = true;
}

static void note_transition(struct engine *engine, struct router *router, struct mono now,
    struct mono decision, const struct vrrp_effect *effect)
{
	router->takeover_from = effect->to == VRRP_ACTIVE ? decision : MONO_NEVER;
	memset(router->takeover_steps_us, 0, sizeof router->takeover_steps_us);
	record_step(engine, router, BOARD_STEP_WOKE, now);
	router->pending.announce &= effect->to == VRRP_ACTIVE; /* no word of one that has left */
	if (effect->to == VRRP_ACTIVE)
		telling_begin(engine, router);
	transition_note(engine, router, effect);
}

/* What it found on the interface and did not expect there. */
static void note_stray(struct router *router, struct mono now, const struct vrrp_effect *effect)
{
	struct suppressed suppressed;
	char how[16] = "";
	bool wanted = vrrp_wanted(&router->vr);
	if (!complaint_due(&router->complaints[COMPLAINT_STRAY], STRAYS_LOGGED, now, &suppressed))
		return;
	if (effect->prefix)
		snprintf(how, sizeof how, " as /%u",
		    effect->prefix - address_bits_before(&router->config.addresses[effect->index]));
	log_router(LOG_LEVEL_WARNING, router->config.name,
	    "an address of this virtual router is on %s%s, put there by somebody else; it is %s%s",
	    router->config.id.interface, how, wanted ? "put right" : "removed", suppressed.text);
}

static void note_restored(struct engine *engine, struct router *router, struct mono now)
{
	struct suppressed suppressed;
	record_count(engine, router, BOARD_ADDRESS_RESTORED);
	if (complaint_due(&router->complaints[COMPLAINT_RESTORED], STRAYS_LOGGED, now, &suppressed))
		log_router(LOG_LEVEL_NOTICE, router->config.name,
		    "an address was removed from %s by somebody else, and is back%s",
		    router->config.id.interface, suppressed.text);
}

static void take_effect(struct engine *engine, struct router *router, struct mono now, struct mono decision,
    const struct vrrp_effect *effect)
{
	struct pending *pending = &router->pending;
	switch (effect->type) {
	case VRRP_EFFECT_FINAL_ADVERT:
		pending->final_advert = true;
		/* fall through */
	case VRRP_EFFECT_ADVERT:
		pending->advert = true;
		pending->priority = effect->priority;
		break;
	case VRRP_EFFECT_ADDRESSES:
		pending->addresses = true;
		pending->announce &= vrrp_wanted(&router->vr) != 0;
		break;
	case VRRP_EFFECT_ANNOUNCE: pending->announce = true; break;
	case VRRP_EFFECT_ASK: pending->ask = true; break;
	case VRRP_EFFECT_TRANSITION: note_transition(engine, router, now, decision, effect); break;
	case VRRP_EFFECT_CONFLICT: conflict_note(engine, router, now); break;
	case VRRP_EFFECT_STRAY: note_stray(router, now, effect); break;
	case VRRP_EFFECT_RESTORED: note_restored(engine, router, now); break;
	case VRRP_EFFECT_STOPPED: router->stopped = true; break;
	}
}

void router_event(
    struct engine *engine, struct router *router, struct mono now, const struct vrrp_event *event)
{
	struct vrrp_effects effects;
	struct mono decision = event->type == VRRP_EVENT_TIMER ? mono_min(now, router->vr.active_down) : now;
	if (event->type == VRRP_EVENT_ADDRESS && event->found.state == VRRP_FOUND_RIGHT)
		record_step(engine, router, BOARD_STEP_ADDRESS_NOTIFIED, mono_now());
	vrrp_step(&router->vr, now, event, &effects);
	for (unsigned i = 0; i < effects.count; i++)
		take_effect(engine, router, now, decision, &effects.items[i]);
	touch(engine, router);
}

/* What a predecessor of this engine left on the board about this router. */
static bool predecessor(struct engine *engine, const struct router *router, struct board_router *prior)
{
	unsigned index = router_index(engine, router);
	bool written = board_read_router(engine->board, index, prior);
	prior->name[sizeof prior->name - 1] = '\0';
	return written && router_id_equal(&prior->id, &router->config.id);
}

/* Where packets find it. */
static uint8_t *slot_of(const struct router *router)
{
	const struct router_id *id = &router->config.id;
	return &router->link->by_vrid[vrrp_family_index(vrrp_family_numbered(id->family))][id->vrid];
}

void router_start(struct engine *engine, struct router *router, struct mono now, bool may_adopt)
{
	struct vrrp_params params;
	struct board_router prior;
	bool known = predecessor(engine, router, &prior);
	enum vrrp_health health = !router->config.checks		 ? VRRP_HEALTHY
				  : known && prior.health < VRRP_HEALTHS ? prior.health
									 : VRRP_FAILING;
	bool working = health != VRRP_FAILING;

	router_params(&router->config, &params);
	vrrp_init(&router->vr, &params, health);
	router->takeover_from = MONO_NEVER;
	router->ended = atomic_load(&engine->page->ended[router - engine->routers]);
	router->health_until = router->config.checks && working ? mono_add(now, HEALTH_GRACE_US) : MONO_NEVER;
	router->link = link_of(engine, router->config.id.interface);
	*slot_of(router) = (uint8_t)(router - engine->routers + 1);
	for (unsigned i = 0; i < router->config.track_count; i++)
		link_of(engine, router->config.track[i]); /* known before the next dump */
	router->checks_health = health;
	if (router->config.checks && known)
		router->vr.lowered = router->checks_lowered = prior.lowered;
	if (!working)
		snprintf(router->checks_text, sizeof router->checks_text, "no health check has passed yet");
	router->drained_until = known && prior.drained ? prior.drained_until : MONO_NEVER;
	if (known && prior.drained)
		router->vr.drained = true;
	router->drained_for_shutdown = known && prior.drained_for_shutdown;
	if (known)
		router->preferred = prior.own_address;
	if (known)
		router_auth_continue(&router->auth, prior.auth_sequence, prior.auth_clock_us);
	router->has_connections = known && prior.state == VRRP_ACTIVE;
	order_prepare(engine, router);
	if (!may_adopt) /* of a predecessor: a keeper that starts would carry it out */
		order_clear(engine, router_index(engine, router));
	if (may_adopt && known && prior.state == VRRP_ACTIVE && prior.active_self)
		vrrp_succeed(&router->vr, prior.active_seen);
	if (!known) {
		unsigned index = router_index(engine, router);
		struct board_router *fresh = board_begin_router(engine->board, index);
		*fresh = (struct board_router){.since = now, .since_realtime_us = realtime_us()};
		board_end_router(engine->board, index);
	}
	record_identity(engine, router);
	record_router(engine, router);
	record_clients(engine, router);
	touch(engine, router);
	if (!working)
		record_health(engine, router, router->checks_text);
}

void router_free(struct engine *engine, struct router *router)
{
	unsigned index = router_index(engine, router);
	struct link *link = router->link;
	if (*slot_of(router) == index + 1)
		*slot_of(router) = 0;
	clients_forget(engine, router);
	telling_end(router);
	memset(board_begin_router(engine->board, index), 0, sizeof(struct board_router));
	board_end_router(engine->board, index);
	order_clear(engine, index);
	router_auth_wipe(&router->auth);
	memset(router, 0, sizeof *router);
	engine->times[index].due = engine->times[index].takeover = MONO_NEVER;
	if (link->asked)
		order_groups(engine, link, false);
	engine->resync = true; /* its interface may be that of another link by another name */
}

/* "eth1 has no carrier" in `text`; false: all tracked interfaces work. */
static bool track_lost(struct engine *engine, const struct router *router, char text[static BOARD_REASON_MAX])
{
	for (unsigned i = 0; i < router->config.track_count; i++) {
		const char *name = router->config.track[i];
		const struct link *link = link_find(engine, name);
		const char *trouble = link ? link_carrier_trouble(link) : "is not watched any more";
		if (!trouble || (link && !link->told)) /* a new name: the dump will say */
			continue;
		snprintf(text, BOARD_REASON_MAX, "tracked interface %s %s", name, trouble);
		return true;
	}
	return false;
}

/* As control says, but failing while a tracked interface does not work. */
static void judge_health(struct engine *engine, struct router *router, struct mono now)
{
	char lost[BOARD_REASON_MAX];
	bool is_lost = track_lost(engine, router, lost);
	const char *text = is_lost ? lost : router->checks_text;
	struct vrrp_event event = {.type = VRRP_EVENT_HEALTH,
	    .health = is_lost ? VRRP_FAILING : router->checks_health,
	    .lowered = router->checks_lowered};
	struct suppressed suppressed;
	char by[32] = "";
	if (event.lowered)
		snprintf(by, sizeof by, ", priority lowered by %u", event.lowered);
	if ((router->vr.health != event.health || router->vr.lowered != event.lowered) &&
	    complaint_due(&router->complaints[COMPLAINT_HEALTH], CHANGES_LOGGED, now, &suppressed))
		log_router(LOG_LEVEL_NOTICE, router->config.name, "now %s%s%s%s%s",
		    vrrp_health_name(event.health), by, *text ? ": " : "", text, suppressed.text);
	record_health(engine, router, text);
	router_event(engine, router, now, &event);
}

void router_health(struct engine *engine, struct router *router, struct mono now, enum vrrp_health health,
    uint8_t lowered, uint32_t valid_ms, const char *text)
{
	router->health_until = valid_ms ? mono_add(now, valid_ms * USEC_PER_MS) : MONO_NEVER;
	router->checks_health = health;
	router->checks_lowered = lowered;
	snprintf(router->checks_text, sizeof router->checks_text, "%s", text);
	judge_health(engine, router, now);
}

void router_tracks(struct engine *engine, struct router *router, struct mono now)
{
	char lost[BOARD_REASON_MAX];
	bool is_lost = track_lost(engine, router, lost);
	if ((is_lost ? VRRP_FAILING : router->checks_health) != router->vr.health)
		judge_health(engine, router, now);
	else if (is_lost)
		record_health(engine, router, lost);
}

void router_drain(
    struct engine *engine, struct router *router, struct mono now, enum vrrp_reason why, struct mono until)
{
	router->drained_until = until;
	engine->changed = engine->drain_changed = true;
	touch(engine, router);
	if (router->vr.drained == (why != VRRP_REASON_NONE))
		return;
	router_event(engine, router, now,
	    &(struct vrrp_event){.type = why ? VRRP_EVENT_DRAIN : VRRP_EVENT_RESUME, .why = why});
}

void router_timers(struct engine *engine, struct router *router, struct mono now)
{
	if (mono_reached(now, router->health_until))
		router_health(engine, router, now, VRRP_FAILING, 0, 0,
		    "the health checks have fallen silent: vipd-control does not report");
	if (mono_reached(now, router->drained_until)) {
		struct suppressed suppressed;
		if (complaint_due(&router->complaints[COMPLAINT_DRAIN], CHANGES_LOGGED, now, &suppressed))
			log_router(LOG_LEVEL_NOTICE, router->config.name,
			    "the time of its drain is over, it takes part again%s", suppressed.text);
		router_drain(engine, router, now, VRRP_REASON_NONE, MONO_NEVER);
	}
	if (mono_reached(now, vrrp_deadline(&router->vr)))
		router_event(engine, router, now, &(struct vrrp_event){.type = VRRP_EVENT_TIMER});
}

struct mono router_deadline(const struct router *router)
{
	return mono_min(vrrp_deadline(&router->vr), mono_min(router->health_until, router->drained_until));
}
