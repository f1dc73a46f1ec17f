/*
 * The state machine of RFC 9568 section 6.4 for IPv6, and what vipd adds to it: the address as a fact of the
 * kernel, make-before-break handover, health bands, and the rule that a late engine is a dead engine.
 *
 * Here is who answers which event; what is heard from others is in adverts.c, what is done in actions.c and
 * handover.c, how long it takes in timing.c. Rules of the RFC are quoted by section above the code; what is
 * marked "design" is ours and described in docs/design.md.
 */
#include "core/core.h"

#include <errno.h>

/* All of these are design. */
#define RETRY_MIN_US	 (1 * USEC_PER_SEC) /* back-off after a refused address */
#define RETRY_MAX_US	 (60 * USEC_PER_SEC)
#define LOSSES_MAX	 10 /* an address that vanishes more often in a window is given up */
#define LOSSES_WINDOW_US (10 * USEC_PER_SEC)
#define TRIES_A_LEASE	 12 /* from the first refused renewal on */
#define ASKED_MAX	 3  /* times for an address that does not come */

/*
 * Design: at the start an address that somebody uses who does not speak VRRP can be left to him
 * (on_conflict = "wait"). Once the group has had an Active nothing like that delays a take-over: a killed
 * vipd's kernel answers for the address until its lease ends.
 */
static void take_over(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (vr->occupied && !vr->met && vr->params.wait_if_occupied) {
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
		return;
	}
	int64_t detail = vr->down_detail;
	if (vr->down_reason == VRRP_REASON_NO_ADVERT)
		detail = vr->heard ? mono_sub(now, vr->heard_at) : 0;
	vr_become_active(vr, now, vr->down_reason, detail, out);
}

static void enter_fault(struct vrrp *vr, struct mono now, int error, struct vrrp_effects *out)
{
	vr_transition(vr, VRRP_FAULT, VRRP_REASON_ADDRESS_FAILED, error, out);
	int64_t wait = RETRY_MIN_US << (vr->failures < 6 ? vr->failures : 6);
	vr->retry = mono_add(now, wait < RETRY_MAX_US ? wait : RETRY_MAX_US);
	vr->failures++;
}

/* Design: an address that cannot be held is no VIP. Resign at once and try again later. */
static void give_up(struct vrrp *vr, struct mono now, int error, struct vrrp_effects *out)
{
	vr_send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
	vr_withdraw_all(vr, out);
	enter_fault(vr, now, error, out);
}

/*
 * Design: a refused renewal takes nothing away yet. It is tried again while the lease lasts longer than a
 * handover; then the address stays until a successor has it.
 */
static void renewal_refused(struct vrrp *vr, struct mono now, int error, struct vrrp_effects *out)
{
	struct mono again = mono_add(now, vr->params.lease_us / TRIES_A_LEASE);
	struct mono end = mono_add(vr->leased, vr->params.lease_us);
	if (mono_sub(end, again) > vr_handover_time(vr)) {
		vr->renew = again;
		return;
	}
	vr_send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
	enter_fault(vr, now, error, out);
	vr->announce = vr->renew = MONO_NEVER;
	vr_stand_back(vr, now);
}

static void address_failed(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	bool renewal = vr->present & UINT32_C(1) << event->index;
	if (renewal)
		vr->leased = vr->leased_before;
	if (vr->state != VRRP_ACTIVE)
		return;
	if (renewal)
		renewal_refused(vr, now, event->error, out);
	else
		give_up(vr, now, event->error, out);
}

static void link_up(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	bool was_up = vr->link_up;
	vr->link_up = true;
	vr->own_address = event->own_address;
	if (was_up || vr->stopping)
		return;
	/* 6.4.1, Startup (priority 255 is not offered, so never straight to Active). */
	vr->heard = false;
	vr->learned_interval_us = 0;
	vr->preempt_after = mono_add(now, vr->params.preempt_delay_us);
	vr_become_backup(
	    vr, now, vr->state == VRRP_INITIALIZE ? VRRP_REASON_STARTED : VRRP_REASON_LINK_UP, 0, out);
}

