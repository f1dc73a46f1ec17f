/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Others who claim what is ours, for people: log, status and metrics. What a claim is and how long a conflict
 * lasts is core's.
 */
#include "engine/engine.h"

#include "vipd/log.h"

void conflict_claim(struct engine *engine, struct router *router, struct mono now, enum vrrp_claim kind,
    const struct claim *claim)
{
	engine->claim = claim;
	router_event(engine, router, now, &(struct vrrp_event){.type = VRRP_EVENT_CLAIM, .claim = kind});
	engine->claim = NULL;
}

static const char *consequence(const struct router *router)
{
	if (router->vr.state == VRRP_ACTIVE)
		return "answered, but clients may reach either";
	if (router->config.on_conflict == CONFLICT_WAIT)
		return "waiting for it to go (on_conflict)";
	return "it is taken all the same when its turn comes (on_conflict)";
}

static void tell(struct router *router, struct mono now, const struct claim *claim)
{
	struct suppressed suppressed;
	char text[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];
	enum vrrp_conflict kind = router->vr.conflict;
	if (kind == VRRP_CONFLICT_SOURCE || /* complain.c tells that, packet by packet */
	    !complaint_due(&router->complaints[COMPLAINT_RIVAL], 1, now, &suppressed))
		return;
	address_format(&claim->address, text);
	if (kind == VRRP_CONFLICT_VRID)
		log_router(LOG_LEVEL_WARNING, router->config.name,
		    "CONFLICT: VRID %u on %s lists the same address %s: each VRID elects a holder of "
		    "its own. Give them the same VRID or other addresses%s",
		    claim->vrid, router->config.id.interface, text, suppressed.text);
	else
		log_router(LOG_LEVEL_WARNING, router->config.name,
		    "CONFLICT: %s also claims %s on %s; %s. Find that host: a vipd that was killed, a "
		    "MetalLB or kube-vip speaker, or a static address%s",
		    mac_format(claim->mac, mac), text, router->config.id.interface, consequence(router),
		    suppressed.text);
}

void conflict_note(struct engine *engine, struct router *router, struct mono now)
{
	struct suppressed suppressed;
	if (engine->claim)
		tell(router, now, engine->claim);
	else if (complaint_due(&router->complaints[COMPLAINT_RIVAL_GONE], CHANGES_LOGGED, now, &suppressed))
		log_router(LOG_LEVEL_NOTICE, router->config.name,
		    "the conflict is over: nobody else claims it any more%s", suppressed.text);
	record_conflict(engine, router, engine->claim);
}
