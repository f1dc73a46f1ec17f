/*
 * Inside core: the questions that the state machine asks about one router, and what it does with it. Times
 * are in microseconds.
 */
#pragma once

#include "vipd/vrrp.h"

/* Neither drained nor stopping, and not failing with when_unhealthy = "resign". */
bool vr_is_candidate(const struct vrrp *vr);
/* Whether an Active with this priority is of a worse grade than this router. */
bool vr_is_worse(const struct vrrp *vr, uint8_t priority);
/* Bit mask of all addresses of the configuration. */
uint32_t vr_all_addresses(const struct vrrp *vr);
/* What the Active told us, else our own. */
int64_t vr_active_adver_interval(const struct vrrp *vr);
int64_t vr_skew_time(const struct vrrp *vr);
int64_t vr_active_down_interval(const struct vrrp *vr);
int64_t vr_late_limit(const struct vrrp *vr);
int64_t vr_handover_time(const struct vrrp *vr);
/* Whether an Active must give way to the sender of this advert. */
bool vr_is_superior(const struct vrrp *vr, const struct vrrp_event *advert);
/* Whether a Backup still has the address after the resignation of whom it had given way to. */
bool vr_is_heir(const struct vrrp *vr);
/* Whether this advert comes from somebody who has just lost against the Active that a Backup follows, or that
 * has left it the address. */
bool vr_is_losing(const struct vrrp *vr, struct mono now, const struct vrrp_event *advert);
/* Whether a Backup puts up with an Active of this priority. */
bool vr_accepts(const struct vrrp *vr, struct mono now, uint8_t priority);

/* ---- actions.c: each adds what shall happen to *out ---- */

/* Design. */
#define VR_RENEWALS_A_LEASE 3
#define VR_CONFIRM_US	    (1 * USEC_PER_SEC) /* for the kernel to have an address that it was asked for */

struct vrrp_effect *vr_emit(struct vrrp_effects *out, enum vrrp_effect_type type);
void vr_send_advert(struct vrrp *vr, struct mono now, uint8_t priority, struct vrrp_effects *out);
/* Asks for every address that the kernel has not confirmed. */
void vr_assign_missing(struct vrrp *vr, struct vrrp_effects *out);
/* From now on an Active waits for what it has asked for, if for anything. */
void vr_await_addresses(struct vrrp *vr, struct mono now);
void vr_withdraw_all(struct vrrp *vr, struct vrrp_effects *out);
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

/* ---- handover.c ---- */

/* An Active leaves, for state `to`. */
void vr_hand_over(
    struct vrrp *vr, struct mono now, enum vrrp_state to, enum vrrp_reason reason, struct vrrp_effects *out);
/* A Backup is no candidate any more. */
void vr_stand_back(struct vrrp *vr, struct mono now);
/* Somebody else is Active: what address we still have goes after `us` at the latest. */
void vr_linger(struct vrrp *vr, struct mono now, int64_t us);
/* Who claimed the address resigns. */
void vr_keep_on(struct vrrp *vr);

/* ---- adverts.c ---- */

void vr_hear_advert(
    struct vrrp *vr, struct mono now, const struct vrrp_event *event, struct vrrp_effects *out);
/* A Neighbor Advertisement of somebody else for one of our addresses. */
void vr_hear_announcement(struct vrrp *vr, struct mono now, struct vrrp_effects *out);
/* A Backup waits only Skew_Time for an Active of a worse grade. */
void vr_shorten_active_down(struct vrrp *vr, struct mono now);
