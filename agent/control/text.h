/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for answers: wall-clock times, and strings that are safe to print whoever wrote them.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_TIME_MAX 32

/* RFC 3339 in UTC with milliseconds: "2026-11-22T16:00:00.000Z". us: since 1970. */
const char *text_time(int64_t us, char out[static TEXT_TIME_MAX]);

/* The same, read again. */
bool text_time_parse(const char *text, int64_t *us);

/*
 * Copies at most `size` bytes of `bytes` (a NUL ends them sooner) to `out`: white space becomes one blank,
 * everything that is not printable ASCII '?'. Always terminates; `room` is at least 1.
 */
void text_clean(const char *bytes, size_t size, char *out, size_t room);

/* A JSON string from at most `max` bytes that need not be terminated; cleaned if they are not UTF-8. */
json_t *text_json(const char *text, size_t max);

/* The same, null if the text is empty. */
json_t *text_json_or_null(const char *text, size_t max);

/* A time as JSON: text_time(), or null for 0. */
json_t *text_json_time(int64_t us);
