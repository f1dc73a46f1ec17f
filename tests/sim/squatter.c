/*
 * Somebody who has the address and does not speak VRRP, and how a node finds him: a model of
 * agent/engine/conflict.c. He answers who asks him, and says nothing else but one word when he comes, and
 * not always that.
 */
#include "sim.h"

#define ASK_AFTER_INTERVALS 2
#define ASK_START_US	    (500 * USEC_PER_MS)
#define ASK_ACTIVE_US	    (10 * USEC_PER_SEC)
#define ASK_CONFLICT_US	    (1 * USEC_PER_SEC)
#define KEEP_START_US	    (1750 * USEC_PER_MS)
#define KEEP_US		    (3500 * USEC_PER_MS)

void squatter_announces(void)
{
	net_send(ALIEN, &(struct packet){.type = PACKET_NA, .from = ALIEN}, world.now, -1);
}

/* By a node's question that leaves at that time. */
static void asked(const struct node *by, int64_t at)
{
	bool heard = world.squatters && kernel_link_up(by) && !world.net.cut[by->number][ALIEN] &&
		     !random_chance(world.net.loss_percent);
	if (heard)
		net_send(ALIEN, &(struct packet){.type = PACKET_NA, .from = ALIEN, .answer = true},
		    at + random_in(20, world.net.delay_us), (int)by->number);
}

static bool is_start(const struct node *node)
{
	return node->vr.state == VRRP_BACKUP && !node->vr.met;
}

void conflict_reset(struct node *node)
{
	node->conflict = (struct conflict){.ask = MONO_NEVER, .until = MONO_NEVER};
}

void conflict_schedule(struct node *node, struct mono now)
{
	struct conflict *conflict = &node->conflict;
	conflict->asked = false;
	conflict->ask = MONO_NEVER;
	if (is_start(node))
		conflict->ask = mono_add(now, ASK_AFTER_INTERVALS * node->params.advert_interval_us);
	else if (node->vr.state == VRRP_ACTIVE)
		conflict->ask = mono_add(now, ASK_CONFLICT_US);
}

static void set_occupied(struct node *node, struct mono now, bool occupied)
{
	if (node->conflict.occupied == occupied)
		return;
	node->conflict.occupied = occupied;
	tell(node, occupied ? "occupied" : "vacant");
	node_step(node, now, &(struct vrrp_event){.type = VRRP_EVENT_OCCUPIED, .occupied = occupied});
}

void conflict_announced(struct node *node, struct mono now)
{
	bool active = node->vr.state == VRRP_ACTIVE;
	if (!node->conflict.asked || (!active && !is_start(node)))
		return;
	node->conflict.until = mono_add(now, active ? KEEP_US : KEEP_START_US);
	if (active)
		node->conflict.ask = mono_min(node->conflict.ask, mono_add(now, ASK_CONFLICT_US));
	set_occupied(node, now, true);
}

void conflict_timers(struct node *node, struct mono now)
{
	struct conflict *conflict = &node->conflict;
	int64_t active_us = conflict->occupied ? ASK_CONFLICT_US : ASK_ACTIVE_US;
	if (mono_reached(now, conflict->until)) {
		conflict->until = MONO_NEVER;
		set_occupied(node, now, false);
	}
	if (mono_reached(now, conflict->ask)) {
		bool active = node->vr.state == VRRP_ACTIVE;
		node->pending.ask = conflict->asked = active || is_start(node);
		conflict->ask =
		    node->pending.ask ? mono_add(now, active ? active_us : ASK_START_US) : MONO_NEVER;
	}
}

void conflict_ask(struct node *node)
{
	if (node->pending.ask && node->vr.link_up)
		asked(node, node->cursor += random_in(5, 15));
	node->pending.ask = false;
}
