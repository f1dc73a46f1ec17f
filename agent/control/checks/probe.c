/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which probe belongs to which type of check, and what they share.
 */
#include "control/checks/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "vipd/mono.h"

/* A new type is a file, a name here and a case. */
extern const struct probe_type probe_net, probe_exec, probe_file, probe_process;

static const struct probe_type *type_of(enum config_check_type type)
{
	switch (type) {
	case CHECK_EXEC: return &probe_exec;
	case CHECK_FILE: return &probe_file;
	case CHECK_PROCESS: return &probe_process;
	case CHECK_HTTPS:
	case CHECK_HTTP:
	case CHECK_TCP:
	case CHECK_KUBERNETES:
	case CHECK_TYPES: break;
	}
	return &probe_net;
}

struct probe *probe_open(sd_event *event, const struct config_check *config, const struct secrets *secrets,
    probe_done *done, probe_tripped *tripped, void *context)
{
	const struct probe_type *type = type_of(config->type);
	struct probe *probe = calloc(1, type->size);
	if (!probe)
		return NULL;
	*probe = (struct probe){.type = type,
	    .event = event,
	    .config = *config,
	    .done = done,
	    .tripped = tripped,
	    .context = context};
	if (type->open(probe, secrets) < 0) {
		probe_close(probe);
		return NULL;
	}
	return probe;
}

void probe_start(struct probe *probe)
{
	probe->started = mono_now();
	probe->type->start(probe);
}

void probe_close(struct probe *probe)
{
	if (!probe)
		return;
	probe->type->close(probe);
	free(probe);
}

void probe_end(struct probe *probe, struct check_result *result)
{
	result->duration_us = mono_sub(mono_now(), probe->started);
	probe->done(probe->context, result);
}

void probe_fail(struct probe *probe, const char *format, ...)
{
	struct check_result result = {.outcome = CHECK_FAILURE};
	va_list args;
	va_start(args, format);
	vsnprintf(result.text, sizeof result.text, format, args);
	va_end(args);
	probe_end(probe, &result);
}
