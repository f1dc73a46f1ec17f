/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks: one to measure with, one to show to people. Nothing but this file reads them.
 */
#include "vipd/mono.h"

#include <time.h>

/* Both clocks always exist on Linux, so clock_gettime() cannot fail here. */
static int64_t clock_us(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

struct mono mono_now(void)
{
	return (struct mono){clock_us(CLOCK_BOOTTIME)};
}

int64_t realtime_us(void)
{
	return clock_us(CLOCK_REALTIME);
}
