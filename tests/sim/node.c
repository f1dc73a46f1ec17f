/*
 * A node: a model of the engine's loop (agent/engine) around the real state machine.
 *
 * It keeps the engine's order, because that is what the state machine relies on: one time for the whole turn;
 * adverts, announcements, notices of the kernel, messages; then timers; then what they asked for, with all
 * adverts first, the kernel next, announcements last. Where agent/engine changes, this has to follow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define FLUSH_ROUNDS 8

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

static void effect(struct node *node, struct mono now, const struct vrrp_effect *effect)
{
	struct pending *pending = &node->pending;
	switch (effect->type) {
	case VRRP_EFFECT_LAST_WORD: pending->last_word = true; /* fall through */
	case VRRP_EFFECT_ADVERT:
		pending->advert = true;
		pending->priority = effect->priority;
		tell(node, "> %s %u", pending->last_word ? "last word" : "advert", effect->priority);
		break;
	case VRRP_EFFECT_ASSIGN:
		pending->assign |= UINT32_C(1) << effect->index;
		tell(node, "> assign %u", effect->index);
		break;
	case VRRP_EFFECT_RENEW: pending->renew = true; break;
	case VRRP_EFFECT_WITHDRAW:
		pending->withdraw = true;
		pending->assign = 0;
		pending->renew = pending->announce = false;
		tell(node, "> withdraw");
		break;
	case VRRP_EFFECT_ANNOUNCE:
		pending->announce = true;
		tell(node, "> announce");
		break;
	case VRRP_EFFECT_TRANSITION:
		pending->announce &= effect->to == VRRP_ACTIVE;
		conflict_schedule(node, now);
		tell(node, "> %s -> %s: %s", vrrp_state_name(effect->from), vrrp_state_name(effect->to),
		    vrrp_reason_name(effect->reason));
		break;
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
		effect(node, now, &effects.items[i]);
	node->memory = (struct memory){.known = true,
	    .health = node->vr.health,
	    .drained = node->vr.drained,
	    .state = node->vr.state,
	    .sent_at = node->vr.sent_at};
}

static void event(struct node *node, struct mono now, enum vrrp_event_type type, unsigned index)
{
	node_step(node, now, &(struct vrrp_event){.type = type, .index = index});
}

/* ---- reading: receive.c, link.c, messages.c ---- */

static struct mono heard_at(struct node *node, struct mono now, const struct packet *packet)
{
	struct mono at = node_at(node, packet->arrived);
	if (mono_sub(now, at) > node->params.advert_interval_us)
		at = now;
	else if (!mono_reached(at, node->seen))
		at = node->seen;
	node->seen = at;
	return at;
}

static void read_advert(struct node *node, struct mono now, const struct packet *packet)
{
	struct advert advert;
	struct advert_envelope envelope = {.source = world.nodes[packet->from].address,
	    .destination = packet->destination,
	    .hop_limit = VRRP_HOP_LIMIT};
	enum advert_verdict verdict = advert_parse(packet->bytes, packet->size, &envelope, &advert);
	if (verdict != ADVERT_OK || advert.vrid != VRID) {
		violate("node %u refuses the advert of node %u: %s", node->number, packet->from,
		    advert_verdict_name(verdict));
		return;
	}
	if (!node->vr.link_up)
		return;
	tell(node, "advert %u from %u", advert.priority, packet->from);
	node_step(node, heard_at(node, now, packet),
	    &(struct vrrp_event){.type = VRRP_EVENT_ADVERT,
		.advert = {.source = envelope.source,
		    .interval_us = advert.interval_cs * 10 * USEC_PER_MS,
		    .priority = advert.priority}});
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
		conflict_announced(node, now);
		if (node->vr.state == VRRP_ACTIVE || (node->vr.wanted && !packet->answer)) {
			tell(node, "announcement of %u", packet->from);
			event(node, now, VRRP_EVENT_FOREIGN_NA, 0);
		}
	}
}

static void reconcile(struct node *node, struct mono now)
{
	for (unsigned i = 0; i < node->vr.params.address_count; i++) {
		bool there = node->on_link & UINT32_C(1) << i;
		bool believed = node->vr.present & UINT32_C(1) << i;
		if (there == believed)
			continue;
		tell(node, "address %u %s", i, there ? "present" : "lost");
		event(node, now, there ? VRRP_EVENT_ADDRESS_PRESENT : VRRP_EVENT_ADDRESS_LOST, i);
	}
}

