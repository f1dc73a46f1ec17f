/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design: the addresses as facts of the kernel. What is wanted on the interface follows from the state of the
 * handover; what is there is what the kernel says, never what we asked for. Where the two differ we ask
 * again, and whoever insists on the difference is not fought for ever.
 *
 * A request always asks for everything that is wanted, so a new one replaces an old one that was not
 * answered: the kernel may be busy with other people's requests for a second.
 */
#include "core/core.h"

#include <errno.h>

#define LOSSES_MAX	  10 /* an address that vanishes more often in a window is given up */
#define LOSSES_WINDOW_US  (10 * USEC_PER_SEC)
#define REPAIRS_MAX	  10 /* of addresses that somebody else puts there; then one a second */
#define REPAIRS_WINDOW_US (60 * USEC_PER_SEC)
#define CLEAR_AGAIN_US	  (1 * USEC_PER_SEC)
#define TRIES_A_LEASE	  12		     /* from the first refused renewal on */
#define ASKED_MAX	  3		     /* times for an address that does not come */
#define BUSY_MAX	  10		     /* seconds for a kernel that does not answer */
#define RETRY_MIN_US	  (1 * USEC_PER_SEC) /* back-off after a refused address */
#define RETRY_MAX_US	  (60 * USEC_PER_SEC)

uint32_t vrrp_wanted(const struct vrrp *vr)
{
	return vr->handover == VRRP_AWAY ? 0 : vr_all_addresses(vr);
}

static struct mono after_last_sign(const struct vrrp *vr, int64_t us)
{
	struct mono at = vr->state == VRRP_ACTIVE ? vr->sent_at : vrrp_deadline(vr);
	return mono_is_never(at) ? at : mono_add(at, us);
}

struct mono vrrp_fresh_until(const struct vrrp *vr)
{
	return after_last_sign(vr, vrrp_late_limit(vr->params.advert_interval_us));
}

struct mono vrrp_keep_until(const struct vrrp *vr)
{
	return after_last_sign(vr, vrrp_silence_limit(vr->params.advert_interval_us));
}

void vr_request(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	for (unsigned i = 0; i < out->count; i++)
		if (out->items[i].type == VRRP_EFFECT_ADDRESSES)
			return;
	vr->request++;
	vr->asked_at = now;
	vr->asks_lease = vr->params.lease_us > 0;
	vr->expires |= vr->asks_lease;
	vr->clear_at = MONO_NEVER;
	vr_emit(out, VRRP_EFFECT_ADDRESSES);
}

void vr_await_addresses(struct vrrp *vr, struct mono now)
{
	bool complete = vr->present == vr_all_addresses(vr);
	vr->unconfirmed = 0;
	vr->confirm_by = complete ? MONO_NEVER : mono_add(now, VRRP_CONFIRM_US);
}

void vr_withdraw(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr->leave_at = vr->resign_again = vr->renew = vr->announce = MONO_NEVER;
	if (vr->handover == VRRP_AWAY)
		return;
	vr->handover = VRRP_AWAY;
	vr->present = vr->lost = 0;
	vr_request(vr, now, out);
}

static void enter_fault(struct vrrp *vr, struct mono now, int error, struct vrrp_effects *out)
{
	vr_transition(vr, VRRP_FAULT, VRRP_REASON_ADDRESS_FAILED, error, out);
	int64_t wait = RETRY_MIN_US << (vr->failures < 6 ? vr->failures : 6);
	vr->retry = mono_add(now, wait < RETRY_MAX_US ? wait : RETRY_MAX_US);
	vr->failures++;
}

/* An address that cannot be held is no VIP. Resign at once and try again later. */
static void give_up(struct vrrp *vr, struct mono now, int error, struct vrrp_effects *out)
{
	vr_send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
	vr_withdraw(vr, now, out);
	enter_fault(vr, now, error, out);
}

/*
 * A refused renewal takes nothing away yet. It is tried again while the lease lasts longer than a handover;
 * then the address stays until a successor has it.
 */
static void renewal_refused(struct vrrp *vr, struct mono now, int error, struct vrrp_effects *out)
{
	if (!vr->params.lease_us) { /* that of the configuration before ends; then it is put back */
		vr->renew = mono_add(now, VRRP_CONFIRM_US);
		return;
	}
	struct mono again = mono_add(now, vr->params.lease_us / TRIES_A_LEASE);
	struct mono end = mono_add(vr->leased, vr->params.lease_us);
	if (mono_sub(end, again) > vrrp_handover_time(vr->params.advert_interval_us)) {
		vr->renew = again;
		return;
	}
	vr_send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
	enter_fault(vr, now, error, out);
	vr->announce = vr->renew = MONO_NEVER;
	vr_stand_back(vr, now);
}

