/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the survey: the halves of it.
 */
#pragma once

#include "vipd/survey.h"

/* Somebody advertises this. */
void survey_advert(struct survey *survey, uint8_t vrid, int64_t interval_us, const struct address *addresses,
    unsigned count);

/* As survey_segment(), of addresses of IPv4. */
int survey_segment_ipv4(struct survey *survey);
