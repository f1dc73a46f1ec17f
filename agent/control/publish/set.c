/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which servers are ready, and when to say so. Nothing is ever published in which nobody is ready: then the
 * last one that was stays, because a client that has a dead server is no worse off than one that has none.
 */
#include "control/publish/set.h"

#include <string.h>

#include "vipd/vrrp.h"

#define RETRY_FIRST_US (2 * USEC_PER_SEC)
#define RETRY_MAX_US   (60 * USEC_PER_SEC)
#define SETTLE_MOST    3 /* times `settle` */

static bool is_ready(const struct hello *hello)
{
	return hello->health == VRRP_HEALTHY && !hello->drained && !hello->leaving;
}

static bool is_among(const struct publish_members *members, const struct address *address)
{
	for (unsigned i = 0; i < members->count; i++)
		if (address_equal(&members->addresses[i], address))
			return true;
	return false;
}

static bool has(const struct publish_set *set, const struct address *address)
{
	for (unsigned i = 0; i < set->count; i++)
		if (address_equal(&set->servers[i].address, address))
			return true;
	return false;
}

/* The first one of an address stays. */
static void add(
    struct publish_set *set, const char *node, const struct address *address, bool ready, bool ipv4)
{
	unsigned at = set->count;
	if (address_is_unspecified(address) || address_is_ipv4(address) != ipv4 || has(set, address) ||
	    set->count == PUBLISH_SERVERS_MAX)
		return;
	for (; at && address_compare(address, &set->servers[at - 1].address) < 0; at--)
		set->servers[at] = set->servers[at - 1];
	set->servers[at] = (struct publish_server){.address = *address, .ready = ready};
	memccpy(set->servers[at].node, node, '\0', sizeof set->servers[at].node - 1);
	set->count++;
	set->ready += ready;
}

static bool is_same(const struct publish_server *server, const struct hello *hello)
{
	return !strcmp(server->node, hello->node) || address_equal(&server->address, &hello->address);
}

/* It was published, and neither it nor who has its address now has said anything since. */
static bool is_unheard(const struct publish_facts *facts, const struct publish_server *server)
{
	bool known = !server->ready || is_same(server, facts->ours);
	for (unsigned i = 0; i < facts->roster->count && !known; i++)
		known = is_same(server, &facts->roster->members[i].hello);
	return !known;
}

/* Those that are heard, or those that are not. */
static void add_members(struct publish_set *set, const struct publish_facts *facts, bool here)
{
	for (unsigned i = 0; i < facts->roster->count; i++) {
		const struct roster_member *member = &facts->roster->members[i];
		const struct hello *hello = &member->hello;
		bool counts =
		    here || (member->presence == ROSTER_LOST && !is_among(facts->gone, &hello->address));
		if ((member->presence == ROSTER_HERE) == here)
			add(set, hello->node, &hello->address, counts && is_ready(hello), facts->ipv4);
	}
}

void publish_set_make(struct publish_set *set, const struct publish_facts *facts)
{
	const struct hello *ours = facts->ours;
	set->count = set->ready = 0;
	add(set, ours->node, &ours->address, is_ready(ours), facts->ipv4);
	add_members(set, facts, true);
	add_members(set, facts, false);
	for (unsigned i = 0; i < facts->kept->count; i++) {
		const struct publish_server *server = &facts->kept->servers[i];
		if (is_unheard(facts, server) && !is_among(facts->gone, &server->address))
			add(set, server->node, &server->address, true, facts->ipv4);
	}
}

unsigned publish_set_doubtful(
    const struct publish_facts *facts, const struct address *addresses[ROSTER_MEMBERS_MAX])
{
	unsigned count = 0;
	for (unsigned i = 0; i < facts->roster->count; i++) {
		const struct roster_member *member = &facts->roster->members[i];
		if (member->presence == ROSTER_LOST && is_ready(&member->hello))
			addresses[count++] = &member->hello.address;
	}
	for (unsigned i = 0; i < facts->kept->count && count < ROSTER_MEMBERS_MAX; i++)
		if (is_unheard(facts, &facts->kept->servers[i]))
			addresses[count++] = &facts->kept->servers[i].address;
	return count;
}

bool publish_doubts_begin(struct publish_doubts *doubts, const struct publish_facts *facts, struct mono now)
{
	const struct address *addresses[ROSTER_MEMBERS_MAX];
	unsigned count = publish_set_doubtful(facts, addresses);
	bool same = count == doubts->asked.count;
	for (unsigned i = 0; same && i < count; i++)
		same = address_equal(addresses[i], &doubts->asked.addresses[i]);
	if (!count) {
		doubts->known = true;
		doubts->asked.count = doubts->gone.count = 0;
		return false;
	}
	if (doubts->looking || (same && !mono_reached(now, mono_add(doubts->looked, PUBLISH_LOOK_AGAIN_US))))
		return false;
	doubts->looking = true;
	doubts->looked = now;
	doubts->asked.count = count;
	for (unsigned i = 0; i < count; i++)
		doubts->asked.addresses[i] = *addresses[i];
	return true;
}

