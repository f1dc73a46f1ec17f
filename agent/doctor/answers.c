/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has answered on a segment, each once.
 */
#include <string.h>

#include "doctor/segment.h"

void segment_add_peer(struct segment *segment, const struct address *peer)
{
	for (unsigned i = 0; i < segment->peer_count; i++) {
		if (address_equal(&segment->peers[i], peer))
			return;
	}
	if (segment->peer_count < SEGMENT_PEERS_MAX)
		segment->peers[segment->peer_count++] = *peer;
	else
		segment->lost = true;
}

/* Whether it is known who claims what, and whose link-layer address is whose. */
static bool is_asked_for(const struct segment *segment, const struct address *target)
{
	for (unsigned i = 0; i < segment->peer_count; i++) {
		if (address_equal(&segment->peers[i], target))
			return true;
	}
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		if (address_equal(&segment->speakers[i].source, target))
			return true;
	}
	return config_has_address(segment->config, target);
}

void segment_add_answer(struct segment *segment, const struct address *target, const uint8_t mac[static 6])
{
	if (!is_asked_for(segment, target) || (segment->has_mac && memcmp(mac, segment->mac, 6) == 0))
		return;
	for (unsigned i = 0; i < segment->answer_count; i++) {
		if (address_equal(&segment->answers[i].target, target) &&
		    memcmp(segment->answers[i].mac, mac, sizeof segment->answers[i].mac) == 0)
			return;
	}
	if (segment->answer_count == SEGMENT_ANSWERS_MAX) {
		segment->lost = true;
		return;
	}
	struct segment_answer *answer = &segment->answers[segment->answer_count++];
	answer->target = *target;
	memcpy(answer->mac, mac, sizeof answer->mac);
}

unsigned segment_answers(const struct segment *segment, const struct address *target,
    const struct segment_answer *answers[], unsigned room)
{
	unsigned count = 0;
	for (unsigned i = 0; i < segment->answer_count; i++) {
		if (!address_equal(&segment->answers[i].target, target))
			continue;
		if (count < room)
			answers[count] = &segment->answers[i];
		count++;
	}
	return count;
}
