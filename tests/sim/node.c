/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node: a model of the engine's loop (agent/engine) around the real state machine.
 *
 * It keeps the engine's order, because that is what the state machine relies on: one time for the whole turn;
 * adverts, announcements, notices of the kernel, messages; then timers; then what they asked for: adverts,
 * the kernel, announcements. It decides nothing: that is core's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

struct mono node_at(const struct node *node, int64_t at)
{
	return (struct mono){node->offset_us + at * node->rate / RATE_ONE};
}

struct mono node_now(const struct node *node)
{
	return node_at(node, world.now);
}

int64_t node_when(const struct node *node, struct mono local)
{
	if (mono_is_never(local))
		return NEVER;
	int64_t us = local.us - node->offset_us;
	return us <= 0 ? 0 : (us * RATE_ONE + node->rate - 1) / node->rate;
}

void node_wake(struct node *node, int64_t at)
{
	if (at < node->busy_until)
		at = node->busy_until;
	if (at >= node->wake_at)
		return;
	node->wake_at = at;
	happen(at, HAPPENS_WAKE, node->number);
}

void node_message(struct node *node, const struct vrrp_event *event)
{
	if (!node->running || node->message_count == MESSAGES)
		return;
	node->messages[node->message_count++] = *event;
	node_wake(node, world.now + random_in(10, 80));
}

/* ---- events and effects: router.c ---- */

static void effect(struct node *node, const struct vrrp_effect *effect)
{
	struct pending *pending = &node->pending;
	switch (effect->type) {
	case VRRP_EFFECT_FINAL_ADVERT: pending->final_advert = true; /* fall through */
	case VRRP_EFFECT_ADVERT:
		pending->advert = true;
		pending->priority = effect->priority;
		tell(node, "> %s %u", pending->final_advert ? "final advert" : "advert", effect->priority);
		break;
	case VRRP_EFFECT_ADDRESSES:
		pending->addresses = true;
		pending->announce &= vrrp_wanted(&node->vr) != 0;
		tell(node, "> %s", vrrp_wanted(&node->vr) ? "hold" : "withdraw");
		break;
	case VRRP_EFFECT_ANNOUNCE:
		pending->announce = true;
		tell(node, "> announce");
		break;
	case VRRP_EFFECT_ASK: pending->ask = true; break;
	case VRRP_EFFECT_TRANSITION:
		pending->announce &= effect->to == VRRP_ACTIVE;
		tell(node, "> %s -> %s: %s", vrrp_state_name(effect->from), vrrp_state_name(effect->to),
		    vrrp_reason_name(effect->reason));
		break;
	case VRRP_EFFECT_CONFLICT: tell(node, "> conflict: %s", vrrp_conflict_name(node->vr.conflict)); break;
	case VRRP_EFFECT_STRAY: tell(node, "> stray %u", effect->index); break;
	case VRRP_EFFECT_RESTORED: tell(node, "> restored %u", effect->index); break;
	case VRRP_EFFECT_STOPPED:
		node->stopped = true;
		tell(node, "> stopped");
		break;
	}
}

void node_step(struct node *node, struct mono now, const struct vrrp_event *event)
{
	/* As large as the interface says and no larger: AddressSanitizer sees what goes beyond. */
	static struct vrrp_effects effects;
	struct vrrp before = node->vr;
	vrrp_step(&node->vr, now, event, &effects);
	world.steps++;
	check_step(node, &before, now, event, &effects);
	if (world.violation[0])
		return;
	for (unsigned i = 0; i < effects.count; i++)
		effect(node, &effects.items[i]);
	hints_changed(node, &before);
	node->memory = (struct memory){.known = true,
	    .health = node->vr.health,
	    .lowered = node->vr.lowered,
	    .drained = node->vr.drained,
	    .state = node->vr.state,
	    .sent_at = node->vr.sent_at};
}

static void event(struct node *node, struct mono now, enum vrrp_event_type type, unsigned index)
{
	node_step(node, now, &(struct vrrp_event){.type = type, .index = index});
}