/* While one of them is missing it is no renewal, whichever was refused. */
static void refused(struct vrrp *vr, struct mono now, int error, struct vrrp_effects *out)
{
	if (vr->state != VRRP_ACTIVE)
		return;
	if (vr->present == vr_all_addresses(vr))
		renewal_refused(vr, now, error, out);
	else
		give_up(vr, now, error, out);
}

/* What must go: in another way than we want it, or not wanted at all. */
static bool is_littered(const struct vrrp *vr)
{
	bool found = vr->handover == VRRP_AWAY && vr->on_link & ~vr->shared;
	for (unsigned i = 0; i < vr->params.address_count && !found; i++)
		found = vr->remove[i];
	return found;
}

/* Whoever puts it there again and again is not fought as fast as the machine can. */
static bool may_repair(struct vrrp *vr, struct mono now)
{
	if (mono_sub(now, vr->repairs_from) > REPAIRS_WINDOW_US) {
		vr->repairs = 0;
		vr->repairs_from = now;
	}
	return vr->repairs++ < REPAIRS_MAX;
}

static void clear(struct vrrp *vr, struct mono now, bool at_once, struct vrrp_effects *out)
{
	if (at_once)
		vr_request(vr, now, out);
	else if (mono_is_never(vr->clear_at))
		vr->clear_at = mono_add(now, CLEAR_AGAIN_US);
}

static void hear_answer(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	vr->answered = event->answer.number;
	if (vr->answered != vr->request) /* the one that replaced it is answered, too */
		return;
	if (event->answer.error) {
		refused(vr, now, event->answer.error, out);
	} else {
		vr->leased = vr->asked_at;
		vr->expires = vr->asks_lease;
	}
	if (is_littered(vr)) /* it was put back meanwhile */
		clear(vr, now, false, out);
}

static void address_there(struct vrrp *vr, struct mono now, unsigned index, struct vrrp_effects *out)
{
	uint32_t bit = UINT32_C(1) << index;
	vr->on_link |= bit;
	vr->remove[index] = 0;
	if (vr->handover == VRRP_AWAY) {
		if (vr->shared & bit || vr->request != vr->answered) /* it is being removed */
			return;
		vr_emit(out, VRRP_EFFECT_STRAY)->index = index;
		clear(vr, now, may_repair(vr, now), out);
		return;
	}
	if (vr->present & bit)
		return;
	vr->present |= bit;
	if (vr->lost & bit)
		vr_emit(out, VRRP_EFFECT_RESTORED)->index = index;
	vr->lost &= ~bit;
	if (vr->state != VRRP_ACTIVE || vr->present != vr_all_addresses(vr))
		return;
	vr_await_addresses(vr, now);
	vr->failures = 0;
	vr_announce_start(vr, now, out);
}

/* An Active lacks what it had, or what it asked for and somebody removed at once. */
static void address_lost(struct vrrp *vr, struct mono now, unsigned index, struct vrrp_effects *out)
{
	uint32_t bit = UINT32_C(1) << index;
	bool was_present = vr->present & bit;
	vr->present &= ~bit;
	if (vr->state != VRRP_ACTIVE)
		return;
	if (was_present) {
		vr->announce = MONO_NEVER; /* from the start again when it is back */
		vr->lost |= bit;
		/* A lease that ends while the kernel does not answer is nobody's doing. */
		if (vr->request == vr->answered) {
			vr->losses = mono_sub(now, vr->last_loss) > LOSSES_WINDOW_US ? 1 : vr->losses + 1;
			vr->last_loss = now;
		}
		vr_await_addresses(vr, now);
	}
	if (vr->losses > LOSSES_MAX)
		give_up(vr, now, 0, out);
	else
		vr_request(vr, now, out);
}

static void address_gone(struct vrrp *vr, struct mono now, unsigned index, struct vrrp_effects *out)
{
	uint32_t bit = UINT32_C(1) << index;
	bool was_there = vr->on_link & bit || vr->remove[index];
	vr->on_link &= ~bit;
	vr->remove[index] = 0;
	bool removed_early = !was_there && vr->handover != VRRP_AWAY;
	if (vr->present & bit || removed_early)
		address_lost(vr, now, index, out);
}