static void link_down(struct vrrp *vr, struct vrrp_effects *out)
{
	vr->link_up = false;
	vr->heard = false;
	vr_withdraw_all(vr, out);
	if (vr->stopping)
		vr_emit(out, VRRP_EFFECT_STOPPED);
	else if (vr->state != VRRP_FAULT)
		vr_transition(vr, VRRP_FAULT, VRRP_REASON_LINK_DOWN, 0, out);
	vr->retry = MONO_NEVER;
}

static void adopt(struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	vr->link_up = true;
	vr->own_address = event->own_address;
	vr->present = event->present & vr_all_addresses(vr);
	vr_become_active(vr, now, VRRP_REASON_ADOPTED, 0, out);
}

static void address_present(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	uint32_t bit = UINT32_C(1) << event->index;
	if (!vr->wanted) { /* it came after we had given it up */
		vr_emit(out, VRRP_EFFECT_WITHDRAW);
		return;
	}
	if (vr->present & bit)
		return;
	vr->present |= bit;
	if (vr->state != VRRP_ACTIVE || vr->present != vr_all_addresses(vr))
		return;
	vr_await_addresses(vr, now);
	vr->failures = 0;
	vr_announce_start(vr, now, out);
}

static void address_lost(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	uint32_t bit = UINT32_C(1) << event->index;
	bool was_present = vr->present & bit;
	vr->present &= ~bit;
	if (vr->state != VRRP_ACTIVE)
		return;
	if (was_present) {
		vr->announce = MONO_NEVER; /* from the start again when it is back */
		vr->losses = mono_sub(now, vr->last_loss) > LOSSES_WINDOW_US ? 1 : vr->losses + 1;
		vr->last_loss = now;
		vr_await_addresses(vr, now);
	}
	if (vr->losses > LOSSES_MAX)
		give_up(vr, now, event->error, out);
	else
		vr_emit(out, VRRP_EFFECT_ASSIGN)->index = event->index;
}

/*
 * Design: an Active without its address serves nobody. What was asked for and does not come, with no refusal
 * either, is asked for again, and then left to another router.
 */
static void address_missing(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr->confirm_by = mono_add(now, VR_CONFIRM_US);
	if (++vr->unconfirmed < ASKED_MAX)
		vr_assign_missing(vr, out);
	else
		give_up(vr, now, ETIMEDOUT, out);
}

/*
 * Active_Down_Interval has changed with our priority. Whom we put up with now has all of it, also one that we
 * would have replaced a moment ago (unhealthy ourselves, we are no better than anybody).
 */
static void move_active_down(struct vrrp *vr, struct mono now, int64_t old_down)
{
	int64_t down = vr_active_down_interval(vr);
	if (vr->heard && vr_accepts(vr, now, vr->active_priority))
		vr_set_active_down(vr, mono_add(vr->heard_at, down), VRRP_REASON_NO_ADVERT, 0);
	else
		vr->active_down = mono_add(vr->active_down, down - old_down);
}

/*
 * A candidate again. Back before anybody took over the address stays until somebody does, and that is soon:
 * others may be back with the address, too.
 */
static void rejoin(struct vrrp *vr, struct mono now)
{
	bool alone = !vr->heard && vr->wanted;
	vr->resign_again = MONO_NEVER;
	if (alone) {
		vr->withdraw = MONO_NEVER;
		vr_set_active_down(vr, mono_add(now, vr_skew_time(vr)), VRRP_REASON_RESUMED, 0);
	} else {
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
	}
}

