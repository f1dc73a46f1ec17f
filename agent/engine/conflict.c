/*
 * Others who claim what is ours: a host that answers for an address of a virtual router without speaking VRRP
 * (a MetalLB speaker, a forgotten static address, the rest of a killed vipd), or one that advertises from our
 * own link-local address.
 *
 * A host that only answers when it is asked would go unnoticed, so we ask, by Neighbor Solicitation: at the
 * start, when nobody advertises, until there is an Active; and as Active every ten seconds. Never between a
 * timer and a take-over.
 */
#include "engine/engine.h"

#include <arpa/inet.h>
#include <string.h>

#include "vipd/log.h"

#define ASK_AFTER_INTERVALS 2
#define ASK_START_US	    (500 * USEC_PER_MS)
#define ASK_ACTIVE_US	    (10 * USEC_PER_SEC)
#define ASK_CONFLICT_US	    (1 * USEC_PER_SEC)
#define KEEP_START_US	    (1750 * USEC_PER_MS) /* three questions without an answer, and some */
#define KEEP_US		    (3500 * USEC_PER_MS)
#define KEEP_SOURCE_US	    (10 * USEC_PER_SEC)

void conflict_reset(struct router *router)
{
	router->conflict = (struct conflict){.ask = MONO_NEVER, .until = MONO_NEVER};
}

static bool is_start(const struct router *router)
{
	return router->vr.state == VRRP_BACKUP && !router->vr.met;
}

/* How long until the next question; 0: none. */
static int64_t asks_every(const struct router *router)
{
	if (is_start(router))
		return ASK_START_US;
	if (router->vr.state != VRRP_ACTIVE)
		return 0;
	return router->conflict.kind == BOARD_CONFLICT_ADDRESS ? ASK_CONFLICT_US : ASK_ACTIVE_US;
}

void conflict_schedule(struct router *router, struct mono now)
{
	struct conflict *conflict = &router->conflict;
	conflict->asked = false;
	if (is_start(router)) /* an Active would have been heard by then */
		conflict->ask = mono_add(now, ASK_AFTER_INTERVALS * router->config.advert_interval_us);
	else if (router->vr.state == VRRP_ACTIVE) /* a predecessor may still be letting go */
		conflict->ask = mono_add(now, ASK_CONFLICT_US);
	else
		conflict->ask = MONO_NEVER;
}

static void tell_address(struct router *router, struct mono now, const struct na *na)
{
	struct hushed hushed;
	if (!complaint_due(&router->complaints[COMPLAINT_RIVAL], 1, now, &hushed))
		return;
	char text[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];
	bool waits = is_start(router) && router->config.on_conflict == CONFLICT_WAIT;
	log_warning("%s: CONFLICT: %s also claims %s on %s; %s. Find that host: "
		    "a vipd that was killed, a MetalLB or kube-vip speaker, or a static address%s",
	    router->config.name, mac_format(na->mac, mac), address_format(&na->target, text),
	    router->config.id.interface,
	    waits			      ? "waiting for it to go (on_conflict)"
	    : router->vr.state == VRRP_ACTIVE ? "answered, but clients may reach either"
					      : "it is taken all the same when its turn comes (on_conflict)",
	    hushed.text);
}

static void set(struct engine *engine, struct router *router, enum board_conflict kind, struct mono until,
    const struct address *address, const uint8_t *mac)
{
	bool fresh = router->conflict.kind != kind;
	router->conflict.kind = kind;
	router->conflict.until = until;
	record_conflict(engine, router, fresh, address, mac);
	router_touch(engine, router);
}

static void tell_core(struct engine *engine, struct router *router, struct mono now, bool occupied)
{
	if (router->vr.occupied != occupied)
		router_event(engine, router, now,
		    &(struct vrrp_event){.type = VRRP_EVENT_OCCUPIED, .occupied = occupied});
}

void conflict_announced(struct engine *engine, struct router *router, struct mono now, const struct na *na)
{
	if (!router->conflict.asked || (router->vr.state != VRRP_ACTIVE && !is_start(router)))
		return; /* it is the Active's, or of one that is about to hear that it is not */
	tell_address(router, now, na);
	set(engine, router, BOARD_CONFLICT_ADDRESS, mono_add(now, is_start(router) ? KEEP_START_US : KEEP_US),
	    &na->target, na->mac);
	if (router->vr.state == VRRP_ACTIVE)
		router->conflict.ask = mono_min(router->conflict.ask, mono_add(now, ASK_CONFLICT_US));
	tell_core(engine, router, now, true);
}

void conflict_own_source(struct engine *engine, struct router *router, struct mono now)
{
	if (router->conflict.kind != BOARD_CONFLICT_ADDRESS)
		set(engine, router, BOARD_CONFLICT_SOURCE, mono_add(now, KEEP_US), &router->vr.own_address,
		    (const uint8_t[6]){0});
}

void conflict_timers(struct engine *engine, struct router *router, struct mono now)
{
	struct conflict *conflict = &router->conflict;
	if (mono_reached(now, conflict->until)) {
		log_notice("%s: the conflict is over: nobody else claims it any more", router->config.name);
		set(engine, router, BOARD_CONFLICT_NONE, MONO_NEVER, &(struct address){0},
		    (const uint8_t[6]){0});
		tell_core(engine, router, now, false);
	}
	if (mono_reached(now, conflict->ask)) {
		int64_t every_us = asks_every(router);
		router->pending.ask = conflict->asked = every_us > 0;
		conflict->ask = every_us ? mono_add(now, every_us) : MONO_NEVER;
		router_touch(engine, router);
	}
}

struct mono conflict_deadline(const struct router *router)
{
	return mono_min(router->conflict.ask, router->conflict.until);
}
