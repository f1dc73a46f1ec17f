/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of one seed: the group, and what happens to it.
 *
 * The plan is drawn before anything runs, so that a run with only the first faults of a plan is the same run
 * up to there.
 */
#include "sim.h"

static const char *const names[FAULTS] = {
    [FAULT_PARTITION] = "partition",
    [FAULT_CUT] = "one-way cut",
    [FAULT_FAMILY] = "partition of one family",
    [FAULT_LOSS] = "loss",
    [FAULT_REORDER] = "reordering",
    [FAULT_DOUBLE] = "duplicates",
    [FAULT_STALL] = "stall",
    [FAULT_CRASH] = "engine crash",
    [FAULT_KILL] = "kill of everything",
    [FAULT_REBOOT] = "reboot",
    [FAULT_STOP] = "stop",
    [FAULT_DRAIN] = "drain",
    [FAULT_SICK] = "failing health check",
    [FAULT_ALL_SICK] = "failing health checks everywhere",
    [FAULT_LOWERED] = "failing check with a weight",
    [FAULT_CARRIER] = "carrier lost",
    [FAULT_ADMIN_DOWN] = "link down",
    [FAULT_REFUSE] = "kernel refuses",
    [FAULT_REMOVE_ADDRESS] = "address removed by hand",
    [FAULT_REMOVE_EARLY] = "addresses removed as they come",
    [FAULT_ADD_ADDRESS] = "address added by hand",
    [FAULT_NOTICES_LOST] = "notices of the kernel lost",
    [FAULT_PRIORITY] = "reload",
    [FAULT_FOREIGN_NA] = "foreign announcement",
    [FAULT_FOREIGN_HOLDER] = "somebody else has the address",
    [FAULT_MAC] = "another MAC",
    [FAULT_LOCK] = "kernel busy",
    [FAULT_RIVAL] = "somebody answers every announcement",
    [FAULT_FORGED] = "forged resignation",
    [FAULT_INTERVAL] = "another interval, node by node",
    [FAULT_FLAPPING] = "checks that answer at random",
    [FAULT_LACK] = "an interface without one family",
    [FAULT_CONTROL] = "restart of control",
};

const char *fault_name(enum fault_type type)
{
	return names[type];
}

/* ---- the group ---- */

static uint8_t draw_priority(unsigned kind, unsigned i)
{
	switch (kind) {
	case 0: return VRRP_PRIORITY_DEFAULT;
	case 1: return (uint8_t)(VRRP_PRIORITY_MAX - 10 * i);
	case 2: return (uint8_t)(100 + random_in(0, 2));
	default: return (uint8_t)random_in(VRRP_PRIORITY_MIN, VRRP_PRIORITY_MAX);
	}
}

static int64_t draw_interval(void)
{
	static const int64_t some_ms[] = {10, 10, 20, 30, 50, 100, 100, 100, 100, 200, 500, 1000};
	return some_ms[random_in(0, sizeof some_ms / sizeof some_ms[0] - 1)] * USEC_PER_MS;
}

static void draw_node(struct node *node, unsigned i, int64_t interval_us, bool old)
{
	node->number = i;
	node->address = world.seed % 2 ? address_of_bytes((const uint8_t[]){10, 0, 0, 0}, 4)
				       : (struct address){.in6.s6_addr = {0xfe, 0x80}};
	node->address.in6.s6_addr[14] = (uint8_t)random_in(0, 255);
	node->address.in6.s6_addr[15] = (uint8_t)(i + 1);
	node->params.advert_interval_us = interval_us;
	node->params.address_count = world.address_count;
	node->params.lease_us = world.lease_us;
	node->has_checks = random_chance(60);
	node->checks = VRRP_HEALTHY;
	node->old = old && random_chance(50);
	node->offset_us = random_in(1, 1000) * USEC_PER_SEC;
	node->kernel.slow = random_chance(8);
	node->kernel.parts_since = NEVER;
	node->wake_at = NEVER;
}

/* The first address says in which family the election is. By the seed, so that the other seeds draw what they
 * draw. */
static void draw_families(void)
{
	bool both = world.seed % 8 == 1 || world.seed % 8 == 2;
	if (both && world.address_count == 1)
		world.address_count = 2;
	world.all_addresses = (UINT32_C(1) << world.address_count) - 1;
	if (both)
		world.other_addresses =
		    world.address_count == 2 ? 2 : 2 * (1 + (uint32_t)(world.seed / 8 % 3));
}

void plan_group(uint64_t seed)
{
	world.seed = world.random = seed;
	world.node_count = (unsigned)random_in(2, NODES_MAX);
	world.address_count = (unsigned)(random_chance(70) ? 1 : random_in(2, 3));
	draw_families();
	world.lease_us = random_chance(15) ? 0 : random_in(1, 3) * USEC_PER_SEC;
	world.interval_us = draw_interval();
	bool mixed = random_chance(5) && world.interval_us <= 200 * USEC_PER_MS;
	bool old = random_chance(15); /* an upgrade is under way */
	unsigned priorities = (unsigned)random_in(0, 3);
	unsigned preempt = random_chance(60) ? 100 : random_chance(50) ? 0 : 50;
	unsigned resign = random_chance(70) ? 0 : random_chance(60) ? 100 : 50;
	int64_t preempt_delay = random_chance(80) ? 0 : world.interval_us * random_in(1, 20);
	int64_t start_delay = random_chance(85) ? 0 : world.interval_us * random_in(1, 30);
	bool clocks_differ = random_chance(70);
	unsigned waiting = random_chance(60) ? 0 : random_chance(60) ? 100 : 50;
	for (unsigned i = 0; i < world.node_count; i++) {
		struct node *node = &world.nodes[i];
		int64_t times = mixed && i ? random_in(1, 3) : 1;
		draw_node(node, i, world.interval_us * times, old);
		world.has_old |= node->old;
		node->params.priority = draw_priority(priorities, i);
		node->params.preempt = random_chance(preempt);
		node->params.preempt_delay_us = preempt_delay;
		node->params.start_delay_us = start_delay;
		node->params.resign_unhealthy = random_chance(resign);
		node->params.wait_if_occupied = random_chance(waiting);
		node->rate = clocks_differ ? random_in(RATE_ONE * 9 / 10, RATE_ONE * 11 / 10) : RATE_ONE;
	}
	for (unsigned i = 0; i < world.node_count; i++)
		if (world.nodes[i].params.advert_interval_us > world.interval_us)
			world.interval_us = world.nodes[i].params.advert_interval_us;
	world.net.delay_us = random_chance(70) ? 200 : random_in(200, 3000);
	world.net.double_percent = random_chance(20) ? 10 : 0;
	world.hints = random_chance(40) ? HINTS_NONE : random_chance(50) ? HINTS_ROSTER : HINTS_WRONG;
}

