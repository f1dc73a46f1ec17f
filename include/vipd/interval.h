/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The advertisement interval on the wire: 12 bits of centiseconds (RFC 9568 section 5.2.7). Everywhere else
 * it is in microseconds. And the interval of hellos, in milliseconds on the wire.
 */
#pragma once

#include <stdint.h>

#include "vipd/mono.h"

#define VRRP_INTERVAL_MAX_CS  4095 /* all 12 bits; the 4 above are reserved */
#define VRRP_INTERVAL_STEP_US (10 * USEC_PER_MS)
#define VRRP_INTERVAL_MIN_US  VRRP_INTERVAL_STEP_US
#define VRRP_INTERVAL_MAX_US  (VRRP_INTERVAL_MAX_CS * VRRP_INTERVAL_STEP_US)

#define HELLO_INTERVAL_MIN 100	 /* ms */
#define HELLO_INTERVAL_MAX 10000 /* ms */

/* Who is next is known for so many intervals after the oldest hello that it was made from. */
#define HINT_INTERVALS 2
#define HINT_MAX_US    (HINT_INTERVALS * HELLO_INTERVAL_MAX * USEC_PER_MS)

static inline int64_t vrrp_interval_us(uint16_t centiseconds)
{
	return centiseconds * VRRP_INTERVAL_STEP_US;
}

static inline uint16_t vrrp_interval_cs(int64_t us)
{
	return (uint16_t)(us / VRRP_INTERVAL_STEP_US);
}
