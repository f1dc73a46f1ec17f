/*
 * Probes: how a check asks, one table of operations a type.
 *
 * Between two probes a probe may keep its connection and watch it, the tripwire: when the process of the
 * server dies the kernel closes the connection, long before the next probe is due.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/checks/health.h"
#include "control/checks/secrets.h"
#include "vipd/config.h"

struct probe; /* each type has its own */

/* A probe has ended; may be called before start() returns. */
typedef void probe_done(void *context, const struct check_result *result);

/* The server has closed the connection that was kept; not while a probe is under way. */
typedef void probe_tripped(void *context);

/* What a probe is opened with. Settings and secrets are copied; curl_global_init() has been called. */
struct probe_setup {
	sd_event *event;
	const struct config_check *config;
	const struct secrets *secrets;
	probe_done *done;
	probe_tripped *tripped;
	void *context;
};

struct probe_type {
	/* Returns NULL without memory. */
	struct probe *(*open)(const struct probe_setup *setup);
	/* Starts one probe; it ends within the check's timeout. Not while one is under way. */
	void (*start)(struct probe *probe);
	/* Without a result for the probe that may be under way. NULL is fine. */
	void (*close)(struct probe *probe);
};

extern const struct probe_type probe_http, probe_tcp, probe_exec, probe_file;

const struct probe_type *probe_type_of(enum config_check_type type);

/* Fills result->text. */
__attribute__((format(printf, 2, 3))) void probe_say(struct check_result *result, const char *format, ...);
