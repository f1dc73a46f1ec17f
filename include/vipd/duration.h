/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations as people write them in the configuration: a number and a unit ("100ms", "1s", "2m").
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DURATION_TEXT_MAX 32

/*
 * Parses `text` into microseconds. Units: us, ms, s, m, h; the number is a decimal without sign, a fraction
 * is allowed ("0.5s") as long as it comes out in whole microseconds. Returns 0, -EINVAL (not a duration, or
 * no unit), -ERANGE (more than 24 h). *us is written on success only.
 */
int duration_parse(const char *text, int64_t *us);

/* Writes the shortest exact form ("100ms", "1s", "2m", "0s") to `out` and returns it; duration_parse reads it
 * back. */
const char *duration_format(int64_t us, char out[static DURATION_TEXT_MAX]);
