/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus' text format 0.0.4.
 */
#include "control/report/prometheus.h"

#include <inttypes.h>

#include "vipd/mono.h"

void prometheus_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

const char *prometheus_escape(const char *value, char out[static PROMETHEUS_TEXT_MAX])
{
	size_t length = 0;
	for (; *value && length + 3 < PROMETHEUS_TEXT_MAX; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			out[length++] = '\\';
		out[length++] = *value == '\n' ? 'n' : *value;
	}
	out[length] = '\0';
	return out;
}

/* Microseconds as exact decimal seconds: 1500000 is "1.5". */
static void seconds(FILE *out, int64_t us)
{
	fprintf(out, "%" PRId64, us / USEC_PER_SEC);
	int64_t fraction = us % USEC_PER_SEC;
	if (fraction <= 0)
		return;
	int digits = 6;
	for (; fraction % 10 == 0; fraction /= 10)
		digits--;
	fprintf(out, ".%0*" PRId64, digits, fraction);
}

void prometheus_series(FILE *out, const char *name, const char *labels, int64_t value, bool is_time)
{
	const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
	fprintf(out, "%s%s%s%s ", name, open, labels, close);
	if (is_time)
		seconds(out, value);
	else
		fprintf(out, "%" PRId64, value);
	fputc('\n', out);
}

void prometheus_single(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	prometheus_family(out, name, type, help);
	prometheus_series(out, name, "", (int64_t)value, false);
}

void prometheus_time(FILE *out, const char *name, const char *help, int64_t us)
{
	prometheus_family(out, name, "gauge", help);
	prometheus_series(out, name, "", us, true);
}

void prometheus_histogram(FILE *out, const char *name, const char *labels,
    const struct board_histogram *values, const int64_t bounds[static BOARD_BUCKETS_MAX])
{
	const char *comma = *labels ? "," : "";
	char sum[64], count[64];
	uint64_t below = 0;
	snprintf(sum, sizeof sum, "%s_sum", name);
	snprintf(count, sizeof count, "%s_count", name);
	for (unsigned i = 0; i < BOARD_BUCKETS_MAX; i++) {
		below += values->buckets[i];
		fprintf(out, "%s_bucket{%s%sle=\"", name, labels, comma);
		seconds(out, bounds[i]);
		fprintf(out, "\"} %" PRIu64 "\n", below);
	}
	fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, values->count);
	prometheus_series(out, sum, labels, (int64_t)values->sum_us, true);
	prometheus_series(out, count, labels, (int64_t)values->count, false);
}

const char *prometheus_router(const struct board_router *router, char out[static PROMETHEUS_LABELS_MAX])
{
	char name[PROMETHEUS_TEXT_MAX], interface[PROMETHEUS_TEXT_MAX];
	snprintf(out, PROMETHEUS_LABELS_MAX, "router=\"%s\",vrid=\"%u\",interface=\"%s\"",
	    prometheus_escape(router->name, name), router->id.vrid,
	    prometheus_escape(router->id.interface, interface));
	return out;
}
