/*
 * The `https` check: one GET, one expected status, over a connection that is kept open between the probes.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/health.h"
#include "control/secrets.h"
#include "vipd/config.h"

struct https_probe;

/* A probe has ended; may be called before https_probe_start() returns. */
typedef void https_done(void *context, const struct check_result *result);

/*
 * Prepares probes with these settings and secrets; both are copied. curl_global_init() has been called.
 * Returns NULL without memory.
 */
struct https_probe *https_probe_open(sd_event *event, const struct config_check *config,
    const struct secrets *secrets, https_done *done, void *context);

/* Starts one probe; it ends within the check's timeout. Not while one is under way. */
void https_probe_start(struct https_probe *probe);

/* Without a result for the probe that may be under way. NULL is fine. */
void https_probe_close(struct https_probe *probe);
