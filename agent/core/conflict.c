/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design: others who use what is ours. A foreign holder (a MetalLB speaker, a forgotten static address, what
 * a killed vipd left), somebody who advertises from our own link-local address, or another VRID that lists
 * one of our addresses.
 *
 * A host that speaks only when it is asked would go unnoticed, so we ask: at the start, when nobody
 * advertises, until there is an Active; and as Active every ten seconds, twice a second where it keeps the
 * address because nobody took over. Never between a timer and a takeover.
 *
 * With its question an Active announces once more. Behind a link that failed unnoticed it may have been
 * replaced by a router that was gone before a word of it was heard; clients that believe that one would look
 * for the address only after 45 s (REACHABLE, RFC 4861 section 7.3.2).
 */
#include "core/core.h"

#define ASK_AFTER_INTERVALS 2
#define ASK_START_US	    (500 * USEC_PER_MS)
#define ASK_KEPT_US	    (500 * USEC_PER_MS)
#define ASK_ACTIVE_US	    (10 * USEC_PER_SEC)
#define ASK_CONFLICT_US	    (1 * USEC_PER_SEC)
#define KEEP_START_US	    (1750 * USEC_PER_MS) /* three questions without an answer, and some */
#define KEEP_US		    (3500 * USEC_PER_MS)

/* Answers to rivals come no closer. Two Actives that hear each other's announcements and not each other's
 * adverts would keep each other busy for ever: after some answers in a row they become rare. */
#define ANSWER_GAP_US	 (10 * USEC_PER_MS)
#define ANSWERS_QUICK	 10
#define ANSWER_RARE_US	 (1 * USEC_PER_SEC)
#define ANSWERS_PAUSE_US (3 * USEC_PER_SEC) /* without one: the row is over */
/* Or who speaks and pauses in turn would have an answer each time. */
#define SILENCE_MIN_US (100 * USEC_PER_MS)

static bool is_start(const struct vrrp *vr)
{
	return vr->state == VRRP_BACKUP && !vr->met;
}

/* How long until the next question; 0: none. */
static int64_t asks_every(const struct vrrp *vr)
{
	if (is_start(vr))
		return ASK_START_US;
	if (vr->state != VRRP_ACTIVE)
		return 0;
	if (vr->kept)
		return ASK_KEPT_US;
	return vr->conflict == VRRP_CONFLICT_ADDRESS ? ASK_CONFLICT_US : ASK_ACTIVE_US;
}

static void no_answer_is_due(struct vrrp *vr)
{
	for (unsigned i = 0; i < VRRP_RIVALS; i++)
		vr->answers[i].due = MONO_NEVER;
	vr->answer = MONO_NEVER;
}

void vr_conflict_schedule(struct vrrp *vr, struct mono now)
{
	vr->asked = false;
	vr->ask = MONO_NEVER;
	no_answer_is_due(vr);
	if (is_start(vr)) /* an Active would have been heard by then */
		vr->ask = mono_add(now, ASK_AFTER_INTERVALS * vr->params.advert_interval_us);
	else if (vr->state == VRRP_ACTIVE) /* a predecessor may still be releasing the address */
		vr->ask = mono_add(now, vr->kept ? ASK_KEPT_US : ASK_CONFLICT_US);
}

static void set(struct vrrp *vr, enum vrrp_conflict conflict, struct mono until, struct vrrp_effects *out)
{
	vr->conflict = conflict;
	vr->conflict_until = until;
	vr_emit(out, VRRP_EFFECT_CONFLICT);
}

/* Before we have asked it is the Active's, or that of a router which is about to hear that it is not. */
static void note_foreign_holder(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (!vr->asked || (vr->state != VRRP_ACTIVE && !is_start(vr)))
		return;
	/* Who shares our source refuses our adverts as its own, and is Active, too: that is the cause. */
	if (vr->conflict != VRRP_CONFLICT_SOURCE || vr->state != VRRP_ACTIVE)
		set(vr, VRRP_CONFLICT_ADDRESS, mono_add(now, is_start(vr) ? KEEP_START_US : KEEP_US), out);
	if (vr->state == VRRP_ACTIVE)
		vr->ask = mono_min(vr->ask, mono_add(now, ASK_CONFLICT_US));
}

static bool is_row_over(const struct vrrp_answers *answers, struct mono now)
{
	return mono_sub(now, answers->at) >= ANSWERS_PAUSE_US;
}

