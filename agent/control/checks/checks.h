/*
 * Runs the checks of the configuration, and tells the engine what follows for the virtual routers.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/checks/health.h"
#include "control/checks/secrets.h"
#include "vipd/config.h"

struct checks;

/* channel: the socket to the engine. Returns NULL without memory. */
struct checks *checks_new(sd_event *event, int channel);
void checks_free(struct checks *checks);

/*
 * Takes over a configuration; `config` and the secrets' bytes must stay until the next one has been taken
 * over. A check that has not changed goes on as it is; one whose settings changed keeps its state until its
 * new results speak against it; one whose secrets changed connects anew at its next probe.
 */
void checks_configure(struct checks *checks, const struct config *config, const struct secrets *secrets);

/* Parallel to config->checks. */
const struct check_health *checks_health(const struct checks *checks);

/* Tells the engine all that is known (MESSAGE_HEALTH); for a new engine. */
void checks_tell_all(struct checks *checks);
