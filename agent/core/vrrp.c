/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of RFC 9568 section 6.4 for IPv6, and what vipd adds to it: the address as a fact of the
 * kernel, make-before-break handover, health bands, and the rule that a late engine is a dead engine.
 *
 * Here is who answers which event. What is heard from others is in adverts.c and conflict.c, what the kernel
 * has in addresses.c, what is done in actions.c and handover.c, how long it takes in timing.c. Rules of the
 * RFC are quoted by section above the code; what is marked "design" is ours and described in docs/design.md.
 */
#include "core/core.h"

#include <string.h>

/*
 * Design: a Backup that has slept for longer than an interval does not know what it missed: its machine was
 * frozen, or its link was down. It knows no more than one that starts, so it waits as one (6.4.1). Once, or
 * who always sleeps would never take over.
 */
static bool must_listen(struct vrrp *vr, struct mono now)
{
	int64_t slept_us = mono_sub(now, vr->active_down);
	if (vr->active_down_again || slept_us <= vr_active_adver_interval(vr))
		return false;
	vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), vr->down_reason, vr->down_detail);
	vr->active_down_again = true;
	return true;
}

/*
 * Design: at the start an address that a foreign holder uses can be left to it (on_conflict = "wait"). Once
 * the group has had an Active nothing like that delays a take-over: a killed vipd's kernel answers for the
 * address until its lease ends.
 */
static void take_over(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (must_listen(vr, now))
		return;
	if (vr->conflict == VRRP_CONFLICT_ADDRESS && !vr->met && vr->params.wait_if_occupied) {
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
		return;
	}
	/* Design: a port of a switch may pass nothing for some time. Those that waited for it are elected by
	 * Skew_Time, too. */
	if (!mono_reached(now, vr->deaf_until)) {
		vr_set_active_down(vr, mono_add(vr->deaf_until, vr_skew_time(vr)), VRRP_REASON_NO_ADVERT, 0);
		return;
	}
	int64_t detail = vr->down_detail;
	if (vr->down_reason == VRRP_REASON_NO_ADVERT)
		detail = vr->heard ? mono_sub(now, vr->heard_at) : 0;
	vr_become_active(vr, now, vr->down_reason, detail, out);
}

/* Design: only while nobody can have taken over; it is the limit by which a late engine steps down. */
bool vrrp_adopts(const struct vrrp *vr, struct mono now)
{
	int64_t silence = mono_sub(now, vr->adopt_from);
	return vr->state == VRRP_INITIALIZE && vr->may_adopt && silence >= 0 &&
	       silence <= vrrp_late_limit(vr->params.advert_interval_us) &&
	       (vr_is_candidate(vr) || vr_may_keep(vr));
}

static void link_up(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	bool was_up = vr->link_up;
	vr->link_up = true;
	vr->own_address = event->own_address;
	if (was_up || vr->stopping)
		return;
	vr->heard = false;
	vr->learned_interval_us = 0;
	vr->next_until = MONO_PAST;
	vr->deaf_until = mono_add(now, vr->params.start_delay_us);
	vr->preempt_after = mono_add(now, vr->params.preempt_delay_us);
	bool was_active = vr->state == VRRP_INITIALIZE && vr->may_adopt;
	vr->kept |= was_active && vr_may_keep(vr);
	if (vrrp_adopts(vr, now)) {
		vr->on_link = vr->present = event->present & vr_all_addresses(vr);
		vr_become_active(vr, now, VRRP_REASON_ADOPTED, 0, out);
	} else {
		/* 6.4.1, Startup (priority 255 is not offered, so never straight to Active). */
		vr_become_backup(vr, now,
		    vr->state == VRRP_INITIALIZE ? VRRP_REASON_STARTED : VRRP_REASON_LINK_UP, 0, out);
	}
}

static void link_down(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr->link_up = false;
	vr->heard = false;
	vr_withdraw(vr, now, out);
	if (vr->stopping)
		vr_emit(out, VRRP_EFFECT_STOPPED);
	else if (vr->state != VRRP_FAULT)
		vr_transition(vr, VRRP_FAULT, VRRP_REASON_LINK_DOWN, 0, out);
	vr->retry = MONO_NEVER;
}

/*
 * Active_Down_Interval has changed with our priority. An Active that we accept now has all of it, also one
 * that we would have replaced a moment ago (unhealthy ourselves, we are no better than anybody).
 */
static void move_active_down(struct vrrp *vr, struct mono now, int64_t old_down)
{
	int64_t down = vr_active_down_interval(vr);
	if (vr->heard && vr_accepts(vr, now, vr->active_priority))
		vr_set_active_down(vr, mono_add(vr->heard_at, down), VRRP_REASON_NO_ADVERT, 0);
	else
		vr->active_down = mono_add(vr->active_down, down - old_down);
}

