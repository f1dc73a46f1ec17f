/*
 * Hurry, but not for ever: a server that closes every connection must not become a busy loop.
 */
#include "control/pace.h"

bool pace_hurry(struct pace *pace, int64_t interval_us, struct mono now, struct mono *due)
{
	static const int64_t waits_us[PACE_HURRIES] = {
	    0, 2 * USEC_PER_MS, 10 * USEC_PER_MS, 50 * USEC_PER_MS};
	int64_t window_us = interval_us > USEC_PER_SEC ? interval_us : USEC_PER_SEC;
	if (mono_sub(now, pace->window) >= window_us)
		*pace = (struct pace){.window = now};
	if (pace->hurries == PACE_HURRIES)
		return false;
	*due = mono_add(now, waits_us[pace->hurries++]);
	return true;
}
