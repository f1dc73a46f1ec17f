/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who advertises, in the order of time. A move of the address and a split brain both show two routers that
 * advertise the same VRID; what separates them is whether one goes on while the other does.
 */
#include <string.h>

#include "doctor/segment.h"
#include "vipd/auth.h"
#include "vipd/cursor.h"
#include "vipd/interval.h"
#include "vipd/timing.h"

/* So often must one have gone on beside another: an advert that crosses with a takeover looks like that, too.
 */
#define OVERLAPS_SURE 3

static struct segment_speaker *speaker_find(struct segment *segment, const struct address *source,
    const uint8_t mac[static 6], uint8_t vrid, bool outgoing)
{
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		struct segment_speaker *speaker = &segment->speakers[i];
		if (address_equal(&speaker->source, source) && speaker->vrid == vrid &&
		    speaker->outgoing == outgoing && memcmp(speaker->mac, mac, sizeof speaker->mac) == 0)
			return speaker;
	}
	if (segment->speaker_count == SEGMENT_SPEAKERS_MAX) {
		segment->lost = true;
		return NULL;
	}
	struct segment_speaker *speaker = &segment->speakers[segment->speaker_count++];
	*speaker = (struct segment_speaker){.source = *source, .vrid = vrid, .outgoing = outgoing};
	memcpy(speaker->mac, mac, sizeof speaker->mac);
	return speaker;
}

static void speaker_stamp(struct segment_speaker *speaker, const uint8_t *bytes, int64_t now_us)
{
	struct auth_trailer trailer = auth_trailer_read(bytes);
	speaker->stamped = true;
	speaker->key_id = trailer.key_id;
	speaker->skew_us = auth_sequence_ahead(trailer.sequence, now_us);
}

/* Each direction is captured by a handle of its own, so adverts do not come in the order of their times. */
static void said_insert(struct segment *segment, struct segment_said said)
{
	if (segment->said_count == SEGMENT_SAID_MAX) {
		segment->lost = true;
		return;
	}
	unsigned i = segment->said_count++;
	for (; i > 0 && segment->said[i - 1].at_us > said.at_us; i--)
		segment->said[i] = segment->said[i - 1];
	segment->said[i] = said;
}

void segment_hear(struct segment *segment, const struct address *source, const uint8_t mac[static 6],
    const struct advert *advert, bool outgoing, int64_t at_us)
{
	struct segment_speaker *speaker = speaker_find(segment, source, mac, advert->vrid, outgoing);
	if (!speaker)
		return;
	speaker->count++;
	speaker->priority = advert->priority;
	speaker->plain_checksum = advert->plain_checksum;
	speaker->interval_us = vrrp_interval_us(advert->interval_cs);
	speaker->address_count =
	    advert->address_count < ADVERT_ADDRESSES_MAX ? advert->address_count : ADVERT_ADDRESSES_MAX;
	memcpy(speaker->addresses, advert->addresses, sizeof speaker->addresses);
	if (advert->trailer)
		speaker_stamp(speaker, advert->trailer, at_us);
	said_insert(segment,
	    (struct segment_said){at_us, (uint16_t)(speaker - segment->speakers), advert->priority == 0});
}

/* RFC 3768 section 5.1: the same head, and addresses of IPv4. */
void segment_hear_old(struct segment *segment, const uint8_t *bytes, size_t size)
{
	struct reader r = reader_of(bytes, size);
	read_u8(&r);
	struct segment_old old = {.vrid = read_u8(&r)};
	read_u8(&r);
	unsigned count = read_u8(&r), place = 0;
	read_u32(&r);
	for (unsigned i = 0; i < count && !r.failed; i++) {
		const uint8_t *address = read_bytes(&r, 4);
		if (!address)
			return;
		old.address = address_of_bytes(address, 4);
		for (place = 0; place < segment->old_count; place++)
			if (segment->old[place].vrid == old.vrid &&
			    address_equal(&segment->old[place].address, &old.address))
				break;
		if (place == SEGMENT_OLD_MAX)
			segment->lost = true;
		else if (place == segment->old_count)
			segment->old[segment->old_count++] = old;
	}
}

/*
 * A router that hears another one steps down, or the other one does. So it overlaps with that one if it
 * advertises again within an interval and a half of its own, without having resigned in between.
 */
enum speaking segment_speaking(const struct segment *segment, const struct router_id *id)
{
	int64_t last_us[SEGMENT_SPEAKERS_MAX] = {0}; /* 0: it has not spoken, or has resigned */
	unsigned overlaps = 0, speakers = 0, previous = SEGMENT_SPEAKERS_MAX;
	for (unsigned i = 0; i < segment->said_count; i++) {
		const struct segment_said *said = &segment->said[i];
		const struct segment_speaker *speaker = &segment->speakers[said->speaker];
		int64_t *at_us = &last_us[said->speaker];
		if (!segment_speaks_for(speaker, id))
			continue;
		overlaps += !said->last && *at_us && previous != said->speaker &&
			    said->at_us - *at_us <= vrrp_alive_limit(speaker->interval_us);
		*at_us = said->last ? 0 : said->at_us;
		previous = said->last ? previous : said->speaker;
	}
	for (unsigned i = 0; i < segment->speaker_count; i++)
		speakers += segment_speaks_for(&segment->speakers[i], id);
	return overlaps >= OVERLAPS_SURE ? SPEAKING_SEVERAL
	       : overlaps		 ? SPEAKING_BESIDE
	       : speakers > 1		 ? SPEAKING_IN_TURN
	       : speakers		 ? SPEAKING_ONE
					 : SPEAKING_NOBODY;
}
