/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: one line an event, to systemd's journal with fields, or to standard error.
 *
 * Writing never blocks when the journal or a pipe reads: the line is dropped and counted instead, because a
 * stuck reader must not move a VIP. Messages say what happened, to what, why, and what to do.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO };

/* What a line is about; in the journal these are fields, NULL ones are left out. */
struct log_fields {
	const char *router; /* VIPD_ROUTER=; the line begins with this name */
	const char *state;  /* VIPD_STATE= */
	const char *reason; /* VIPD_REASON= */
	const char *id;	    /* MESSAGE_ID=, an entry of init/vipd.catalog */
};

/* Names this process in every line ("engine"); call once at the start. `process` must stay valid. */
void log_open(const char *process);

/* The same for one that ends at once. It writes to standard error alone: the journal looks up the unit of who
 * sends a datagram, and would come too late. */
void log_open_brief(const char *process);

/* A message of systemd's native protocol ("JOURNAL_NATIVE_PROTOCOL"). Returns its length, or 0 where `size`
 * is too small. */
size_t log_journal_message(
    char *message, size_t size, enum log_level level, const struct log_fields *fields, const char *text);

/* cold: the compiler keeps what leads to a line away from the code that runs all the time. */
__attribute__((cold, format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);
__attribute__((cold, format(printf, 3, 4))) void log_event(
    enum log_level level, const struct log_fields *fields, const char *format, ...);

/* About a virtual router: the line begins with its name. */
#define log_router(level, name, ...) log_event(level, &(struct log_fields){.router = (name)}, __VA_ARGS__)

/* Lines that were dropped since the start because nobody read them. */
uint64_t log_dropped(void);

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
