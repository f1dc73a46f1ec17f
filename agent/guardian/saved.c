/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives this process: files beside the socket, in a directory that is gone after a reboot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guardian/guardian.h"

static int write_new(const char *beside, const void *bytes, size_t size)
{
	unlink(beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, bytes, size);
	int r = n < 0 ? -errno : n != (ssize_t)size ? -ENOSPC : 0;
	if (close(fd) < 0 && !r)
		r = -errno;
	return r;
}

const char *saved_path(const struct guardian *guardian, const char *name, char out[static SAVED_PATH_MAX])
{
	snprintf(out, SAVED_PATH_MAX, "%s.%s", guardian->config.socket, name);
	return out;
}

int saved_write(const struct guardian *guardian, const char *name, const void *bytes, size_t size)
{
	char path[SAVED_PATH_MAX], beside[SAVED_PATH_MAX + 4];
	saved_path(guardian, name, path);
	snprintf(beside, sizeof beside, "%s.new", path);
	if (!size)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	int r = write_new(beside, bytes, size);
	return !r && rename(beside, path) < 0 ? -errno : r;
}

int saved_open(const struct guardian *guardian, const char *name)
{
	char path[SAVED_PATH_MAX];
	struct stat st;
	int fd = open(saved_path(guardian, name, path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_mode & 022)) {
		close(fd);
		fd = -1;
	}
	return fd;
}
