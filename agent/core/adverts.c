/*
 * What others say: the rules of RFC 9568 section 6.4 for a received advert, and for a Neighbor Advertisement
 * of somebody else for our address.
 */
#include "core/core.h"

#include <string.h>

/* All of these are design. */
#define LINGER_US     (1 * USEC_PER_MS)	 /* the address outlives the successor's announcement by this */
#define LINGER_MAX_US (25 * USEC_PER_MS) /* and its first advert by this, if no announcement is heard */
#define ANSWER_GAP_US (10 * USEC_PER_MS) /* answers to losing adverts come no closer */

/*
 * Several claim what we let go of. The announcement that made us hurry may have been a loser's, while the
 * winner's kernel is still at work.
 */
static void contest(struct vrrp *vr, struct mono now)
{
	if (!vr->contested && vr->wanted && !mono_is_never(vr->withdraw))
		vr->withdraw = mono_add(now, LINGER_MAX_US);
	vr->contested = true;
}

static void hear(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	bool same = address_equal(&vr->active_address, &event->advert.source);
	if (vr->wanted && vr->heard && !same)
		contest(vr, now);
	vr->interval_confirmed = same && event->advert.interval_us == vr->told_interval_us;
	vr->told_interval_us = event->advert.interval_us;
	vr->heard = event->advert.priority != VRRP_PRIORITY_RESIGN;
	vr->heard_at = now;
	vr->met = true;
	vr->active_address = event->advert.source;
	vr->active_priority = event->advert.priority;
}

/* Of one that stops, or that cannot hold the address. */
static void hear_successor(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	hear(vr, now, event);
	if (event->advert.priority == VRRP_PRIORITY_RESIGN)
		vr_keep_on(vr);
	else
		vr_linger(vr, now, LINGER_MAX_US);
}

/* Design: a Backup treats an Active of a worse grade as one that resigns, whatever Preempt_Mode says. */
void vr_shorten_active_down(struct vrrp *vr, struct mono now)
{
	struct mono at = mono_min(vr->active_down, mono_add(now, vr_skew_time(vr)));
	vr_set_active_down(vr, at, VRRP_REASON_PEER_UNHEALTHY, vr->active_priority);
	vr->active_down_short = true;
}

static void advert_in_backup(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	uint8_t priority = event->advert.priority;
	if (vr_is_losing(vr, now, event)) {
		contest(vr, now);
		return;
	}
	hear(vr, now, event);
	if (priority == VRRP_PRIORITY_RESIGN) {
		/* 6.4.2: If the Priority in the ADVERTISEMENT is 0, set the Active_Down_Timer to Skew_Time.
		 * Design: the second notice does not prolong that, the address may be gone by then. */
		struct mono at = mono_min(vr->active_down, mono_add(now, vr_skew_time(vr)));
		vr_set_active_down(vr, at, VRRP_REASON_RESIGNED, 0);
		vr_keep_on(vr);
		return;
	}
	vr_linger(vr, now, LINGER_MAX_US);
	if (vr_is_worse(vr, priority)) {
		vr_shorten_active_down(vr, now);
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

/* Design: who wins announces last. Answers are rate-limited: they must not become somebody's amplifier. */
static void answer_loser(struct vrrp *vr, struct mono now, bool restart_timer, struct vrrp_effects *out)
{
	if (mono_sub(now, vr->answered_at) < ANSWER_GAP_US)
		return;
	vr->answered_at = now;
	vr_send_advert(vr, now, vrrp_effective_priority(vr), out);
	if (restart_timer)
		vr->adver = mono_add(now, vr->params.advert_interval_us);
	if (vr->present == vr_all_addresses(vr))
		vr_announce_start(vr, now, out);
}

static void advert_in_active(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	if (event->advert.priority == VRRP_PRIORITY_RESIGN) {
		/* 6.4.3: If the Priority is 0, send an ADVERTISEMENT, reset the Adver_Timer. */
		answer_loser(vr, now, true, out);
	} else if (vr_is_superior(vr, event)) {
		/*
		 * 6.4.3: priority greater, or equal with a greater address: cancel the Adver_Timer, set
		 * Active_Adver_Interval and the Active_Down_Timer, transition to Backup. Design: first a last
		 * word, so that the winner knows of the conflict and announces once more, after everything
		 * that we announced.
		 */
		bool by_priority = event->advert.priority > vrrp_effective_priority(vr);
		vr_emit(out, VRRP_EFFECT_LAST_WORD)->priority = vrrp_effective_priority(vr);
		hear(vr, now, event);
		vr->learned_interval_us = event->advert.interval_us;
		vr_become_backup(vr, now,
		    by_priority ? VRRP_REASON_HIGHER_PRIORITY : VRRP_REASON_HIGHER_ADDRESS,
		    event->advert.priority, out);
		vr_linger(vr, now, LINGER_MAX_US);
	} else {
		/* 6.4.3: discard; send an ADVERTISEMENT immediately to assert the Active state. */
		answer_loser(vr, now, false, out);
	}
}

void vr_hear_announcement(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (vr->state == VRRP_ACTIVE) {
		answer_loser(vr, now, false, out);
		return;
	}
	/* It might be a loser's, and the winner's kernel still at work. */
	if (vr->contested || vr_is_heir(vr))
		return;
	vr_linger(vr, now, LINGER_US);
	if (vr->state == VRRP_BACKUP && vr->down_reason == VRRP_REASON_RESUMED) /* too late */
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
}

void vr_hear_advert(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	if (vr->state == VRRP_BACKUP)
		advert_in_backup(vr, now, event);
	else if (vr->state == VRRP_ACTIVE)
		advert_in_active(vr, now, event, out);
	else
		hear_successor(vr, now, event);
}
