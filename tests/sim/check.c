/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must always be true of one step of one state machine; of the group, see check_group.c.
 *
 * The expectations are computed here from what the node has heard and from the configuration, not from the
 * timers of the state machine: else its mistakes would be ours.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

#define ANSWER_GAP_US	      (10 * USEC_PER_MS)
#define ANSWERS_QUICK	      10
#define SILENCE_MIN_US	      (100 * USEC_PER_MS)
#define ANSWER_RARE_US	      (1 * USEC_PER_SEC)
#define ANSWERS_PAUSE_US      (3 * USEC_PER_SEC)
#define LOSSES_TOLERATED      10
#define UNCONFIRMED_TOLERATED 2

void violate(const char *format, ...)
{
	va_list args;
	if (world.violation[0])
		return;
	va_start(args, format);
	vsnprintf(world.violation, sizeof world.violation, format, args);
	va_end(args);
	tell(NULL, "VIOLATION: %s", world.violation);
}

/* ---- what was heard ---- */

/* An Active that this router has no business to replace. */
static bool is_acceptable(const struct vrrp *vr, struct mono now, uint8_t priority)
{
	if (grade_of(priority) < vr->health)
		return false;
	return priority >= priority_of(vr) || !vr->params.preempt || vr->health != VRRP_HEALTHY ||
	       now.us < vr->preempt_after.us;
}

/* Of somebody who has just lost against the one that is followed: that one is alive and will say so. */
static bool is_losing(const struct heard *heard, struct mono now, const struct vrrp_event *event)
{
	int order = address_compare(&event->advert.source, &heard->source);
	bool alive = mono_sub(now, heard->last) <= heard->interval_us * 3 / 2;
	bool lower = event->advert.priority < heard->priority ||
		     (event->advert.priority == heard->priority && order < 0);
	return order && alive && lower && heard->priority;
}

/* Of one that is no better than a node which still has the address after a resignation, and keeps it. */
static bool is_inferior(const struct node *node, const struct vrrp_event *event)
{
	uint8_t own = priority_of(&node->vr);
	int order = address_compare(&event->advert.source, &node->address);
	return event->advert.priority < own || (event->advert.priority == own && order < 0);
}

/* Told that it is next, and this is what the Active that it follows says of itself. */
static bool may_hurry(const struct node *node, struct mono now, const struct vrrp_event *event)
{
	const struct heard *heard = &node->heard;
	int64_t own = node->vr.params.advert_interval_us;
	int64_t interval = heard->interval_us > own ? heard->interval_us : own;
	return now.us < heard->next_until.us && heard->priority &&
	       address_equal(&event->advert.source, &heard->source) &&
	       mono_sub(now, heard->last) <= 3 * interval;
}

static void note_leaving(struct heard *heard, struct mono now, bool leaving, bool hurry)
{
	heard->may_hurry = leaving && (hurry || (heard->leaving && heard->may_hurry));
	if (leaving && !heard->leaving)
		heard->left = now;
	heard->leaving = leaving;
}

/* What it was told, and what makes it void; and what else makes a wait begin or end. */
static void note_standing(
    struct node *node, const struct vrrp *before, struct mono now, const struct vrrp_event *event)
{
	struct heard *heard = &node->heard;
	bool changes = before->health != node->vr.health || before->lowered != node->vr.lowered ||
		       before->drained != node->vr.drained || event->type == VRRP_EVENT_CONFIG;
	if (event->type == VRRP_EVENT_NEXT)
		heard->next_until = event->next_until;
	if (changes || event->type == VRRP_EVENT_LINK_UP)
		heard->next_until = MONO_PAST;
	if (changes) /* all waits are reckoned anew */
		heard->may_hurry = heard->leaving = true;
	if (event->type == VRRP_EVENT_RESUME || event->type == VRRP_EVENT_RETURN ||
	    (before->state == VRRP_ACTIVE && node->vr.state != VRRP_ACTIVE))
		heard->rejoined = now;
}

