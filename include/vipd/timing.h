/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of the protocol, in microseconds, from the advertisement interval: for everybody who has to
 * agree with the state machine about them. Status shows them, too.
 */
#pragma once

#include <stdint.h>

#include "vipd/mono.h"

/* The longest vrrp_handover_time(). */
#define VRRP_HANDOVER_MAX_US (10 * USEC_PER_SEC)

/* An Active renews its kernel lease after each third of it, so two thirds are left at least. */
#define VRRP_RENEWALS_A_LEASE 3

/* For the kernel to have an address that it was asked for. */
#define VRRP_CONFIRM_US (1 * USEC_PER_SEC)

/* Skew_Time = (256 - priority) * interval / 256 (RFC 9568 section 6.1). */
int64_t vrrp_skew_time(uint8_t priority, int64_t interval_us);

/* The shortest Active_Down_Interval that any Backup can have. Whoever was Active and has sent no advert for
 * longer must not believe that it still is: it steps down, and is not adopted. */
int64_t vrrp_late_limit(int64_t interval_us);

/* The longest Active_Down_Interval that any Backup can have: four intervals. Whoever could take over from an
 * Active that is silent has done so by then, so its addresses are removed. Earlier nobody might have them. */
int64_t vrrp_silence_limit(int64_t interval_us);

/* One and a half intervals: an Active whose last advert is no older is alive, and will send the next. */
int64_t vrrp_alive_limit(int64_t interval_us);

/* Three intervals, Active_Down_Interval without Skew_Time: nobody has replaced an Active whose last advert is
 * no older. */
int64_t vrrp_unreplaced_limit(int64_t interval_us);

/* How long the address stays after a resignation if no successor is heard: two intervals, 50 ms to 10 s. A
 * Backup takes over after Skew_Time, which is below one interval; the other one is for those who missed the
 * first notice. */
int64_t vrrp_handover_time(int64_t interval_us);