static void answer(struct vrrp *vr, struct mono now, enum vrrp_rival kind, struct vrrp_effects *out)
{
	struct vrrp_answers *answers = &vr->answers[kind];
	answers->count = is_row_over(answers, now) ? 1 : answers->count + 1;
	answers->at = vr->answered_at = now;
	no_answer_is_due(vr);
	vr_send_advert(vr, now, vrrp_effective_priority(vr), out);
	if (vr->present == vr_all_addresses(vr))
		vr_announce_start(vr, now, out);
}

/*
 * Who wins announces last. Answers must not become somebody's amplifier: those to each kind of word become
 * rare. But whoever spoke last is answered in the end, as soon as that is known: clients believe it until
 * then. A router that yields says so by a final advert; from another make, and from a peer, it is silence.
 */
bool vr_answer_rival(
    struct vrrp *vr, struct mono now, enum vrrp_rival kind, int64_t silence_us, struct vrrp_effects *out)
{
	struct vrrp_answers *answers = &vr->answers[kind];
	struct mono due = mono_add(vr->answered_at, ANSWER_GAP_US);
	bool rare = answers->count >= ANSWERS_QUICK && !is_row_over(answers, now);
	if (rare) {
		struct mono last = mono_add(answers->at, ANSWER_RARE_US);
		int64_t silence = silence_us > SILENCE_MIN_US ? silence_us : SILENCE_MIN_US;
		due = mono_max(due, silence_us ? mono_min(last, mono_add(now, silence)) : last);
	}
	if (mono_reached(now, due)) {
		answer(vr, now, kind, out);
		return true;
	}
	if (rare)
		answers->due = due;
	vr->answer = MONO_NEVER;
	for (unsigned i = 0; i < VRRP_RIVALS; i++)
		vr->answer = mono_min(vr->answer, vr->answers[i].due);
	return false;
}

/* An announcement that crossed our answer: its sender has just been told that it lost. A host without VRRP is
 * found by our questions (CLAIM_ANSWERED). */
static bool is_crossed_announcement(const struct vrrp *vr, struct mono now, enum vrrp_claim claim)
{
	return claim == VRRP_CLAIM_ANNOUNCED &&
	       mono_sub(now, vr->answered_at) < vr->params.advert_interval_us;
}

void vr_hear_claim(struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out)
{
	switch (event->claim) {
	case VRRP_CLAIM_ANNOUNCED:
	case VRRP_CLAIM_ANSWERED:
		note_foreign_holder(vr, now, out);
		if (vr->kept && !is_crossed_announcement(vr, now, event->claim))
			vr_leave_to_other(vr, now, out);
		else if (vr->state == VRRP_ACTIVE)
			vr_answer_rival(vr, now, VRRP_RIVAL_ANNOUNCES, 0, out);
		else if (event->claim == VRRP_CLAIM_ANNOUNCED) /* a successor tells everybody */
			vr_hear_its_announcement(vr, now);
		break;
	case VRRP_CLAIM_OWN_SOURCE:
		if (vr->conflict != VRRP_CONFLICT_ADDRESS || vr->state == VRRP_ACTIVE)
			set(vr, VRRP_CONFLICT_SOURCE, mono_add(now, KEEP_US), out);
		break;
	case VRRP_CLAIM_OTHER_VRID:
		if (vr->conflict == VRRP_CONFLICT_NONE || vr->conflict == VRRP_CONFLICT_VRID)
			set(vr, VRRP_CONFLICT_VRID, mono_add(now, KEEP_US), out);
		break;
	}
}

static void ask(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	int64_t every_us = asks_every(vr);
	vr->asked = every_us > 0;
	vr->ask = every_us ? mono_add(now, every_us) : MONO_NEVER;
	if (every_us)
		vr_emit(out, VRRP_EFFECT_ASK);
	if (every_us == ASK_ACTIVE_US && vr->present == vr_all_addresses(vr))
		vr_emit(out, VRRP_EFFECT_ANNOUNCE);
}

void vr_conflict_timers(struct vrrp *vr, struct mono now, struct vrrp_effects *out)
{
	if (mono_reached(now, vr->conflict_until))
		set(vr, VRRP_CONFLICT_NONE, MONO_NEVER, out);
	if (mono_reached(now, vr->ask))
		ask(vr, now, out);
	for (unsigned i = 0; i < VRRP_RIVALS && mono_reached(now, vr->answer); i++)
		if (mono_reached(now, vr->answers[i].due))
			answer(vr, now, i, out);
}