/* What a Backup hears; one that has just become Backup follows whom it hears next. */
static void check_hear(
    struct node *node, const struct vrrp *before, struct mono now, const struct vrrp_event *event)
{
	uint8_t priority = event->advert.priority;
	struct heard *heard = &node->heard;
	heard->anybody |= event->type == VRRP_EVENT_ADVERT;
	if (before->state == VRRP_ACTIVE || (event->type == VRRP_EVENT_ADVERT && !priority))
		heard->taken = false;
	heard->taken |= event->type == VRRP_EVENT_CLAIM || (event->type == VRRP_EVENT_ADVERT && priority);
	if (event->type == VRRP_EVENT_LINK_UP && !before->link_up)
		heard->deaf_until = mono_add(now, node->params.start_delay_us);
	if (event->type == VRRP_EVENT_ADVERT)
		heard->deaf_until = MONO_PAST;
	if (event->type == VRRP_EVENT_ADVERT && node->vr.state == VRRP_FAULT) { /* it listens all the same */
		heard->last = now;
		heard->source = event->advert.source;
		heard->priority = priority;
		return;
	}
	if ((before->state != VRRP_BACKUP && before->state != VRRP_FAULT) ||
	    event->type == VRRP_EVENT_LINK_UP)
		heard->priority = 0;
	/* Who starts anew, or has been Active itself, knows no interval but its own. */
	if (event->type == VRRP_EVENT_LINK_UP || before->state == VRRP_ACTIVE)
		heard->interval_us = 0;
	heard->heir &= node->vr.state == VRRP_BACKUP && is_candidate_priority(&node->vr);
	if (event->type != VRRP_EVENT_ADVERT || node->vr.state != VRRP_BACKUP)
		return;
	bool hurry = may_hurry(node, now, event);
	if (priority == 0) {
		note_leaving(heard, now, true, hurry);
		heard->resigned = now;
		heard->priority = 0;
		heard->heir = node->vr.handover != VRRP_AWAY && is_candidate_priority(&node->vr);
		return;
	}
	if (heard->heir ? is_inferior(node, event) : is_losing(heard, now, event))
		return;
	heard->heir = false;
	bool worse = grade_of(priority) < node->vr.health;
	if (worse || is_acceptable(&node->vr, now, priority)) /* a lower one stops no timer */
		note_leaving(heard, now, worse, hurry);
	heard->last = now;
	heard->source = event->advert.source;
	heard->priority = priority;
	if (is_acceptable(&node->vr, now, priority)) {
		heard->acceptable = now;
		heard->interval_us = event->advert.interval_us;
	} else if (grade_of(priority) == node->vr.health) {
		heard->lower = now;
	}
}

/* ---- one step ---- */

/* An engine goes on as the one before, whose last advert nobody can have missed for too long. */
static bool adopts(
    const struct node *node, const struct vrrp *before, struct mono now, const struct vrrp_event *event)
{
	const struct memory *prior = &node->predecessor;
	int64_t own = node->vr.params.advert_interval_us;
	return event->type == VRRP_EVENT_LINK_UP && before->state == VRRP_INITIALIZE && prior->known &&
	       prior->state == VRRP_ACTIVE && mono_sub(now, prior->sent_at) <= 3 * own + 2 * own / 256;
}

/* Skew_Time is the Active's chance to object. */
static bool hurries(const struct node *node, struct mono now)
{
	const struct vrrp *vr = &node->vr;
	const struct heard *heard = &node->heard;
	int64_t own = vr->params.advert_interval_us;
	int64_t interval = heard->interval_us && heard->interval_us < own ? heard->interval_us : own;
	int64_t skew = (256 - priority_of(vr)) * interval / 256;
	bool rejoins = heard->acceptable.us < heard->rejoined.us && mono_sub(now, heard->rejoined) >= skew;
	return !heard->may_hurry && mono_sub(now, heard->left) < skew && !rejoins &&
	       mono_sub(now, heard->acceptable) < 3 * interval;
}

/* Somebody has taken over and not resigned since, or answers for the address without a word of VRRP. */
static bool is_taken(const struct node *node, const struct vrrp *before)
{
	return node->heard.taken || before->conflict == VRRP_CONFLICT_ADDRESS;
}

