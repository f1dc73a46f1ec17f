/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of the fuzz targets: every line is formatted, because its arguments may come from the input, and
 * none is written.
 */
#include <stdarg.h>
#include <stdio.h>

#include "vipd/log.h"

void log_open(const char *name)
{
	(void)name;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[2048];
	va_list args;
	(void)level;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
}

void log_event(enum log_level level, const struct log_fields *fields, const char *format, ...)
{
	char line[2048];
	va_list args;
	(void)level, (void)fields;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
}

uint64_t log_dropped(void)
{
	return 0;
}
