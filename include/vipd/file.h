/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of others, which need not be files: a FIFO would be waited for, a device does what it likes.
 */
#pragma once

#include <sys/stat.h>

/*
 * Opens it for reading without waiting, and looks at what it has opened: *st. Returns a descriptor, or
 * -errno: -EISDIR for a directory, -EINVAL for anything else that is not a regular file.
 */
int file_open_regular(const char *path, struct stat *st);

/* In words, why it failed: error is the errno of file_open_regular(), or of reading what that has opened. */
const char *file_error(int error);
