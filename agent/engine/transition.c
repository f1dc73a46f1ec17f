/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transitions, for programs and for people. While packets are to be sent they are only noted; at the end of
 * the turn they go to the board, and the line in the log is written a moment later: each of these can take as
 * long as the takeover that it tells of.
 */
#include "engine/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vipd/log.h"

#define NOTED_MAX (2 * ROUTERS_MAX)

struct transition {
	struct router *router;
	struct vrrp_effect effect;
	struct address peer; /* the other one, where there is one */
	const char *trouble; /* why it cannot take part */
	uint8_t effective_priority;
	struct mono at;
	int64_t at_realtime_us;
};

static struct transition noted[NOTED_MAX]; /* engine.transitions_noted of them */

struct line {
	enum vrrp_state from, to;
	enum vrrp_reason reason;
	char router[CONFIG_NAME_MAX];
	char text[BOARD_REASON_MAX + 64]; /* the reason, and how many lines were suppressed */
};

static struct line pending[NOTED_MAX]; /* engine.transitions_pending of them */

/* A duration as people read it: "310ms", "9.8ms". */
static void us_text(int64_t us, char text[static 32])
{
	if (us >= 100 * USEC_PER_MS)
		snprintf(text, 32, "%lldms", (long long)(us / USEC_PER_MS));
	else
		snprintf(text, 32, "%lld.%lldms", (long long)(us / USEC_PER_MS),
		    (long long)(us % USEC_PER_MS / 100));
}

static const char *const plain_reasons[VRRP_REASONS] = {
    [VRRP_REASON_NONE] = "none",
    [VRRP_REASON_STARTED] = "started",
    [VRRP_REASON_ADOPTED] = "took over from the engine before, which was Active",
    [VRRP_REASON_RESUMED] = "back before anybody had taken over",
    [VRRP_REASON_ADDRESS_RETRY] = "tries the refused address again",
    [VRRP_REASON_STOPPED] = "stopped",
    [VRRP_REASON_NO_SUCCESSOR] =
	"drained, but no other server took over: it keeps the address until one does",
    [VRRP_REASON_UNHEALTHY] = "failing, and when_unhealthy is \"resign\"",
    [VRRP_REASON_SHUTDOWN] = "drained, because the machine is being stopped",
    [VRRP_REASON_REMOVED] = "not in the configuration any more",
};

/* What the kernel means where an interface has no IPv6 at all. */
static const char *refusal_hint(const struct config_router *config, int error)
{
	if (!config_has_family(config, AF_INET6))
		return "";
	return error == EACCES	 ? "; is IPv6 off there (disable_ipv6)?"
	       : error == EINVAL ? "; is its MTU below the 1280 of IPv6?"
				 : "";
}

static void reason_text(const struct transition *transition, char *text, size_t size)
{
	const struct vrrp_effect *effect = &transition->effect;
	const char *interface = transition->router->config.id.interface;
	char peer[ADDRESS_TEXT_MAX], time[32];
	int detail = (int)effect->detail;
	address_format(&transition->peer, peer);
	us_text(effect->detail, time);
	switch (effect->reason) {
	case VRRP_REASON_NO_ADVERT:
		snprintf(text, size, "no advertisement %s%s", effect->detail ? "for " : "from anybody",
		    effect->detail ? time : "");
		break;
	case VRRP_REASON_RESIGNED: snprintf(text, size, "%s resigned", peer); break;
	case VRRP_REASON_PEER_UNHEALTHY:
		snprintf(text, size, "%s is %s (priority %d)", peer,
		    vrrp_health_name(vrrp_priority_health((uint8_t)detail)), detail);
		break;
	case VRRP_REASON_PREEMPTED_LOWER:
		snprintf(text, size, "preempted %s of lower priority %d", peer, detail);
		break;
	case VRRP_REASON_HIGHER_PRIORITY:
		snprintf(text, size, "%s has higher priority %d", peer, detail);
		break;
	case VRRP_REASON_HIGHER_ADDRESS:
		snprintf(text, size, "%s has the same priority %d and a greater address", peer, detail);
		break;
	case VRRP_REASON_LINK_DOWN:
		snprintf(text, size, "interface %s %s", interface,
		    transition->trouble ? transition->trouble : "was down");
		break;
	case VRRP_REASON_LINK_UP: snprintf(text, size, "interface %s is up", interface); break;
	case VRRP_REASON_ADDRESS_FAILED:
		if (detail == ETIMEDOUT)
			snprintf(text, size, "the kernel took the request, but the address does not appear");
		else
			snprintf(text, size, "the kernel refused the address: %s%s",
			    detail ? strerrordesc_np(detail) : "it was removed again and again",
			    refusal_hint(&transition->router->config, detail));
		break;
	case VRRP_REASON_DRAINED:
		snprintf(text, size, "drained%s",
		    effect->detail ? ", and somebody else answers for the address" : "");
		break;
	case VRRP_REASON_LATE:
		snprintf(text, size, "the engine was late: no advertisement sent for %s", time);
		break;
	default: snprintf(text, size, "%s", plain_reasons[effect->reason]); break;
	}
}

static const char *state_title(enum vrrp_state state)
{
	static const char *const titles[VRRP_STATES] = {"Initialize", "Backup", "Active", "Fault"};
	return titles[state];
}

