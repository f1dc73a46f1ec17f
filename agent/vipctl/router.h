/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder of a virtual router, for people.
 */
#pragma once

#include "vipctl/show.h"
#include "vipd/status.h"

/* "this node", "fe80::12 (priority 120)", "nobody: fe80::12 silent for 12s", "nobody" */
const char *router_holder_text(const json_t *router, char out[static CELL_MAX]);