/* ---- reading: receive.c, link_events.c, messages.c ---- */

static void read_advert(struct node *node, struct mono now, const struct packet *packet)
{
	struct advert advert;
	struct advert_envelope envelope = {
	    .source = packet->source, .destination = packet->destination, .hop_limit = VRRP_HOP_LIMIT};
	enum advert_verdict verdict = advert_parse(packet->bytes, packet->size, &envelope, &advert);
	if (verdict != ADVERT_OK || advert.vrid != VRID) {
		violate("node %u refuses the advert of node %u: %s", node->number, packet->from,
		    advert_verdict_name(verdict));
		return;
	}
	if (!node->vr.link_up)
		return;
	tell(node, "advert %u from %u", advert.priority, packet->from);
	node_step(node, now,
	    &(struct vrrp_event){.type = VRRP_EVENT_ADVERT,
		.advert = {.source = envelope.source,
		    .arrived = node_at(node, packet->arrived),
		    .interval_us = advert.interval_cs * 10 * USEC_PER_MS,
		    .priority = advert.priority,
		    .final =
			address_equal(&packet->destination, &vrrp_family_of(&packet->source)->all_nodes)}});
}

static void read_packets(struct node *node, struct mono now, enum packet_type type)
{
	for (unsigned i = 0; i < node->inbox_count && !world.violation[0]; i++) {
		const struct packet *packet = &node->inbox[i];
		if (packet->type != type)
			continue;
		net_heard(packet, node->number);
		if (type == PACKET_ADVERT) {
			read_advert(node, now, packet);
			continue;
		}
		tell(node, "%s of %u", packet->answer ? "answer" : "announcement", packet->from);
		node_step(node, now,
		    &(struct vrrp_event){.type = VRRP_EVENT_CLAIM,
			.claim = packet->answer ? VRRP_CLAIM_ANSWERED : VRRP_CLAIM_ANNOUNCED});
	}
}

static void read_mac(struct node *node, struct mono now, unsigned mac)
{
	bool moved = node->has_mac && node->mac != mac;
	node->has_mac = true;
	node->mac = mac;
	if (!moved)
		return;
	tell(node, "another MAC");
	event(node, now, VRRP_EVENT_MAC_CHANGED, 0);
}

static void tell_readiness(struct node *node, struct mono now, bool ready)
{
	bool fresh = node->vr.state == VRRP_INITIALIZE && !node->vr.stopping;
	if (ready && !node->vr.link_up) {
		tell(node, "link up");
		node_step(node, now,
		    &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP,
			.own_address = node->address,
			.present = node->kernel.addresses});
	} else if (!ready && (node->vr.link_up || fresh)) {
		tell(node, "link down");
		event(node, now, VRRP_EVENT_LINK_DOWN, 0);
	}
}

static void resync(struct node *node, struct mono now)
{
	struct vrrp_found found[VRRP_ADDRESSES_MAX] = {0};
	node->resync = false;
	read_mac(node, now, node->kernel.mac);
	tell_readiness(node, now, kernel_carries(node, FAMILY_ELECTED));
	for (unsigned i = 0; i < world.address_count; i++)
		if (node->kernel.addresses >> i & 1)
			found[i].state = VRRP_FOUND_RIGHT;
	tell(node, "dump: addresses %x", node->kernel.addresses);
	node_step(node, now, &(struct vrrp_event){.type = VRRP_EVENT_ADDRESSES, .all_found = found});
}

static void read_notices(struct node *node, struct mono now)
{
	for (unsigned i = 0; i < node->notice_count && !world.violation[0]; i++) {
		const struct notice *notice = &node->notices[i];
		bool there = notice->type == NOTICE_ADDRESS;
		if (notice->type == NOTICE_LINK) {
			tell_readiness(node, now, notice->up);
			read_mac(node, now, notice->mac);
			continue;
		}
		tell(node, "address %u %s", notice->index, there ? "present" : "gone");
		node_step(node, now,
		    &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS,
			.index = notice->index,
			.found.state = there ? VRRP_FOUND_RIGHT : VRRP_FOUND_NOT});
	}
}

