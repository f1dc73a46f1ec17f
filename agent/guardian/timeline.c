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

#define NAME "timeline"

int timeline_open(const struct guardian *guardian)
{
	static char bytes[TIMELINE_SIZE];
	int saved = saved_open(guardian, NAME),
	    fd = memfd_create("vipd-timeline", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (saved >= 0 && read(saved, bytes, sizeof bytes) < 0)
		memset(bytes, 0, sizeof bytes);
	if (saved >= 0) {
		close(saved);
		saved_write(guardian, NAME, NULL, 0);
	}
	/* Of this size for ever: nobody can make it fill the memory, or take it away from under control. */
	if (fd >= 0 && (memfd_fill(fd, bytes, sizeof bytes) < 0 ||
			   fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)) {
		close(fd);
		fd = -1;
	}
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
