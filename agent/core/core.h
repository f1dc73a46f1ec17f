/*
 * Inside core: the questions that the state machine asks about one router.
 */
#pragma once

#include "vipd/vrrp.h"

/* Neither drained nor stopping, and healthy or merely demoted. */
bool vr_is_candidate(const struct vrrp *vr);
/* 1..31 */
bool vr_in_unhealthy_band(uint8_t priority);
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
/* Whether this advert comes from somebody who has just lost against the Active that a Backup follows. */
bool vr_is_losing(const struct vrrp *vr, struct mono now, const struct vrrp_event *advert);
/* Whether a Backup puts up with an Active of this priority. */
bool vr_accepts(const struct vrrp *vr, struct mono now, uint8_t priority);
