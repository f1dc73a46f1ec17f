/*
 * The JSON of GET /v1/status; docs/api.md names every field.
 */
#pragma once

#include <jansson.h>

#include "control/report/view.h"

/* Returns a new object, or NULL without memory. */
json_t *status_json(const struct view *view);