/* Gone before it had been notified. */
static void snatched(struct node *node, struct mono now, unsigned index)
{
	uint32_t bit = UINT32_C(1) << index;
	if (!(node->vr.wanted & ~node->vr.present & ~node->on_link & bit))
		return;
	tell(node, "address %u snatched", index);
	event(node, now, VRRP_EVENT_ADDRESS_LOST, index);
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
		bool adopt = node->adopt && node->vr.state == VRRP_INITIALIZE;
		node->adopt = false;
		tell(node, adopt ? "adopt" : "link up");
		node_step(node, now,
		    &(struct vrrp_event){.type = adopt ? VRRP_EVENT_ADOPT : VRRP_EVENT_LINK_UP,
			.own_address = node->address,
			.present = adopt ? node->on_link : 0});
	} else if (!ready && (node->vr.link_up || fresh)) {
		tell(node, "link down");
		event(node, now, VRRP_EVENT_LINK_DOWN, 0);
	}
}

static void resync(struct node *node, struct mono now)
{
	node->resync = false;
	read_mac(node, now, node->kernel.mac);
	node->on_link = node->kernel.addresses;
	tell_readiness(node, now, kernel_link_up(node));
	reconcile(node, now);
	for (unsigned i = 0; i < node->vr.params.address_count; i++)
		snatched(node, now, i);
}

static void read_notices(struct node *node, struct mono now)
{
	for (unsigned i = 0; i < node->notice_count && !world.violation[0]; i++) {
		const struct notice *notice = &node->notices[i];
		uint32_t bit = UINT32_C(1) << notice->index, before = node->on_link;
		switch (notice->type) {
		case NOTICE_LINK:
			tell_readiness(node, now, notice->up);
			read_mac(node, now, notice->mac);
			break;
		case NOTICE_ADDRESS: node->on_link |= bit; break;
		case NOTICE_ADDRESS_GONE: node->on_link &= ~bit; break;
		}
		bool changed = before != node->on_link;
		if (notice->type != NOTICE_LINK)
			reconcile(node, now);
		if (notice->type == NOTICE_ADDRESS_GONE && !changed)
			snatched(node, now, notice->index);
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
			message->present = node->vr.wanted ? node->on_link : 0;
			tell(node, "priority %u, %s", params.priority,
			    params.preempt ? "preempt" : "no preempt");
		} else {
			tell(node, "%s",
			    message->type == VRRP_EVENT_STOP	 ? "stop"
			    : message->type == VRRP_EVENT_DRAIN	 ? "drain"
			    : message->type == VRRP_EVENT_RESUME ? "resume"
								 : vrrp_health_name(message->health));
		}
		node_step(node, now, message);
	}
}

/* ---- flush.c, send.c ---- */

static void send_advert(struct node *node, const struct address *destination, int to)
{
	struct packet packet = {.type = PACKET_ADVERT, .from = node->number, .destination = *destination};
	struct advert advert = {.vrid = VRID,
	    .priority = node->pending.priority,
	    .interval_cs = (uint16_t)(node->vr.params.advert_interval_us / (10 * USEC_PER_MS)),
	    .address_count = (uint8_t)(world.address_count + 1),
	    .addresses = {node->address}};
	packet.size = advert_build(
	    &advert, &node->vr.own_address, destination, NULL, packet.bytes, sizeof packet.bytes);
	node->cursor += random_in(5, 15);
	net_send(node->number, &packet, node->cursor, to);
}

static void flush_adverts(struct node *node)
{
	struct pending *pending = &node->pending;
	bool last_word = pending->last_word;
	if (!pending->advert)
		return;
	pending->advert = pending->last_word = false;
	if (!node->vr.link_up)
		return;
	send_advert(node, &vrrp_group, -1);
	if (last_word)
		send_advert(node, &vrrp_all_nodes, -1);
}

