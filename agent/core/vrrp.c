/*
 * The state machine of RFC 9568 section 6.4 for IPv6, and what vipd adds to it: the address as a fact of the
 * kernel, make-before-break handover, health bands, and the rule that a late engine is a dead engine.
 *
 * A nested switch in the order of the RFC's text. Rules of the RFC are quoted by section above the code; what
 * is marked "design" is ours and described in docs/design.md.
 */
#include "core/core.h"

#include <string.h>

/* All of these are design. */
#define LINGER_US	 (1 * USEC_PER_MS)  /* the address outlives the successor's announcement by this */
#define LINGER_MAX_US	 (25 * USEC_PER_MS) /* and its first advert by this, if no announcement is heard */
#define ANSWER_GAP_US	 (10 * USEC_PER_MS) /* answers to losing adverts come no closer */
#define RETRY_MIN_US	 (1 * USEC_PER_SEC) /* back-off after a refused address */
#define RETRY_MAX_US	 (60 * USEC_PER_SEC)
#define LOSSES_MAX	 10 /* an address that vanishes more often in a window is given up */
#define LOSSES_WINDOW_US (10 * USEC_PER_SEC)
#define RENEWALS_A_LEASE 3

static const int64_t announce_at_us[VRRP_ANNOUNCEMENTS] = {0, 10000, 50000, 200000, 1000000};

/* ---- effects ---- */

static struct vrrp_effect *emit(struct vrrp_effects *out, enum vrrp_effect_type type)
{
	struct vrrp_effect *effect = &out->items[out->count++];
	*effect = (struct vrrp_effect){.type = type};
	return effect;
}

static void send_advert(struct vrrp *vr, struct mono now, uint8_t priority, struct vrrp_effects *out)
{
	emit(out, VRRP_EFFECT_ADVERT)->priority = priority;
	vr->sent_at = now;
}

static void assign_missing(struct vrrp *vr, struct vrrp_effects *out)
{
	vr->wanted = vr_all_addresses(vr);
	for (unsigned i = 0; i < vr->params.address_count; i++)
		if (!(vr->present & UINT32_C(1) << i))
			emit(out, VRRP_EFFECT_ASSIGN)->index = i;
}

static void withdraw_all(struct vrrp *vr, struct vrrp_effects *out)
{
	vr->withdraw = vr->resign_again = vr->renew = vr->announce = MONO_NEVER;
	if (!vr->wanted)
		return;
	vr->wanted = vr->present = 0;
	emit(out, VRRP_EFFECT_WITHDRAW);
}

static void announce_next(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	emit(out, VRRP_EFFECT_ANNOUNCE);
	unsigned done = vr->announced++;
	vr->announce = vr->announced < VRRP_ANNOUNCEMENTS
			   ? mono_add(now, announce_at_us[done + 1] - announce_at_us[done])
			   : MONO_NEVER;
}

static void announce_start(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr->announced = 0;
	announce_next(vr, now, out);
}

/* ---- transitions ---- */

static void transition(
    struct vrrp *vr, enum vrrp_state to, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out)
{
	struct vrrp_effect *effect = emit(out, VRRP_EFFECT_TRANSITION);
	effect->from = vr->state;
	effect->to = to;
	effect->reason = reason;
	effect->detail = detail;
	vr->state = to;
	vr->reason = reason;
	vr->adver = vr->active_down = vr->retry = MONO_NEVER;
	vr->active_down_short = false;
}

static void set_active_down(struct vrrp *vr, struct mono at, enum vrrp_reason meaning, int64_t detail)
{
	vr->active_down = vr_is_candidate(vr) ? at : MONO_NEVER;
	vr->down_reason = meaning;
	vr->down_detail = detail;
	vr->active_down_short = false;
}

/* 6.4.1: set the Active_Down_Timer to Active_Down_Interval, transition to Backup. */
static void become_backup(
    struct vrrp *vr, struct mono now, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out)
{
	transition(vr, VRRP_BACKUP, reason, detail, out);
	vr->announce = MONO_NEVER;
	set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
}

