/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of RFC 9568 section 6.4 for a received advert.
 */
#include "core/core.h"

static void hear(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	if (vr->heard && !address_equal(&vr->active_address, &event->advert.source))
		vr_hear_rival(vr, now);
	vr->heard = event->advert.priority != VRRP_PRIORITY_RESIGN;
	vr->kept = vr->kept && !vr->heard;
	vr->heard_at = now;
	vr->met = true;
	vr->active_address = event->advert.source;
	vr->active_priority = event->advert.priority;
}

/* By a router that stops, or that cannot hold the address. */
static void advert_elsewhere(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	hear(vr, now, event);
	if (event->advert.priority == VRRP_PRIORITY_RESIGN)
		vr_hear_resignation(vr);
	else
		vr_hear_successor(vr, now);
}

/*
 * Design: Skew_Time lets the best Backup be the first. Who knows that it is the best does not wait for it:
 * once the router that it follows, and that it has heard as Active just now, says itself that it leaves or
 * that it is of a worse grade. From anybody else that proves nothing; Skew_Time is the Active's chance to
 * object.
 */
static bool is_next(const struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	return vr->heard && !mono_reached(now, vr->next_until) &&
	       address_equal(&vr->active_address, &event->advert.source) &&
	       mono_sub(now, vr->heard_at) <= vrrp_unreplaced_limit(vr_active_adver_interval(vr));
}

/* Later reasons do not make the wait longer: the address may be gone by then. */
static void wait_at_most(struct vrrp *vr, struct mono now, int64_t wait_us, enum vrrp_reason meaning)
{
	struct mono at = mono_min(vr->active_down, mono_add(now, wait_us));
	vr_set_active_down(vr, at, meaning, vr->active_priority);
}

static void shorten_active_down(struct vrrp *vr, struct mono now, int64_t wait_us)
{
	wait_at_most(vr, now, wait_us, VRRP_REASON_PEER_UNHEALTHY);
	vr->active_down_short = true;
}

/* Design: a Backup treats an Active of a worse grade as one that resigns, whatever Preempt_Mode says. */
void vr_shorten_active_down(struct vrrp *vr, struct mono now)
{
	shorten_active_down(vr, now, vr_skew_time(vr));
}

/*
 * Design: the advert of a router that has just lost against the one we follow, its final advert above all, is
 * ignored. It counts once the better one has been silent for longer than it should; nobody replaces that one
 * before it has been silent for three intervals. If the better one has resigned and left us the address, then
 * we are whom the others have lost against.
 */
static bool is_from_loser(const struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	uint8_t priority = event->advert.priority;
	const struct address *source = &event->advert.source;
	if (priority == VRRP_PRIORITY_RESIGN)
		return false;
	if (vr->handover == VRRP_INHERITING)
		return !vr_is_superior(vr, event);
	if (!vr->heard || address_equal(source, &vr->active_address))
		return false;
	if (mono_sub(now, vr->heard_at) > vrrp_alive_limit(vr_active_adver_interval(vr)))
		return false;
	return vrrp_is_better(vr->active_priority, &vr->active_address, priority, source);
}

static void advert_in_backup(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	uint8_t priority = event->advert.priority;
	if (is_from_loser(vr, now, event)) {
		vr_hear_rival(vr, now);
		return;
	}
	int64_t wait_us = is_next(vr, now, event) ? 0 : vr_skew_time(vr);
	hear(vr, now, event);
	if (priority == VRRP_PRIORITY_RESIGN) {
		/* 6.4.2: If the Priority in the ADVERTISEMENT is 0, set the Active_Down_Timer to Skew_Time.
		 */
		wait_at_most(vr, now, wait_us, VRRP_REASON_RESIGNED);
		vr_hear_resignation(vr);
		return;
	}
	vr_hear_successor(vr, now);
	if (vr_is_worse(vr, priority)) {
		shorten_active_down(vr, now, wait_us);
	} else if (vr_accepts(vr, now, priority)) {
		/* 6.4.2: Set Active_Adver_Interval to Max Advertise Interval, recompute, reset the
		 * Active_Down_Timer. */
		vr->learned_interval_us = event->advert.interval_us;
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
	} else {
		/* 6.4.2: Preempt_Mode is true and the priority is lower than ours: discard. */
		vr->down_reason = VRRP_REASON_PREEMPTED_LOWER;
		vr->down_detail = priority;
	}
}

static void answer_advert(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	int64_t own = vr->params.advert_interval_us, its = event->advert.interval_us;
	if (event->advert.final)
		vr_answer_rival(vr, now, VRRP_RIVAL_YIELDS, 0, out);
	else
		vr_answer_rival(vr, now, VRRP_RIVAL_ADVERTS, (its > own ? its : own) * 3 / 2, out);
}

static void advert_in_active(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	if (event->advert.priority == VRRP_PRIORITY_RESIGN) {
		/* 6.4.3: If the Priority is 0, send an ADVERTISEMENT, reset the Adver_Timer. */
		if (vr_answer_rival(vr, now, VRRP_RIVAL_YIELDS, 0, out))
			vr->adver = mono_add(now, vr->params.advert_interval_us);
	} else if (vr_is_superior(vr, event)) {
		/*
		 * 6.4.3: priority greater, or equal with a greater address: cancel the Adver_Timer, set
		 * Active_Adver_Interval and the Active_Down_Timer, transition to Backup. Design: first a
		 * final advert, so that the winner knows of the conflict and announces once more, after
		 * everything that we announced.
		 */
		bool by_priority = event->advert.priority > vrrp_effective_priority(vr);
		vr_emit(out, VRRP_EFFECT_FINAL_ADVERT)->priority = vrrp_effective_priority(vr);
		hear(vr, now, event);
		vr->learned_interval_us = event->advert.interval_us;
		vr_become_backup(vr, now,
		    by_priority ? VRRP_REASON_HIGHER_PRIORITY : VRRP_REASON_HIGHER_ADDRESS,
		    event->advert.priority, out);
		vr_hear_successor(vr, now);
	} else {
		/* 6.4.3: discard; send an ADVERTISEMENT immediately to assert the Active state. */
		answer_advert(vr, now, event, out);
	}
}

void vr_hear_advert(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	vr->deaf_until = MONO_PAST;
	if (vr->state == VRRP_BACKUP)
		advert_in_backup(vr, now, event);
	else if (vr->state == VRRP_ACTIVE)
		advert_in_active(vr, now, event, out);
	else
		advert_elsewhere(vr, now, event);
}