static void flush_kernel(struct node *node, struct mono now)
{
	struct pending *pending = &node->pending;
	for (unsigned i = 0; pending->withdraw && i < world.address_count; i++)
		kernel_request_remove(node, i);
	uint32_t addresses = pending->assign | (pending->renew ? node->vr.present : 0);
	pending->withdraw = pending->renew = false;
	pending->assign = 0;
	for (unsigned i = 0; i < world.address_count; i++) {
		int error = addresses & UINT32_C(1) << i ? kernel_request_add(node, i) : 0;
		if (!error)
			continue;
		tell(node, "address %u refused", i);
		node_step(node, now,
		    &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS_FAILED, .index = i, .error = error});
		return;
	}
}

static void flush_announcement(struct node *node)
{
	if (!node->pending.announce)
		return;
	node->pending.announce = false;
	node->cursor += random_in(5, 15);
	net_send(node->number, &(struct packet){.type = PACKET_NA, .from = node->number, .mac = node->mac},
	    node->cursor, -1);
}

static void flush(struct node *node, struct mono now)
{
	const struct pending *p = &node->pending;
	for (int i = 0; i < FLUSH_ROUNDS; i++) {
		flush_adverts(node);
		flush_kernel(node, now);
		flush_announcement(node);
		conflict_ask(node);
		if (!(p->advert || p->withdraw || p->renew || p->announce || p->assign))
			return;
	}
	violate("node %u: the flush does not end", node->number);
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
	node->inbox_count = 0;
	read_notices(node, now);
	node->notice_count = 0;
	if (node->resync)
		resync(node, now);
	read_messages(node, now);
	node->message_count = 0;
	node->seen = now;
	conflict_timers(node, now);
	if (mono_reached(now, vrrp_deadline(&node->vr)) && !world.violation[0]) {
		tell(node, "timer");
		event(node, now, VRRP_EVENT_TIMER, 0);
	}
	if (world.violation[0])
		return;
	flush(node, now);
	node->busy_until = node->cursor;
	if (node->stopped) {
		node->running = false;
		node->memory.known = false;
		return;
	}
	struct mono at = mono_min(node->conflict.ask, node->conflict.until);
	int64_t deadline = node_when(node, mono_min(vrrp_deadline(&node->vr), at));
	if (deadline != NEVER)
		node_wake(node, deadline + random_in(5, random_chance(2) ? 1000 : 80));
}

/* ---- life and death: router.c, guardian ---- */

void node_start(struct node *node)
{
	if (node->running)
		return;
	const struct memory *prior = &node->memory;
	struct mono now = node_now(node);
	int64_t silence = mono_sub(now, prior->sent_at);
	node->running = true;
	node->incarnation++;
	node->started_at = world.now;
	vrrp_init(&node->vr, &node->params,
	    !node->has_checks ? VRRP_HEALTHY
	    : prior->known    ? prior->health
			      : VRRP_FAILING);
	node->vr.drained = prior->known && prior->drained;
	node->adopt = prior->known && prior->state == VRRP_ACTIVE && silence >= 0 &&
		      silence <= 3 * node->params.advert_interval_us;
	node->heard = (struct heard){.last = {INT64_MIN / 2},
	    .answered = {INT64_MIN / 2},
	    .acceptable = {INT64_MIN / 2},
	    .resigned = {INT64_MIN / 2},
	    .lower = {INT64_MIN / 2},
	    .worse = {INT64_MIN / 2}};
	node->stopped = node->has_mac = false;
	node->resync = true;
	conflict_reset(node);
	node->pending = (struct pending){0};
	node->inbox_count = node->notice_count = node->message_count = 0;
	node->wake_at = NEVER;
	node->busy_until = world.now;
	tell(node, "engine starts");
	node_wake(node, world.now + random_in(100, 1000));
	if (node->has_checks) /* the first result counts at once */
		happen(world.now + random_in(1, 50) * USEC_PER_MS, HAPPENS_MESSAGE, node->number)->message =
		    (struct vrrp_event){.type = VRRP_EVENT_HEALTH, .health = node->checks};
}

void node_crash(struct node *node)
{
	node->running = false;
	node->wake_at = NEVER;
	for (unsigned i = 0; i < node->inbox_count; i++)
		net_dropped(&node->inbox[i], node->number);
	for (unsigned i = 0; i < world.node_count; i++)
		world.silent[node->number][i] = true;
}