static void check_takeover(
    const struct node *node, const struct vrrp *before, struct mono now, const struct vrrp_event *event)
{
	const struct vrrp *vr = &node->vr;
	const struct heard *heard = &node->heard;
	int64_t own = vr->params.advert_interval_us;
	int64_t interval = heard->interval_us && heard->interval_us < 3 * own ? heard->interval_us : own;
	bool good = false;
	if (adopts(node, before, now, event))
		return;
	if (vr->reason == VRRP_REASON_NO_SUCCESSOR) {
		if (!may_keep(vr) || is_taken(node, before) || event->type != VRRP_EVENT_TIMER ||
		    before->state != VRRP_BACKUP || !mono_reached(now, before->leave_at))
			violate("node %u keeps the address without a reason", node->number);
		return;
	}
	if (now.us < heard->deaf_until.us)
		violate("node %u has heard nobody, and does not wait for start_delay", node->number);
	if (is_waiting(node))
		violate("node %u takes an address that is left to somebody else", node->number);
	switch (vr->reason) {
	case VRRP_REASON_NO_ADVERT: good = mono_sub(now, heard->acceptable) >= 3 * interval; break;
	case VRRP_REASON_RESIGNED:
		good = heard->resigned.us >= heard->acceptable.us && !hurries(node, now);
		break;
	case VRRP_REASON_RESUMED: good = before->handover != VRRP_AWAY && !before->heard; break;
	case VRRP_REASON_PEER_UNHEALTHY:
		good = grade_of((uint8_t)vr->down_detail) < vr->health && !hurries(node, now);
		break;
	case VRRP_REASON_PREEMPTED_LOWER:
		good = vr->health == VRRP_HEALTHY && heard->lower.us >= heard->acceptable.us;
		break;
	default: break;
	}
	if (!good || event->type != VRRP_EVENT_TIMER || before->state != VRRP_BACKUP ||
	    !mono_reached(now, before->active_down) || !stands(vr))
		violate(
		    "node %u takes over without a reason (%s)", node->number, vrrp_reason_name(vr->reason));
}

static bool is_late(const struct vrrp *vr, struct mono now)
{
	int64_t own = vr->params.advert_interval_us;
	return mono_sub(now, vr->sent_at) > 3 * own + (256 - VRRP_PRIORITY_MAX) * own / 256;
}

static void check_retreat(
    const struct node *node, const struct vrrp *before, struct mono now, const struct vrrp_event *event)
{
	const struct vrrp *vr = &node->vr;
	uint8_t own = priority_of(before);
	bool good = is_late(before, now);
	switch (event->type) {
	case VRRP_EVENT_ADVERT:
		good |= event->advert.priority > own ||
			(event->advert.priority == own &&
			    address_compare(&event->advert.source, &node->address) > 0);
		break;
	case VRRP_EVENT_LINK_DOWN:
	case VRRP_EVENT_STOP:
	case VRRP_EVENT_DRAIN: good = true; break;
	case VRRP_EVENT_ANSWER: good |= event->answer.error != 0; break;
	case VRRP_EVENT_HEALTH: good |= event->health == VRRP_FAILING && vr->params.resign_unhealthy; break;
	case VRRP_EVENT_ADDRESS:
	case VRRP_EVENT_ADDRESSES: good |= before->losses >= LOSSES_TOLERATED; break;
	case VRRP_EVENT_TIMER: good |= before->unconfirmed >= UNCONFIRMED_TOLERATED; break;
	case VRRP_EVENT_CLAIM: good |= may_keep(before); break;
	default: break;
	}
	if (!good)
		violate("node %u gives up without a reason (%s)", node->number, vrrp_reason_name(vr->reason));
	bool without_words = is_late(before, now) || event->type == VRRP_EVENT_LINK_DOWN;
	for (unsigned i = 0; i < world.node_count; i++)
		world.silent[node->number][i] = without_words;
}

static void check_timers(const struct node *node, const struct vrrp *before, struct mono now)
{
	const struct vrrp *vr = &node->vr;
	int64_t own = vr->params.advert_interval_us;
	/* When it is set: ten own Active_Down_Intervals, at most four intervals each. */
	int64_t bound = 10 * own * 4 + vr->params.start_delay_us;
	bool set = vr->active_down.us != before->active_down.us;
	if (set && !mono_is_never(vr->active_down) && mono_sub(vr->active_down, now) > bound)
		violate("node %u: Active_Down_Timer is %lld us away", node->number,
		    (long long)mono_sub(vr->active_down, now));
	if (vr->state == VRRP_BACKUP && stands(vr) == mono_is_never(vr->active_down))
		violate("node %u: a Backup %s Active_Down_Timer", node->number,
		    stands(vr) ? "has no" : "that is no candidate has an");
	if (vr->state == VRRP_FAULT && vr->link_up && mono_is_never(vr->retry))
		violate("node %u will never try again", node->number);
	if (vr->state == VRRP_ACTIVE && (mono_is_never(vr->adver) || mono_sub(vr->adver, now) > own))
		violate("node %u: Adver_Timer is more than an interval away", node->number);
	set = vr->leave_at.us != before->leave_at.us;
	if (set && !mono_is_never(vr->leave_at) && mono_sub(vr->leave_at, now) > HANDOVER_MAX_US(own))
		violate("node %u: the address would stay for too long", node->number);
}