static void read_messages(struct node *node, struct mono now)
{
	for (unsigned i = 0; i < node->message_count && !world.violation[0]; i++) {
		struct vrrp_event *message = &node->messages[i];
		struct vrrp_params params;
		if (message->type == VRRP_EVENT_CONFIG) {
			params = node->params;
			message->params = &params;
			message->present = node->vr.present;
			tell(node, "priority %u, %s, %lld ms", params.priority,
			    params.preempt ? "preempt" : "no preempt",
			    (long long)(params.advert_interval_us / USEC_PER_MS));
		} else {
			tell(node, "%s",
			    message->type == VRRP_EVENT_STOP	 ? "stop"
			    : message->type == VRRP_EVENT_RETURN ? "return"
			    : message->type == VRRP_EVENT_ANSWER ? "answer of the kernel"
			    : message->type == VRRP_EVENT_DRAIN	 ? "drain"
			    : message->type == VRRP_EVENT_RESUME ? "resume"
			    : message->type == VRRP_EVENT_NEXT	 ? "told who is next"
								 : vrrp_health_name(message->health));
		}
		node_step(node, now, message);
		if (message->type == VRRP_EVENT_CONFIG)
			resync(node, now);
	}
}

/* ---- flush.c, send.c ---- */

static void send_advert(struct node *node, uint8_t priority, const struct address *destination, int to)
{
	struct packet packet = {.type = PACKET_ADVERT,
	    .from = node->number,
	    .source = node->address,
	    .destination = *destination};
	bool begun = node->vr.params.advert_interval_us != 0;
	int64_t interval_us = begun ? node->vr.params.advert_interval_us : node->params.advert_interval_us;
	struct advert advert = {.vrid = VRID,
	    .priority = priority,
	    .interval_cs = (uint16_t)(interval_us / (10 * USEC_PER_MS)),
	    .address_count = (uint8_t)(__builtin_popcount(family_addresses(FAMILY_ELECTED)) + 1),
	    .addresses = {node->address},
	    .plain_checksum = address_is_ipv4(destination) && node->number % 2}; /* servers may differ */
	packet.size =
	    advert_build(&advert, &node->address, destination, NULL, packet.bytes, sizeof packet.bytes);
	node->cursor += random_in(5, 15);
	net_send(node->number, &packet, node->cursor, to);
}

/* By somebody who has the node's address; the node itself hears nothing of it. */
void node_forge_resignation(struct node *node)
{
	int64_t cursor = node->cursor;
	node->cursor = world.now;
	send_advert(node, VRRP_PRIORITY_RESIGN, &vrrp_family_of(&node->address)->group, -1);
	node->cursor = cursor;
}

static void flush_adverts(struct node *node)
{
	struct pending *pending = &node->pending;
	bool final_advert = pending->final_advert;
	if (!pending->advert)
		return;
	pending->advert = pending->final_advert = false;
	if (!node->vr.link_up)
		return;
	const struct vrrp_family *family = vrrp_family_of(&node->address);
	send_advert(node, pending->priority, &family->group, -1);
	if (final_advert)
		send_advert(node, pending->priority, &family->all_nodes, -1);
}

static void flush_announcement(struct node *node)
{
	if (!node->pending.announce)
		return;
	node->pending.announce = false;
	for (enum packet_type type = PACKET_NA; type <= PACKET_OTHER_NA; type++) {
		if (!family_addresses(packet_family(type)))
			continue;
		node->cursor += random_in(5, 15);
		net_send(node->number, &(struct packet){.type = type, .from = node->number, .mac = node->mac},
		    node->cursor, -1);
	}
	foreign_hears_announcement(node->cursor);
}

