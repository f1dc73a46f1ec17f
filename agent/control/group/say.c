/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node says of itself: made from the board and the configuration, sent from the address that the
 * adverts are sent from, because the others know us by that one.
 */
#include <errno.h>
#include <string.h>

#include "control/control.h"
#include "control/group/datagram.h"
#include "control/group/group.h"
#include "control/inet6.h"
#include "vipd/timing.h"

#define ADDRESSES_EVERY_US (30 * USEC_PER_SEC)
#define CLOCK_BACK_US	   USEC_PER_SEC
#define FLAGS_UNUSABLE	   0x69 /* temporary, dadfailed, deprecated, tentative */

_Static_assert(HELLO_ADDRESSES_MAX >= CONFIG_ADDRESSES_MAX && HELLO_KEYS_MAX >= CONFIG_KEYS_MAX,
    "a hello has room for what is configured");
_Static_assert(HELLO_STATES >= VRRP_STATES && HELLO_HEALTHS >= VRRP_HEALTHS && HELLO_AUTHS > AUTH_ENFORCE,
    "and can say it");

/* ---- keys ---- */

/* They are in the secrets, at the offsets of the image; the guardian has checked them. */
void group_take_keys(struct group *group, unsigned index)
{
	const struct control *control = group->control;
	const struct config_router *config = &control->config->routers[index];
	struct group_router *router = &group->routers[index];
	router->mode = config->auth;
	router->active = -1;
	router->key_count = 0;
	for (unsigned i = 0; i < config->key_count && i < CONFIG_KEYS_MAX; i++) {
		const struct config_key *key = &config->keys[i];
		if (key->hello_offset > control->secrets.size ||
		    control->secrets.size - key->hello_offset < AUTH_DERIVED_SIZE)
			continue;
		if (key->id == config->auth_active_key)
			router->active = (int)router->key_count;
		auth_key_of(key->id, (const uint8_t *)control->secrets.bytes + key->hello_offset,
		    &router->keys[router->key_count++]);
	}
}

/* Hellos carry the time of adverts: the engine knows whether a step of the wall clock is to be believed. */
int64_t group_clock_us(const struct group_router *router, struct mono now)
{
	return router->clock_us ? now.us + router->clock_us : realtime_us();
}

/* ---- content ---- */

static void describe_settings(const struct config_router *config, struct hello *hello)
{
	hello->advert_interval_ms = (uint32_t)(config->advert_interval_us / USEC_PER_MS);
	hello->preempt = config->preempt;
	hello->auth = (uint8_t)config->auth;
	hello->key_count = (uint8_t)config->key_count;
	for (unsigned i = 0; i < config->key_count; i++)
		hello->keys[i] = config->keys[i].id;
	hello->address_count = (uint8_t)config->address_count;
	memcpy(hello->addresses, config->addresses, config->address_count * sizeof config->addresses[0]);
}

/* An Active whose engine is late: the others take over. What became of it, the engine says when it wakes. */
static void describe_late(
    const struct board *board, const struct board_router *router, struct mono now, struct hello *hello)
{
	if (hello->state != VRRP_ACTIVE ||
	    board_heartbeat_age_us(board, now) <= vrrp_late_limit(router->advert_interval_us))
		return;
	hello->candidate = false;
	strcpy(hello->reason, "the engine does not respond");
}

static void describe_state(const struct board_router *board, bool engine_up, struct hello *hello)
{
	bool takes_part = board->state == VRRP_BACKUP || board->state == VRRP_ACTIVE;
	hello->state = engine_up && board->state < VRRP_STATES ? board->state : VRRP_FAULT;
	hello->health = board->health < VRRP_HEALTHS ? board->health : VRRP_FAILING;
	hello->priority = board->priority;
	hello->effective_priority = board->effective_priority;
	hello->lowered = board->lowered;
	hello->drained = board->drained;
	hello->candidate = engine_up && takes_part && board->effective_priority && !board->drained;
	hello->held = engine_up && board->address_count && board->held == (1ULL << board->address_count) - 1;
	if (!engine_up)
		strcpy(hello->reason, "the engine does not respond");
	else if (!takes_part)
		snprintf(hello->reason, sizeof hello->reason, "%.*s", (int)sizeof hello->reason - 1,
		    board->reason_text);
	else if (hello->health != VRRP_HEALTHY)
		snprintf(hello->reason, sizeof hello->reason, "%.*s", (int)sizeof hello->reason - 1,
		    board->health_text);
	if (hello->lowered && hello->health == VRRP_HEALTHY)
		snprintf(hello->lowered_text, sizeof hello->lowered_text, "%.*s",
		    (int)sizeof hello->lowered_text - 1, board->health_text);
}

