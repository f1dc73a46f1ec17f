/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may change anything: root, and the members of control.admin_group.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vipd/config.h"

/*
 * Whether the process at the other end of the Unix socket may change things. While the group does not exist
 * only root may. *uid: its user, -1 if unknown.
 */
bool access_allowed(const struct config *config, int socket, uid_t *uid);
