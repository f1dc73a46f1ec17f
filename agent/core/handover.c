/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design: make before break. A router that leaves, or yields to a better one, keeps the address until its
 * successor has announced it, or the time is over in which it could.
 *
 * An advert only says that its sender is going to assign the address, and its kernel may take its time. The
 * announcement proves that clients find the address there, unless several routers claim it: then it may have
 * been that of a loser, while the winner's kernel is still at work.
 */
#include "core/core.h"

#define LINGER_US     (1 * USEC_PER_MS)	 /* the address outlives the successor's announcement by this */
#define LINGER_MAX_US (25 * USEC_PER_MS) /* and its first advert by this, if no announcement is heard */

static int64_t handover_time(const struct vrrp *vr)
{
	int64_t us = vrrp_handover_time(vr->params.advert_interval_us);
	return us > vr->stay_us ? us : vr->stay_us;
}

/* Until a successor is heard. The second notice is for those who missed the first. */
static void leave(struct vrrp *vr, struct mono now)
{
	vr->handover = VRRP_LEAVING;
	vr->leave_at = vr->leave_by = mono_add(now, handover_time(vr));
	vr->resign_again = mono_add(now, vrrp_handover_time(vr->params.advert_interval_us) / 2);
}

/* 6.4.3, Shutdown: send an advert with priority 0. */
void vr_hand_over(struct vrrp *vr, struct mono now, enum vrrp_state to, enum vrrp_reason reason,
    int64_t detail, struct vrrp_effects *out)
{
	vr->kept = false;
	vr_send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
	vr_transition(vr, to, reason, detail, out);
	vr->announce = MONO_NEVER;
	leave(vr, now);
}

/*
 * A drain is not to be an outage. If nobody has advertised, and nobody else is known to answer for the
 * address, it is kept, by an Active like any other but that every other router is better. Should it lose the
 * address by itself (late, a link that flaps), it takes it again as one, as long as nobody else is heard.
 */
void vr_leave_or_keep(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	bool alone =
	    vr->state == VRRP_BACKUP && vr->handover == VRRP_LEAVING && vr->conflict != VRRP_CONFLICT_ADDRESS;
	if (alone && vr_may_keep(vr)) {
		vr->kept = true;
		vr_become_active(vr, now, VRRP_REASON_NO_SUCCESSOR, 0, out);
		return;
	}
	vr_withdraw(vr, now, out);
	if (vr->stopping)
		vr_emit(out, VRRP_EFFECT_STOPPED);
}

void vr_leave_to_other(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (vr->state == VRRP_ACTIVE)
		vr_hand_over(vr, now, VRRP_BACKUP, VRRP_REASON_DRAINED, 1, out);
	vr->kept = false;
	if (vr->state == VRRP_BACKUP)
		vr_stand_back(vr, now);
	vr_hear_its_announcement(vr, now);
}

void vr_stand_back(struct vrrp *vr, struct mono now)
{
	vr->active_down = MONO_NEVER;
	switch (vr->handover) {
	case VRRP_HOLDING:
	case VRRP_RETURNING:
	case VRRP_INHERITING: leave(vr, now); break;
	case VRRP_LEAVING:
	case VRRP_LINGERING:
	case VRRP_CONTESTED: vr->leave_by = mono_add(now, handover_time(vr)); break;
	case VRRP_AWAY: break;
	}
}

/* The end of LINGERING and CONTESTED only ever comes closer. */
static void linger(struct vrrp *vr, struct mono now, enum vrrp_handover how, int64_t us)
{
	vr->handover = how;
	vr->leave_at = mono_min(vr->leave_at, mono_add(now, us));
	vr->resign_again = MONO_NEVER;
}

void vr_hear_successor(struct vrrp *vr, struct mono now)
{
	switch (vr->handover) {
	case VRRP_HOLDING:
	case VRRP_LEAVING:
	case VRRP_RETURNING:
	case VRRP_LINGERING: linger(vr, now, VRRP_LINGERING, LINGER_MAX_US); break;
	case VRRP_INHERITING: /* others lost against whoever resigned, and may have announced the address */
	case VRRP_CONTESTED: linger(vr, now, VRRP_CONTESTED, LINGER_MAX_US); break;
	case VRRP_AWAY: break;
	}
}

/* The announcement that made us hurry may have been the other one's. */
void vr_hear_rival(struct vrrp *vr, struct mono now)
{
	if (vr->handover != VRRP_LINGERING)
		return;
	vr->handover = VRRP_CONTESTED;
	vr->leave_at = mono_add(now, LINGER_MAX_US);
}

void vr_hear_its_announcement(struct vrrp *vr, struct mono now)
{
	bool returns = vr->handover == VRRP_RETURNING;
	if (!returns && vr->handover != VRRP_LEAVING && vr->handover != VRRP_LINGERING)
		return;
	linger(vr, now, VRRP_LINGERING, LINGER_US);
	if (returns) /* too late */
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
}

/* Perhaps its kernel refuses the address. A candidate keeps it, and may be the next Active itself; one that
 * leaves keeps it as long as it would have anyway. */
void vr_hear_resignation(struct vrrp *vr)
{
	if (vr->handover == VRRP_AWAY)
		return;
	if (vr->state == VRRP_BACKUP && vr_is_candidate(vr)) {
		vr->handover = VRRP_INHERITING;
		vr->leave_at = MONO_NEVER;
	} else {
		vr->handover = VRRP_LEAVING;
		vr->leave_at = vr->leave_by;
	}
}

/*
 * Before anybody took over the address stays until somebody does, and that is soon: others may be back with
 * the address, too.
 */
void vr_rejoin(struct vrrp *vr, struct mono now)
{
	vr->resign_again = MONO_NEVER;
	if (!vr->heard && vr->handover != VRRP_AWAY) {
		vr->handover = VRRP_RETURNING;
		vr->leave_at = MONO_NEVER;
		vr_set_active_down(vr, mono_add(now, vr_skew_time(vr)), VRRP_REASON_RESUMED, 0);
	} else {
		vr_set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
	}
}
