/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both halves of the rules ask about a node.
 */
#pragma once

#include "sim.h"

#define HANDOVER_MAX_US(i) ((i)*2 > 50 * USEC_PER_MS ? (i)*2 : 50 * USEC_PER_MS)

static inline enum vrrp_health grade_of(uint8_t priority)
{
	return priority <= 16 ? VRRP_FAILING : priority <= 31 ? VRRP_RECOVERING : VRRP_HEALTHY;
}

static inline bool is_candidate_priority(const struct vrrp *vr)
{
	return !vr->drained && !vr->stopping && (vr->health != VRRP_FAILING || !vr->params.resign_unhealthy);
}

/* Drained, it keeps the address if nobody takes over. */
static inline bool may_keep(const struct vrrp *vr)
{
	return vr->drained && !vr->stopping && (vr->health != VRRP_FAILING || !vr->params.resign_unhealthy);
}

/* May take over: also one that has kept it, and lost it by itself. */
static inline bool stands(const struct vrrp *vr)
{
	return is_candidate_priority(vr) || (vr->kept && may_keep(vr));
}

static inline uint8_t priority_of(const struct vrrp *vr)
{
	if (may_keep(vr) && (vr->state == VRRP_ACTIVE || vr->kept))
		return 1;
	if (!is_candidate_priority(vr))
		return 0;
	int lowered = vr->params.priority - vr->lowered;
	lowered = lowered < VRRP_PRIORITY_MIN ? VRRP_PRIORITY_MIN : lowered;
	int place = lowered - VRRP_PRIORITY_MIN;
	return (uint8_t)(vr->health == VRRP_HEALTHY	 ? lowered
			 : vr->health == VRRP_RECOVERING ? 17 + place * 14 / 222
							 : 1 + place * 15 / 222);
}

/* on_conflict = "wait": at the start the address is left to whoever has it. */
static inline bool is_waiting(const struct node *node)
{
	return node->params.wait_if_occupied && node->vr.conflict == VRRP_CONFLICT_ADDRESS &&
	       !node->heard.anybody;
}
