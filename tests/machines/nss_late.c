/* SPDX-License-Identifier: Apache-2.0 */
/* A directory service that knows one user, "late", and answers when there is a file /run/late. */
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum nss_status _nss_late_getpwnam_r(
    const char *name, struct passwd *result, char *buffer, size_t size, int *error)
{
	(void)buffer;
	(void)size;
	if (access("/run/late", F_OK) < 0) {
		*error = ECONNREFUSED;
		return NSS_STATUS_UNAVAIL;
	}
	if (strcmp(name, "late") != 0)
		return NSS_STATUS_NOTFOUND;
	*result = (struct passwd){"late", "x", 61234, 61234, "", "/", "/bin/false"};
	return NSS_STATUS_SUCCESS;
}
