/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What those who judge a status share: to whom they say what needs attention.
 */
#pragma once

#include "vipd/status.h"

struct judge {
	attention_say *say;
	void *context;
	bool stale; /* the engine does not respond: what it says is old, what the kernel says is not */
};

/* What is wrong and what to do. */
__attribute__((format(printf, 3, 4))) void attention_add(
    const struct judge *judge, enum attention grade, const char *format, ...);
