/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of control, and which of them hears of what.
 */
#include <errno.h>
#include <stdlib.h>

#include "control/control.h"

static const struct part *const parts[PARTS] = {
    [PART_CHANNEL] = &part_channel,
    [PART_CHECKS] = &part_checks,
    [PART_NOTIFY] = &part_notify,
    [PART_RECORDER] = &part_recorder,
    [PART_GROUP] = &part_group,
    [PART_CLIENTS] = &part_clients,
    [PART_PUBLISH] = &part_publish,
    [PART_HTTP] = &part_http,
};

int parts_new(struct control *control)
{
	for (int i = 0; i < PARTS; i++) {
		control->parts[i] = calloc(1, parts[i]->size);
		int r = control->parts[i] ? parts[i]->open(control->parts[i], control) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

void parts_configure(struct control *control)
{
	for (int i = 0; i < PARTS; i++)
		if (parts[i]->configure)
			parts[i]->configure(control->parts[i]);
}

void parts_changed(struct control *control)
{
	for (int i = 0; i < PARTS; i++)
		if (parts[i]->changed)
			parts[i]->changed(control->parts[i]);
}

void parts_verdict(struct control *control, const struct verdict *verdict)
{
	for (int i = 0; i < PARTS; i++)
		if (parts[i]->verdict)
			parts[i]->verdict(control->parts[i], verdict);
}

void parts_reloaded(struct control *control)
{
	for (int i = 0; i < PARTS; i++)
		if (parts[i]->reloaded)
			parts[i]->reloaded(control->parts[i]);
}

void parts_free(struct control *control)
{
	for (int i = PARTS - 1; i >= 0; i--) {
		if (control->parts[i] && parts[i]->close)
			parts[i]->close(control->parts[i]);
		free(control->parts[i]);
	}
}
