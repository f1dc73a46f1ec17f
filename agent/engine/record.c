/*
 * What the engine tells about itself: the board for programs, one log line a transition for people.
 */
#include "engine/engine.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "vipd/log.h"

/* Written once the packets of a turn are out: a line can take as long as the takeover that it tells of. */
#define TOLD_MAX BOARD_ROUTERS_MAX
static struct {
	enum log_level levels[TOLD_MAX];
	char lines[TOLD_MAX][CONFIG_NAME_MAX + BOARD_REASON_MAX + 128];
	unsigned count;
} told;

static unsigned index_of(const struct engine *engine, const struct router *router)
{
	return (unsigned)(router - engine->routers);
}

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

void record_router(struct engine *engine, const struct router *router)
{
	const struct vrrp *vr = &router->vr;
	const struct config_router *config = &router->config;
	struct board_router *b = board_begin_router(engine->board, index_of(engine, router));
	memcpy(b->name, config->name, sizeof b->name);
	memcpy(b->interface, config->interface, sizeof b->interface);
	b->vrid = config->vrid;
	b->state = (uint8_t)vr->state;
	b->reason = (uint8_t)vr->reason;
	b->priority = config->priority;
	b->effective_priority = vrrp_effective_priority(vr);
	b->healthy = vr->healthy;
	b->drained = vr->drained;
	b->advert_interval_us = vr->state == VRRP_BACKUP && vr->learned_interval_us
				    ? vr->learned_interval_us
				    : config->advert_interval_us;
	b->address_count = config->address_count;
	b->held = router->on_link;
	memcpy(b->addresses, config->addresses, sizeof b->addresses);
	b->ifindex = router->link->ifindex;
	b->auth_sequence = router->auth.sequence.last;
	record_active(b, vr);
	board_end_router(engine->board, index_of(engine, router));
}

void record_health(struct engine *engine, const struct router *router, const char *text)
{
	struct board_router *b = board_begin_router(engine->board, index_of(engine, router));
	snprintf(b->health_text, sizeof b->health_text, "%s", text);
	board_end_router(engine->board, index_of(engine, router));
}

void record_drain(struct engine *engine, const struct router *router, uint32_t uid)
{
	struct board_router *b = board_begin_router(engine->board, index_of(engine, router));
	bool again = b->drained;
	bool ends = !mono_is_never(router->drained_until);
	b->drained_by = uid;
	if (!again)
		b->drained_since_us = realtime_us();
	b->drained_until = router->drained_until;
	b->drained_until_us = ends ? realtime_us() + mono_sub(router->drained_until, mono_now()) : 0;
	board_end_router(engine->board, index_of(engine, router));
}

/* A duration as people read it: "310ms", "9.8ms". */
static void us_text(int64_t us, char text[static 32])
{
	if (us >= 100 * USEC_PER_MS)
		snprintf(text, 32, "%lldms", (long long)(us / USEC_PER_MS));
	else
		snprintf(text, 32, "%lld.%lldms", (long long)(us / USEC_PER_MS),
		    (long long)(us % USEC_PER_MS / 100));
}

static void reason_text(
    const struct router *router, const struct vrrp_effect *effect, char *text, size_t size)
{
	char peer[INET6_ADDRSTRLEN], time[32];
	int detail = (int)effect->detail;
	inet_ntop(AF_INET6, &router->vr.active_address, peer, sizeof peer);
	us_text(effect->detail, time);
	switch (effect->reason) {
	case VRRP_REASON_STARTED: snprintf(text, size, "started"); break;
	case VRRP_REASON_ADOPTED:
		snprintf(text, size, "took over from the engine before, which was Active");
		break;
	case VRRP_REASON_NO_ADVERT:
		if (effect->detail)
			snprintf(text, size, "no advertisement for %s", time);
		else
			snprintf(text, size, "no advertisement from anybody");
		break;
	case VRRP_REASON_RESIGNED: snprintf(text, size, "%s resigned", peer); break;
	case VRRP_REASON_PEER_UNHEALTHY:
		snprintf(text, size, "%s is unhealthy (priority %d)", peer, detail);
		break;
	case VRRP_REASON_PREEMPTED_LOWER:
		snprintf(text, size, "preempted %s of lower priority %d", peer, detail);
		break;
	case VRRP_REASON_RESUMED: snprintf(text, size, "back before anybody had taken over"); break;
	case VRRP_REASON_HIGHER_PRIORITY:
		snprintf(text, size, "%s has higher priority %d", peer, detail);
		break;
	case VRRP_REASON_HIGHER_ADDRESS:
		snprintf(text, size, "%s has the same priority %d and a greater address", peer, detail);
		break;
	case VRRP_REASON_LINK_DOWN: {
		const char *trouble = link_trouble(router);
		snprintf(
		    text, size, "interface %s %s", router->config.interface, trouble ? trouble : "was down");
		break;
	}
	case VRRP_REASON_LINK_UP: snprintf(text, size, "interface %s is up", router->config.interface); break;
	case VRRP_REASON_ADDRESS_FAILED:
		snprintf(text, size, "the kernel refused the address: %s",
		    detail ? strerrordesc_np(detail) : "it was removed again and again");
		break;
	case VRRP_REASON_ADDRESS_RETRY: snprintf(text, size, "tries the refused address again"); break;
	case VRRP_REASON_STOPPED: snprintf(text, size, "stopped"); break;
	case VRRP_REASON_DRAINED: snprintf(text, size, "drained"); break;
	case VRRP_REASON_UNHEALTHY:
		snprintf(text, size, "unhealthy, and when_unhealthy is \"resign\"");
		break;
	case VRRP_REASON_LATE:
		snprintf(text, size, "the engine was late: no advertisement sent for %s", time);
		break;
	case VRRP_REASON_NONE:
	case VRRP_REASONS: snprintf(text, size, "none"); break;
	}
}

