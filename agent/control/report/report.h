/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two answers that are made from a view; docs/api.md and docs/metrics.md name everything in them.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "control/report/view.h"

/* GET /v1/status. Returns a new object, or NULL without memory. */
json_t *status_json(const struct view *view);

/* GET /metrics, in the Prometheus text format 0.0.4. Returns the text (free() it), or NULL without memory. */
char *metrics_text(const struct view *view, size_t *length);
