/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the checks of the configuration, and says what follows for the virtual routers (parts_verdict()).
 */
#pragma once

#include "control/checks/health.h"

struct checks; /* PART_CHECKS */

/* Parallel to config->checks. */
const struct check_health *checks_health(const struct checks *checks);