/* 6.4.2, Active_Down_Timer fires: send an advert, (design: assign, and announce once the kernel has it),
 * become Active. */
static void become_active(
    struct vrrp *vr, struct mono now, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out)
{
	send_advert(vr, now, vrrp_effective_priority(vr), out);
	vr->withdraw = vr->resign_again = MONO_NEVER;
	vr->heard = vr->contested = false;
	vr->learned_interval_us = 0;
	vr->losses = 0;
	assign_missing(vr, out);
	transition(vr, VRRP_ACTIVE, reason, detail, out);
	vr->adver = mono_add(now, vr->params.advert_interval_us);
	vr->renew = vr->params.lease_us ? mono_add(now, vr->params.lease_us / RENEWALS_A_LEASE) : MONO_NEVER;
	if (vr->present == vr_all_addresses(vr))
		announce_start(vr, now, out);
}

static void take_over(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	int64_t detail = vr->down_detail;
	if (vr->down_reason == VRRP_REASON_NO_ADVERT)
		detail = vr->heard ? mono_sub(now, vr->heard_at) : 0;
	become_active(vr, now, vr->down_reason, detail, out);
}

/*
 * Design: make before break. The address stays until the successor has spoken (see linger()) or the time is
 * over in which it can; a second notice is for those who missed the first.
 */
static void leave_slowly(struct vrrp *vr, struct mono now)
{
	vr->withdraw = vr->leave_by = mono_add(now, vr_handover_time(vr));
	vr->resign_again = mono_add(now, vr_handover_time(vr) / 2);
}

/* 6.4.3, Shutdown: send an advert with priority 0. */
static void hand_over(
    struct vrrp *vr, struct mono now, enum vrrp_state to, enum vrrp_reason reason, struct vrrp_effects *out)
{
	send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
	transition(vr, to, reason, 0, out);
	vr->announce = MONO_NEVER;
	leave_slowly(vr, now);
}

/* A Backup that is no candidate any more. It still has the address if it was one again before anybody took
 * over. */
static void stand_back(struct vrrp *vr, struct mono now)
{
	vr->active_down = MONO_NEVER;
	if (vr->wanted && mono_is_never(vr->withdraw))
		leave_slowly(vr, now);
	else
		vr->leave_by = mono_add(now, vr_handover_time(vr));
}

/* Design: an address that cannot be held is no VIP. Resign at once and try again later. */
static void give_up(struct vrrp *vr, struct mono now, int error, struct vrrp_effects *out)
{
	send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
	withdraw_all(vr, out);
	transition(vr, VRRP_FAULT, VRRP_REASON_ADDRESS_FAILED, error, out);
	int64_t wait = RETRY_MIN_US << (vr->failures < 6 ? vr->failures : 6);
	vr->retry = mono_add(now, wait < RETRY_MAX_US ? wait : RETRY_MAX_US);
	vr->failures++;
}

/*
 * Somebody else is Active while we still have the address. An advert only says that it is going to assign the
 * address, which may take its kernel some time; that clients find it there is certain when it has announced
 * it.
 */
static void linger(struct vrrp *vr, struct mono now, int64_t us)
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
static void keep_on(struct vrrp *vr)
{
	if (vr->wanted)
		vr->withdraw = vr_is_candidate(vr) ? MONO_NEVER : vr->leave_by;
}

/* ---- events ---- */

static void hear(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	bool same = memcmp(&vr->active_address, &event->advert.source, sizeof vr->active_address) == 0;
	if (vr->wanted && vr->heard && !same)
		vr->contested = true;
	vr->interval_confirmed = same && event->advert.interval_us == vr->told_interval_us;
	vr->told_interval_us = event->advert.interval_us;
	vr->heard = event->advert.priority != VRRP_PRIORITY_RESIGN;
	vr->heard_at = now;
	vr->active_address = event->advert.source;
	vr->active_priority = event->advert.priority;
}

/* Of one that stops, or that cannot hold the address. */
static void hear_successor(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	hear(vr, now, event);
	if (event->advert.priority == VRRP_PRIORITY_RESIGN)
		keep_on(vr);
	else
		linger(vr, now, LINGER_MAX_US);
}

