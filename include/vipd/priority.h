/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The priorities on the wire: each grade of health has a band of them (core/timing.c says who has which).
 */
#pragma once

#define VRRP_PRIORITY_RESIGN  0	 /* "I am leaving", RFC 9568 section 5.2.4 */
#define VRRP_PRIORITY_KEPT    1	 /* "drained, but nobody took over": whoever can is better */
#define VRRP_FAILING_MAX      16 /* 1..16: failing; 17..31: recovering; above: healthy */
#define VRRP_RECOVERING_MAX   31
#define VRRP_PRIORITY_MIN     32 /* of a healthy router, and in vipd.conf */
#define VRRP_PRIORITY_MAX     254
#define VRRP_PRIORITY_DEFAULT 100 /* RFC 9568 section 6.1 */