static const char *state_title(enum vrrp_state state)
{
	static const char *const titles[VRRP_STATES] = {"Initialize", "Backup", "Active", "Fault"};
	return titles[state];
}

void record_transition(struct engine *engine, struct router *router, const struct vrrp_effect *effect)
{
	struct board_event event = {
	    .at_realtime_us = realtime_us(),
	    .vrid = router->config.vrid,
	    .from = (uint8_t)effect->from,
	    .to = (uint8_t)effect->to,
	    .reason = (uint8_t)effect->reason,
	    .effective_priority = vrrp_effective_priority(&router->vr),
	};
	memcpy(event.router, router->config.name, sizeof event.router);
	memcpy(event.interface, router->config.interface, sizeof event.interface);
	reason_text(router, effect, event.reason_text, sizeof event.reason_text);
	board_add_event(engine->board, &event);

	struct board_router *b = board_begin_router(engine->board, index_of(engine, router));
	if (effect->reason != VRRP_REASON_ADOPTED) { /* nothing moved */
		b->counters[BOARD_TRANSITIONS]++;
		b->counters[BOARD_BECAME_ACTIVE] += effect->to == VRRP_ACTIVE;
		b->since = mono_now();
		b->since_realtime_us = event.at_realtime_us;
	}
	memcpy(b->reason_text, event.reason_text, sizeof b->reason_text);
	board_end_router(engine->board, index_of(engine, router));

	engine->changed = true;
	struct hushed hushed;
	struct complaint *complaint = &router->complaints[COMPLAINT_TRANSITION];
	if (!complaint_due(complaint, CHANGES_TOLD, mono_now(), &hushed))
		return;
	if (told.count == TOLD_MAX)
		record_tell();
	enum log_level level = effect->to == VRRP_FAULT ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE;
	told.levels[told.count] = level;
	snprintf(told.lines[told.count++], sizeof told.lines[0], "%s: state change %s -> %s, reason: %s%s",
	    router->config.name, state_title(effect->from), state_title(effect->to), event.reason_text,
	    hushed.text);
}

void record_tell(void)
{
	for (unsigned i = 0; i < told.count; i++)
		log_line(told.levels[i], "%s", told.lines[i]);
	told.count = 0;
}

void record_count(struct engine *engine, const struct router *router, enum board_counter counter)
{
	board_begin_router(engine->board, index_of(engine, router))->counters[counter]++;
	board_end_router(engine->board, index_of(engine, router));
}

void record_drop(
    struct engine *engine, const struct link *link, const struct router *router, enum advert_verdict verdict)
{
	if (router) {
		board_begin_router(engine->board, index_of(engine, router))->dropped[verdict]++;
		board_end_router(engine->board, index_of(engine, router));
	} else {
		board_begin_link(engine->board, link->board)->dropped[verdict]++;
		board_end_link(engine->board, link->board);
	}
}

void record_conflict(struct engine *engine, const struct router *router, bool fresh,
    const struct in6_addr *address, const uint8_t mac[static 6])
{
	struct board_router *b = board_begin_router(engine->board, index_of(engine, router));
	b->conflict = (uint8_t)router->conflict.kind;
	b->conflict_address = *address;
	memcpy(b->conflict_mac, mac, sizeof b->conflict_mac);
	if (fresh)
		b->conflict_since_us = realtime_us();
	board_end_router(engine->board, index_of(engine, router));
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
	struct board_router *b = board_begin_router(engine->board, index_of(engine, router));
	histogram_add(&b->takeover, board_takeover_bounds_us, us);
	b->last_takeover.at_realtime_us = realtime_us();
	memcpy(b->last_takeover.steps_us, router->takeover_steps_us, sizeof b->last_takeover.steps_us);
	board_end_router(engine->board, index_of(engine, router));
}

void record_lateness(struct engine *engine, int64_t us)
{
	struct board_engine *b = board_begin_engine(engine->board);
	histogram_add(&b->lateness, board_lateness_bounds_us, us);
	b->log_dropped = log_dropped();
	board_end_engine(engine->board);
}

void record_resync(struct engine *engine)
{
	board_begin_engine(engine->board)->netlink_resyncs++;
	board_end_engine(engine->board);
}