/* Health, drain, resume: the same question each time, what changed about our candidacy and our priority. */
static void candidacy(struct vrrp *vr, struct mono now, enum vrrp_reason why, bool was_candidate,
    int64_t old_down, struct vrrp_effects *out)
{
	bool candidate = vr_is_candidate(vr);
	if (vr->state == VRRP_ACTIVE) {
		if (!candidate) {
			vr_hand_over(vr, now, VRRP_BACKUP, why, out);
		} else { /* design: a changed priority is told at once */
			vr_send_advert(vr, now, vrrp_effective_priority(vr), out);
			vr->adver = mono_add(now, vr->params.advert_interval_us);
		}
	}
	if (vr->state != VRRP_BACKUP)
		return;
	if (!candidate) {
		vr_stand_back(vr, now);
		return;
	}
	if (!was_candidate || vr->health == VRRP_HEALTHY)
		vr->preempt_after = mono_add(now, vr->params.preempt_delay_us);
	if (!was_candidate)
		rejoin(vr, now);
	else
		move_active_down(vr, now, old_down);
	if (vr->heard && vr_is_worse(vr, vr->active_priority))
		vr_shorten_active_down(vr, now);
}

static void standing_changed(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	bool was_candidate = vr_is_candidate(vr);
	int64_t old_down = vr_active_down_interval(vr);
	bool is_health = event->type == VRRP_EVENT_HEALTH;
	enum vrrp_health health = is_health ? event->health : vr->health;
	bool drained = is_health ? vr->drained : event->type == VRRP_EVENT_DRAIN;
	if (health == vr->health && drained == vr->drained)
		return;
	vr->health = health;
	vr->drained = drained;
	candidacy(
	    vr, now, is_health ? VRRP_REASON_UNHEALTHY : VRRP_REASON_DRAINED, was_candidate, old_down, out);
}

static void reconfigure(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	int64_t old_down = vr_active_down_interval(vr);
	vr->params = *event->params;
	vr->present = event->present & vr_all_addresses(vr);
	if (vr->state == VRRP_ACTIVE && !vr_is_candidate(vr)) {
		vr_hand_over(vr, now, VRRP_BACKUP, VRRP_REASON_UNHEALTHY, out);
	} else if (vr->state ==
		   VRRP_ACTIVE) { /* design: the Backups learn a new priority or interval at once */
		vr_send_advert(vr, now, vrrp_effective_priority(vr), out);
		vr->adver = mono_add(now, vr->params.advert_interval_us);
		vr->renew = vr->params.lease_us ? now : MONO_NEVER;
		if (vr->present == vr_all_addresses(vr) && vr->wanted != vr_all_addresses(vr))
			vr_announce_start(vr, now, out);
		vr_assign_missing(vr, out);
		vr_await_addresses(vr, now);
	} else if (vr->state == VRRP_BACKUP && !vr_is_candidate(vr)) {
		vr_stand_back(vr, now);
	} else if (vr->state == VRRP_BACKUP && mono_is_never(vr->active_down)) {
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
	} else if (vr->state == VRRP_BACKUP && !vr->active_down_short) {
		move_active_down(vr, now, old_down);
	}
}

static void stop(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr->stopping = true;
	if (vr->state == VRRP_ACTIVE) {
		vr_hand_over(vr, now, VRRP_INITIALIZE, VRRP_REASON_STOPPED, out);
	} else if (vr->state != VRRP_INITIALIZE) {
		vr_transition(vr, VRRP_INITIALIZE, VRRP_REASON_STOPPED, 0, out);
		vr_stand_back(vr, now);
	}
	if (!vr->wanted)
		vr_emit(out, VRRP_EFFECT_STOPPED);
}

static void timers(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (mono_reached(now, vr->resign_again)) {
		vr_send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
		vr->resign_again = MONO_NEVER;
	}
	if (mono_reached(now, vr->withdraw)) {
		vr_withdraw_all(vr, out);
		if (vr->stopping)
			vr_emit(out, VRRP_EFFECT_STOPPED);
	}
	if (mono_reached(now, vr->retry))
		vr_become_backup(vr, now, VRRP_REASON_ADDRESS_RETRY, 0, out);
	if (mono_reached(now, vr->active_down))
		take_over(vr, now, out);
	if (mono_reached(now, vr->adver)) {
		/* 6.4.3: If the Adver_Timer fires, send an ADVERTISEMENT, reset the timer. It keeps its
		 * phase, without bursts. */
		vr_send_advert(vr, now, vrrp_effective_priority(vr), out);
		vr->adver = mono_add(vr->adver, vr->params.advert_interval_us);
		if (mono_reached(now, vr->adver))
			vr->adver = mono_add(now, vr->params.advert_interval_us);
	}
	if (mono_reached(now, vr->announce))
		vr_announce_next(vr, now, out);
	if (mono_reached(now, vr->confirm_by))
		address_missing(vr, now, out);
	if (mono_reached(now, vr->renew)) {
		vr_emit(out, VRRP_EFFECT_RENEW);
		vr->leased_before = vr->leased;
		vr->leased = now; /* unless the answer says otherwise */
		vr->renew = mono_add(now, vr->params.lease_us / VR_RENEWALS_A_LEASE);
	}
}

