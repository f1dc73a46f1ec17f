/*
 * Containing the programs that control runs: what they start and leave behind is killed with them, also what
 * has left their process group (setsid).
 */
#pragma once

#include <systemd/sd-event.h>

/*
 * From now on whoever loses its parent below this process becomes its child, and is killed unless it belongs
 * to the process group of a command that still runs. Returns 0 or -errno: then process groups are all there
 * is.
 */
int orphans_watch(sd_event *event);