/* In IPv4 adverts come from an address that others can use. */
static struct address advertised(const struct config *config, const struct group_router *router)
{
	return router->id.family == AF_INET && address_is_unspecified(&config->group_advertise)
		   ? router->source
		   : router->advertised;
}

/* How it came into its state. The time runs, so it is no news. Of an engine that hangs, the board's router
 * has the state before. */
static void describe_cause(const struct board *all, const struct board_router *board, bool engine_up,
    struct mono now, struct hello *hello)
{
	int64_t age_us = engine_up ? mono_sub(now, board->since) : board_heartbeat_age_us(all, now);
	int64_t age_ms = age_us / USEC_PER_MS;
	hello->cause = engine_up ? board->reason : VRRP_REASON_LATE;
	hello->state_ms = (uint32_t)(age_ms < 0 ? 0 : age_ms < UINT32_MAX ? age_ms : UINT32_MAX);
	snprintf(hello->cause_text, sizeof hello->cause_text, "%.*s", (int)sizeof hello->cause_text - 1,
	    engine_up ? board->reason_text : hello->reason);
}

static void describe(const struct group *group, unsigned index, const struct board_router *board,
    struct mono now, struct hello *hello)
{
	const struct config *config = group->control->config;
	const struct config_router *router = &config->routers[index];
	memset(hello, 0, sizeof *hello);
	hello->family = router->id.family;
	hello->vrid = router->id.vrid;
	memcpy(hello->node, config->node, sizeof hello->node);
	strncpy(hello->version, VIPD_VERSION, sizeof hello->version - 1);
	memcpy(hello->boot, group->boot, sizeof hello->boot);
	hello->interval_ms = (uint32_t)(config->group_interval_us / USEC_PER_MS);
	hello->address = advertised(config, &group->routers[index]);
	bool engine_up = board_engine_up(group->control->board, now);
	describe_state(board, engine_up, hello);
	describe_late(group->control->board, board, now, hello);
	describe_cause(group->control->board, board, engine_up, now, hello);
	describe_settings(router, hello);
}

/* ---- the address that others should use ---- */

static void take_address(struct group *group, const struct inet6_entry *entry)
{
	const struct config *config = group->control->config;
	if (entry->scope || entry->flags & FLAGS_UNUSABLE || config_has_address(config, &entry->address))
		return;
	for (unsigned i = 0; i < group->count; i++) {
		struct address *address = &group->routers[i].advertised;
		if (address_is_unspecified(address) &&
		    !strcmp(config->routers[i].id.interface, entry->interface))
			*address = entry->address;
	}
}

static void look_for_addresses(struct group *group)
{
	const struct config *config = group->control->config;
	char line[128];
	struct inet6_entry entry;
	for (unsigned i = 0; i < group->count; i++)
		group->routers[i].advertised = config->group_advertise;
	FILE *file = address_is_unspecified(&config->group_advertise) ? inet6_open() : NULL;
	while (file && fgets(line, sizeof line, file))
		if (inet6_parse(line, &entry))
			take_address(group, &entry);
	if (file)
		fclose(file);
}

/* ---- sending ---- */

