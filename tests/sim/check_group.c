/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true of the group after every happening, and when it has been quiet for long enough.
 */
#include "account.h"

#define CLOCKS(us) ((us)*112 / 100)			   /* measured by the slowest clock */
#define LINGER_US  (28 * USEC_PER_MS)			   /* the 25 ms of the design by the slowest clock */
#define WORK_US	   (6 * USEC_PER_MS * world.address_count) /* of a slow kernel */
#define SLACK_US   (25 * USEC_PER_MS)			   /* wakeups, kernels, network */
#define ANNOUNCED_US                                                                                         \
	(2300 * USEC_PER_MS) /* an answer that was put off, and the schedule of announcements                \
			      */

bool check_is_candidate(const struct node *node)
{
	bool plays = node->vr.state == VRRP_BACKUP || node->vr.state == VRRP_ACTIVE;
	return node->running && !node->stalls && kernel_carries(node, FAMILY_ELECTED) && plays &&
	       stands(&node->vr) && !is_waiting(node);
}

/* The address is on its interface, and an engine answers for that. */
static bool has_address(const struct node *node, uint32_t which)
{
	return kernel_link_up(node) && (node->kernel.addresses & which) == which;
}

int check_holder(void)
{
	int holder = -1;
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];
		if (!node->running || !has_address(node, world.all_addresses) ||
		    node->vr.state != VRRP_ACTIVE)
			continue;
		if (holder >= 0)
			return -1;
		holder = (int)i;
	}
	return holder;
}

/* Within this time after a disturbance somebody holds the address: Active_Down_Interval and Skew_Time. */
static int64_t bound_of_takeover(void)
{
	return CLOCKS(4 * world.interval_us) + SLACK_US;
}

/* And within this the right one: after a first takeover a better router may preempt, or a tie is broken. */
static int64_t bound_of_election(void)
{
	return 2 * bound_of_takeover() + CLOCKS(HANDOVER_MAX_US(world.interval_us)) + 2 * SLACK_US;
}

/* Since when nothing has happened that could move anything. */
static int64_t quiet_since(void)
{
	int64_t at = world.disturbed_at;
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];
		int64_t preempts = node_when(node, node->vr.preempt_after);
		if (node->running && preempts > at)
			at = preempts;
	}
	return at;
}

bool check_is_calm(void)
{
	return !world.faults_active && world.now - quiet_since() > bound_of_election();
}

bool check_is_known(void)
{
	return check_is_calm() && world.now - quiet_since() > bound_of_election() + 2 * ANNOUNCED_US;
}

void check_disturbed_until(int64_t at)
{
	if (at > world.disturbed_at)
		world.disturbed_at = at;
}

void check_disturbed(bool gentle)
{
	world.gentle = gentle && check_is_calm() && check_holder() >= 0;
	world.frozen = false;
	check_disturbed_until(world.now);
}

static void check_existence(void)
{
	unsigned candidates = 0, holders = 0;
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];
		candidates += check_is_candidate(node);
		holders += has_address(node, world.all_addresses);
	}
	if (!candidates || holders || world.faults_active)
		return;
	if (world.gentle)
		violate("a moment without a holder although nothing broke");
	if (world.now - world.disturbed_at > bound_of_takeover())
		violate("nobody holds the address for longer than Active_Down_Interval");
}

/* What somebody put back while it was being removed goes a second later. */
static bool is_to_clear(const struct node *node)
{
	int64_t at = node_when(node, node->vr.clear_at);
	return at != NEVER && at >= world.now - SLACK_US && at - world.now <= CLOCKS(USEC_PER_SEC);
}

/* Of the address that most of them have. */
static unsigned count_holders(unsigned *active)
{
	unsigned most = 0;
	for (unsigned a = 0; a < world.address_count; a++) {
		unsigned holders = 0, actives = 0;
		for (unsigned i = 0; i < world.node_count; i++) {
			const struct node *node = &world.nodes[i];
			bool holds =
			    node->running && has_address(node, UINT32_C(1) << a) && !is_to_clear(node);
			holders += holds;
			actives += holds && node->vr.state == VRRP_ACTIVE;
		}
		if (holders > most) {
			most = holders;
			*active = actives;
		}
	}
	return most;
}

static void check_uniqueness(void)
{
	unsigned active = 0, holders = count_holders(&active);
	if (holders < 2 || world.faults_active) {
		world.two_since = NEVER;
		return;
	}
	if (world.two_since == NEVER)
		world.two_since = world.now;
	int64_t since = world.two_since > world.disturbed_at ? world.two_since : world.disturbed_at;
	/* Without an Active all of them are leaving, one after the other. */
	int64_t bound =
	    active ? CLOCKS(world.interval_us) + LINGER_US : CLOCKS(HANDOVER_MAX_US(world.interval_us));
	if (world.now - since > bound + SLACK_US)
		violate("%u nodes hold the address for too long", holders);
}

