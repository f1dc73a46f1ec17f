/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside core: the questions that the state machine asks about one router, and what it does with it. Times
 * are in microseconds.
 */
#pragma once

#include "vipd/timing.h"
#include "vipd/vrrp.h"

/* ---- timing.c ---- */

/* Neither drained nor stopping, and not failing with when_unhealthy = "resign". */
bool vr_is_candidate(const struct vrrp *vr);
/* Drained, it may be Active all the same if nobody takes over. */
bool vr_may_keep(const struct vrrp *vr);
/* Whether an Active may go on: as a candidate, or because nobody took over. */
bool vr_may_stay(const struct vrrp *vr);
/* Whether an Active with this priority is of a worse grade than this router. */
bool vr_is_worse(const struct vrrp *vr, uint8_t priority);
/* Bit mask of all addresses of the configuration. */
uint32_t vr_all_addresses(const struct vrrp *vr);
/* What the Active told us, else our own. */
int64_t vr_active_adver_interval(const struct vrrp *vr);
int64_t vr_skew_time(const struct vrrp *vr);
int64_t vr_active_down_interval(const struct vrrp *vr);
/* Whether an Active must give way to the sender of this advert. */
bool vr_is_superior(const struct vrrp *vr, const struct vrrp_event *advert);
/* Whether a Backup accepts an Active of this priority. */
bool vr_accepts(const struct vrrp *vr, struct mono now, uint8_t priority);

/* ---- actions.c: each adds what shall happen to *out ---- */

struct vrrp_effect *vr_emit(struct vrrp_effects *out, enum vrrp_effect_type type);
void vr_send_advert(struct vrrp *vr, struct mono now, uint8_t priority, struct vrrp_effects *out);
/* The schedule of announcements from its start, and its next one. */
void vr_announce_start(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
void vr_announce_next(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
/* Only records it, and stops the timers of the old state. */
void vr_transition(
    struct vrrp *vr, enum vrrp_state to, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out);
/* `meaning` is why this router will be Active if the timer fires. Not for one that is no candidate. */
void vr_set_active_down(struct vrrp *vr, struct mono at, enum vrrp_reason meaning, int64_t detail);
void vr_become_backup(
    struct vrrp *vr, struct mono now, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out);
void vr_become_active(
    struct vrrp *vr, struct mono now, enum vrrp_reason reason, int64_t detail, struct vrrp_effects *out);

/* ---- addresses.c: what we want on the interface, and what the kernel has there ---- */

/* Asks the kernel for what is wanted now. */
void vr_request(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
/* From now on an Active waits for what it has asked for, if for anything. */
void vr_await_addresses(struct vrrp *vr, struct mono now);
void vr_withdraw(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
void vr_address_timers(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
void vr_hear_kernel(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out);

/* ---- handover.c ---- */

/* An Active leaves, for state `to`. */
void vr_hand_over(struct vrrp *vr, struct mono now, enum vrrp_state to, enum vrrp_reason reason,
    int64_t detail, struct vrrp_effects *out);
/* The time of a handover is over: the address goes, or is kept because nobody took over. */
void vr_leave_or_keep(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
/* One that keeps it because nobody took over: somebody else has it after all. */
void vr_leave_to_other(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
/* A router that is no candidate any more, or in Fault: what address it still has goes. */
void vr_stand_back(struct vrrp *vr, struct mono now);
/* A candidate again. */
void vr_rejoin(struct vrrp *vr, struct mono now);
/* Somebody advertises as Active. */
void vr_hear_successor(struct vrrp *vr, struct mono now);
/* Somebody else advertises as Active, too. */
void vr_hear_rival(struct vrrp *vr, struct mono now);
/* Somebody has announced the address. */
void vr_hear_its_announcement(struct vrrp *vr, struct mono now);
/* Who advertised as Active resigns. */
void vr_hear_resignation(struct vrrp *vr);

/* ---- adverts.c ---- */

void vr_hear_advert(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out);
/* A Backup waits only Skew_Time for an Active of a worse grade. */
void vr_shorten_active_down(struct vrrp *vr, struct mono now);

/* ---- conflict.c ---- */

void vr_hear_claim(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out);
/* After a transition: when to ask next; no answer is due. */
void vr_conflict_schedule(struct vrrp *vr, struct mono now);
void vr_conflict_timers(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
/* An Active speaks up against somebody who lost against it, or does not know of it. false: not now.
 * silence_us: what was heard was its last word if nothing follows within this time; 0: silence says nothing.
 */
bool vr_answer_rival(
    struct vrrp *vr, struct mono now, enum vrrp_rival kind, int64_t silence_us, struct vrrp_effects *out);
