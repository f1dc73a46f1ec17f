/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks say of a virtual router, to every part of control.
 */
#pragma once

#include <stdint.h>

#include "vipd/board.h"
#include "vipd/vrrp.h"

struct verdict {
	unsigned router; /* of config->routers */
	enum vrrp_health health;
	uint8_t lowered;	     /* the priority, by failing checks with a weight */
	uint32_t valid_ms;	     /* how long it is good for */
	char text[BOARD_REASON_MAX]; /* the first check that is why, or "" */
};
