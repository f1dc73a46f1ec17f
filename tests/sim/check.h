/*
 * What both halves of the rules ask about a node.
 */
#pragma once

#include "sim.h"

#define HANDOVER_MAX_US(i) ((i)*2 > 50 * USEC_PER_MS ? (i)*2 : 50 * USEC_PER_MS)

static inline bool is_healthy_priority(uint8_t priority)
{
	return priority > VRRP_BAND_TOP;
}

static inline bool is_candidate_priority(const struct vrrp *vr)
{
	return !vr->drained && !vr->stopping && (vr->healthy || !vr->params.resign_unhealthy);
}

static inline uint8_t priority_of(const struct vrrp *vr)
{
	if (!is_candidate_priority(vr))
		return 0;
	return vr->healthy ? vr->params.priority : (uint8_t)(1 + vr->params.priority * 30 / 254);
}

/* on_conflict = "wait": at the start the address is left to whoever has it. */
static inline bool is_waiting(const struct node *node)
{
	return node->params.wait_if_occupied && node->conflict.occupied && !node->heard.anybody;
}
