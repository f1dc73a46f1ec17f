/*
 * A node's kernel: addresses with leases, a link, and notices of what changed.
 *
 * A request takes its time inside the turn of the engine that makes it, and happens when that time is over:
 * in between the others see the node as it was.
 */
#include <errno.h>

#include "sim.h"

bool kernel_link_up(const struct node *node)
{
	return !node->kernel.carrier_lost && !node->kernel.admin_down;
}

void kernel_notify(struct node *node, const struct notice *notice)
{
	if (!node->running)
		return;
	if (node->notice_count == NOTICES) {
		node->notice_count = 0;
		node->resync = true;
	} else {
		node->notices[node->notice_count++] = *notice;
	}
	node_wake(node, world.now + random_in(10, 80));
}

/* 15 to 50 us, now and then some ms. */
static int64_t duration(const struct node *node)
{
	if (node->kernel.slow)
		return random_in(1000, 6000);
	return random_chance(2) ? random_in(500, 4000) : random_in(15, 50);
}

static void request(struct node *node, enum happening_type type, unsigned index)
{
	node->cursor += duration(node);
	struct happening *done = happen(node->cursor, type, node->number);
	done->index = index;
	done->incarnation = node->incarnation;
}

int kernel_request_add(struct node *node, unsigned index)
{
	if (node->kernel.refusing)
		return EPERM;
	if (node->kernel.admin_down)
		return ENETDOWN;
	request(node, HAPPENS_ADD, index);
	return 0;
}

void kernel_request_remove(struct node *node, unsigned index)
{
	request(node, HAPPENS_REMOVE, index);
}

/* The kernel and its engine have the same clock. */
static int64_t lease_of(const struct node *node)
{
	return world.lease_us * RATE_ONE / node->rate;
}

/* A worker thread of the kernel tells of a new address, unless it has gone meanwhile. */
void kernel_confirmed(struct node *node, unsigned index)
{
	uint32_t bit = UINT32_C(1) << index;
	if (!(node->kernel.untold & bit))
		return;
	node->kernel.untold &= ~bit;
	kernel_notify(node, &(struct notice){.type = NOTICE_ADDRESS, .index = index});
}

void kernel_added(struct node *node, unsigned index)
{
	uint32_t bit = UINT32_C(1) << index;
	if (node->kernel.admin_down)
		return;
	if (!(node->kernel.addresses & bit)) {
		node->kernel.untold |= bit;
		if (node->kernel.snatching && random_chance(50))
			happen(world.now + random_in(1, 9), HAPPENS_SNATCH, node->number)->index = index;
	}
	node->kernel.addresses |= bit;
	node->kernel.expires[index] = NEVER;
	if (world.lease_us) {
		node->kernel.expires[index] = world.now + lease_of(node);
		happen(node->kernel.expires[index], HAPPENS_EXPIRY, node->number)->index = index;
	}
	happen(world.now + random_in(10, 80), HAPPENS_CONFIRM, node->number)->index = index;
	if (!(node->kernel.untold & bit))
		kernel_notify(node, &(struct notice){.type = NOTICE_ADDRESS, .index = index});
}

void kernel_removed(struct node *node, unsigned index)
{
	uint32_t bit = UINT32_C(1) << index;
	if (!(node->kernel.addresses & bit))
		return;
	node->kernel.addresses &= ~bit;
	node->kernel.untold &= ~bit;
	node->kernel.expires[index] = NEVER;
	kernel_notify(node, &(struct notice){.type = NOTICE_ADDRESS_GONE, .index = index});
}

void kernel_expired(struct node *node, unsigned index)
{
	if (!(node->kernel.addresses & UINT32_C(1) << index) || node->kernel.expires[index] != world.now)
		return;
	tell(node, "the lease of address %u is over", index);
	int64_t awake =
	    world.now - (node->stalled_at > node->started_at ? node->stalled_at : node->started_at);
	if (node->running && !node->stalls && node->vr.state == VRRP_ACTIVE && awake > lease_of(node) &&
	    !node->kernel.refusing)
		violate("node %u loses the address to its lease although it runs", node->number);
	check_disturbed(false);
	kernel_removed(node, index);
}

void kernel_link_changed(struct node *node)
{
	if (node->kernel.admin_down)
		for (unsigned i = 0; i < world.address_count; i++)
			kernel_removed(node, i);
	kernel_notify(
	    node, &(struct notice){.type = NOTICE_LINK, .up = kernel_link_up(node), .mac = node->kernel.mac});
}