/* bytes: with room for the trailer, if the router signs. */
static int send_to(struct group *group, struct group_router *router, const struct address *source,
    const struct address *to, uint8_t *bytes, size_t size, struct mono now)
{
	if (config_auth_signs(router->mode))
		hello_sign(&router->keys[router->active], source, to,
		    auth_sequence_next(&router->sequence, group_clock_us(router, now)), bytes, size);
	int result =
	    datagram_send(source, router->ifindex, to, group->control->config->group_port, bytes, size);
	if (result < 0)
		group->send_errors++; /* the link is down, the address goes: the next one follows soon */
	else
		group->sent++;
	return result;
}

static bool can_sign(const struct group_router *router)
{
	return !config_auth_signs(router->mode) || router->active >= 0;
}

static void send_to_all(struct group *group, unsigned index, uint8_t *bytes, size_t size, struct mono now)
{
	struct group_router *router = &group->routers[index];
	const struct config_router *config = &group->config->routers[index];
	if (!size || !router->ifindex || !can_sign(router) || !group_is_open(group, &config->id) ||
	    address_is_unspecified(&router->source))
		return;
	for (unsigned i = 0; i < config->peer_count; i++)
		send_to(group, router, &router->source, &config->peers[i], bytes, size, now);
	if (!config->peer_count)
		send_to(group, router, &router->source, &vrrp_family_numbered(config->id.family)->group,
		    bytes, size, now);
}

/*
 * With addresses of both families also in the other one, if the interface has it: who has an address of ours
 * there, by another order of addresses, hears nothing else of us. One of two such routers always has both.
 */
static bool has_both_families(const struct config_router *config)
{
	bool both = false;
	for (unsigned i = 0; i < config->address_count; i++)
		both |= !config_advertises(config, i);
	return both;
}

static void send_in_other_family(
    struct group *group, struct group_router *router, uint8_t *bytes, size_t size, struct mono now)
{
	unsigned family = router->id.family == AF_INET ? VRRP_IPV6 : VRRP_IPV4;
	const struct vrrp_family *other = &vrrp_families[family];
	if (mono_reached(now, router->next_other)) {
		router->next_other = mono_add(now, ADDRESSES_EVERY_US);
		router->other_source = (struct address){0};
		if (group->open[family])
			datagram_source(other, router->ifindex, &router->other_source);
	}
	if (!address_is_unspecified(&router->other_source) &&
	    send_to(group, router, &router->other_source, &other->group, bytes, size, now) < 0)
		router->other_source = (struct address){0};
}

static void send_hello(struct group *group, unsigned index, struct hello *hello, struct mono now)
{
	struct group_router *router = &group->routers[index];
	uint8_t bytes[HELLO_SIZE_MAX];
	hello->number = (uint64_t)now.us;
	hello->is_signed = config_auth_signs(router->mode);
	router->ours = *hello;
	router->said = now;
	size_t size = hello_build(hello, bytes, sizeof bytes);
	send_to_all(group, index, bytes, size, now);
	const struct config_router *config = &group->config->routers[index];
	if (size && router->ifindex && can_sign(router) && !config->peer_count && has_both_families(config))
		send_in_other_family(group, router, bytes, size, now);
}

void group_send(struct group *group, unsigned index, struct connections *connections, struct mono now)
{
	if (index >= group->count) /* there was no memory for this configuration */
		return;
	const struct group_router *router = &group->routers[index];
	uint8_t bytes[HELLO_SIZE_MAX];
	connections->family = router->id.family;
	connections->vrid = router->id.vrid;
	connections->is_signed = config_auth_signs(router->mode);
	send_to_all(group, index, bytes, connections_build(connections, bytes, sizeof bytes), now);
}

/* Whether it says something new; number and is_signed are set when it is sent. */
static bool is_news(const struct group_router *router, const struct hello *hello)
{
	struct hello before = router->ours;
	before.number = hello->number;
	before.is_signed = hello->is_signed;
	before.state_ms = hello->state_ms;
	return memcmp(&before, hello, sizeof before) != 0;
}

/*
 * The engine's clock has followed a step of the wall clock. If that went back, the others would refuse a
 * sequence that goes on from the last one, and what we remember of theirs is of the time before.
 */
