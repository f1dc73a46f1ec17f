/*
 * Names of users and groups become numbers.
 */
#include "guardian/guardian.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "vipd/log.h"

int identity_lookup(const struct config *config, struct identity *identity)
{
	const struct passwd *user = getpwnam(config->run_as);
	if (!user) {
		log_error("%s: run_as = \"%s\": there is no such user; create it (systemd-sysusers does, or "
			  "`useradd "
			  "--system %s`), or name another one",
		    config->path, config->run_as, config->run_as);
		return -ENOENT;
	}
	struct identity found = {.uid = user->pw_uid, .gid = user->pw_gid};
	memcpy(found.user, config->run_as, sizeof found.user);
	const struct group *group = getgrnam(config->group);
	if (!group) {
		log_error("%s: control.group = \"%s\": there is no such group; create it (`groupadd --system "
			  "%s`), or "
			  "name another one",
		    config->path, config->group, config->group);
		return -ENOENT;
	}
	found.socket_group = group->gr_gid;
	if (!getgrnam(config->admin_group)) {
		log_error("%s: control.admin_group = \"%s\": there is no such group; create it, or name "
			  "another one",
		    config->path, config->admin_group);
		return -ENOENT;
	}
	*identity = found;
	return 0;
}