/*
 * Design: a late engine is a dead engine. Past the shortest Active_Down_Interval somebody else may hold the
 * address, so let go before anything else. If the others' adverts are not waiting in the socket (a Backup
 * reads them before its timer fires) nobody has taken over, and Skew_Time is enough.
 */
static void step_down_if_late(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	int64_t silence = mono_sub(now, vr->sent_at);
	if (vr->state != VRRP_ACTIVE || silence <= vr_late_limit(vr))
		return;
	vr_withdraw_all(vr, out);
	vr_become_backup(vr, now, VRRP_REASON_LATE, silence, out);
	vr_set_active_down(vr, mono_add(now, vr_skew_time(vr)), VRRP_REASON_NO_ADVERT, 0);
}

void vrrp_init(struct vrrp *vr, const struct vrrp_params *params, enum vrrp_health health)
{
	*vr = (struct vrrp){.params = *params,
	    .state = VRRP_INITIALIZE,
	    .health = health,
	    .active_down = MONO_NEVER,
	    .adver = MONO_NEVER,
	    .announce = MONO_NEVER,
	    .renew = MONO_NEVER,
	    .confirm_by = MONO_NEVER,
	    .withdraw = MONO_NEVER,
	    .resign_again = MONO_NEVER,
	    .retry = MONO_NEVER};
}

void vrrp_step(struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	out->count = 0;
	step_down_if_late(vr, now, out);
	switch (event->type) {
	case VRRP_EVENT_TIMER: timers(vr, now, out); break;
	case VRRP_EVENT_LINK_UP: link_up(vr, now, event, out); break;
	case VRRP_EVENT_LINK_DOWN: link_down(vr, out); break;
	case VRRP_EVENT_ADVERT: vr_hear_advert(vr, now, event, out); break;
	case VRRP_EVENT_FOREIGN_NA: vr_hear_announcement(vr, now, out); break;
	case VRRP_EVENT_MAC_CHANGED:
		if (vr->state == VRRP_ACTIVE && vr->present == vr_all_addresses(vr))
			vr_announce_start(vr, now, out);
		break;
	case VRRP_EVENT_OCCUPIED: vr->occupied = event->occupied; break;
	case VRRP_EVENT_ADDRESS_PRESENT: address_present(vr, now, event, out); break;
	case VRRP_EVENT_ADDRESS_FAILED: address_failed(vr, now, event, out); break;
	case VRRP_EVENT_ADDRESS_LOST: address_lost(vr, now, event, out); break;
	case VRRP_EVENT_HEALTH:
	case VRRP_EVENT_DRAIN:
	case VRRP_EVENT_RESUME: standing_changed(vr, now, event, out); break;
	case VRRP_EVENT_CONFIG: reconfigure(vr, now, event, out); break;
	case VRRP_EVENT_STOP: stop(vr, now, out); break;
	case VRRP_EVENT_ADOPT: adopt(vr, now, event, out); break;
	case VRRP_EVENTS: break;
	}
}

struct mono vrrp_deadline(const struct vrrp *vr)
{
	struct mono at = mono_min(vr->active_down, vr->adver);
	at = mono_min(at, mono_min(vr->announce, vr->renew));
	at = mono_min(at, vr->confirm_by);
	at = mono_min(at, mono_min(vr->withdraw, vr->resign_again));
	return mono_min(at, vr->retry);
}
