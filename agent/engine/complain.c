/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others on the link do wrong, logged: at most one line a minute of each kind (some more for
 * state changes), with how many of the kind were not logged. Whoever can send packets to us must not be able
 * to fill our log; the counters on the board have every one.
 */
#include "engine/engine.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "vipd/log.h"

#define COMPLAIN_EVERY_US (60 * USEC_PER_SEC)

bool complaint_due(
    struct complaint *complaint, unsigned burst, struct mono now, struct suppressed *suppressed)
{
	suppressed->text[0] = '\0';
	if (mono_reached(now, complaint->next)) {
		if (complaint->suppressed)
			snprintf(suppressed->text, sizeof suppressed->text,
			    " (and %" PRIu64 " more before, not logged)", complaint->suppressed);
		*complaint = (struct complaint){.next = mono_add(now, COMPLAIN_EVERY_US)};
	}
	if (complaint->logged == burst) {
		complaint->suppressed++;
		return false;
	}
	complaint->logged++;
	return true;
}

/* What it means. Without a text: nothing to log, other groups on the link and our own link being down. */
static const char *const meanings[ADVERT_VERDICTS] = {
    [ADVERT_BAD_HOP_LIMIT] = "its hop limit is not 255, so it may come from another link",
    [ADVERT_BAD_DESTINATION] = "it was sent to another group than that of VRRP",
    [ADVERT_TOO_SHORT] = "it is shorter than a header",
    [ADVERT_BAD_VERSION] = "it is not VRRP version 3; CARP shares the group",
    [ADVERT_VRRP_VERSION_2] = "it speaks VRRPv2: set version 3 there (keepalived: vrrp_version 3)",
    [ADVERT_BAD_TYPE] = "it is no advertisement",
    [ADVERT_NO_ADDRESS] = "it lists no address",
    [ADVERT_BAD_LENGTH] = "its size does not fit the number of its addresses",
    [ADVERT_BAD_INTERVAL] = "its advertisement interval is 0",
    [ADVERT_BAD_CHECKSUM] = "its checksum is wrong",
    [ADVERT_BAD_SOURCE] = "its source is not a link-local address (IPv6), or not that of a host (IPv4)",
    [ADVERT_OWN_PACKET] = "it comes from our own address: another host uses it, or the link has a loop",
    [ADVERT_UNKNOWN_PEER] = "its sender is not among our peers",
    [ADVERT_AUTH_UNEXPECTED] = "it is signed and auth is not configured here: begin with \"receive-only\"",
    [ADVERT_AUTH_MISSING] = "it is not signed: a server without auth, or a forger",
    [ADVERT_AUTH_MALFORMED] = "its trailer is of no kind that we know",
    [ADVERT_AUTH_UNKNOWN_KEY] = "it is signed with a key whose id is not among our keys",
    [ADVERT_AUTH_BAD_MAC] = "its signature is wrong: compare the key files of the servers; or it is forged",
    [ADVERT_AUTH_STALE] =
	"it was signed at another time: compare the clocks of the servers; or it is replayed",
    [ADVERT_AUTH_REPLAYED] = "it is not newer than what its sender has sent before: a replay",
};

void complain_of_advert(const struct link *link, const struct router *router, struct mono now,
    const struct address *source, enum advert_verdict verdict)
{
	static struct complaint complaints[LINKS_MAX][ADVERT_VERDICTS];
	struct suppressed suppressed;
	if (!meanings[verdict] || !complaint_due(&complaints[link->board][verdict], 1, now, &suppressed))
		return;
	char text[ADDRESS_TEXT_MAX];
	address_format(source, text);
	const char *reason = advert_verdict_name(verdict);
	struct log_fields fields = {.router = router ? router->config.name : NULL, .reason = reason};
	log_event(LOG_LEVEL_WARNING, &fields, "%s%srefused an advert of %s (%s): %s%s",
	    router ? "" : link->name, router ? "" : ": ", text, reason, meanings[verdict], suppressed.text);
}