struct mono publish_doubts_end(
    struct publish_doubts *doubts, const char *answer, size_t size, struct mono now)
{
	doubts->looking = false;
	if (!doubts->asked.count) /* nobody is in doubt any more, or this node is the holder anew */
		return now;
	doubts->known = true;
	if (size == doubts->asked.count)
		doubts->gone.count = 0;
	for (unsigned i = 0; size == doubts->asked.count && i < size; i++)
		if (answer[i] == '-')
			doubts->gone.addresses[doubts->gone.count++] = doubts->asked.addresses[i];
	return doubts->looked;
}

void publish_set_correct(struct publish_set *kept, const struct roster *roster)
{
	for (unsigned i = 0; i < kept->count; i++) {
		struct publish_server *server = &kept->servers[i];
		for (unsigned k = 0; k < roster->count && server->ready; k++) {
			const struct roster_member *member = &roster->members[k];
			const struct hello *hello = &member->hello;
			bool stays = address_equal(&server->address, &hello->address) && is_ready(hello);
			if (is_same(server, hello) && (member->presence == ROSTER_STOPPED ||
							  (member->presence == ROSTER_HERE && !stays)))
				server->ready = false;
		}
	}
}

bool publish_set_forget(struct publish_set *set, const char *node, const struct address *address)
{
	bool found = false;
	for (unsigned i = 0; i < set->count; i++) {
		struct publish_server *server = &set->servers[i];
		if (strcmp(server->node, node) != 0 && !(address && address_equal(&server->address, address)))
			continue;
		set->ready -= server->ready;
		server->ready = false; /* so it is not missed */
		found = true;
	}
	return found;
}

void publish_rivals_find(struct publish_members *rivals, const struct roster *roster)
{
	rivals->count = 0;
	for (unsigned i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];
		bool holds = member->presence == ROSTER_HERE &&
			     (member->hello.state == VRRP_ACTIVE || member->hello.held);
		if (holds || member->presence == ROSTER_LOST)
			rivals->addresses[rivals->count++] = member->source;
	}
}

bool publish_set_equal(const struct publish_set *a, const struct publish_set *b)
{
	bool equal = a->count == b->count;
	for (unsigned i = 0; equal && i < a->count; i++) {
		const struct publish_server *one = &a->servers[i], *other = &b->servers[i];
		equal = !strcmp(one->node, other->node) && one->ready == other->ready &&
			address_equal(&one->address, &other->address);
	}
	return equal;
}

/* ---- when ---- */

void publish_target_look(struct publish_target *target, bool holder, const struct publish_set *set,
    struct mono since, struct mono now)
{
	if (!holder) {
		*target = (struct publish_target){0};
		return;
	}
	if (!target->holder)
		*target = (struct publish_target){.holder = true, .holder_since = now, .wanted_since = now};
	if (!set || set->ready == 0 || publish_set_equal(&target->wanted, set))
		return;
	if (publish_set_equal(&target->wanted, &target->published))
		target->differs_since = since;
	target->wanted = *set;
	target->wanted_since = since;
}

void publish_target_rivals(
    struct publish_target *target, const struct publish_members *rivals, struct mono now)
{
	bool left = false;
	for (unsigned i = 0; i < target->rivals.count; i++)
		left |= !is_among(rivals, &target->rivals.addresses[i]);
	target->rivals = *rivals;
	if (!left || !target->holder)
		return;
	target->holder_since = now;
	publish_target_again(target, now); /* the network may be whole again */
}

void publish_target_again(struct publish_target *target, struct mono now)
{
	target->again = true;
	target->retry = now;
}

static bool is_confirmed(const struct publish_target *target)
{
	return target->successes &&
	       mono_reached(target->succeeded, mono_add(target->holder_since, PUBLISH_CONFIRM_US));
}

/* One that changes all the time must not keep the others from being published. */
static bool has_settled(const struct publish_target *target, int64_t settle_us, struct mono now)
{
	return mono_reached(now, mono_add(target->wanted_since, settle_us)) ||
	       mono_reached(now, mono_add(target->differs_since, SETTLE_MOST * settle_us));
}

bool publish_target_due(
    const struct publish_target *target, int64_t settle_us, int64_t first_us, struct mono now)
{
	if (!target->holder || !target->wanted.ready ||
	    !mono_reached(now, mono_add(target->holder_since, first_us)))
		return false;
	if (target->failures)
		return mono_reached(now, target->retry);
	if (!publish_set_equal(&target->wanted, &target->published))
		return has_settled(target, target->successes ? settle_us : 0, now);
	if (target->again)
		return true;
	if (!is_confirmed(target))
		return mono_reached(now, mono_add(target->holder_since, PUBLISH_CONFIRM_US));
	return mono_reached(now, mono_add(target->succeeded, PUBLISH_AGAIN_US));
}

void publish_target_tried(struct publish_target *target)
{
	target->again = false;
}

void publish_target_succeeded(struct publish_target *target, const struct publish_set *set, struct mono now)
{
	target->published = *set;
	target->succeeded = now;
	target->successes++;
	target->failures = 0;
}

void publish_target_failed(struct publish_target *target, struct mono now)
{
	int64_t wait_us = RETRY_FIRST_US;
	for (unsigned i = 0; i < target->failures && wait_us < RETRY_MAX_US; i++)
		wait_us *= 2;
	target->failures++;
	target->retry = mono_add(now, wait_us < RETRY_MAX_US ? wait_us : RETRY_MAX_US);
}
