/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of others, which need not be files: a FIFO would be waited for, a device does what it likes.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

/*
 * Opens it for reading without waiting, and looks at what it has opened: *st. Returns a descriptor, or
 * -errno: -EISDIR for a directory, -EINVAL for anything else that is not a regular file.
 */
int file_open_regular(const char *path, struct stat *st);

/*
 * Whether a result (-errno; a descriptor is none) says that the kernel had no memory or no descriptors: that
 * passes, unlike that something is not there. Who would go without what he tries only once ends instead, and
 * is started again.
 */
static inline bool is_shortage(int result)
{
	return result == -ENOMEM || result == -ENOBUFS || result == -EMFILE || result == -ENFILE;
}

/* In words, why it failed: error is the errno of file_open_regular(), or of reading what that has opened. */
const char *file_error(int error);
