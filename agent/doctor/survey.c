/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at a segment for somebody who is about to choose an address and a VRID.
 */
#include "doctor/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/segment.h"
#include "vipd/mono.h"

#define INTERVAL_US (750 * USEC_PER_MS) /* segment_want() listens for four of them: three usual intervals */

void survey_advert(
    struct survey *survey, uint8_t vrid, int64_t interval_us, const struct address *addresses, unsigned count)
{
	survey->used[vrid] = true;
	for (unsigned a = 0; a < survey->address_count; a++)
		for (unsigned k = 0; k < count; k++)
			if (address_equal(&addresses[k], &survey->addresses[a].address)) {
				survey->addresses[a].vrid = vrid;
				survey->addresses[a].interval_us = interval_us;
			}
}

static void take_adverts(struct survey *survey, const struct segment *segment)
{
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		const struct segment_speaker *speaker = &segment->speakers[i];
		survey_advert(
		    survey, speaker->vrid, speaker->interval_us, speaker->addresses, speaker->address_count);
	}
}

static void take_answers(struct survey *survey, const struct segment *segment)
{
	for (unsigned a = 0; a < survey->address_count; a++) {
		const struct segment_answer *answer = NULL;
		struct survey_address *address = &survey->addresses[a];
		address->taken = segment_answers(segment, &address->address, &answer, 1) > 0;
		if (address->taken)
			memcpy(address->mac, answer->mac, sizeof address->mac);
	}
}

static int survey_segment_ipv6(struct survey *survey)
{
	struct segment *segment = calloc(1, sizeof *segment);
	struct config *config = calloc(1, sizeof *config);
	int result = segment && config ? 0 : -ENOMEM;
	if (!result) {
		struct config_router *router = &config->routers[0];
		config->router_count = 1;
		memcpy(router->id.interface, survey->interface, sizeof router->id.interface);
		router->id.family = AF_INET6;
		router->advert_interval_us = INTERVAL_US;
		for (unsigned a = 0; a < survey->address_count; a++)
			router->addresses[router->address_count++] = survey->addresses[a].address;
		segment->config = config;
		segment->joins = true;
		memcpy(segment->interface, survey->interface, sizeof segment->interface);
		segment_want(segment, router);
		segment_listen(segment);
		result = segment->asking_error ? segment->asking_error : segment->listening_error;
	}
	if (!result) {
		take_adverts(survey, segment);
		take_answers(survey, segment);
	}
	free(segment);
	free(config);
	return result;
}

int survey_segment(struct survey *survey)
{
	bool ipv4 = survey->address_count && address_is_ipv4(&survey->addresses[0].address);
	return ipv4 ? survey_segment_ipv4(survey) : survey_segment_ipv6(survey);
}
