/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has taken over tells the clients of the old holder: a tickle to each makes it connect anew.
 *
 * They go with the announcements: a host may learn late where the address is, and Linux answers a tickle at
 * most twice a second. An old holder that has not died ends its connections itself, and gently (see
 * keeper/ending.c); its clients are told when that is over, in case it could not, and twice, since there may
 * be nobody else who tells them: of connections that a proxy of its kernel handed on it knows nothing. A
 * server that fails is not waited for so long.
 *
 * Adverts first: a turn sends one small batch after everything else, and none shortly before it must act.
 */
#include "engine/engine.h"

#include <string.h>

#include "vipd/log.h"

#define BATCH	 32
#define LOOK_MAX 64  /* entries a turn, each of which asks for a route */
#define PAUSE_US 200 /* between two batches */
#define COST_US	 500 /* of a batch, on a slow machine */

static const int64_t rounds_us[] = {0, 50 * USEC_PER_MS, 200 * USEC_PER_MS, USEC_PER_SEC, 2 * USEC_PER_SEC};
#define ROUNDS (sizeof rounds_us / sizeof rounds_us[0])

/* From another router, which had the address. */
static bool is_takeover(enum vrrp_reason reason)
{
	return reason == VRRP_REASON_NO_ADVERT || reason == VRRP_REASON_RESIGNED ||
	       reason == VRRP_REASON_PEER_UNHEALTHY || reason == VRRP_REASON_PREEMPTED_LOWER;
}

static unsigned first_round(enum vrrp_reason reason)
{
	return reason == VRRP_REASON_NO_ADVERT ? 0 : reason == VRRP_REASON_PEER_UNHEALTHY ? 2 : 3;
}

void telling_begin(struct engine *engine, struct router *router)
{
	enum vrrp_reason reason = router->vr.reason;
	telling_end(router);
	if (!router->clients || !router->config.reset_connections || !is_takeover(reason))
		return;
	router->telling =
	    (struct telling){.clients = router->clients, .round = first_round(reason), .next = MONO_NEVER};
	router->clients = NULL;
	record_clients(engine, router);
}

void telling_announced(struct engine *engine, struct router *router, struct mono now)
{
	struct telling *t = &router->telling;
	if (!t->clients || !mono_is_never(t->next))
		return;
	t->began = now;
	t->next = mono_add(now, rounds_us[t->round]);
	engine->tickle_at = mono_min(engine->tickle_at, t->next);
}

void telling_end(struct router *router)
{
	clients_unmap(router->telling.clients);
	router->telling = (struct telling){.next = MONO_NEVER};
}

static bool is_virtual(const struct engine *engine, const struct address *address)
{
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].used && router_address_index(&engine->routers[i], address) >= 0)
			return true;
	return false;
}

static bool is_port(const struct config_router *config, uint16_t port)
{
	bool found = !config->port_count && port;
	for (unsigned i = 0; i < config->port_count && !found; i++)
		found = config->ports[i] == port;
	return found;
}

/* The kernel would use our own address to reach itself, and none to reach nobody. */
static bool is_elsewhere(
    const struct engine *engine, const struct router *router, const struct address *address)
{
	struct address source = {0};
	packets_route_source(engine, address, router->link->ifindex, &source);
	return !address_is_unspecified(&source) && !address_equal(&source, address);
}

/* A list may be forged: it names clients, and nothing else. */
static bool may_tell(const struct engine *engine, const struct router *router, const struct client *client)
{
	const struct address *to = &client->address;
	int index = router_address_index(router, &client->local);
	return index >= 0 && router->vr.present >> index & 1 &&
	       is_port(&router->config, client->local_port) && client->port &&
	       address_is_ipv4(to) == address_is_ipv4(&client->local) && !address_is_multicast(to) &&
	       !address_is_unspecified(to) && !address_is_loopback(to) && !is_virtual(engine, to) &&
	       is_elsewhere(engine, router, to);
}

static unsigned send_batch(
    const struct engine *engine, unsigned family, struct net_tickle *packets, unsigned count, int *error)
{
	unsigned sent = 0;
	for (unsigned done = 0; done < count;) {
		int result = net_send_tickles(engine->tickle_sockets[family], packets + done, count - done);
		if (result < 0)
			*error = -result;
		sent += result > 0 ? (unsigned)result : 0;
		done += result > 0 ? (unsigned)result : 1;
	}
	return sent;
}