/* Addresses of both families are never apart for longer than its kernel takes to bring or remove the rest.
 * Who hands over brings back nothing that it loses meanwhile. */
static bool may_have_parts(const struct node *node)
{
	const struct kernel *kernel = &node->kernel;
	bool hands_over = node->vr.handover != VRRP_AWAY && node->vr.handover != VRRP_HOLDING;
	return !node->running || node->stalls || hands_over || is_to_clear(node) || !kernel_link_up(node) ||
	       kernel->locked || kernel->removing_early;
}

static void check_whole(struct node *node)
{
	struct kernel *kernel = &node->kernel;
	bool whole = !kernel->addresses || kernel->addresses == world.all_addresses;
	if (whole || may_have_parts(node))
		kernel->parts_since = NEVER;
	else if (kernel->parts_since == NEVER)
		kernel->parts_since = world.now;
	else if (world.now - kernel->parts_since > SLACK_US + 2 * WORK_US)
		violate("node %u has addresses %x of %x for too long", node->number, kernel->addresses,
		    world.all_addresses);
}

static void check_belief(const struct node *node)
{
	const struct vrrp *vr = &node->vr;
	bool busy = node->busy_until >= world.now || node->notice_count || node->message_count ||
		    node->resync || node->stalls || node->kernel.asked || node->kernel.working ||
		    node->pending.addresses;
	if (!node->running || busy || node->kernel.untold)
		return;
	bool leaves = !mono_is_never(vr->leave_at);
	bool stays = node->may_stay && !mono_is_never(vr->active_down);
	if (vr->state != VRRP_ACTIVE && !leaves && !stays && !is_to_clear(node) && node->kernel.addresses)
		violate("node %u is %s and hands nothing over, but has an address", node->number,
		    vrrp_state_name(vr->state));
	if (vr->present != (node->kernel.addresses & vrrp_wanted(vr)))
		violate("node %u believes in addresses %x, its kernel has %x", node->number, vr->present,
		    node->kernel.addresses);
}

/* Whether candidate `node` would not accept `holder`. */
static bool preempts(const struct node *node, const struct node *holder)
{
	uint8_t own = priority_of(&node->vr), other = priority_of(&holder->vr);
	if (grade_of(own) != grade_of(other))
		return grade_of(own) > grade_of(other);
	return grade_of(own) == VRRP_HEALTHY && node->vr.params.preempt && own > other;
}

static void check_election(void)
{
	unsigned candidates = 0;
	int holder = check_holder();
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];
		if (!check_is_candidate(node))
			continue;
		candidates++;
		if (holder >= 0 && (int)i != holder && preempts(node, &world.nodes[holder]))
			violate("node %d holds the address, node %u would be better", holder, i);
		if (holder >= 0 && (int)i != holder && node->vr.state == VRRP_ACTIVE)
			violate("nodes %d and %u are both Active", holder, i);
	}
	if ((candidates || world.never_nobody) && holder < 0)
		violate("a quiet group without a holder");
}

static void check_host(unsigned host, unsigned family, unsigned holder)
{
	unsigned to = world.cache[family][host];
	bool right = to == holder;
	bool excused =
	    world.missed[family][host][holder] || (!right && to <= FOREIGN && world.silent[to][holder]);
	if (!right && !excused)
		violate("host %u sends to node %u, node %u is the holder", host, to, holder);
	if (right && !excused && world.cache_mac[family][host] != world.nodes[holder].kernel.mac)
		violate("host %u sends to a MAC that node %u had", host, holder);
}

static void check_hosts(void)
{
	int holder = check_holder();
	for (unsigned family = 0; family < FAMILIES && holder >= 0; family++)
		for (unsigned i = 0; i < HOSTS && family_addresses(family); i++)
			check_host(i, family, (unsigned)holder);
}

void check_world(void)
{
	check_existence();
	check_uniqueness();
	for (unsigned i = 0; i < world.node_count; i++) {
		check_belief(&world.nodes[i]);
		check_whole(&world.nodes[i]);
	}
	if (!check_is_calm())
		return;
	check_election();
	if (world.now - quiet_since() > bound_of_election() + ANNOUNCED_US)
		check_hosts();
}

bool check_settled(void)
{
	if (!check_is_known())
		return false;
	for (unsigned i = 0; i < world.node_count; i++)
		if (world.nodes[i].running && !mono_is_never(world.nodes[i].vr.retry))
			return false;
	if (accounts_wait())
		return false;
	check_accounts();
	return true;
}
