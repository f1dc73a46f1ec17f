/*
 * Which probe belongs to which type of check, and what they share.
 */
#include "control/checks/probe.h"

#include <stdarg.h>
#include <stdio.h>

const struct probe_type *probe_type_of(enum config_check_type type)
{
	switch (type) {
	case CHECK_HTTPS:
	case CHECK_HTTP: return &probe_http;
	case CHECK_TCP: return &probe_tcp;
	case CHECK_EXEC: return &probe_exec;
	case CHECK_FILE: return &probe_file;
	case CHECK_TYPES: break;
	}
	return NULL;
}

void probe_say(struct check_result *result, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(result->text, sizeof result->text, format, args);
	va_end(args);
}
