/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: one line an event, to standard error, where systemd's journal or a terminal reads them.
 *
 * Writing never blocks when standard error is a socket (the journal) or a pipe: the line is dropped and
 * counted instead, because a stuck reader must not move a VIP. Messages say what happened, to what, why, and
 * what to do.
 */
#pragma once

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Names this process in every line ("engine"); call once at the start. `process` must stay valid. */
void log_open(const char *process);

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

/* Lines that were dropped since the start because nobody read them. */
uint64_t log_dropped(void);

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