/* Returns how many were told, of those at t->at and behind. */
static unsigned tell_some(const struct engine *engine, struct router *router)
{
	static struct net_tickle packets[VRRP_FAMILIES][BATCH];
	struct telling *t = &router->telling;
	unsigned counts[VRRP_FAMILIES] = {0}, sent = 0;
	uint32_t end = t->clients->count - t->at > LOOK_MAX ? t->at + LOOK_MAX : t->clients->count;
	while (t->at < end && counts[VRRP_IPV6] < BATCH && counts[VRRP_IPV4] < BATCH) {
		const struct client *client = &t->clients->items[t->at++];
		if (!may_tell(engine, router, client))
			continue;
		unsigned family = address_is_ipv4(&client->address) ? VRRP_IPV4 : VRRP_IPV6;
		struct net_tickle *packet = &packets[family][counts[family]++];
		packet->destination = client->address;
		packet->ifindex = router->link->ifindex;
		packet->size = tickle_build(
		    &client->local, client->local_port, &client->address, client->port, packet->bytes);
	}
	for (unsigned family = 0; family < VRRP_FAMILIES; family++)
		sent += send_batch(engine, family, packets[family], counts[family], &t->error);
	return sent;
}

static void tell_of(struct router *router, const struct telling *t)
{
	struct suppressed suppressed;
	if (!complaint_due(&router->complaints[COMPLAINT_CLIENTS], CHANGES_LOGGED, mono_now(), &suppressed))
		return;
	if (t->most == t->clients->count)
		log_router(LOG_LEVEL_NOTICE, router->config.name, "told %u client%s to connect anew%s",
		    t->most, t->most == 1 ? "" : "s", suppressed.text);
	else
		log_router(LOG_LEVEL_WARNING, router->config.name,
		    "told %u of %u clients to connect anew; the others wait for their own timeout: %s%s",
		    t->most, t->clients->count,
		    t->error ? strerrordesc_np(t->error)
			     : "what is in the list is no client of ours, or no route leads to it",
		    suppressed.text);
}

/* At the end of a round. The first one counts; who was not told in that may be in another. */
static void report(struct engine *engine, struct router *router)
{
	struct telling *t = &router->telling;
	uint32_t count = t->clients->count;
	if (!t->counted)
		record_told(engine, router, t->told, count - t->told);
	t->counted = true;
	t->most = t->told > t->most ? t->told : t->most;
	if (t->logged || !count || (t->most < count && t->round + 1 < ROUNDS))
		return;
	t->logged = true;
	tell_of(router, t);
}

static void proceed(struct engine *engine, struct router *router, struct mono now)
{
	struct telling *t = &router->telling;
	if (router->vr.state != VRRP_ACTIVE) {
		telling_end(router);
		return;
	}
	if (!t->at) {
		t->told = 0;
		t->error = 0;
	}
	t->told += tell_some(engine, router);
	t->next = mono_add(now, PAUSE_US);
	if (t->at < t->clients->count)
		return;
	report(engine, router);
	t->at = 0;
	if (++t->round == ROUNDS)
		telling_end(router);
	else
		t->next = mono_add(t->began, rounds_us[t->round]);
}

/* When a router has something else to do. */
static struct mono next_act(const struct engine *engine)
{
	struct mono at = MONO_NEVER;
	for (unsigned i = 0; i < engine->router_count; i++)
		at = mono_min(at, mono_min(engine->times[i].due, engine->times[i].takeover));
	return at;
}

void telling_turn(struct engine *engine, struct mono now)
{
	struct mono act = next_act(engine);
	struct router *first = NULL;
	if (!mono_reached(now, engine->tickle_at))
		return;
	/* Once: right behind what is due then. */
	if (!engine->tickle_waited && mono_sub(act, mono_now()) < COST_US) {
		engine->tickle_waited = true;
		engine->tickle_at = act;
		return;
	}
	engine->tickle_waited = false;
	engine->tickle_at = MONO_NEVER;
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (r->telling.clients && (!first || !mono_reached(r->telling.next, first->telling.next)))
			first = r;
	}
	if (first && mono_reached(now, first->telling.next))
		proceed(engine, first, now);
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].telling.clients)
			engine->tickle_at = mono_min(engine->tickle_at, engine->routers[i].telling.next);
}
