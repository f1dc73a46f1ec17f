/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the state machine does: adverts, addresses and announcements asked for as effects, and the transitions
 * of RFC 9568 section 6.4, each with the timers that belong to the new state.
 */
#include "core/core.h"

static const int64_t announce_at_us[VRRP_ANNOUNCEMENTS] = {0, 10000, 50000, 200000, 1000000}; /* design */

struct vrrp_effect *vr_emit(struct vrrp_effects *out, enum vrrp_effect_type type)
{
	struct vrrp_effect *effect = &out->items[out->count++];
	*effect = (struct vrrp_effect){.type = type};
	return effect;
}

void vr_send_advert(struct vrrp *vr, struct mono now, uint8_t priority, struct vrrp_effects *out)
{
	vr_emit(out, VRRP_EFFECT_ADVERT)->priority = priority;
	vr->sent_at = now;
}

void vr_announce_next(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr_emit(out, VRRP_EFFECT_ANNOUNCE);
	unsigned done = vr->announced++;
	vr->announce = vr->announced < VRRP_ANNOUNCEMENTS
			   ? mono_add(now, announce_at_us[done + 1] - announce_at_us[done])
			   : MONO_NEVER;
}

void vr_announce_start(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr->announced = 0;
	vr_announce_next(vr, now, out);
}

void vr_transition(
    struct vrrp *vr, enum vrrp_state to, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out)
{
	struct vrrp_effect *effect = vr_emit(out, VRRP_EFFECT_TRANSITION);
	effect->from = vr->state;
	effect->to = to;
	effect->reason = reason;
	effect->detail = detail;
	vr->state = to;
	vr->reason = reason;
	vr->kept = vr->kept && to != VRRP_INITIALIZE;
	vr->adver = vr->active_down = vr->retry = vr->confirm_by = MONO_NEVER;
	vr->active_down_short = vr->active_down_again = false;
	vr_conflict_schedule(vr, vr->seen);
}

void vr_set_active_down(struct vrrp *vr, struct mono at, enum vrrp_reason meaning, int64_t detail)
{
	vr->active_down = vr_may_stay(vr) ? at : MONO_NEVER;
	vr->down_reason = meaning;
	vr->down_detail = detail;
	vr->active_down_short = vr->active_down_again = false;
}

/* 6.4.1: set the Active_Down_Timer to Active_Down_Interval, transition to Backup. */
void vr_become_backup(
    struct vrrp *vr, struct mono now, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out)
{
	vr_transition(vr, VRRP_BACKUP, reason, detail, out);
	vr->announce = MONO_NEVER;
	vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
}

/* 6.4.2, Active_Down_Timer fires: send an advert, (design: assign, and announce once the kernel has it),
 * become Active. */
void vr_become_active(
    struct vrrp *vr, struct mono now, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out)
{
	vr_send_advert(vr, now, vrrp_effective_priority(vr), out);
	vr->handover = VRRP_HOLDING;
	vr->leave_at = vr->resign_again = MONO_NEVER;
	vr->met = true;
	vr->heard = false;
	vr->learned_interval_us = 0;
	vr->losses = 0;
	if (vr->present != vr_all_addresses(vr))
		vr_request(vr, now, out);
	vr_transition(vr, VRRP_ACTIVE, reason, detail, out);
	vr->adver = mono_add(now, vr->params.advert_interval_us);
	vr_await_addresses(vr, now);
	/* What is there already may be at the end of its lease, or of one that was given up since. */
	int64_t renewal_us = vr->present ? 0 : vr->params.lease_us / VRRP_RENEWALS_A_LEASE;
	vr->renew = vr->params.lease_us || vr->expires ? mono_add(now, renewal_us) : MONO_NEVER;
	if (vr->present == vr_all_addresses(vr))
		vr_announce_start(vr, now, out);
}