static void flush(struct node *node)
{
	struct pending *pending = &node->pending;
	if (pending->addresses) /* a keeper that is awake does not wait for the adverts */
		kernel_request(node);
	flush_adverts(node);
	flush_announcement(node);
	if (pending->ask && node->vr.link_up)
		foreign_is_asked(node, node->cursor += random_in(5, 15));
	pending->addresses = pending->ask = false;
}

/* ---- engine.c ---- */

void node_turn(struct node *node)
{
	if (node->wake_at != world.now)
		return;
	node->wake_at = NEVER;
	if (!node->running || node->stalls)
		return;
	struct mono now = node_now(node);
	node->cursor = world.now + random_in(2, 10);
	read_packets(node, now, PACKET_ADVERT);
	read_packets(node, now, PACKET_NA);
	read_packets(node, now, PACKET_OTHER_NA);
	node->inbox_count = 0;
	read_notices(node, now);
	node->notice_count = 0;
	if (node->resync)
		resync(node, now);
	read_messages(node, now);
	node->message_count = 0;
	if (mono_reached(now, vrrp_deadline(&node->vr)) && !world.violation[0]) {
		tell(node, "timer");
		event(node, now, VRRP_EVENT_TIMER, 0);
	}
	if (world.violation[0])
		return;
	flush(node);
	node->busy_until = node->cursor;
	node->turned_at = world.now;
	if (node->stopped) {
		hints_leave(node);
		account_dies(node, true);
		node->running = false;
		node->memory.known = false;
		return;
	}
	int64_t deadline = node_when(node, vrrp_deadline(&node->vr));
	if (deadline != NEVER)
		node_wake(node, deadline + random_in(5, random_chance(2) ? 1000 : 80));
}

/* ---- life and death: router.c, guardian ---- */

void node_start(struct node *node)
{
	if (node->running)
		return;
	const struct memory *prior = &node->memory;
	bool is_new = !prior->known;
	node->predecessor = node->memory;
	node->running = true;
	node->incarnation++;
	node->started_at = world.now;
	vrrp_init(&node->vr, &node->params,
	    !node->has_checks ? VRRP_HEALTHY
	    : prior->known    ? prior->health
			      : VRRP_FAILING);
	node->vr.drained = prior->known && prior->drained;
	node->vr.lowered = prior->known ? prior->lowered : 0;
	if (prior->known && prior->state == VRRP_ACTIVE)
		vrrp_succeed(&node->vr, prior->sent_at);
	node->heard = (struct heard){.last = {INT64_MIN / 2},
	    .rivals = {{.answered = {INT64_MIN / 2}, .silent = MONO_NEVER},
		{.answered = {INT64_MIN / 2}, .silent = MONO_NEVER},
		{.answered = {INT64_MIN / 2}, .silent = MONO_NEVER}},
	    .acceptable = {INT64_MIN / 2},
	    .resigned = {INT64_MIN / 2},
	    .lower = {INT64_MIN / 2},
	    .rejoined = {INT64_MIN / 2},
	    .next_until = MONO_PAST};
	node->stopped = node->has_mac = false;
	node->resync = true;
	node->kernel.asked = node->kernel.working = false;
	node->pending = (struct pending){0};
	node->inbox_count = node->notice_count = node->message_count = 0;
	node->wake_at = NEVER;
	node->busy_until = world.now;
	if (is_new)
		account_starts(node);
	tell(node, "engine starts");
	node_wake(node, world.now + random_in(100, 1000));
	if (node->has_checks) /* the first result counts at once */
		happen(world.now + random_in(1, 50) * USEC_PER_MS, HAPPENS_MESSAGE, node->number)->message =
		    (struct vrrp_event){
			.type = VRRP_EVENT_HEALTH, .health = node->checks, .lowered = node->lowered};
}

void node_crash(struct node *node)
{
	if (node->running && !node->stalls)
		node->beat_at = world.now;
	node->running = false;
	node->wake_at = NEVER;
	for (unsigned i = 0; i < node->inbox_count; i++)
		net_dropped(&node->inbox[i], node->number);
	for (unsigned i = 0; i < world.node_count; i++)
		world.silent[node->number][i] = true;
}
