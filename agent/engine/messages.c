/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages from guardian and control. Control speaks to the network and may be an attacker: it may send
 * health results, drain and resume, and every field is checked here.
 */
#include "engine/engine.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vipd/interval.h"
#include "vipd/log.h"

#define MESSAGES_A_TURN 64

static void configuration_drop(struct configuration *configuration)
{
	if (configuration->config && configuration->size)
		munmap((void *)configuration->config, configuration->size);
	if (configuration->secrets && configuration->secrets_size)
		munmap((void *)configuration->secrets, configuration->secrets_size);
	*configuration = (struct configuration){0};
}

void engine_stop(struct engine *engine, struct mono now, const char *why)
{
	if (engine->stopping)
		return;
	engine->stopping = true;
	log_notice("stopping: %s", why);
	configuration_drop(&engine->next); /* or the slots that become free would bring it into force */
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].used)
			router_event(
			    engine, &engine->routers[i], now, &(struct vrrp_event){.type = VRRP_EVENT_STOP});
}

void engine_bring_into_force(struct engine *engine, struct mono now)
{
	struct configuration *next = &engine->next;
	if (!next->config || !engine_configure(engine, next, now))
		return;
	struct message ready = {.type = MESSAGE_READY, .generation = next->generation};
	message_send(engine->guardian, &ready, NULL);
	configuration_drop(next);
}

/* Without any there is nothing to go on with, and the guardian starts another engine. */
static void refuse_configuration(const struct engine *engine)
{
	if (engine->router_count) {
		log_error("the guardian sent an unusable configuration; going on with the one before");
		return;
	}
	log_error("cannot read the configuration that the guardian sent; ending, to be started again");
	exit(EXIT_FAILURE);
}

static void take_configuration(
    struct engine *engine, const struct message *message, const int fds[MESSAGE_FDS], struct mono now)
{
	struct configuration next = {.generation = message->generation, .may_adopt = message->may_adopt};
	next.config = sealed_map(fds[0], sizeof *next.config, &next.size);
	next.secrets = sealed_map(fds[1], SIZE_MAX, &next.secrets_size);
	bool usable = next.config && next.size == sizeof *next.config && next.secrets;
	if (usable && !engine->stopping) {
		configuration_drop(&engine->next); /* the latest is what counts */
		engine->next = next;
		engine_bring_into_force(engine, now);
	} else {
		configuration_drop(&next);
		if (!engine->stopping)
			refuse_configuration(engine);
	}
	for (int i = 0; i < MESSAGE_FDS; i++)
		close(fds[i]);
}

/* Returns whether there may be more. */
static bool message_from_guardian(struct engine *engine, struct mono now)
{
	struct message message;
	int fds[MESSAGE_FDS];
	int result = message_receive(engine->guardian, &message, fds);
	if (result == -EAGAIN)
		return false;
	if (result == -EPIPE) {
		engine_stop(engine, now, "the guardian is gone");
		return false;
	}
	if (!result && message.type == MESSAGE_CONFIG)
		take_configuration(engine, &message, fds, now);
	else if (!result && message.type == MESSAGE_STOP)
		engine_stop(engine, now, "the guardian asks for it");
	else if (result && !engine->stopping) /* no descriptors were left for what comes with it */
		refuse_configuration(engine);
	return true;
}

void messages_from_guardian(struct engine *engine, struct mono now)
{
	/* To its end: behind what it has said last may be that it is gone, which is told once. */
	for (int i = 0; i < MESSAGES_A_TURN && message_from_guardian(engine, now); i++)
		;
}

/* Text from control ends up in logs: no control characters, and a NUL at the end. */
static void sanitize(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			*text = ' ';
}

/* What stops the machine neither replaces the drain of a person nor ends it. */
static bool is_meant(const struct router *router, const struct message *message)
{
	const struct router_id *which = &message->drain.router;
	if (!router->used || (which->interface[0] && !router_id_equal(which, &router->config.id)))
		return false;
	if (!router->vr.drained)
		return message->type == MESSAGE_DRAIN;
	return !message->drain.shutdown || router->drained_for_shutdown;
}

static void drain(struct engine *engine, const struct message *message, struct mono now)
{
	bool draining = message->type == MESSAGE_DRAIN;
	enum vrrp_reason why = !draining		 ? VRRP_REASON_NONE
			       : message->drain.shutdown ? VRRP_REASON_SHUTDOWN
							 : VRRP_REASON_DRAINED;
	uint32_t for_ms = message->drain.for_ms;
	struct mono until = for_ms ? mono_add(now, for_ms * USEC_PER_MS) : MONO_NEVER;
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (!is_meant(r, message))
			continue;
		struct suppressed suppressed;
		if (complaint_due(&r->complaints[COMPLAINT_DRAIN], CHANGES_LOGGED, now, &suppressed))
			log_router(LOG_LEVEL_NOTICE, r->config.name, "%s by user %u%s%s%s",
			    draining ? "drained" : "resumed", message->drain.uid,
			    draining && for_ms ? " for a time" : "",
			    why == VRRP_REASON_SHUTDOWN ? ": the machine is being stopped" : "",
			    suppressed.text);
		r->drained_until = draining ? until : MONO_NEVER;
		r->drained_for_shutdown = why == VRRP_REASON_SHUTDOWN;
		if (draining)
			record_drain(engine, r, message->drain.uid);
		router_drain(engine, r, now, why, r->drained_until);
	}
}

static void health(struct engine *engine, struct message *message, struct mono now)
{
	sanitize(message->health.router.interface, sizeof message->health.router.interface);
	sanitize(message->health.text, sizeof message->health.text);
	struct router *r = router_find(engine, &message->health.router);
	if (!r || !r->config.checks) /* a router without checks is healthy, whatever control says */
		return;
	if (message->health.grade >= VRRP_HEALTHS)
		return;
	router_health(engine, r, now, message->health.grade, message->health.lowered,
	    message->health.valid_ms, message->health.text);
}

static void next(struct engine *engine, struct message *message, struct mono now)
{
	sanitize(message->next.router.interface, sizeof message->next.router.interface);
	struct router *r = router_find(engine, &message->next.router);
	if (r)
		router_event(engine, r, now,
		    &(struct vrrp_event){.type = VRRP_EVENT_NEXT,
			.next_until = mono_min(message->next.until, mono_add(now, HINT_MAX_US))});
}

void messages_from_control(struct engine *engine, struct mono now)
{
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		struct message message;
		int fds[MESSAGE_FDS];
		/* A full batch may be a flood: the loop must sleep between two of them. */
		engine->flooded |= i == MESSAGES_A_TURN - 1;
		int result = message_receive(engine->channel, &message, fds);
		if (result == -EPROTO || result == -EPIPE) /* an empty datagram looks like end-of-file */
			continue;
		if (result)
			return;
		switch (message.type) {
		case MESSAGE_HEALTH: health(engine, &message, now); break;
		case MESSAGE_NEXT: next(engine, &message, now); break;
		case MESSAGE_DRAIN:
		case MESSAGE_RESUME: drain(engine, &message, now); break;
		case MESSAGE_CLIENTS: clients_take(engine, &message, fds[0]); break;
		default: break; /* only the guardian configures */
		}
		for (int f = 0; f < MESSAGE_FDS; f++)
			if (fds[f] >= 0)
				close(fds[f]);
	}
}
