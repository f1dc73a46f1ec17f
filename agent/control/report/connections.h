/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status and metrics of who is connected to the virtual addresses, and was told to connect anew.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "control/report/view.h"

/* `connections` of a virtual router. */
json_t *connections_json(const struct view *view, const struct board_router *router);

void connections_metrics(FILE *out, const struct view *view);
