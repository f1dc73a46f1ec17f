/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups in the status and in the metrics.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "control/report/view.h"

/* The group of a router: `group` of it in the status; null before its first hello. */
json_t *group_router_json(const struct view *view, const struct board_router *router);
/* Hellos in all: `group` of the status. */
json_t *group_json(const struct view *view);
/* What people call the host at that address; NULL: nobody has said. */
const char *group_holder_name(
    const struct view *view, const struct router_id *id, const struct address *address);

/* Words of the engine about that virtual router, with names instead of addresses. group: or NULL. */
json_t *group_words_json(const struct group *group, const struct router_id *id, const char *text, size_t max);

void group_metrics(FILE *out, const struct view *view);
