/*
 * Design: make before break. Who leaves, or gives way, keeps the address until its successor has announced
 * it, or the time is over in which it could.
 */
#include "core/core.h"

/*
 * Design: make before break. The address stays until the successor has spoken (see vr_linger()) or the time
 * is over in which it can; a second notice is for those who missed the first.
 */
static void leave_slowly(struct vrrp *vr, struct mono now)
{
	vr->withdraw = vr->leave_by = mono_add(now, vr_handover_time(vr));
	vr->resign_again = mono_add(now, vr_handover_time(vr) / 2);
}

/* 6.4.3, Shutdown: send an advert with priority 0. */
void vr_hand_over(
    struct vrrp *vr, struct mono now, enum vrrp_state to, enum vrrp_reason reason, struct vrrp_effects *out)
{
	vr_send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
	vr_transition(vr, to, reason, 0, out);
	vr->announce = MONO_NEVER;
	leave_slowly(vr, now);
}

/* A Backup that is no candidate any more. It still has the address if it was one again before anybody took
 * over. */
void vr_stand_back(struct vrrp *vr, struct mono now)
{
	vr->active_down = MONO_NEVER;
	if (vr->wanted && mono_is_never(vr->withdraw))
		leave_slowly(vr, now);
	else
		vr->leave_by = mono_add(now, vr_handover_time(vr));
}

/*
 * Somebody else is Active while we still have the address. An advert only says that it is going to assign the
 * address, which may take its kernel some time; that clients find it there is certain when it has announced
 * it.
 */
void vr_linger(struct vrrp *vr, struct mono now, int64_t us)
{
	if (!vr->wanted)
		return;
	vr->withdraw = mono_min(vr->withdraw, mono_add(now, us));
	vr->resign_again = MONO_NEVER;
}

/*
 * Design: who claimed the address resigns, perhaps because its kernel refuses it. Who still has it keeps it:
 * a candidate until somebody is Active, which it may be itself; one that leaves as long as it would have
 * anyway.
 */
void vr_keep_on(struct vrrp *vr)
{
	if (vr->wanted)
		vr->withdraw = vr->state == VRRP_BACKUP && vr_is_candidate(vr) ? MONO_NEVER : vr->leave_by;
}