/* Design: a healthy Backup treats an unhealthy Active as one that resigns, whatever Preempt_Mode says. */
static void shorten_active_down(struct vrrp *vr, struct mono now)
{
	struct mono at = mono_min(vr->active_down, mono_add(now, vr_skew_time(vr)));
	set_active_down(vr, at, VRRP_REASON_PEER_UNHEALTHY, vr->active_priority);
	vr->active_down_short = true;
}

static void advert_in_backup(struct vrrp *vr, struct mono now, const struct vrrp_event *event)
{
	uint8_t priority = event->advert.priority;
	if (vr_is_losing(vr, now, event)) {
		vr->contested = true;
		return;
	}
	hear(vr, now, event);
	if (priority == VRRP_PRIORITY_RESIGN) {
		/* 6.4.2: If the Priority in the ADVERTISEMENT is 0, set the Active_Down_Timer to Skew_Time.
		 * Design: the second notice does not prolong that, the address may be gone by then. */
		struct mono at = mono_min(vr->active_down, mono_add(now, vr_skew_time(vr)));
		set_active_down(vr, at, VRRP_REASON_RESIGNED, 0);
		keep_on(vr);
		return;
	}
	linger(vr, now, LINGER_MAX_US);
	if (vr_in_unhealthy_band(priority) && vr->healthy) {
		shorten_active_down(vr, now);
	} else if (vr_accepts(vr, now, priority)) {
		/* 6.4.2: Set Active_Adver_Interval to Max Advertise Interval, recompute, reset the
		 * Active_Down_Timer. */
		vr->learned_interval_us = event->advert.interval_us;
		set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
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
	send_advert(vr, now, vrrp_effective_priority(vr), out);
	if (restart_timer)
		vr->adver = mono_add(now, vr->params.advert_interval_us);
	if (vr->present == vr_all_addresses(vr))
		announce_start(vr, now, out);
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
		emit(out, VRRP_EFFECT_LAST_WORD)->priority = vrrp_effective_priority(vr);
		hear(vr, now, event);
		vr->learned_interval_us = event->advert.interval_us;
		become_backup(vr, now, by_priority ? VRRP_REASON_HIGHER_PRIORITY : VRRP_REASON_HIGHER_ADDRESS,
		    event->advert.priority, out);
		linger(vr, now, LINGER_MAX_US);
	} else {
		/* 6.4.3: discard; send an ADVERTISEMENT immediately to assert the Active state. */
		answer_loser(vr, now, false, out);
	}
}

static void foreign_na(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (vr->state == VRRP_ACTIVE)
		answer_loser(vr, now, false, out);
	else if (!vr->contested) /* it might be a loser's, and the winner's kernel still at work */
		linger(vr, now, LINGER_US);
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
	become_backup(
	    vr, now, vr->state == VRRP_INITIALIZE ? VRRP_REASON_STARTED : VRRP_REASON_LINK_UP, 0, out);
}

static void link_down(struct vrrp *vr, struct vrrp_effects *out)
{
	vr->link_up = false;
	vr->heard = false;
	withdraw_all(vr, out);
	if (vr->stopping)
		emit(out, VRRP_EFFECT_STOPPED);
	else if (vr->state != VRRP_FAULT)
		transition(vr, VRRP_FAULT, VRRP_REASON_LINK_DOWN, 0, out);
	vr->retry = MONO_NEVER;
}

static void adopt(struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	vr->link_up = true;
	vr->own_address = event->own_address;
	vr->present = event->present & vr_all_addresses(vr);
	become_active(vr, now, VRRP_REASON_ADOPTED, 0, out);
}

static void address_present(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	uint32_t bit = UINT32_C(1) << event->index;
	if (!vr->wanted) { /* it came after we had given it up */
		emit(out, VRRP_EFFECT_WITHDRAW);
		return;
	}
	if (vr->present & bit)
		return;
	vr->present |= bit;
	if (vr->state != VRRP_ACTIVE || vr->present != vr_all_addresses(vr))
		return;
	vr->failures = 0;
	announce_start(vr, now, out);
}

