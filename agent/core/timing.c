/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtual router's priority and timers come to, by RFC 9568 section 6.1 and the health bands of the
 * design. All of it follows from the struct; nothing here changes it. Microseconds throughout, never rounded
 * to centiseconds.
 */
#include "core/core.h"

/* Design. */
#define HANDOVER_MIN_US	 (50 * USEC_PER_MS)
#define LEARNED_DOWN_MAX 10 /* Active_Down_Interval is at most so many times our own */

int64_t vrrp_skew_time(uint8_t priority, int64_t interval_us)
{
	return (256 - priority) * interval_us / 256;
}

int64_t vrrp_late_limit(int64_t interval_us)
{
	return 3 * interval_us + vrrp_skew_time(VRRP_PRIORITY_MAX, interval_us);
}

int64_t vrrp_silence_limit(int64_t interval_us)
{
	return 3 * interval_us + vrrp_skew_time(0, interval_us);
}

int64_t vrrp_alive_limit(int64_t interval_us)
{
	return interval_us * 3 / 2;
}

int64_t vrrp_unreplaced_limit(int64_t interval_us)
{
	return 3 * interval_us;
}

int64_t vrrp_handover_time(int64_t interval_us)
{
	int64_t us = 2 * interval_us;
	if (us < HANDOVER_MIN_US)
		return HANDOVER_MIN_US;
	return us < VRRP_HANDOVER_MAX_US ? us : VRRP_HANDOVER_MAX_US;
}

uint8_t vrrp_graded_priority(uint8_t priority, enum vrrp_health health)
{
	int lowest = health == VRRP_FAILING ? 1 : VRRP_FAILING_MAX + 1;
	int highest = health == VRRP_FAILING ? VRRP_FAILING_MAX : VRRP_RECOVERING_MAX;
	int all = VRRP_PRIORITY_MAX - VRRP_PRIORITY_MIN;
	if (health == VRRP_HEALTHY)
		return priority;
	return (uint8_t)(lowest + (priority - VRRP_PRIORITY_MIN) * (highest - lowest) / all);
}

enum vrrp_health vrrp_priority_health(uint8_t priority)
{
	return priority > VRRP_RECOVERING_MAX ? VRRP_HEALTHY
	       : priority > VRRP_FAILING_MAX  ? VRRP_RECOVERING
					      : VRRP_FAILING;
}

/* Not so bad that it is better to have no holder. */
static bool is_willing(const struct vrrp *vr)
{
	return vr->health != VRRP_FAILING || !vr->params.resign_unhealthy;
}

bool vr_is_candidate(const struct vrrp *vr)
{
	return !vr->drained && !vr->stopping && is_willing(vr);
}

bool vr_may_keep(const struct vrrp *vr)
{
	return vr->drained && !vr->stopping && is_willing(vr);
}

bool vr_may_stay(const struct vrrp *vr)
{
	return vr_is_candidate(vr) || (vr->kept && vr_may_keep(vr));
}

/* Design: it stays in the band of healthy routers, so a better grade always counts for more. */
static uint8_t lowered_priority(const struct vrrp *vr)
{
	if (!vr->lowered)
		return vr->params.priority;
	int priority = vr->params.priority - vr->lowered;
	return (uint8_t)(priority > VRRP_PRIORITY_MIN ? priority : VRRP_PRIORITY_MIN);
}

uint8_t vrrp_effective_priority(const struct vrrp *vr)
{
	if (vr->kept)
		return VRRP_PRIORITY_KEPT;
	if (!vr_is_candidate(vr))
		return VRRP_PRIORITY_RESIGN;
	return vrrp_graded_priority(lowered_priority(vr), vr->health);
}

bool vr_is_worse(const struct vrrp *vr, uint8_t priority)
{
	return vrrp_priority_health(priority) < vr->health;
}

uint32_t vr_all_addresses(const struct vrrp *vr)
{
	return (uint32_t)((UINT64_C(1) << vr->params.address_count) - 1);
}

/* Active_Adver_Interval (6.1): what the Active told us, else our own. */
int64_t vr_active_adver_interval(const struct vrrp *vr)
{
	return vr->learned_interval_us ? vr->learned_interval_us : vr->params.advert_interval_us;
}

int64_t vr_skew_time(const struct vrrp *vr)
{
	return vrrp_skew_time(vrrp_effective_priority(vr), vr_active_adver_interval(vr));
}

/*
 * 6.1: Active_Down_Interval = 3 * Active_Adver_Interval + Skew_Time. Bounded (design): an advert with a long
 * interval, which may be forged, stretches it to at most ten times our own. The bound has a Skew_Time, or all
 * who believed that advert would take over at once.
 */
int64_t vr_active_down_interval(const struct vrrp *vr)
{
	int64_t us = 3 * vr_active_adver_interval(vr) + vr_skew_time(vr);
	int64_t own_us = vr->params.advert_interval_us;
	int64_t bound = LEARNED_DOWN_MAX * (3 * own_us + vrrp_skew_time(vrrp_effective_priority(vr), own_us));
	return us < bound ? us : bound;
}

/* 6.4.3: ties are broken by the sender's address, as an unsigned integer in network order. */
bool vrrp_is_better(
    uint8_t priority, const struct address *source, uint8_t than, const struct address *than_source)
{
	return priority != than ? priority > than : address_compare(source, than_source) > 0;
}

bool vr_is_superior(const struct vrrp *vr, const struct vrrp_event *advert)
{
	return vrrp_is_better(
	    advert->advert.priority, &advert->advert.source, vrrp_effective_priority(vr), &vr->own_address);
}

bool vr_accepts(const struct vrrp *vr, struct mono now, uint8_t priority)
{
	if (vr_is_worse(vr, priority))
		return false;
	if (priority >= vrrp_effective_priority(vr) || !vr->params.preempt)
		return true;
	if (vr->health != VRRP_HEALTHY) /* design: within a lower grade nobody preempts, the holder stays */
		return true;
	return !mono_reached(now, vr->preempt_after);
}
