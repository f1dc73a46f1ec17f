/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: it says in hellos how its router does, and tells its engine whether that is next. By the real
 * roster, from hellos that are lost, late and cut off like everything else; or by nothing but chance.
 */
#include <string.h>

#include "check.h"

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

/* A new agent; that of a dead engine goes on. */
void hints_forget(struct node *node)
{
	memset(&node->roster, 0, sizeof node->roster);
	memset(&node->ours, 0, sizeof node->ours);
}

static bool has_control(const struct node *node)
{
	return node->running || node->memory.known;
}

static struct hello describe(const struct node *node)
{
	const struct vrrp *vr = &node->vr;
	bool takes_part = vr->state == VRRP_BACKUP || vr->state == VRRP_ACTIVE;
	uint8_t priority = vrrp_effective_priority(vr);
	return (struct hello){.family = AF_INET6,
	    .vrid = VRID,
	    .node = {'n', (char)('0' + node->number)},
	    .boot = {(uint8_t)node->number},
	    .interval_ms = HELLO_US / USEC_PER_MS,
	    .state = vr->state,
	    .health = vr->health,
	    .priority = vr->params.priority,
	    .effective_priority = priority,
	    .drained = vr->drained,
	    .candidate = node->running && !node->stalls && takes_part && priority && !vr->drained,
	    .advert_interval_ms = (uint32_t)(vr->params.advert_interval_us / USEC_PER_MS)};
}

static void say(struct node *node, const struct hello *hello)
{
	unsigned place = world.said_count++ % SAID_MAX;
	node->ours = *hello;
	node->said_at = world.now;
	world.said[place] = *hello;
	world.said[place].number = (uint64_t)world.now + 1;
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

/* An engine that does not know of the last one's hint is told again; so is one that does. */
static void look(struct node *node)
{
	struct mono now = node_at(node, world.now);
	struct roster_news news;
	struct hello hello = describe(node);
	while (roster_expire(&node->roster, now, world.now, &news))
		;
	if (node->running && node->vr.state == VRRP_BACKUP && node->vr.heard)
		roster_active(&node->roster, &node->vr.active_address, now);
	hello.number = node->ours.number;
	if (memcmp(&hello, &node->ours, sizeof hello) != 0 || world.now - node->said_at >= HELLO_US)
		say(node, &hello);
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
	if (has_control(node) && kernel_carries(node, FAMILY_ELECTED) &&
	    roster_hear(&node->roster, &world.nodes[hello->boot[0]].address, hello, node_at(node, world.now),
		world.now, &news) == HELLO_OK &&
	    news.changed)
		look(node);
}

void hints_look(struct node *node, bool again)
{
	if (again)
		happen(world.now + (world.hints == HINTS_WRONG ? HELLO_US : LOOK_US), HAPPENS_LOOK,
		    node->number);
	if (world.hints == HINTS_WRONG)
		tell_anything(node);
	else if (has_control(node) && !node->old)
		look(node);
}

/* The engine has done something: the others hear of it at once. */
void hints_changed(const struct node *node, const struct vrrp *before)
{
	if (world.hints == HINTS_ROSTER &&
	    (before->state != node->vr.state || before->health != node->vr.health ||
		before->drained != node->vr.drained))
		happen(world.now + random_in(0, SOON_US), HAPPENS_LOOK, node->number)->index = 1;
}
