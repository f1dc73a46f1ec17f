/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who held the address in the last day: memory that control writes, so that neither its end nor a restart of
 * the unit forgets it. It is only carried here, never looked into. The file is for one start: after a death
 * nothing was saved, and one of an earlier stop would be taken for all that was.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"
#include "vipd/shortage.h"

#define NAME "timeline"

/* Of this size for ever: nobody can make it fill the memory, or take it away from under control. */
static int memory_of(const char *bytes, size_t size)
{
	int fd = memfd_create("vipd-timeline", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int result = fd < 0 ? -errno : memfd_fill(fd, bytes, size);
	if (!result && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		result = -errno;
	if (!result)
		return fd;
	if (fd >= 0)
		close(fd);
	return result;
}

int timeline_open(const struct guardian *guardian)
{
	static char bytes[TIMELINE_SIZE];
	int saved = saved_open(guardian, NAME);
	if (saved >= 0 && read(saved, bytes, sizeof bytes) < 0)
		memset(bytes, 0, sizeof bytes);
	int fd = memory_of(bytes, sizeof bytes);
	if (saved >= 0)
		close(saved);
	if (saved >= 0 && !is_shortage(fd)) /* else it is for the next try */
		saved_write(guardian, NAME, NULL, 0);
	return fd;
}

void timeline_save(const struct guardian *guardian)
{
	static char bytes[TIMELINE_SIZE];
	int fd = guardian->inheritance[CHILD_CONTROL].fds[FD_TIMELINE], r = 0;
	if (fd < 0)
		return;
	ssize_t size = pread(fd, bytes, sizeof bytes, 0);
	while (size > 0 && !bytes[size - 1])
		size--;
	if (size < 0)
		r = -errno;
	else
		r = saved_write(guardian, NAME, bytes, (size_t)size);
	if (r < 0)
		log_info(
		    "cannot keep the timeline of the last day for the next start: %s", strerrordesc_np(-r));
}
