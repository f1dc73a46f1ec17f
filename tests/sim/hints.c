/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control tells its engine: whether it is next. From what a roster could know, or from none.
 */
#include "check.h"

#define HELLO_US (1 * USEC_PER_SEC)

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

void hints_hello(struct node *node)
{
	bool wrong = world.hints == HINTS_WRONG;
	happen(world.now + HELLO_US, HAPPENS_HELLO, node->number);
	if (!node->running || (wrong && random_chance(20)))
		return;
	bool next = wrong && random_chance(50) ? random_chance(50) : is_next(node);
	int64_t late_us = random_in(0, wrong ? 3 * HELLO_US : 50 * USEC_PER_MS);
	happen(world.now + late_us, HAPPENS_MESSAGE, node->number)->message =
	    (struct vrrp_event){.type = VRRP_EVENT_NEXT,
		.next_until = next ? node_at(node, world.now + 2 * HELLO_US) : MONO_PAST};
}
