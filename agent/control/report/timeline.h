/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who held what, as JSON.
 */
#pragma once

#include <jansson.h>

#include "control/group/timeline.h"

json_t *holding_json(const struct holding *holding);

/* {"since": …, "holdings": […]}, in the order in which they began. NULL without memory. */
json_t *timeline_json(const struct timeline *timeline, struct mono now, int64_t now_us);
