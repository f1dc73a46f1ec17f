/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of users and groups become numbers, once and in the reader: whoever answers (LDAP, sssd) may be slow,
 * or start later than vipd does. And what is done with such a number.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"
#include "vipd/shortage.h"

int identity_user(const struct config *config, struct identity *identity, struct config_errors *errors)
{
	errno = 0;
	const struct passwd *user = getpwnam(config->run_as);
	if (!user && (is_shortage(-errno) || errno == EIO || errno == EAGAIN || errno == ECONNREFUSED ||
			 errno == ETIMEDOUT)) {
		config_errors_add(errors,
		    "%s: run_as = \"%s\": the name service does not answer: %s; try again\n", config->path,
		    config->run_as, strerrordesc_np(errno));
		return -EAGAIN;
	}
	if (!user) {
		config_errors_add(errors,
		    "%s: run_as = \"%s\": there is no such user; create it (systemd-sysusers does, or "
		    "`useradd "
		    "--system %s`), or name another one\n",
		    config->path, config->run_as, config->run_as);
		return -ENOENT;
	}
	*identity = (struct identity){.uid = user->pw_uid, .gid = user->pw_gid};
	return 0;
}

static bool find_group(const char *name, gid_t *gid)
{
	const struct group *group = getgrnam(name);
	if (group)
		*gid = group->gr_gid;
	return group != NULL;
}

void identity_groups(const struct config *config, struct identity *identity)
{
	struct identity found = *identity;
	found.group_count = IDENTITY_GROUPS_MAX;
	if (getgrouplist(config->run_as, found.gid, found.groups, &found.group_count) < 0)
		found.group_count = found.group_count > IDENTITY_GROUPS_MAX
					? IDENTITY_GROUPS_MAX /* it has more: the first of them */
					: 0;		      /* without memory: as if it had none */
	found.has_socket_group = find_group(config->group, &found.socket_group);
	found.has_admin_group = find_group(config->admin_group, &found.admin_group);
	*identity = found;
}

int identity_give(const char *path, gid_t group)
{
	gid_t own = getegid();
	int result =
	    setegid(group) < 0 || chown(path, (uid_t)-1, group) < 0 ? -errno : 0; /* one of its groups */
	return setegid(own) < 0 ? -errno : result;
}