static void follow_clock(struct group_router *router, int64_t clock_us, struct mono now)
{
	int64_t before_us = group_clock_us(router, now);
	router->clock_us = clock_us;
	if (group_clock_us(router, now) - before_us > -CLOCK_BACK_US)
		return;
	router->sequence = (struct auth_sequence){0};
	router->replay = (struct auth_replay){0};
}

/*
 * Each datagram wakes whoever gets it. So the hellos of a group go out together: who hears that of the Active
 * says its own, and waits a little longer than an interval for it.
 */
struct mono group_hello_due(const struct group *group, const struct group_router *router)
{
	int64_t interval_us = group->control->config->group_interval_us;
	struct mono due = mono_add(router->said, interval_us), late = mono_add(due, interval_us / 8);
	bool is_led = router->ours.state != VRRP_ACTIVE && mono_sub(late, router->led) < interval_us * 3 / 2;
	return is_led ? late : due;
}

void group_follow(
    struct group *group, struct group_router *router, const struct hello *active, struct mono now)
{
	int64_t interval_us = group->control->config->group_interval_us;
	if (router->ours.state == VRRP_ACTIVE || active->interval_ms * USEC_PER_MS != interval_us)
		return;
	router->led = now;
	router->answers =
	    mono_sub(now, router->said) >= interval_us / 4; /* so a forger makes us say four at most */
	group->changed |= router->answers;
}

static void look_at(struct group *group, unsigned index, const struct board_router *board, struct mono now)
{
	struct group_router *router = &group->routers[index];
	struct hello hello;
	bool moved = !address_equal(&router->source, &board->own_address);
	if (router->ifindex != board->ifindex)
		router->next_other = MONO_PAST;
	router->source = board->own_address;
	router->ifindex = board->ifindex;
	follow_clock(router, board->auth_clock_us, now);
	if (group_hears_active(board, now))
		roster_active(&router->roster, &board->active_address, now);
	describe(group, index, board, now, &hello);
	if (moved || is_news(router, &hello) || mono_reached(now, group_hello_due(group, router)) ||
	    (router->answers && hello.state != VRRP_ACTIVE))
		send_hello(group, index, &hello, now);
	router->answers = false;
}

/* What is at a place of the board, if it is a router of ours. */
static bool read_place(
    const struct group *group, unsigned place, struct board_router *router, unsigned *index)
{
	if (!board_read_router(group->control->board, place, router))
		return false;
	for (*index = 0; *index < group->count; ++*index)
		if (router_id_equal(&group->routers[*index].id, &router->id))
			return true;
	return false;
}

void group_take_places(struct group *group)
{
	struct board_router router;
	unsigned index, places = atomic_load(&group->control->board->router_count);
	for (unsigned i = 0; i < places && i < BOARD_ROUTERS_MAX; i++) {
		if (!read_place(group, i, &router, &index))
			continue;
		group->routers[index].source = router.own_address;
		group->routers[index].ifindex = router.ifindex;
	}
}

void group_say(struct group *group, struct mono now)
{
	struct board_router router;
	unsigned index, places = atomic_load(&group->control->board->router_count);
	if (mono_reached(now, group->next_addresses)) {
		look_for_addresses(group);
		group->next_addresses = mono_add(now, ADDRESSES_EVERY_US);
	}
	for (unsigned i = 0; i < places && i < BOARD_ROUTERS_MAX; i++)
		if (read_place(group, i, &router, &index))
			look_at(group, index, &router, now);
}

/* The engine has no record of it: it has ended before us, or forgets this router. */
void group_take_leave(struct group *group, unsigned index, enum vrrp_reason why, struct mono now)
{
	struct hello hello = group->routers[index].ours;
	if (!hello.vrid)
		return;
	hello.state = VRRP_INITIALIZE;
	hello.candidate = hello.held = false;
	hello.leaving = true;
	hello.cause = (uint8_t)why;
	hello.state_ms = 0;
	snprintf(hello.cause_text, sizeof hello.cause_text, "%s",
	    why == VRRP_REASON_STOPPED ? "stopped" : "not in the configuration any more");
	send_hello(group, index, &hello, now);
}