/* Health, drain, resume: the same question each time, what changed about our candidacy and our priority. */
static void candidacy(struct vrrp *vr, struct mono now, enum vrrp_reason why, bool was_candidate,
    int64_t old_down, struct vrrp_effects *out)
{
	bool candidate = vr_may_stay(vr);
	vr->next_until = MONO_PAST;
	if (vr->state == VRRP_ACTIVE) {
		if (!candidate) {
			vr_hand_over(vr, now, VRRP_BACKUP, why, 0, out);
		} else { /* design: a changed priority is adverted at once */
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
	if (!was_candidate)
		vr_rejoin(vr, now);
	else
		move_active_down(vr, now, old_down);
	if (vr->heard && vr_is_worse(vr, vr->active_priority))
		vr_shorten_active_down(vr, now);
}

static void standing_changed(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	bool was_candidate = vr_may_stay(vr);
	int64_t old_down = vr_active_down_interval(vr);
	bool is_health = event->type == VRRP_EVENT_HEALTH;
	enum vrrp_health health = is_health ? event->health : vr->health;
	uint8_t lowered = is_health ? event->lowered : vr->lowered;
	bool drained = is_health ? vr->drained : event->type == VRRP_EVENT_DRAIN;
	bool better = health > vr->health || lowered < vr->lowered;
	if (health == vr->health && lowered == vr->lowered && drained == vr->drained)
		return;
	vr->health = health;
	vr->lowered = lowered;
	vr->drained = drained;
	vr->kept = vr->kept && drained;
	if (vr->state == VRRP_BACKUP && vr_is_candidate(vr) &&
	    (!was_candidate || (better && health == VRRP_HEALTHY)))
		vr->preempt_after = mono_add(now, vr->params.preempt_delay_us);
	enum vrrp_reason why = is_health    ? VRRP_REASON_UNHEALTHY
			       : event->why ? event->why
					    : VRRP_REASON_DRAINED;
	candidacy(vr, now, why, was_candidate, old_down, out);
}

static void reconfigure(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	int64_t old_down = vr_active_down_interval(vr);
	uint32_t old_addresses = vr_all_addresses(vr);
	vr->params = *event->params;
	vr->next_until = MONO_PAST;
	vr->on_link = vr->present = event->present & vr_all_addresses(vr); /* what else is there follows */
	vr->lost = 0;
	memset(vr->remove, 0, sizeof vr->remove);
	if (vr->state == VRRP_ACTIVE && !vr_may_stay(vr)) {
		vr_hand_over(vr, now, VRRP_BACKUP, VRRP_REASON_UNHEALTHY, 0, out);
	} else if (vr->state == VRRP_ACTIVE) {
		/* design: the Backups learn a new priority or interval at once */
		vr_send_advert(vr, now, vrrp_effective_priority(vr), out);
		vr->adver = mono_add(now, vr->params.advert_interval_us);
		/* The address is there for as long as the configuration before said. */
		vr->renew = vr->params.lease_us || vr->expires ? now : MONO_NEVER;
		if (vr->present == vr_all_addresses(vr) && old_addresses != vr->present)
			vr_announce_start(vr, now, out);
		if (vr->present != vr_all_addresses(vr))
			vr_request(vr, now, out);
		vr_await_addresses(vr, now);
	} else if (vr->state == VRRP_BACKUP && !vr_may_stay(vr)) {
		vr_stand_back(vr, now);
	} else if (vr->state == VRRP_BACKUP && mono_is_never(vr->active_down)) {
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
	} else if (vr->state == VRRP_BACKUP && !vr->active_down_short) {
		move_active_down(vr, now, old_down);
	}
}

static void stop(struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	enum vrrp_reason why = event->why ? event->why : VRRP_REASON_STOPPED;
	vr->stopping = true;
	vr->stay_us = event->stay_us;
	if (vr->state == VRRP_ACTIVE) {
		vr_hand_over(vr, now, VRRP_INITIALIZE, why, 0, out);
	} else if (vr->state != VRRP_INITIALIZE) {
		vr_transition(vr, VRRP_INITIALIZE, why, 0, out);
		vr_stand_back(vr, now);
	}
	if (vr->handover == VRRP_AWAY)
		vr_emit(out, VRRP_EFFECT_STOPPED);
}

/* Removed from the configuration and put back before it was gone: like a resume. */
static void come_back(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (!vr->stopping)
		return;
	vr->stopping = false;
	vr->stay_us = 0;
	vr->preempt_after = mono_add(now, vr->params.preempt_delay_us);
	vr_transition(vr, VRRP_BACKUP, VRRP_REASON_STARTED, 0, out);
	if (vr_is_candidate(vr))
		vr_rejoin(vr, now);
}

static void timers(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr_conflict_timers(vr, now, out);
	if (mono_reached(now, vr->resign_again)) {
		vr_send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
		vr->resign_again = MONO_NEVER;
	}
	if (mono_reached(now, vr->leave_at))
		vr_leave_or_keep(vr, now, out);
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
	vr_address_timers(vr, now, out);
}

/*
 * Design: a late engine is a dead engine. Past the shortest Active_Down_Interval somebody else may hold the
 * address, so release it before anything else. If the others' adverts are not waiting in the socket (a Backup
 * reads them before its timer fires) nobody has taken over, and Skew_Time is enough.
 */
static void step_down_if_late(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	int64_t silence = mono_sub(now, vr->sent_at);
	if (vr->state != VRRP_ACTIVE || silence <= vrrp_late_limit(vr->params.advert_interval_us))
		return;
	vr_withdraw(vr, now, out);
	vr_become_backup(vr, now, VRRP_REASON_LATE, silence, out);
	vr_set_active_down(vr, mono_add(now, vr_skew_time(vr)), VRRP_REASON_NO_ADVERT, 0);
}

void vrrp_init(struct vrrp *vr, const struct vrrp_params *params, enum vrrp_health health)
{
	*vr = (struct vrrp){.params = *params,
	    .state = VRRP_INITIALIZE,
	    .health = health,
	    .next_until = MONO_PAST,
	    .ask = MONO_NEVER,
	    .conflict_until = MONO_NEVER,
	    .answer = MONO_NEVER,
	    .active_down = MONO_NEVER,
	    .adver = MONO_NEVER,
	    .announce = MONO_NEVER,
	    .renew = MONO_NEVER,
	    .confirm_by = MONO_NEVER,
	    .clear_at = MONO_NEVER,
	    .leave_at = MONO_NEVER,
	    .resign_again = MONO_NEVER,
	    .retry = MONO_NEVER};
}

void vrrp_succeed(struct vrrp *vr, struct mono sent_at)
{
	vr->may_adopt = vr->expires = true;
	vr->adopt_from = sent_at;
}

/*
 * When the advert came, not when the engine got round to it: the timer that it begins ends when the protocol
 * says. What seems to have waited for more than an interval is taken as of now: the clock was set, or the
 * engine is far too late.
 */
static struct mono heard_at(const struct vrrp *vr, struct mono now, struct mono arrived)
{
	int64_t waited_us = mono_sub(now, arrived);
	if (waited_us <= 0 || waited_us > vr->params.advert_interval_us)
		return now;
	return mono_reached(arrived, vr->seen) ? arrived : vr->seen;
}

void vrrp_step(struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	out->count = 0;
	if (event->type == VRRP_EVENT_ADVERT)
		now = heard_at(vr, now, event->advert.arrived);
	vr->seen = now;
	step_down_if_late(vr, now, out);
	switch (event->type) {
	case VRRP_EVENT_TIMER: timers(vr, now, out); break;
	case VRRP_EVENT_LINK_UP: link_up(vr, now, event, out); break;
	case VRRP_EVENT_LINK_DOWN: link_down(vr, now, out); break;
	case VRRP_EVENT_ADVERT: vr_hear_advert(vr, now, event, out); break;
	case VRRP_EVENT_CLAIM: vr_hear_claim(vr, now, event, out); break;
	case VRRP_EVENT_ADDRESS:
	case VRRP_EVENT_ADDRESSES:
	case VRRP_EVENT_ANSWER:
	case VRRP_EVENT_QUEUED:
	case VRRP_EVENT_SHARED: vr_hear_kernel(vr, now, event, out); break;
	case VRRP_EVENT_MAC_CHANGED:
		if (vr->state == VRRP_ACTIVE && vr->present == vr_all_addresses(vr))
			vr_announce_start(vr, now, out);
		break;
	case VRRP_EVENT_HEALTH:
	case VRRP_EVENT_DRAIN:
	case VRRP_EVENT_RESUME: standing_changed(vr, now, event, out); break;
	case VRRP_EVENT_NEXT: vr->next_until = event->next_until; break;
	case VRRP_EVENT_CONFIG: reconfigure(vr, now, event, out); break;
	case VRRP_EVENT_STOP: stop(vr, now, event, out); break;
	case VRRP_EVENT_RETURN: come_back(vr, now, out); break;
	case VRRP_EVENTS: break;
	}
}

struct mono vrrp_deadline(const struct vrrp *vr)
{
	struct mono at = mono_min(vr->active_down, vr->adver);
	at = mono_min(at, mono_min(vr->announce, vr->renew));
	at = mono_min(at, mono_min(vr->ask, vr->conflict_until));
	at = mono_min(at, mono_min(vr->answer, vr->confirm_by));
	at = mono_min(at, mono_min(vr->leave_at, vr->resign_again));
	return mono_min(at, mono_min(vr->retry, vr->clear_at));
}