static enum vrrp_rival rival_kind(const struct vrrp_event *event)
{
	if (event->type == VRRP_EVENT_CLAIM)
		return VRRP_RIVAL_ANNOUNCES;
	return event->advert.final || !event->advert.priority ? VRRP_RIVAL_YIELDS : VRRP_RIVAL_ADVERTS;
}

/* When it is known that what a rival said was its last word, although it has not said so. */
static struct mono silent_from(const struct vrrp *vr, const struct vrrp_event *event)
{
	int64_t own = vr->params.advert_interval_us, its = event->advert.interval_us;
	int64_t silence = (own > its ? own : its) * 3 / 2;
	return mono_add(vr->seen, silence > SILENCE_MIN_US ? silence : SILENCE_MIN_US);
}

/* Answers to rivals, which must not become somebody's amplifier: to each kind of word ten in a row, then one
 * a second, and one to each advert that none followed. */
static void check_answers(struct node *node, const struct vrrp *before, const struct vrrp_event *event)
{
	struct mono now = node->vr.seen;
	bool rival = event->type == VRRP_EVENT_ADVERT || event->type == VRRP_EVENT_CLAIM;
	bool answered = before->answered_at.us != node->vr.answered_at.us;
	if (before->state != VRRP_ACTIVE || node->vr.state != VRRP_ACTIVE)
		return;
	for (enum vrrp_rival kind = 0; kind < VRRP_RIVALS; kind++) {
		struct heard_rival *heard = &node->heard.rivals[kind];
		bool counted = before->answers[kind].at.us != node->vr.answers[kind].at.us;
		bool of_kind = rival && kind == rival_kind(event);
		if (of_kind && kind == VRRP_RIVAL_ADVERTS)
			heard->silent = silent_from(&node->vr, event);
		if (mono_sub(now, heard->answered) >= ANSWERS_PAUSE_US)
			heard->answers = 0;
		bool rare = heard->answers >= ANSWERS_QUICK && !mono_reached(now, heard->silent);
		bool due = mono_sub(now, before->answered_at) >= ANSWER_GAP_US &&
			   (!rare || mono_sub(now, heard->answered) >= ANSWER_RARE_US);
		if (counted && !due)
			violate("node %u answers a rival too soon", node->number);
		if (of_kind && !answered && due)
			violate("node %u leaves a rival without an answer", node->number);
		if (of_kind && !answered && rare && mono_is_never(node->vr.answers[kind].due))
			violate("node %u will not answer a rival", node->number);
		if (counted) {
			heard->answered = now;
			heard->answers++;
		}
		if (answered)
			heard->silent = MONO_NEVER;
	}
}

static bool disturbs(const struct vrrp *before, const struct vrrp *after, const struct vrrp_event *event)
{
	if (before->conflict != after->conflict) /* it may have waited for that */
		return true;
	switch (event->type) {
	case VRRP_EVENT_TIMER: return before->state == VRRP_FAULT && after->state != VRRP_FAULT;
	case VRRP_EVENT_ADVERT:
	case VRRP_EVENT_NEXT:
	case VRRP_EVENT_CLAIM: return false;
	case VRRP_EVENT_ANSWER: return event->answer.error != 0;
	case VRRP_EVENT_ADDRESS:
	case VRRP_EVENT_ADDRESSES: return before->on_link & ~after->on_link;
	default: return true;
	}
}

static void check_move(
    const struct node *node, const struct vrrp *before, struct mono now, const struct vrrp_event *event)
{
	bool adopted = adopts(node, before, now, event);
	if (node->vr.state == VRRP_ACTIVE && world.now - world.moved_at > 3 * world.interval_us)
		world.moves++; /* of several that take over at once only one keeps the address */
	if (node->vr.state == VRRP_ACTIVE)
		world.moved_at = world.now;
	if (node->vr.state == VRRP_ACTIVE)
		check_takeover(node, before, now, event);
	else
		check_retreat(node, before, now, event);
	if (!adopted && check_is_calm() && !disturbs(before, &node->vr, event))
		violate(
		    "node %u moves in a quiet group (%s)", node->number, vrrp_reason_name(node->vr.reason));
	if (!adopted && world.frozen)
		violate("node %u moves although nothing asks for it (%s)", node->number,
		    vrrp_reason_name(node->vr.reason));
}

