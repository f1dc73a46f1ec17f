/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory for capture files: created and opened here, written by control, which may open none itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"

/*
 * In a new one the group of run_as may write (sticky: files, not those of others); an existing one stays as
 * the administrator made it.
 */
static int make_directory(const char *path, const struct identity *identity)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	int result = identity_give(path, identity->gid);
	return result || chmod(path, 01770) == 0 ? result : -errno;
}

static bool may_write(const struct identity *identity, const struct stat *st)
{
	return !identity->uid || st->st_uid == identity->uid || st->st_mode & S_IWOTH ||
	       (st->st_gid == identity->gid && st->st_mode & S_IWGRP);
}

int records_open(const struct config *config, const struct identity *identity)
{
	const char *path = config->record_dir;
	struct stat st;
	if (!path[0])
		return -1;
	int result = make_directory(path, identity);
	int fd = result ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		log_error(
		    "cannot open record_dir = \"%s\": %s; going on without capture files (`vipctl capture` "
		    "works)",
		    path, strerrordesc_np(result ? -result : errno));
		return -1;
	}
	if (fstat(fd, &st) == 0 && !may_write(identity, &st))
		log_warning(
		    "record_dir = \"%s\" does not belong to %s, which writes there; run chown %s on it", path,
		    config->run_as, config->run_as);
	return fd;
}