static void address_lost(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	uint32_t bit = UINT32_C(1) << event->index;
	bool was_present = vr->present & bit;
	vr->present &= ~bit;
	if (vr->state != VRRP_ACTIVE || !was_present)
		return;
	vr->announce = MONO_NEVER; /* from the start again when it is back */
	vr->losses = mono_sub(now, vr->last_loss) > LOSSES_WINDOW_US ? 1 : vr->losses + 1;
	vr->last_loss = now;
	if (vr->losses > LOSSES_MAX)
		give_up(vr, now, event->error, out);
	else
		emit(out, VRRP_EFFECT_ASSIGN)->index = event->index;
}

/*
 * Active_Down_Interval has changed with our priority. Whom we put up with now has all of it, also one that we
 * would have replaced a moment ago (unhealthy ourselves, we are no better than anybody).
 */
static void move_active_down(struct vrrp *vr, struct mono now, int64_t old_down)
{
	int64_t down = vr_active_down_interval(vr);
	if (vr->heard && vr_accepts(vr, now, vr->active_priority))
		set_active_down(vr, mono_add(vr->heard_at, down), VRRP_REASON_NO_ADVERT, 0);
	else
		vr->active_down = mono_add(vr->active_down, down - old_down);
}

/* Health, drain, resume: the same question each time, what changed about our candidacy and our priority. */
static void candidacy(struct vrrp *vr, struct mono now, enum vrrp_reason why, bool was_candidate,
    int64_t old_down, struct vrrp_effects *out)
{
	bool candidate = vr_is_candidate(vr);
	if (vr->state == VRRP_ACTIVE) {
		if (!candidate) {
			hand_over(vr, now, VRRP_BACKUP, why, out);
		} else { /* design: a changed priority is told at once */
			send_advert(vr, now, vrrp_effective_priority(vr), out);
			vr->adver = mono_add(now, vr->params.advert_interval_us);
		}
	}
	if (vr->state != VRRP_BACKUP)
		return;
	if (!candidate) {
		stand_back(vr, now);
		return;
	}
	if (!was_candidate || vr->healthy)
		vr->preempt_after = mono_add(now, vr->params.preempt_delay_us);
	if (!was_candidate) {
		vr->resign_again = MONO_NEVER;
		if (!vr->heard) /* back before anybody took over: the address stays until somebody does */
			vr->withdraw = MONO_NEVER;
		set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
	} else {
		move_active_down(vr, now, old_down);
	}
	if (vr->healthy && vr->heard && vr_in_unhealthy_band(vr->active_priority))
		shorten_active_down(vr, now);
}

static void standing_changed(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	bool was_candidate = vr_is_candidate(vr);
	int64_t old_down = vr_active_down_interval(vr);
	bool *flag = event->type == VRRP_EVENT_HEALTH ? &vr->healthy : &vr->drained;
	bool value = event->type == VRRP_EVENT_HEALTH ? event->healthy : event->type == VRRP_EVENT_DRAIN;
	if (*flag == value)
		return;
	*flag = value;
	candidacy(vr, now, event->type == VRRP_EVENT_HEALTH ? VRRP_REASON_UNHEALTHY : VRRP_REASON_DRAINED,
	    was_candidate, old_down, out);
}

