/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has not got at the moment. Who would go without what he tries only once ends instead, and
 * is started again.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>

/* Whether a result (-errno; a descriptor is none) says so: memory or descriptors will be there again, unlike
 * what the kernel does not know. */
static inline bool is_shortage(int result)
{
	return result == -ENOMEM || result == -ENOBUFS || result == -EMFILE || result == -ENFILE;
}
