/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who held what, as JSON.
 */
#pragma once

#include <jansson.h>

#include "control/group/timeline.h"

/* wall_us: what the wall clock is ahead of ours. */
json_t *holding_json(const struct holding *holding, int64_t wall_us);

/* {"since": …, "holdings": […]}, in the order in which they began. NULL without memory. */
json_t *timeline_json(const struct timeline *timeline, int64_t wall_us);
