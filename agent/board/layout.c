/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this program was built with. VIPD_LAYOUT is a checksum of every header in include/vipd (see Makefile),
 * so that nobody has to remember to count a version up.
 */
#include "vipd/message.h"

#ifndef VIPD_LAYOUT
#error "VIPD_LAYOUT is the checksum of include/vipd/*.h; build with make"
#endif

const uint32_t vipd_layout =
    VIPD_LAYOUT ^ (uint32_t)(sizeof(struct board) * 31 + sizeof(struct config) * 7 + sizeof(struct message));