static void write_line(
    struct engine *engine, struct router *router, const struct vrrp_effect *effect, const char *reason)
{
	struct suppressed suppressed;
	if (!complaint_due(
		&router->complaints[COMPLAINT_TRANSITION], CHANGES_LOGGED, mono_now(), &suppressed))
		return;
	if (engine->transitions_pending == NOTED_MAX)
		transitions_tell(engine);
	struct line *line = &pending[engine->transitions_pending++];
	*line = (struct line){.from = effect->from, .to = effect->to, .reason = effect->reason};
	memcpy(line->router, router->config.name, sizeof line->router);
	snprintf(line->text, sizeof line->text, "%s%s", reason, suppressed.text);
}

void transition_note(struct engine *engine, struct router *router, const struct vrrp_effect *effect)
{
	if (engine->transitions_noted == NOTED_MAX)
		transitions_record(engine);
	noted[engine->transitions_noted++] = (struct transition){
	    .router = router,
	    .effect = *effect,
	    .peer = router->vr.active_address,
	    .trouble = router_trouble(router),
	    .effective_priority = vrrp_effective_priority(&router->vr),
	    .at = mono_now(),
	    .at_realtime_us = realtime_us(),
	};
	engine->changed = true;
}

void transitions_record(struct engine *engine)
{
	for (unsigned i = 0; i < engine->transitions_noted; i++) {
		const struct transition *transition = &noted[i];
		const struct vrrp_effect *effect = &transition->effect;
		struct router *router = transition->router;
		struct board_event event = {
		    .at = transition->at,
		    .at_realtime_us = transition->at_realtime_us,
		    .id = router->config.id,
		    .from = (uint8_t)effect->from,
		    .to = (uint8_t)effect->to,
		    .reason = (uint8_t)effect->reason,
		    .effective_priority = transition->effective_priority,
		};
		memcpy(event.router, router->config.name, sizeof event.router);
		reason_text(transition, event.reason_text, sizeof event.reason_text);
		bool adopted = effect->from == VRRP_INITIALIZE && effect->to == VRRP_ACTIVE;
		record_transition(engine, router, &event, !adopted);
		write_line(engine, router, effect, event.reason_text);
	}
	engine->transitions_noted = 0;
}

/* Of the journal's catalog, init/vipd.catalog: what a transition for this reason means. They never change. */
static const char *const message_ids[VRRP_REASONS] = {
    [VRRP_REASON_NONE] = NULL,
    [VRRP_REASON_STARTED] = "bdd5429e4e4d4d4586473d8e3927e9a6",
    [VRRP_REASON_ADOPTED] = "4a511fae6f504023abbdfe90932b5a67",
    [VRRP_REASON_NO_ADVERT] = "6b8fd26f114e4bb5a40eb0f4d7709412",
    [VRRP_REASON_RESIGNED] = "5770c9fa5dab4e7d969b27dae6cdecde",
    [VRRP_REASON_PEER_UNHEALTHY] = "82ce40ba4904454b8da0ce122d124b13",
    [VRRP_REASON_PREEMPTED_LOWER] = "ab75686c1fed4954ab5168e38f70f4b9",
    [VRRP_REASON_RESUMED] = "8d752b3c8b7f4af6902824b0d5b32902",
    [VRRP_REASON_HIGHER_PRIORITY] = "c07af7223b3f4301898ec25bee3749ea",
    [VRRP_REASON_HIGHER_ADDRESS] = "4d644d80f2c444e9b1feae0b8a81d8dc",
    [VRRP_REASON_LINK_DOWN] = "191f40bf4c9b4d9b90776ffbff5ed5fc",
    [VRRP_REASON_LINK_UP] = "74ce8e71ae0a4952b708ff1a3ac58d83",
    [VRRP_REASON_ADDRESS_FAILED] = "f9c3222453424853a394447214962f9b",
    [VRRP_REASON_ADDRESS_RETRY] = "83bbbef02ffd471a90b58eb66c660e68",
    [VRRP_REASON_STOPPED] = "52543b05e1c04f5eb158325cdfb82b5b",
    [VRRP_REASON_DRAINED] = "e2aa51cc19cc42fb8d02ad907c188956",
    [VRRP_REASON_NO_SUCCESSOR] = "a046c45294a946e49e87c4703870a6bf",
    [VRRP_REASON_UNHEALTHY] = "6f222264bc8841a288767c8eeeef558b",
    [VRRP_REASON_LATE] = "fd330e97411d4ecbb08e88812fe145eb",
    [VRRP_REASON_SHUTDOWN] = "d0d57bcc343222657b0cee6f704b627c",
    [VRRP_REASON_REMOVED] = "095afbc54e5fa5bde9ed0462eb31873b",
};

void transitions_tell(struct engine *engine)
{
	for (unsigned i = 0; i < engine->transitions_pending; i++) {
		const struct line *line = &pending[i];
		struct log_fields fields = {.router = line->router,
		    .state = vrrp_state_name(line->to),
		    .reason = vrrp_reason_name(line->reason),
		    .id = message_ids[line->reason]};
		log_event(line->to == VRRP_FAULT ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, &fields,
		    "state change %s -> %s, reason: %s", state_title(line->from), state_title(line->to),
		    line->text);
	}
	engine->transitions_pending = 0;
}
