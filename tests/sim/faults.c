/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each fault is done to the world, and undone.
 */
#include "account.h"

#define MOVES_A_MINUTE 6

/* Bits of packet types. By a rule of a firewall for one protocol, or the whole of a family. */
static unsigned is_cut_by(const struct fault *fault)
{
	static const unsigned rules[] = {
	    1 << PACKET_ADVERT, 1 << PACKET_NA, 1 << PACKET_OTHER_NA, 1 << PACKET_ADVERT | 1 << PACKET_NA};
	if (fault->type != FAULT_FAMILY)
		return (1 << PACKET_TYPES) - 1;
	return rules[fault->amount % (world.other_addresses ? 4 : 2)];
}

static void cut_between(const struct fault *fault, int change)
{
	unsigned types = is_cut_by(fault);
	for (unsigned a = 0; a < STATIONS; a++)
		for (unsigned b = 0; b < STATIONS; b++) {
			bool apart = (fault->mask >> a & 1) != (fault->mask >> b & 1);
			if (fault->type == FAULT_CUT) /* it hears and is not heard, or by some only */
				apart = a == fault->node && (fault->amount < 50 || fault->mask >> b & 1);
			for (unsigned type = 0; apart && type < PACKET_TYPES; type++)
				if (types >> type & 1)
					world.net.cut[type][a][b] += (unsigned)change;
		}
}

/* Whether, while it lasts, nothing can be expected of the group. */
static bool is_breakage(enum fault_type type)
{
	return type == FAULT_PARTITION || type == FAULT_CUT || type == FAULT_FAMILY || type == FAULT_LOSS ||
	       type == FAULT_REORDER || type == FAULT_STALL || type == FAULT_REMOVE_EARLY ||
	       type == FAULT_LOCK || type == FAULT_RIVAL || type == FAULT_CONTROL;
}

static bool is_gentle(const struct fault *fault)
{
	switch (fault->type) {
	case FAULT_STOP:
	case FAULT_DRAIN:
	case FAULT_SICK:
	case FAULT_LOWERED:
	case FAULT_PRIORITY:
	case FAULT_DOUBLE:
	case FAULT_ADD_ADDRESS:
	case FAULT_FOREIGN_HOLDER:
	case FAULT_MAC:
	case FAULT_LOCK:
	case FAULT_RIVAL:
	case FAULT_INTERVAL:
	case FAULT_NOTICES_LOST: return true;
	case FAULT_CRASH:
		return fault->duration_us * 10 <= world.nodes[fault->node].params.advert_interval_us * 14;
	default: return false;
	}
}

static void lasting(const struct fault *fault, int change)
{
	struct node *node = &world.nodes[fault->node];
	switch (fault->type) {
	case FAULT_PARTITION:
	case FAULT_CUT:
	case FAULT_FAMILY: cut_between(fault, change); break;
	case FAULT_LOSS: world.net.loss_percent += (unsigned)((int)(fault->amount * 6 / 10) * change); break;
	case FAULT_REORDER: world.net.reorder_us += change * fault->reorder_us; break;
	case FAULT_DOUBLE: world.net.double_percent += (unsigned)(30 * change); break;
	case FAULT_STALL:
		if (node->running && !node->stalls)
			node->beat_at = world.now;
		node->stalls += (unsigned)change;
		break;
	case FAULT_CONTROL: node->away += (unsigned)change; break;
	case FAULT_CARRIER: node->kernel.carrier_lost += (unsigned)change; break;
	case FAULT_ADMIN_DOWN: node->kernel.admin_down += (unsigned)change; break;
	case FAULT_LACK: node->kernel.lacks[fault->amount % FAMILIES] += (unsigned)change; break;
	case FAULT_REFUSE: node->kernel.refusing += (unsigned)change; break;
	case FAULT_FOREIGN_HOLDER: world.foreign_holders += (unsigned)change; break;
	case FAULT_RIVAL: world.rivals += (unsigned)change; break;
	case FAULT_LOCK:
		node->kernel.locked += (unsigned)change;
		if (change > 0 && world.now + fault->duration_us > node->kernel.unlocked_at)
			node->kernel.unlocked_at = world.now + fault->duration_us;
		kernel_unlock(node);
		break;
	case FAULT_REMOVE_EARLY: node->kernel.removing_early += (unsigned)change; break;
	default: break;
	}
	if (fault->type == FAULT_CARRIER || fault->type == FAULT_ADMIN_DOWN || fault->type == FAULT_LACK)
		kernel_link_changed(node);
	account_link_or_control(node);
	if (is_breakage(fault->type))
		world.faults_active += (unsigned)change;
	if (is_breakage(fault->type) && change < 0)
		world.broken_at = world.now;
}

