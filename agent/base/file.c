/* SPDX-License-Identifier: Apache-2.0 */
/* See file.h. */
#include "vipd/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int file_open_regular(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int result = fstat(fd, st) < 0	     ? -errno
		     : S_ISDIR(st->st_mode)  ? -EISDIR
		     : !S_ISREG(st->st_mode) ? -EINVAL
					     : 0;
	if (!result)
		return fd;
	close(fd);
	return result;
}

const char *file_error(int error)
{
	return error == EINVAL ? "it is not a regular file" : strerrordesc_np(error);
}
