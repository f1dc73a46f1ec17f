/*
 * Runs the program `notify` of the configuration on every transition: one at a time, in their order.
 */
#pragma once

#include <systemd/sd-event.h>

#include "vipd/board.h"
#include "vipd/config.h"

struct notify;

/* Begins with the transitions that come after this. Returns NULL without memory. */
struct notify *notify_new(sd_event *event, const struct board *board);
void notify_free(struct notify *notify);

/* Takes over a configuration, which must stay until the next one has been taken over. */
void notify_configure(struct notify *notify, const struct config *config);

/* There may be new transitions on the board. */
void notify_changed(struct notify *notify);