static void reconfigure(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	int64_t old_down = vr_active_down_interval(vr);
	vr->params = *event->params;
	vr->present = event->present & vr_all_addresses(vr);
	if (vr->state == VRRP_ACTIVE && !vr_is_candidate(vr)) {
		hand_over(vr, now, VRRP_BACKUP, VRRP_REASON_UNHEALTHY, out);
	} else if (vr->state ==
		   VRRP_ACTIVE) { /* design: the Backups learn a new priority or interval at once */
		send_advert(vr, now, vrrp_effective_priority(vr), out);
		vr->adver = mono_add(now, vr->params.advert_interval_us);
		vr->renew = vr->params.lease_us ? now : MONO_NEVER;
		if (vr->present == vr_all_addresses(vr) && vr->wanted != vr_all_addresses(vr))
			announce_start(vr, now, out);
		assign_missing(vr, out);
	} else if (vr->state == VRRP_BACKUP && !vr_is_candidate(vr)) {
		stand_back(vr, now);
	} else if (vr->state == VRRP_BACKUP && mono_is_never(vr->active_down)) {
		set_active_down(vr, mono_add(now, vr_active_down_interval(vr)), VRRP_REASON_NO_ADVERT, 0);
	} else if (vr->state == VRRP_BACKUP && !vr->active_down_short) {
		move_active_down(vr, now, old_down);
	}
}

static void stop(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	vr->stopping = true;
	if (vr->state == VRRP_ACTIVE) {
		hand_over(vr, now, VRRP_INITIALIZE, VRRP_REASON_STOPPED, out);
	} else if (vr->state != VRRP_INITIALIZE) {
		transition(vr, VRRP_INITIALIZE, VRRP_REASON_STOPPED, 0, out);
		stand_back(vr, now);
	}
	if (!vr->wanted)
		emit(out, VRRP_EFFECT_STOPPED);
}

static void timers(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (mono_reached(now, vr->resign_again)) {
		send_advert(vr, now, VRRP_PRIORITY_RESIGN, out);
		vr->resign_again = MONO_NEVER;
	}
	if (mono_reached(now, vr->withdraw)) {
		withdraw_all(vr, out);
		if (vr->stopping)
			emit(out, VRRP_EFFECT_STOPPED);
	}
	if (mono_reached(now, vr->retry))
		become_backup(vr, now, VRRP_REASON_ADDRESS_RETRY, 0, out);
	if (mono_reached(now, vr->active_down))
		take_over(vr, now, out);
	if (mono_reached(now, vr->adver)) {
		/* 6.4.3: If the Adver_Timer fires, send an ADVERTISEMENT, reset the timer. It keeps its
		 * phase, without bursts. */
		send_advert(vr, now, vrrp_effective_priority(vr), out);
		vr->adver = mono_add(vr->adver, vr->params.advert_interval_us);
		if (mono_reached(now, vr->adver))
			vr->adver = mono_add(now, vr->params.advert_interval_us);
	}
	if (mono_reached(now, vr->announce))
		announce_next(vr, now, out);
	if (mono_reached(now, vr->renew)) {
		emit(out, VRRP_EFFECT_RENEW);
		vr->renew = mono_add(now, vr->params.lease_us / RENEWALS_A_LEASE);
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
	withdraw_all(vr, out);
	become_backup(vr, now, VRRP_REASON_LATE, silence, out);
	set_active_down(vr, mono_add(now, vr_skew_time(vr)), VRRP_REASON_NO_ADVERT, 0);
}

void vrrp_init(struct vrrp *vr, const struct vrrp_params *params, bool healthy)
{
	*vr = (struct vrrp){.params = *params,
	    .state = VRRP_INITIALIZE,
	    .healthy = healthy,
	    .active_down = MONO_NEVER,
	    .adver = MONO_NEVER,
	    .announce = MONO_NEVER,
	    .renew = MONO_NEVER,
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
	case VRRP_EVENT_ADVERT:
		if (vr->state == VRRP_BACKUP)
			advert_in_backup(vr, now, event);
		else if (vr->state == VRRP_ACTIVE)
			advert_in_active(vr, now, event, out);
		else
			hear_successor(vr, now, event);
		break;
	case VRRP_EVENT_FOREIGN_NA: foreign_na(vr, now, out); break;
	case VRRP_EVENT_ADDRESS_PRESENT: address_present(vr, now, event, out); break;
	case VRRP_EVENT_ADDRESS_FAILED:
		if (vr->state == VRRP_ACTIVE)
			give_up(vr, now, event->error, out);
		break;
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
	at = mono_min(at, mono_min(vr->withdraw, vr->resign_again));
	return mono_min(at, vr->retry);
}