/* ---- the faults ---- */

/* Mostly close together: what has not settled yet is where mistakes are. */
static int64_t draw_gap(void)
{
	int64_t interval = world.interval_us;
	if (random_chance(40))
		return random_in(0, 2 * interval);
	if (random_chance(50))
		return random_in(0, 12 * interval);
	return 16 * interval + USEC_PER_SEC / 2 + random_in(0, 4 * interval);
}

static int64_t draw_duration(enum fault_type type)
{
	int64_t interval = world.interval_us;
	if (type == FAULT_FOREIGN_HOLDER || type == FAULT_RIVAL)
		return random_in(0, 6 * USEC_PER_SEC);
	if (type == FAULT_LOCK)
		return random_in(0, 2900 * USEC_PER_MS);
	if (type == FAULT_CRASH && random_chance(60))
		return random_in(interval / 10, interval * 13 / 10);
	if ((type == FAULT_STOP || type == FAULT_DRAIN || type == FAULT_SICK || type == FAULT_LOWERED ||
		type == FAULT_KILL) &&
	    random_chance(30))
		return NEVER;
	if (random_chance(30))
		return random_in(interval / 10, 2 * interval);
	return random_in(interval, random_chance(70) ? 8 * interval : 40 * interval);
}

static void draw_fault(struct fault *fault, int64_t at)
{
	fault->type = (enum fault_type)random_in(0, FAULT_FLAPPING - 1);
	fault->at = at;
	fault->duration_us = draw_duration(fault->type);
	fault->node = random_chance(55) ? NODES_MAX : (unsigned)random_in(0, world.node_count - 1);
	fault->mask = (unsigned)random_u64(&world.random);
	fault->amount = (unsigned)random_in(1, 100);
}

/* Three servers that answer every second time, and nothing else: the penalties are long. */
static bool plan_flapping(void)
{
	if (world.interval_us < 100 * USEC_PER_MS || world.node_count != 3 || !random_chance(12))
		return false;
	world.fault_count = 1;
	world.faults[0] =
	    (struct fault){.type = FAULT_FLAPPING, .at = USEC_PER_SEC, .duration_us = FLAPPING_US};
	for (unsigned i = 0; i < world.node_count; i++) {
		world.nodes[i].has_checks = true;
		world.nodes[i].old = false;
	}
	return true;
}

/*
 * While the group is in two halves every server is drained by force, so each half keeps the address; then it
 * heals. By the seed, so that the other seeds draw what they draw.
 */
static bool plan_drained_halves(void)
{
	if (world.seed % 16 != 3)
		return false;
	int64_t interval = world.interval_us;
	/* There must have been a holder. */
	int64_t at = 12 * interval + 5 * USEC_PER_SEC + world.nodes[0].params.start_delay_us * 112 / 100;
	world.fault_count = world.node_count + 1;
	world.faults[0] = (struct fault){.type = FAULT_PARTITION,
	    .at = at,
	    .duration_us = random_in(20, 60) * interval,
	    .mask = (unsigned)random_in(1, (1 << world.node_count) - 2)};
	for (unsigned i = 0; i < world.node_count; i++)
		world.faults[i + 1] = (struct fault){.type = FAULT_DRAIN,
		    .at = at + random_in(0, 15 * interval),
		    .duration_us = NEVER,
		    .node = i};
	world.never_nobody = true;
	return true;
}

void plan_faults(void)
{
	if (plan_drained_halves() || plan_flapping())
		return;
	int64_t at = random_chance(30) ? 0 : 12 * world.interval_us + USEC_PER_SEC / 2;
	if (world.hints == HINTS_ROSTER && at) /* it has to be old enough to say anything */
		at += 4 * USEC_PER_SEC;
	world.fault_count = (unsigned)random_in(1, FAULTS_MAX);
	for (unsigned i = 0; i < world.fault_count; i++) {
		at += draw_gap();
		draw_fault(&world.faults[i], at);
	}
	for (unsigned i = 0; i < world.fault_count && world.other_addresses; i++)
		if (random_chance(8) && world.faults[i].duration_us != NEVER)
			world.faults[i].type = FAULT_LACK;
	for (unsigned i = 0; i < world.fault_count && world.hints == HINTS_ROSTER; i++)
		if (random_chance(10) && world.faults[i].duration_us != NEVER)
			world.faults[i].type = FAULT_CONTROL;
	if (random_chance(15)) { /* there before anybody else */
		world.faults[0].type = FAULT_FOREIGN_HOLDER;
		world.faults[0].at = 0;
		world.faults[0].duration_us = draw_duration(FAULT_FOREIGN_HOLDER);
	}
}
