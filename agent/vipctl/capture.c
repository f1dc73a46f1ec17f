/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vipctl capture`: the last packets as a file for Wireshark.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vipctl/call.h"

static int write_all(int fd, const struct reply *reply)
{
	for (size_t done = 0; done < reply->size;) {
		ssize_t n = write(fd, reply->body + done, reply->size - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int write_and_close(int fd, const struct reply *reply)
{
	int r = write_all(fd, reply);
	if (close(fd) < 0 && !r)
		r = -errno;
	return r;
}

/* Never half a file under the name: it is written beside it, under a name that nobody can know, and renamed.
 */
static int write_beside(const char *path, mode_t mode, const struct stat *replaced, const struct reply *reply)
{
	char *beside = NULL;
	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	int fd = mkostemp(beside, O_CLOEXEC), r = fd < 0 ? -errno : 0; /* O_EXCL is its own */
	if (fd >= 0) {
		/* Only root may give a file away. */
		if (replaced && fchown(fd, replaced->st_uid, replaced->st_gid) < 0 && errno != EPERM)
			r = -errno;
		if (!r && fchmod(fd, mode) < 0)
			r = -errno;
		int written = write_and_close(fd, reply);
		r = r ? r : written;
		if (!r && rename(beside, path) < 0)
			r = -errno;
		if (r)
			unlink(beside);
	}
	free(beside);
	return r;
}

static mode_t mode_new(void)
{
	mode_t mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

/* What is there and is not a file is written to: a device, a pipe, or where a symbolic link leads. */
static int write_to(const char *path, const struct reply *reply)
{
	struct stat there;
	if (strcmp(path, "-") == 0)
		return write_all(STDOUT_FILENO, reply);
	if (lstat(path, &there) < 0)
		return errno == ENOENT ? write_beside(path, mode_new(), NULL, reply) : -errno;
	if (S_ISREG(there.st_mode))
		return write_beside(path, there.st_mode & 0777, &there, reply);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	return fd < 0 ? -errno : write_and_close(fd, reply);
}

const struct cli_option capture_options[] = {
    {'o', "output", "FILE", "where to; -: standard output, the default unless that is a terminal"},
    {0},
};

int command_capture(const struct vipctl *ctl)
{
	const char *output = option_value(ctl, 'o'), *path = output ? output : "-";
	struct reply reply;
	if (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))
		usage_error("capture writes a file for Wireshark, nothing to read here: add -o FILE");
	int result = call(ctl, "GET", "/v1/capture", &reply);
	if (result != EXIT_FINE)
		return result;
	int written = write_to(path, &reply);
	if (written)
		fprintf(stderr, "vipctl: cannot write %s: %s\n",
		    strcmp(path, "-") == 0 ? "to standard output" : path, strerror(-written));
	free(reply.body);
	return written ? EXIT_ATTENTION : EXIT_FINE;
}