/*
 * An old version knew healthy and unhealthy, and advertised 1 + priority * 30 / 254 then: that is read by
 * band, so those of the higher priorities seem to be recovering.
 */
static enum vrrp_health health_of_old(const struct node *node)
{
	return 1 + node->params.priority * 30 / 254 > VRRP_FAILING_MAX ? VRRP_RECOVERING : VRRP_FAILING;
}

static void set_health(struct node *node, enum vrrp_health health, int64_t within_us)
{
	if (node->old && health != VRRP_HEALTHY)
		health = health_of_old(node);
	if (!node->has_checks || node->checks == health)
		return;
	node->checks = health;
	happen(world.now + random_in(0, within_us), HAPPENS_MESSAGE, node->number)->message =
	    (struct vrrp_event){.type = VRRP_EVENT_HEALTH, .health = health, .lowered = node->lowered};
}

/* At most by all of it; what an old version does not know it does not do. */
static void set_lowered(struct node *node, unsigned by)
{
	if (!node->has_checks || node->old || node->lowered == by)
		return;
	node->lowered = (uint8_t)by;
	happen(world.now, HAPPENS_MESSAGE, node->number)->message =
	    (struct vrrp_event){.type = VRRP_EVENT_HEALTH, .health = node->checks, .lowered = node->lowered};
}

static void die(struct node *node, const struct fault *fault)
{
	node_crash(node);
	if (fault->type != FAULT_CRASH) {
		account_dies(node, fault->type == FAULT_KILL && node->incarnation % 2);
		node->memory = (struct memory){0};
	}
	node->boots += fault->type == FAULT_REBOOT;
	if (fault->type == FAULT_REBOOT)
		for (unsigned i = 0; i < world.address_count; i++)
			kernel_removed(node, i);
}

static void reload(struct node *node, const struct fault *fault)
{
	node->params.priority = (uint8_t)(VRRP_PRIORITY_MIN + fault->mask % 223);
	if (fault->amount < 20)
		node->params.preempt = !node->params.preempt;
	node_message(node, &(struct vrrp_event){.type = VRRP_EVENT_CONFIG});
}

/*
 * The same everywhere in the end. At most ten times shorter than the longest of them: who has a short
 * interval waits no longer for one who has a long one than that (docs/design.md, "Decisions").
 */
static void change_interval(const struct fault *fault)
{
	int64_t us = fault->amount < 50 ? world.nodes[0].params.advert_interval_us * (2 + fault->mask % 9)
					: world.interval_us / (2 + fault->mask % 8);
	us -= us % (10 * USEC_PER_MS);
	us = us < 10 * USEC_PER_MS ? 10 * USEC_PER_MS : us > USEC_PER_SEC ? USEC_PER_SEC : us;
	int64_t spread_us = 10 * world.interval_us;
	for (unsigned i = 0; i < world.node_count; i++) {
		world.nodes[i].params.advert_interval_us = us;
		int64_t at = world.now + random_in(0, spread_us);
		happen(at, HAPPENS_MESSAGE, i)->message = (struct vrrp_event){.type = VRRP_EVENT_CONFIG};
	}
	world.interval_us = us > world.interval_us ? us : world.interval_us;
	check_disturbed_until(world.now + spread_us + 10 * world.interval_us);
}

static void happen_once(const struct fault *fault)
{
	struct node *node = &world.nodes[fault->node];
	unsigned index = fault->mask % world.address_count;
	switch (fault->type) {
	case FAULT_CRASH:
	case FAULT_KILL:
	case FAULT_REBOOT: die(node, fault); break;
	case FAULT_STOP: node_message(node, &(struct vrrp_event){.type = VRRP_EVENT_STOP}); break;
	case FAULT_DRAIN: node_message(node, &(struct vrrp_event){.type = VRRP_EVENT_DRAIN}); break;
	case FAULT_SICK: set_health(node, VRRP_FAILING, 0); break;
	case FAULT_LOWERED: set_lowered(node, fault->amount * 254 / 100); break;
	case FAULT_ALL_SICK:
		for (unsigned i = 0; i < world.node_count; i++)
			set_health(&world.nodes[i], VRRP_FAILING, 2 * world.interval_us);
		break;
	case FAULT_REMOVE_ADDRESS: kernel_removed(node, index); break;
	case FAULT_ADD_ADDRESS: kernel_added(node, index); break;
	case FAULT_NOTICES_LOST:
		node->notice_count = 0;
		node->resync = true;
		node_wake(node, world.now + 50);
		break;
	case FAULT_PRIORITY: reload(node, fault); break;
	case FAULT_FOREIGN_NA: foreign_announces(); break;
	case FAULT_FOREIGN_HOLDER:
		if (fault->amount < 50)
			foreign_announces();
		break;
	case FAULT_RIVAL: foreign_announces(); break;
	case FAULT_FLAPPING:
		checks_begin();
		world.flapping++;
		break;
	case FAULT_FORGED: node_forge_resignation(node); break;
	case FAULT_INTERVAL: change_interval(fault); break;
	case FAULT_MAC:
		node->kernel.mac++;
		kernel_link_changed(node);
		break;
	default: break;
	}
}

