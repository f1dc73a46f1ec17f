/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status and metrics of what the holder publishes.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "control/report/view.h"

json_t *published_json(const struct view *view);
void published_metrics(FILE *out, const struct view *view);
