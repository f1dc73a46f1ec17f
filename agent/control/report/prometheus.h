/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How metrics are written. A family's series must stand together, behind its head.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vipd/board.h"

#define PROMETHEUS_TEXT_MAX   (2 * CONFIG_NAME_MAX)
#define PROMETHEUS_LABELS_MAX (3 * PROMETHEUS_TEXT_MAX)

void prometheus_family(FILE *out, const char *name, const char *type, const char *help);

/* labels: as they stand between the braces; "" if there are none. is_time: the value is in microseconds. */
void prometheus_series(FILE *out, const char *name, const char *labels, int64_t value, bool is_time);

/* The buckets of the board are not cumulative; those that are written are. */
void prometheus_histogram(FILE *out, const char *name, const char *labels,
    const struct board_histogram *values, const int64_t bounds[static BOARD_BUCKETS_MAX]);

/* Families of one series without labels. */
void prometheus_single(FILE *out, const char *name, const char *type, const char *help, uint64_t value);
void prometheus_time(FILE *out, const char *name, const char *help, int64_t us);

/* A label's value with the escapes of the format. Returns out. */
const char *prometheus_escape(const char *value, char out[static PROMETHEUS_TEXT_MAX]);

/* The labels of a virtual router. Returns out. */
const char *prometheus_router(const struct board_router *router, char out[static PROMETHEUS_LABELS_MAX]);
