/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containing the programs that control runs: what they start and leave behind is killed with them, also what
 * has left their process group (setsid).
 */
#pragma once

#include <systemd/sd-event.h>

/*
 * From now on a descendant that loses its parent becomes a child of this process, and is killed unless it is
 * in the process group of a running command. Returns 0 or -errno: then only process groups are contained.
 */
int orphans_watch(sd_event *event);
