/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: it says in hellos how its router does, and tells its engine whether that is next. By the real
 * roster, from hellos that are lost, late and cut off like everything else; or by nothing but chance.
 */
#include <string.h>

#include "account.h"
#include "vipd/board.h"
#include "vipd/timing.h"

#define LOOK_US	 (500 * USEC_PER_MS)
#define HELLO_US (1 * USEC_PER_SEC)
#define SOON_US	 (20 * USEC_PER_MS) /* until control has seen what the engine has done */
#define KNOWN_US (4 * USEC_PER_SEC) /* after which everybody knows everything: a hello may have been lost */

static bool is_better(const struct node *a, const struct node *b)
{
	uint8_t one = priority_of(&a->vr), other = priority_of(&b->vr);
	return one > other || (one == other && address_compare(&a->address, &b->address) > 0);
}

static bool is_next(const struct node *node)
{
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *other = &world.nodes[i];
		if (other == node || !check_is_candidate(other) || other->vr.state == VRRP_ACTIVE)
			continue;
		if (!is_better(node, other))
			return false;
	}
	return check_is_candidate(node);
}

static void tell_next(struct node *node, struct mono until, int64_t late_us)
{
	happen(world.now + late_us, HAPPENS_MESSAGE, node->number)->message =
	    (struct vrrp_event){.type = VRRP_EVENT_NEXT, .next_until = until};
}

/* ---- anything ---- */

static void tell_anything(struct node *node)
{
	bool next = random_chance(50) ? random_chance(50) : is_next(node);
	if (node->running && !random_chance(20))
		tell_next(node, next ? node_at(node, world.now + 2 * HELLO_US) : MONO_PAST,
		    random_in(0, 3 * HELLO_US));
}

/* ---- what the roster knows ---- */

/* That of a dead engine goes on. */
bool hints_has_control(const struct node *node)
{
	return (node->running || node->memory.known) && !node->away;
}

/* Whose adverts the board says that the engine hears. */
const struct address *hints_active(const struct node *node)
{
	const struct vrrp *vr = &node->vr;
	int64_t interval_us =
	    vr->learned_interval_us ? vr->learned_interval_us : vr->params.advert_interval_us;
	bool hears = vr->state != VRRP_ACTIVE && vr->heard &&
		     mono_sub(node_now(node), vr->heard_at) < vrrp_silence_limit(interval_us);
	return hears ? &vr->active_address : NULL;
}

static struct hello describe(const struct node *node)
{
	const struct vrrp *vr = &node->vr;
	bool takes_part = vr->state == VRRP_BACKUP || vr->state == VRRP_ACTIVE;
	uint8_t priority = vrrp_effective_priority(vr);
	bool responds = node->running && !node->stalls;
	int64_t silent_us = responds ? 0 : world.now - node->beat_at;
	bool engine_up = silent_us <= BOARD_HEARTBEAT_MAX_US;
	int64_t age_us = engine_up ? mono_sub(node_now(node), accounts[node->number].state_since) : silent_us;
	return (struct hello){.family = AF_INET6,
	    .vrid = VRID,
	    .node = {'n', (char)('0' + node->number)},
	    .boot = {(uint8_t)node->number, node->boots},
	    .interval_ms = HELLO_US / USEC_PER_MS,
	    .state = engine_up ? vr->state : VRRP_FAULT,
	    .cause = engine_up ? (uint8_t)vr->reason : VRRP_REASON_LATE,
	    .state_ms = (uint32_t)(age_us / USEC_PER_MS),
	    .health = vr->health,
	    .priority = vr->params.priority,
	    .effective_priority = priority,
	    .drained = vr->drained,
	    .candidate = responds && takes_part && priority && !vr->drained,
	    .advert_interval_ms = (uint32_t)(vr->params.advert_interval_us / USEC_PER_MS)};
}

static void say(struct node *node, const struct hello *hello)
{
	unsigned place = world.said_count++ % SAID_MAX;
	node->ours = *hello;
	node->said_at = world.now;
	world.said[place] = *hello;
	world.said[place].number = (uint64_t)world.now + 1;
	world.said_from[place] = node->address;
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *other = &world.nodes[i];
		if (other == node || !kernel_carries(node, FAMILY_ELECTED) ||
		    !kernel_carries(other, FAMILY_ELECTED) || world.net.cut[PACKET_ADVERT][node->number][i] ||
		    random_chance(world.net.loss_percent))
			continue;
		happen(world.now + random_in(20, world.net.delay_us) + world.net.reorder_us, HAPPENS_HEARD, i)
		    ->index = place;
	}
}

static bool is_news(const struct node *node, const struct hello *hello)
{
	struct hello before = node->ours;
	before.number = hello->number;
	before.state_ms = hello->state_ms;
	return memcmp(&before, hello, sizeof before) != 0;
}

/* It stops, and says so. */
void hints_leave(struct node *node)
{
	struct hello hello = node->ours;
	if (world.hints != HINTS_ROSTER || node->old || node->away)
		return;
	account_look(node);
	hello.state = VRRP_INITIALIZE;
	hello.candidate = false;
	hello.leaving = true;
	hello.cause = VRRP_REASON_STOPPED;
	hello.state_ms = 0;
	if (hello.vrid)
		say(node, &hello);
}

/* An engine that does not know of the last one's hint is told again; so is one that does. */
static void look(struct node *node)
{
	struct mono now = node_at(node, world.now);
	struct roster_news news;
	struct hello hello = describe(node);
	while (roster_expire(&node->roster, now, world.now, &news))
		account_lose(node, &news.source);
	const struct address *active = hints_active(node);
	if (active)
		roster_active(&node->roster, active, now);
	if (is_news(node, &hello) || world.now - node->said_at >= HELLO_US)
		say(node, &hello);
	account_look(node);
	struct mono until = roster_hint(&node->roster, &node->ours, &node->address, now);
	bool all_know = check_is_calm() && world.now - world.disturbed_at > KNOWN_US;
	if (!mono_reached(now, until) && all_know && !world.has_old && !is_next(node))
		violate("the roster of node %u says that it is next, and another one is", node->number);
	if (node->running)
		tell_next(node, until, random_in(0, 50 * USEC_PER_MS));
}

void hints_heard(struct node *node, unsigned place)
{
	const struct hello *hello = &world.said[place];
	struct roster_news news;
	if (node->old || !hints_has_control(node) || !kernel_carries(node, FAMILY_ELECTED) ||
	    roster_hear(&node->roster, &world.said_from[place], hello, node_now(node), world.now, &news) !=
		HELLO_OK)
		return;
	account_hear(node, &world.said_from[place], hello);
	if (news.changed)
		look(node);
}

void hints_look(struct node *node, bool again)
{
	if (again)
		happen(world.now + (world.hints == HINTS_WRONG ? HELLO_US : LOOK_US), HAPPENS_LOOK,
		    node->number);
	if (world.hints == HINTS_WRONG)
		tell_anything(node);
	else if (hints_has_control(node) && !node->old)
		look(node);
}

/* The engine has done something: the others hear of it at once. */
void hints_changed(const struct node *node, const struct vrrp *before)
{
	if (world.hints == HINTS_ROSTER && before->state != node->vr.state)
		account_moved(node);
	if (world.hints == HINTS_ROSTER &&
	    (before->state != node->vr.state || before->health != node->vr.health ||
		before->drained != node->vr.drained))
		happen(world.now + random_in(0, SOON_US), HAPPENS_LOOK, node->number)->index = 1;
}