/*
 * Somebody added one of our addresses by hand, perhaps as /64, which would break connected routes, or as a
 * source address. If we want it, it is put right, otherwise removed.
 */
static void address_wrong(struct vrrp *vr, struct mono now, unsigned index, const struct vrrp_found *found,
    struct vrrp_effects *out)
{
	uint32_t bit = UINT32_C(1) << index;
	bool wanted = vr->handover != VRRP_AWAY;
	vr->on_link &= ~bit;
	if (found->state == VRRP_FOUND_TENTATIVE && wanted)
		return; /* the kernel is about to tell */
	bool again = may_repair(vr, now);
	struct vrrp_effect *stray = vr_emit(out, VRRP_EFFECT_STRAY);
	stray->index = index;
	stray->prefix = found->prefix;
	vr->remove[index] = found->prefix != ADDRESS_BITS || !wanted ? found->prefix : 0;
	if (vr->state == VRRP_ACTIVE && (!again || found->state == VRRP_FOUND_DUPLICATE))
		give_up(vr, now, EADDRINUSE, out);
	else if (vr->present & bit)
		address_lost(vr, now, index, out);
	clear(vr, now, again, out);
}

static void address_found(struct vrrp *vr, struct mono now, unsigned index, const struct vrrp_found *found,
    struct vrrp_effects *out)
{
	switch (found->state) {
	case VRRP_FOUND_NOT: address_gone(vr, now, index, out); break;
	case VRRP_FOUND_RIGHT: address_there(vr, now, index, out); break;
	case VRRP_FOUND_WRONG:
	case VRRP_FOUND_TENTATIVE:
	case VRRP_FOUND_DUPLICATE: address_wrong(vr, now, index, found, out); break;
	}
}

/* All of it at once. What was asked for and is not there yet is not missing while the kernel is at it. */
static void addresses_found(
    struct vrrp *vr, struct mono now, const struct vrrp_found *found, struct vrrp_effects *out)
{
	for (unsigned i = 0; i < vr->params.address_count; i++) {
		bool known = vr->on_link & UINT32_C(1) << i || vr->remove[i];
		if (found[i].state == VRRP_FOUND_NOT && !known && vr->request != vr->answered)
			continue;
		address_found(vr, now, i, &found[i], out);
	}
}

/* What another router of this node has left behind is ours to remove. */
static void addresses_shared(struct vrrp *vr, struct mono now, uint32_t shared, struct vrrp_effects *out)
{
	vr->shared = shared;
	if (vr->handover == VRRP_AWAY && vr->on_link & ~shared)
		vr_request(vr, now, out);
}

void vr_hear_kernel(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	switch (event->type) {
	case VRRP_EVENT_ADDRESS: address_found(vr, now, event->index, &event->found, out); break;
	case VRRP_EVENT_ADDRESSES: addresses_found(vr, now, event->all_found, out); break;
	case VRRP_EVENT_ANSWER: hear_answer(vr, now, event, out); break;
	case VRRP_EVENT_QUEUED: vr->unconfirmed = 0; break;
	case VRRP_EVENT_SHARED: addresses_shared(vr, now, event->present, out); break;
	default: break;
	}
}

/*
 * An Active without its address serves nobody. What was asked for and does not come, with no refusal either,
 * is asked for again, and then left to another router. A kernel that has not answered yet may be busy with
 * other interfaces: it has longer.
 */
static void address_missing(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	bool busy = vr->request != vr->answered;
	vr->confirm_by = mono_add(now, VRRP_CONFIRM_US);
	if (++vr->unconfirmed >= (busy ? BUSY_MAX : ASKED_MAX))
		give_up(vr, now, ETIMEDOUT, out);
	else if (!busy)
		vr_request(vr, now, out);
}

void vr_address_timers(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (mono_reached(now, vr->confirm_by))
		address_missing(vr, now, out);
	if (mono_reached(now, vr->clear_at)) {
		vr->clear_at = MONO_NEVER;
		if (is_littered(vr))
			vr_request(vr, now, out);
	}
	if (mono_reached(now, vr->renew)) {
		vr_request(vr, now, out);
		vr->renew = vr->params.lease_us ? mono_add(now, vr->params.lease_us / VRRP_RENEWALS_A_LEASE)
						: MONO_NEVER;
	}
}
