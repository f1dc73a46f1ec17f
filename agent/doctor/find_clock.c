/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed adverts carry the time, and one that is too far from the receiver's clock is refused: with
 * authentication a wrong clock takes a server out of the group, or makes it hear nobody.
 */
#include <string.h>
#include <sys/timex.h>

#include "doctor/doctor.h"
#include "vipd/auth.h"

#define NOTABLE_US USEC_PER_SEC

static int64_t magnitude(int64_t us)
{
	return us < 0 ? -us : us;
}

/* The peer whose clock is farthest from ours; NULL: none was heard. */
static const struct segment_speaker *farthest(
    const struct segment *segment, const struct config_router *router)
{
	const struct segment_speaker *found = NULL;
	for (unsigned i = 0; segment && i < segment->speaker_count; i++) {
		const struct segment_speaker *speaker = &segment->speakers[i];
		if (!segment_speaks_for(speaker, &router->id) || speaker->outgoing || !speaker->stamped)
			continue;
		if (!found || magnitude(speaker->skew_us) > magnitude(found->skew_us))
			found = speaker;
	}
	return found;
}

static bool is_synchronised(void)
{
	struct timex state = {0}; /* asks, changes nothing */
	return adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC);
}

void find_clock(struct doctor *doctor, const struct config_router *router)
{
	const char *advice = "timedatectl; install chrony or systemd-timesyncd on every server";
	char address[ADDRESS_TEXT_MAX];
	const struct segment_speaker *peer = farthest(router_segment(doctor, router), router);
	int64_t window_us = auth_window(router->advert_interval_us);
	if (router->auth == AUTH_OFF) {
		finding_add(doctor, DOCTOR_FINE, router->name, NULL,
		    "authentication is off, so nothing depends on the clock");
	} else if (peer && magnitude(peer->skew_us) > NOTABLE_US) {
		finding_add(doctor, magnitude(peer->skew_us) >= window_us ? DOCTOR_FAILURE : DOCTOR_WARNING,
		    router->name, advice,
		    "the clock of %s is %.1f s %s this one; from %.0f s on adverts are refused",
		    address_format(&peer->source, address),
		    (double)magnitude(peer->skew_us) / (double)USEC_PER_SEC,
		    peer->skew_us > 0 ? "ahead of" : "behind", (double)window_us / (double)USEC_PER_SEC);
	} else if (!is_synchronised()) {
		finding_add(doctor, DOCTOR_WARNING, router->name, advice,
		    "authentication is on, but the kernel says that nothing keeps this clock right%s",
		    peer ? " (it agrees with the holder's now)" : "");
	} else {
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "this clock is kept right%s",
		    peer ? " and agrees with the holder's" : "");
	}
}
