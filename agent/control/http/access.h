/*
 * Who may change anything: root, and the members of control.admin_group.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vipd/config.h"

struct access {
	bool has_group;
	gid_t group;
};

/* The guardian has looked the group up. While it does not exist only root may. */
void access_configure(struct access *access, const struct config *config);

/* Whether the process at the other end of the Unix socket may change things. *uid: its user, -1 if unknown.
 */
bool access_allowed(const struct access *access, int socket, uid_t *uid);