static unsigned who_is_active(const struct fault *fault)
{
	for (unsigned i = 0; i < world.node_count; i++)
		if (world.nodes[i].running && world.nodes[i].vr.state == VRRP_ACTIVE)
			return i;
	return fault->mask % world.node_count;
}

/* One that is drained and keeps the address for want of a successor leaves it to anybody who answers for it.
 */
static bool is_kept(void)
{
	for (unsigned i = 0; i < world.node_count; i++)
		if (world.nodes[i].running && world.nodes[i].vr.kept)
			return true;
	return false;
}

void fault_begin(struct fault *fault)
{
	if (fault->node == NODES_MAX)
		fault->node = who_is_active(fault);
	const struct node *node = &world.nodes[fault->node];
	bool needs_engine = fault->type >= FAULT_CRASH && fault->type <= FAULT_DRAIN;
	fault->skipped = needs_engine && (!node->running || node->vr.stopping);
	if (fault->skipped)
		return;
	tell(node, "FAULT %s for %lld us, %u", fault_name(fault->type),
	    fault->duration_us == NEVER ? -1LL : (long long)fault->duration_us, fault->amount);
	check_accounts();
	check_disturbed(is_gentle(fault));
	/* One in Fault starts anew as a candidate, and may preempt. */
	bool adopts = fault->type == FAULT_CRASH && node->vr.state != VRRP_FAULT;
	bool claims = fault->type == FAULT_FOREIGN_HOLDER || fault->type == FAULT_RIVAL;
	bool freezes = (claims && !is_kept()) || fault->type == FAULT_MAC || fault->type == FAULT_LOCK ||
		       fault->type == FAULT_INTERVAL;
	world.frozen = world.gentle && (adopts || freezes);
	int64_t reorder_us = world.interval_us * fault->amount / 50;
	fault->reorder_us = reorder_us < 200 * USEC_PER_MS ? reorder_us : 200 * USEC_PER_MS;
	lasting(fault, 1);
	happen_once(fault);
}

/* It comes back with another address of its own. */
static void readdress(struct node *node, const struct fault *fault)
{
	if (world.hints == HINTS_ROSTER && !node->running && fault->amount > 70)
		node->address.in6.s6_addr[14]++;
}

void fault_end(struct fault *fault)
{
	struct node *node = &world.nodes[fault->node];
	if (fault->skipped)
		return;
	tell(node, "END of %s", fault_name(fault->type));
	if (fault->type == FAULT_CRASH && is_gentle(fault) && world.frozen)
		check_disturbed_until(world.now);
	else
		check_disturbed(true);
	if (fault->type == FAULT_REORDER) /* what is under way comes late even now */
		check_disturbed_until(world.now + world.net.reorder_us);
	lasting(fault, -1);
	switch (fault->type) {
	case FAULT_STALL:
		node->stalled_at = world.now;
		node_wake(node, world.now);
		break;
	case FAULT_CONTROL:
		if (hints_has_control(node))
			account_restarts(node);
		break;
	case FAULT_CRASH: node_start(node); break;
	case FAULT_KILL:
	case FAULT_REBOOT:
		readdress(node, fault);
		node_start(node);
		break;
	case FAULT_STOP:
		readdress(node, fault);
		if (node->running) /* removed from the configuration and put back at once */
			node_message(node, &(struct vrrp_event){.type = VRRP_EVENT_RETURN});
		else
			node_start(node);
		break;
	case FAULT_DRAIN: node_message(node, &(struct vrrp_event){.type = VRRP_EVENT_RESUME}); break;
	case FAULT_FLAPPING:
		world.flapping--;
		if (world.moves > MOVES_A_MINUTE * FLAPPING_US / (60 * USEC_PER_SEC))
			violate("%u moves although each server answers now and then", world.moves);
		break;
	case FAULT_LOWERED: set_lowered(node, 0); break;
	case FAULT_SICK: set_health(node, fault->amount < 30 ? VRRP_RECOVERING : VRRP_HEALTHY, 0); break;
	case FAULT_ALL_SICK:
		for (unsigned i = 0; i < world.node_count; i++)
			set_health(&world.nodes[i], fault->mask >> i & 1 ? VRRP_RECOVERING : VRRP_HEALTHY,
			    2 * world.interval_us);
		break;
	default: break;
	}
}
