/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hangs as a network does that is away. Put in front of libc by LD_PRELOAD, looking at files whose path
 * begins with $VIPD_HANG never ends while $VIPD_HANG.hangs exists; and it is a name service, "hang", which
 * knows nobody and takes for ever to say so.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum nss_status _nss_hang_initgroups_dyn(
    const char *user, gid_t group, long *start, long *size, gid_t **groups, long limit, int *error);
enum nss_status _nss_hang_getgrnam_r(
    const char *name, struct group *result, char *buffer, size_t size, int *error);

static void hang_if_away(const char *path)
{
	char flag[300];
	const char *away = getenv("VIPD_HANG");
	if (!away || strncmp(path, away, strlen(away)) != 0)
		return;
	snprintf(flag, sizeof flag, "%s.hangs", away);
	while (faccessat(AT_FDCWD, flag, F_OK, 0) == 0)
		usleep(10000); /* sleep-ok: it hangs for as long as the test has its file */
}

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	va_list more;
	va_start(more, flags);
	mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	hang_if_away(path);
	return next(path, flags, mode);
}

int mkdir(const char *path, mode_t mode)
{
	hang_if_away(path);
	return mkdirat(AT_FDCWD, path, mode);
}

int access(const char *path, int mode)
{
	hang_if_away(path);
	return faccessat(AT_FDCWD, path, mode, 0);
}

int stat(const char *path, struct stat *st)
{
	hang_if_away(path);
	return fstatat(AT_FDCWD, path, st, 0);
}

enum nss_status _nss_hang_initgroups_dyn(
    const char *user, gid_t group, long *start, long *size, gid_t **groups, long limit, int *error)
{
	(void)user, (void)group, (void)start, (void)size, (void)groups, (void)limit, (void)error;
	for (;;)
		pause();
}

enum nss_status _nss_hang_getgrnam_r(
    const char *name, struct group *result, char *buffer, size_t size, int *error)
{
	(void)name, (void)result, (void)buffer, (void)size, (void)error;
	for (;;)
		pause();
}
