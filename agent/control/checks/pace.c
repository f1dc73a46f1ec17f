/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hurry, but not for ever: a server that closes every connection must not become a busy loop.
 */
#include "control/checks/pace.h"

bool pace_hurry(struct pace *pace, struct mono now, struct mono *due)
{
	static const int64_t waits_us[PACE_HURRIES] = {
	    0, 2 * USEC_PER_MS, 10 * USEC_PER_MS, 50 * USEC_PER_MS};
	while (pace->used && mono_reached(now, pace->refill)) {
		pace->used--;
		pace->refill = mono_add(pace->refill, USEC_PER_SEC);
	}
	if (pace->used == PACE_HURRIES)
		return false;
	if (!pace->used)
		pace->refill = mono_add(now, USEC_PER_SEC);
	*due = mono_add(now, waits_us[pace->used++]);
	return true;
}
