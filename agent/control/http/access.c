/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel says who is at the other end of a Unix socket: the user, the group and the supplementary groups
 * that the client had when it connected. Nothing that the client sends counts.
 */
#include "control/http/access.h"

#include <sys/socket.h>

#define GROUPS_MAX 1024

static bool in_supplementary(int socket, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof groups;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof groups[0]; i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

bool access_allowed(const struct config *config, int socket, uid_t *uid)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	*uid = (uid_t)-1;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || size != sizeof peer)
		return false;
	*uid = peer.uid;
	if (peer.uid == 0)
		return true;
	return config->has_admin_gid &&
	       (peer.gid == config->admin_gid || in_supplementary(socket, config->admin_gid));
}
