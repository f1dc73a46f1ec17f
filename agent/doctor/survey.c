/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at a segment for somebody who is about to choose an address and a VRID, or to join a group.
 */
#include "vipd/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/segment.h"
#include "vipd/mono.h"

#define INTERVAL_US (750 * USEC_PER_MS) /* segment_want() listens for four of them: three usual intervals */

_Static_assert(SURVEY_LIST_MAX == ADVERT_ADDRESSES_MAX, "an advert has as many");

static bool advertises(const struct segment_speaker *speaker, const struct address *address)
{
	for (unsigned i = 0; i < speaker->address_count; i++)
		if (address_equal(&speaker->addresses[i], address))
			return true;
	return false;
}

static struct survey_group group_of(const struct segment_speaker *speaker)
{
	struct survey_group group = {.vrid = speaker->vrid,
	    .interval_us = speaker->interval_us,
	    .plain_checksum = speaker->plain_checksum,
	    .is_signed = speaker->stamped,
	    .key_id = speaker->key_id,
	    .address_count = speaker->address_count};
	memcpy(group.addresses, speaker->addresses, sizeof group.addresses);
	return group;
}

static void take_address(struct survey_address *address, const struct segment *segment)
{
	const struct segment_answer *answer = NULL;
	address->taken = segment_answers(segment, &address->address, &answer, 1) > 0;
	if (address->taken)
		memcpy(address->mac, answer->mac, sizeof address->mac);
	for (unsigned i = 0; i < segment->old_count; i++)
		if (address_equal(&segment->old[i].address, &address->address))
			address->group =
			    (struct survey_group){.vrid = segment->old[i].vrid, .version_2 = true};
	for (unsigned i = 0; i < segment->speaker_count; i++)
		if (advertises(&segment->speakers[i], &address->address))
			address->group = group_of(&segment->speakers[i]);
}

static int look(struct survey *survey, struct segment *segment, struct config *config)
{
	struct config_router *router = &config->routers[0];
	config->router_count = 1;
	memcpy(router->id.interface, survey->interface, sizeof router->id.interface);
	router->id.family =
	    survey->address_count && address_is_ipv4(&survey->addresses[0].address) ? AF_INET : AF_INET6;
	router->advert_interval_us = INTERVAL_US;
	for (unsigned a = 0; a < survey->address_count; a++)
		router->addresses[router->address_count++] = survey->addresses[a].address;
	segment->config = config;
	segment->joins = true;
	memcpy(segment->interface, survey->interface, sizeof segment->interface);
	segment_want(segment, router);
	segment_listen(segment);
	if (segment->asking_error || segment->listening_error)
		return segment->asking_error ? segment->asking_error : segment->listening_error;
	memcpy(survey->used, segment->vrids, sizeof survey->used);
	for (unsigned a = 0; a < survey->address_count; a++)
		take_address(&survey->addresses[a], segment);
	return 0;
}

int survey_segment(struct survey *survey)
{
	struct segment *segment = calloc(1, sizeof *segment);
	struct config *config = calloc(1, sizeof *config);
	int result = segment && config ? look(survey, segment, config) : -ENOMEM;
	free(segment);
	free(config);
	return result;
}
