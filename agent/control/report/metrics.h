/*
 * The answer to GET /metrics, in the Prometheus text format 0.0.4; docs/metrics.md names every metric.
 */
#pragma once

#include <stddef.h>

#include "control/report/view.h"

/* Returns the text (free() it) and its length, or NULL without memory. */
char *metrics_text(const struct view *view, size_t *length);
