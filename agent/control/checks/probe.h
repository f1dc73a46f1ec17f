/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes: how a check asks, one table of operations a type.
 *
 * Between two probes a probe may keep its connection and watch it, the tripwire: when the process of the
 * server dies the kernel closes the connection, long before the next probe is due.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/checks/health.h"
#include "control/secrets.h"
#include "vipd/config.h"

/* A probe has ended; may be called before probe_start() returns. */
typedef void probe_done(void *context, const struct check_result *result);

/* The server has closed the connection that was kept; not while a probe is under way. */
typedef void probe_tripped(void *context);

/* What all types begin with. */
struct probe {
	const struct probe_type *type;
	sd_event *event;
	struct config_check config; /* a copy */
	probe_done *done;
	probe_tripped *tripped;
	void *context;
	struct mono started;
};

struct probe_type {
	size_t size; /* of the struct that begins with struct probe; it is zeroed */
	/* Returns 0 or -errno; close() is called after either. Secrets are copied. */
	int (*open)(struct probe *probe, const struct secrets *secrets);
	/* Asks once; ends with probe_end() or probe_fail() within the check's timeout. */
	void (*start)(struct probe *probe);
	void (*close)(struct probe *probe);
};

/* Returns NULL without memory. curl_global_init() has been called. */
struct probe *probe_open(sd_event *event, const struct config_check *config, const struct secrets *secrets,
    probe_done *done, probe_tripped *tripped, void *context);
/* Not while one is under way. */
void probe_start(struct probe *probe);
/* Without a result for the probe that may be under way. NULL is fine. */
void probe_close(struct probe *probe);

/* Ends what probe_start() began: sets the duration and hands the result on. */
void probe_end(struct probe *probe, struct check_result *result);
/* The same for a failure, in these words. */
__attribute__((format(printf, 2, 3))) void probe_fail(struct probe *probe, const char *format, ...);