/* Of one that has resigned: it is a candidate again before anybody took over, or the claimant resigned. */
static void note_stay(struct node *node, const struct vrrp_event *event)
{
	const struct vrrp *vr = &node->vr;
	if (vr->state == VRRP_ACTIVE || vr->handover == VRRP_AWAY)
		node->may_stay = false;
	else if (event->type == VRRP_EVENT_RESUME || event->type == VRRP_EVENT_RETURN ||
		 event->type == VRRP_EVENT_HEALTH ||
		 (event->type == VRRP_EVENT_ADVERT && event->advert.priority == 0))
		node->may_stay = true;
}

/* A drain is no outage: the address goes when somebody else has it. */
static void check_departure(
    const struct node *node, const struct vrrp *before, const struct vrrp_event *event)
{
	const struct vrrp *vr = &node->vr;
	bool goes = before->handover != VRRP_AWAY && vr->handover == VRRP_AWAY;
	bool timely = event->type == VRRP_EVENT_TIMER && before->state == VRRP_BACKUP;
	if (goes && timely && may_keep(vr) && !is_taken(node, before))
		violate(
		    "node %u is drained and lets the address go, although nobody took over", node->number);
}

/* Of a drained one: nobody took over, and until somebody else is heard it takes the address again. */
static void check_kept(const struct node *node, const struct vrrp *before, const struct vrrp_event *event)
{
	const struct vrrp *vr = &node->vr;
	bool begins = vr->kept && !before->kept;
	bool hears = (event->type == VRRP_EVENT_ADVERT && event->advert.priority) ||
		     (event->type == VRRP_EVENT_CLAIM && event->claim <= VRRP_CLAIM_ANSWERED);
	if (vr->kept && !vr->drained)
		violate("node %u is not drained, and thinks that it keeps the address", node->number);
	if (begins && vr->reason != VRRP_REASON_NO_SUCCESSOR && event->type != VRRP_EVENT_LINK_UP)
		violate("node %u thinks that nobody took over, without a reason", node->number);
	if (vr->kept && vr->state != VRRP_ACTIVE && hears)
		violate("node %u has heard somebody else, and would take the address back", node->number);
}

void check_step(struct node *node, const struct vrrp *before, struct mono now, const struct vrrp_event *event,
    const struct vrrp_effects *effects)
{
	enum vrrp_state state = before->state;
	now = node->vr.seen; /* an advert may have waited */
	check_hear(node, before, now, event);
	note_standing(node, before, now, event);
	note_stay(node, event);
	if (effects->count > VRRP_EFFECTS_MAX)
		violate("node %u: %u effects", node->number, effects->count);
	for (unsigned i = 0; i < effects->count; i++) {
		const struct vrrp_effect *e = &effects->items[i];
		if (e->type == VRRP_EFFECT_ANNOUNCE && node->vr.present != world.all_addresses)
			violate("node %u announces what its kernel has not confirmed", node->number);
		if (e->type != VRRP_EFFECT_TRANSITION)
			continue;
		if (e->from != state)
			violate("node %u: a transition from a state that it was not in", node->number);
		state = e->to;
	}
	if (state != node->vr.state)
		violate("node %u: a transition that nobody was told of", node->number);
	if ((before->state == VRRP_ACTIVE) != (node->vr.state == VRRP_ACTIVE))
		check_move(node, before, now, event);
	if (before->state == VRRP_ACTIVE && node->vr.state == VRRP_ACTIVE && is_late(before, now))
		violate("node %u is late and goes on", node->number);
	check_departure(node, before, event);
	check_kept(node, before, event);
	check_timers(node, before, now);
	check_answers(node, before, event);
	if (before->state == VRRP_FAULT && node->vr.state != VRRP_FAULT)
		check_disturbed(true); /* it tries again, which must not cost the others a moment */
	else if (disturbs(before, &node->vr, event))
		check_disturbed_until(world.now);
	if (event->type == VRRP_EVENT_LINK_UP && !before->link_up && node->params.start_delay_us)
		check_disturbed_until(world.now + node->params.start_delay_us * 112 / 100);
	if (event->type == VRRP_EVENT_ANSWER && event->answer.error &&
	    before->present) /* of the holder: a renewal */
		world.gentle = world.frozen = false;
	node->heard.anybody |= node->vr.state == VRRP_ACTIVE;
	if (before->health != node->vr.health || before->lowered != node->vr.lowered)
		world.frozen = false;
}
