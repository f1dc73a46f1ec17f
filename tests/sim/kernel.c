/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's kernel: addresses with leases, a link, and notices of what changed.
 *
 * Requests are made by a process of their own, one after the other and always the latest: the engine never
 * waits. A request takes its time, and happens when that is over; it takes longer while somebody else's holds
 * the kernel's lock.
 */
#include <errno.h>
#include <string.h>

#include "sim.h"

bool kernel_link_up(const struct node *node)
{
	return !node->kernel.carrier_lost && !node->kernel.admin_down;
}

uint32_t family_addresses(unsigned family)
{
	return family == FAMILY_OTHER ? world.other_addresses : world.all_addresses & ~world.other_addresses;
}

bool kernel_carries(const struct node *node, unsigned family)
{
	return kernel_link_up(node) && !node->kernel.lacks[family];
}

static bool is_lacked(const struct node *node, unsigned index)
{
	return node->kernel.lacks[world.other_addresses >> index & 1 ? FAMILY_OTHER : FAMILY_ELECTED];
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

/* Requests go address by address: first what must go, then what must come. */
static unsigned places(void)
{
	return 2 * world.address_count;
}

static unsigned index_at(unsigned place)
{
	return place < world.address_count ? place : place - world.address_count;
}

static bool is_idle_place(const struct request *request, unsigned place)
{
	uint32_t bit = UINT32_C(1) << index_at(place);
	bool adds = place >= world.address_count;
	return adds ? !(request->wanted & bit) : (request->wanted | request->shared) & bit;
}

/* What is next takes its time, and happens when that is over. */
static void go_on(struct node *node)
{
	struct kernel *kernel = &node->kernel;
	while (kernel->place < places() && is_idle_place(&kernel->running, kernel->place))
		kernel->place++;
	happen(world.now + (kernel->place < places() ? duration(node) : 0), HAPPENS_REQUEST, node->number)
	    ->incarnation = node->incarnation;
}

/* What the engine wants now; the address that is under way is carried out first. */
static void start(struct node *node)
{
	struct kernel *kernel = &node->kernel;
	if (!kernel->asked || kernel->working || kernel->locked)
		return;
	kernel->running = kernel->next;
	kernel->place = 0;
	kernel->asked = false;
	kernel->working = true;
	go_on(node);
}

void kernel_request(struct node *node)
{
	struct kernel *kernel = &node->kernel;
	kernel->next = (struct request){
	    .number = node->vr.request, .wanted = vrrp_wanted(&node->vr), .shared = node->vr.shared};
	memcpy(kernel->next.remove, node->vr.remove, sizeof kernel->next.remove);
	kernel->asked = true;
	start(node);
}

static int try_to_add(struct node *node, unsigned index)
{
	if (node->kernel.refusing)
		return EPERM;
	if (node->kernel.admin_down)
		return ENETDOWN;
	if (is_lacked(node, index))
		return EACCES;
	kernel_added(node, index);
	return 0;
}

static int carry_out(struct node *node, unsigned place)
{
	unsigned index = index_at(place);
	if (place >= world.address_count)
		return try_to_add(node, index);
	kernel_removed(node, index);
	return 0;
}

/* A newer request replaces the additions that are left. What was under way when an engine died is carried out
 * all the same, and nobody hears of it. */
void kernel_requested(struct node *node)
{
	struct kernel *kernel = &node->kernel;
	struct vrrp_event answer = {.type = VRRP_EVENT_ANSWER,
	    .answer.number = kernel->running.number,
	    .index = index_at(kernel->place)};
	if (kernel->locked) { /* it has come to the lock, and waits */
		happen(kernel->unlocked_at, HAPPENS_REQUEST, node->number)->incarnation = node->incarnation;
		return;
	}
	bool replaced = kernel->place >= world.address_count && kernel->asked;
	if (!replaced && kernel->place < places()) {
		answer.answer.error = carry_out(node, kernel->place++);
		if (!answer.answer.error) {
			go_on(node);
			return;
		}
	}
	kernel->working = false;
	if (answer.answer.error)
		tell(node, "address %u refused", answer.index);
	if (!replaced)
		node_message(node, &answer);
	start(node);
}

void kernel_unlock(struct node *node)
{
	if (node->kernel.locked)
		return;
	start(node);
	for (unsigned i = 0; i < world.address_count; i++)
		if (node->kernel.expires[i] <= world.now)
			happen(world.now + random_in(0, 100), HAPPENS_EXPIRY, node->number)->index = i;
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
	if (node->kernel.admin_down || is_lacked(node, index))
		return;
	if (!(node->kernel.addresses & bit)) {
		node->kernel.untold |= bit;
		if (node->kernel.removing_early && random_chance(50))
			happen(world.now + random_in(1, 9), HAPPENS_REMOVE_EARLY, node->number)->index =
			    index;
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
	if (!(node->kernel.addresses & UINT32_C(1) << index) || node->kernel.expires[index] > world.now)
		return;
	if (node->kernel.locked) /* the kernel needs its lock for that, too */
		return;
	tell(node, "the lease of address %u is over", index);
	int64_t awake =
	    world.now - (node->stalled_at > node->started_at ? node->stalled_at : node->started_at);
	if (node->running && !node->stalls && node->vr.state == VRRP_ACTIVE && awake > lease_of(node) &&
	    !node->kernel.refusing && node->kernel.unlocked_at < world.now - lease_of(node))
		violate("node %u loses the address to its lease although it runs", node->number);
	check_disturbed(false);
	kernel_removed(node, index);
}

void kernel_link_changed(struct node *node)
{
	for (unsigned i = 0; i < world.address_count; i++)
		if (node->kernel.admin_down || is_lacked(node, i))
			kernel_removed(node, i);
	kernel_notify(node,
	    &(struct notice){
		.type = NOTICE_LINK, .up = kernel_carries(node, FAMILY_ELECTED), .mac = node->kernel.mac});
}
