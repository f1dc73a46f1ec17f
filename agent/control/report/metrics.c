/*
 * Metrics in Prometheus' conventions: base units, _total on counters, every series there from the start, so
 * that rate() sees the first increment. One function a family; a family's series must stand together.
 */
#include "control/report/metrics.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vipd/log.h"

#define ESCAPED_MAX (2 * CONFIG_NAME_MAX)
#define LABELS_MAX  (3 * ESCAPED_MAX)

static void family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value with the escapes of the text format. */
static const char *escape(const char *value, char out[static ESCAPED_MAX])
{
	size_t length = 0;
	for (; *value && length + 3 < ESCAPED_MAX; value++) {
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

static void single(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	family(out, name, type, help);
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void single_seconds(FILE *out, const char *name, const char *help, int64_t us)
{
	family(out, name, "gauge", help);
	fprintf(out, "%s ", name);
	seconds(out, us);
	fputc('\n', out);
}

static const char *router_labels(const struct board_router *router, char out[static LABELS_MAX])
{
	char name[ESCAPED_MAX], interface[ESCAPED_MAX];
	snprintf(out, LABELS_MAX, "router=\"%s\",vrid=\"%u\",interface=\"%s\"", escape(router->name, name),
	    router->id.vrid, escape(router->id.interface, interface));
	return out;
}

static const char *check_label(const struct config_check *check, char out[static LABELS_MAX])
{
	char name[ESCAPED_MAX];
	snprintf(out, LABELS_MAX, "check=\"%s\"", escape(check->name, name));
	return out;
}

/* `labels` stand beside le; "" if there are none. The board's buckets are not cumulative, Prometheus' are. */
static void histogram(FILE *out, const char *name, const char *labels, const struct board_histogram *values,
    const int64_t bounds[static BOARD_BUCKETS_MAX])
{
	const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *close = *labels ? "}" : "";
	uint64_t below = 0;
	for (unsigned i = 0; i < BOARD_BUCKETS_MAX; i++) {
		below += values->buckets[i];
		fprintf(out, "%s_bucket{%s%sle=\"", name, labels, comma);
		seconds(out, bounds[i]);
		fprintf(out, "\"} %" PRIu64 "\n", below);
	}
	fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, values->count);
	fprintf(out, "%s_sum%s%s%s ", name, open, labels, close);
	seconds(out, (int64_t)values->sum_us);
	fprintf(out, "\n%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, values->count);
}

static void agent_metrics(FILE *out, const struct view *view)
{
	family(out, "vipd_build_info", "gauge", "Always 1; the labels say which vipd this is.");
	fputs("vipd_build_info{version=\"" VIPD_VERSION "\"} 1\n", out);
	single_seconds(out, "vipd_start_time_seconds", "When vipd was started, in seconds since 1970.",
	    view->started_us);
	single_seconds(out, "vipd_config_loaded_timestamp_seconds",
	    "When the configuration in force was read, in seconds since 1970.", view->config->loaded_us);
}

static void engine_metrics(FILE *out, const struct view *view)
{
	const struct board_engine *engine = &view->engine;
	single(out, "vipd_engine_up", "gauge",
	    "1 if the engine has given a sign of life in the last two seconds.", view->engine_up);
	if (view->heartbeat_age_us >= 0)
		single_seconds(out, "vipd_engine_heartbeat_age_seconds",
		    "How long ago the engine gave a sign of life.", view->heartbeat_age_us);
	single_seconds(out, "vipd_engine_start_time_seconds",
	    "When the engine was started, in seconds since 1970; later than vipd if it had to be restarted.",
	    engine->started_realtime_us);
	single(out, "vipd_engine_realtime", "gauge", "1 if the engine runs with real-time priority.",
	    engine->realtime);
	single(out, "vipd_engine_memory_locked", "gauge", "1 if the engine's memory cannot be swapped out.",
	    engine->memory_locked);
	single(out, "vipd_netlink_resyncs_total", "counter",
	    "Times the kernel's notifications were lost and everything was read anew.",
	    engine->netlink_resyncs);
	family(out, "vipd_log_lines_dropped_total", "counter", "Log lines that the journal did not take.");
	fprintf(out, "vipd_log_lines_dropped_total{process=\"engine\"} %" PRIu64 "\n", engine->log_dropped);
	fprintf(out, "vipd_log_lines_dropped_total{process=\"control\"} %" PRIu64 "\n", log_dropped());
	family(out, "vipd_loop_lateness_seconds", "histogram",
	    "How late the engine's loop woke up after a deadline.");
	histogram(out, "vipd_loop_lateness_seconds", "", &engine->lateness, board_lateness_bounds_us);
}

static void state_metrics(FILE *out, const struct view *view)
{
	char labels[LABELS_MAX];
	family(out, "vipd_router_state", "gauge",
	    "1 for the state that the virtual router is in, 0 for the others.");
	for (unsigned i = 0; i < view->router_count; i++) {
		router_labels(&view->routers[i], labels);
		for (unsigned state = 0; state < VRRP_STATES; state++)
			fprintf(out, "vipd_router_state{%s,state=\"%s\"} %d\n", labels,
			    vrrp_state_name(state), view->routers[i].state == state);
	}
}

static unsigned priority_of(const struct board_router *router)
{
	return router->priority;
}

static unsigned effective_priority_of(const struct board_router *router)
{
	return router->effective_priority;
}

static unsigned healthy_of(const struct board_router *router)
{
	return router->healthy;
}

static unsigned drained_of(const struct board_router *router)
{
	return router->drained;
}

static unsigned conflict_of(const struct board_router *router)
{
	return router->conflict != BOARD_CONFLICT_NONE;
}

static void drain_metrics(FILE *out, const struct view *view)
{
	char labels[LABELS_MAX];
	family(out, "vipd_router_drained_since_timestamp_seconds", "gauge",
	    "When it was drained, in seconds since 1970; 0 if it is not.");
	for (unsigned i = 0; i < view->router_count; i++) {
		const struct board_router *router = &view->routers[i];
		fprintf(
		    out, "vipd_router_drained_since_timestamp_seconds{%s} ", router_labels(router, labels));
		seconds(out, router->drained ? router->drained_since_us : 0);
		fputc('\n', out);
	}
	family(out, "vipd_router_drained_until_timestamp_seconds", "gauge",
	    "When the drain ends by itself, in seconds since 1970; 0 if it is not drained or does not end "
	    "so.");
	for (unsigned i = 0; i < view->router_count; i++) {
		const struct board_router *router = &view->routers[i];
		fprintf(
		    out, "vipd_router_drained_until_timestamp_seconds{%s} ", router_labels(router, labels));
		seconds(out, router->drained ? router->drained_until_us : 0);
		fputc('\n', out);
	}
	family(out, "vipd_router_drained_by_uid", "gauge", "Which user drained it; -1 if it is not drained.");
	for (unsigned i = 0; i < view->router_count; i++) {
		const struct board_router *router = &view->routers[i];
		fprintf(out, "vipd_router_drained_by_uid{%s} %" PRId64 "\n", router_labels(router, labels),
		    router->drained ? (int64_t)router->drained_by : -1);
	}
}

static void router_gauges(FILE *out, const struct view *view)
{
	static const struct {
		const char *name, *help;
		unsigned (*value)(const struct board_router *router);
	} gauges[] = {
	    {"vipd_router_priority", "The configured priority.", priority_of},
	    {"vipd_router_effective_priority",
		"The priority that it advertises or would: 0 if it is no candidate, below 32 if it is "
		"unhealthy.",
		effective_priority_of},
	    {"vipd_router_healthy", "1 if all its checks pass.", healthy_of},
	    {"vipd_router_conflict",
		"1 if somebody else claims an address of the virtual router, or advertises from this node's "
		"own address.",
		conflict_of},
	    {"vipd_router_drained", "1 if an operator told it to be no holder.", drained_of},
	};
	char labels[LABELS_MAX];
	for (size_t g = 0; g < sizeof gauges / sizeof gauges[0]; g++) {
		family(out, gauges[g].name, "gauge", gauges[g].help);
		for (unsigned i = 0; i < view->router_count; i++) {
			fprintf(out, "%s{%s} %u\n", gauges[g].name, router_labels(&view->routers[i], labels),
			    gauges[g].value(&view->routers[i]));
		}
	}
	drain_metrics(out, view);
	family(out, "vipd_router_last_transition_timestamp_seconds", "gauge",
	    "When the virtual router came into its state, in seconds since 1970.");
	for (unsigned i = 0; i < view->router_count; i++) {
		fprintf(out, "vipd_router_last_transition_timestamp_seconds{%s} ",
		    router_labels(&view->routers[i], labels));
		seconds(out, view->routers[i].since_realtime_us);
		fputc('\n', out);
	}
}

static void router_counters(FILE *out, const struct view *view)
{
	static const struct {
		const char *name, *help;
	} counters[BOARD_COUNTERS] = {
	    [BOARD_ADVERTS_SENT] = {"vipd_adverts_sent_total", "VRRP advertisements sent."},
	    [BOARD_ADVERTS_RECEIVED] = {"vipd_adverts_received_total",
		"VRRP advertisements received and accepted."},
	    [BOARD_ADVERT_SEND_ERRORS] = {"vipd_advert_send_errors_total",
		"Advertisements that could not be sent."},
	    [BOARD_PRIORITY_ZERO_SENT] = {"vipd_priority_zero_sent_total",
		"Advertisements sent that give up the address."},
	    [BOARD_PRIORITY_ZERO_RECEIVED] = {"vipd_priority_zero_received_total",
		"Advertisements received by which another router gives up the address."},
	    [BOARD_ANNOUNCEMENTS_SENT] = {"vipd_announcements_sent_total",
		"Unsolicited Neighbor Advertisements sent."},
	    [BOARD_TRANSITIONS] = {"vipd_router_transitions_total", "Changes of state."},
	    [BOARD_BECAME_ACTIVE] = {"vipd_router_became_active_total", "Changes of state to active."},
	    [BOARD_ADDRESS_RESTORED] = {"vipd_address_restored_total",
		"Times an address was put back that somebody else had removed."},
	    [BOARD_ADDRESS_FAILURES] = {"vipd_address_failures_total",
		"Times the kernel refused an address."},
	    [BOARD_ADDRESS_LIST_MISMATCHES] = {"vipd_address_list_mismatches_total",
		"Advertisements received with other addresses than configured here."},
	    [BOARD_FOREIGN_ANNOUNCEMENTS] = {"vipd_foreign_announcements_total",
		"Neighbor Advertisements of somebody else for an address, received while it was held here."},
	};
	char labels[LABELS_MAX];
	for (unsigned c = 0; c < BOARD_COUNTERS; c++) {
		family(out, counters[c].name, "counter", counters[c].help);
		for (unsigned i = 0; i < view->router_count; i++) {
			fprintf(out, "%s{%s} %" PRIu64 "\n", counters[c].name,
			    router_labels(&view->routers[i], labels), view->routers[i].counters[c]);
		}
	}
}

static void dropped_series(FILE *out, const uint64_t dropped[static ADVERT_VERDICTS], const char *interface,
    const char *router, const char *vrid)
{
	char interface_text[ESCAPED_MAX], router_text[ESCAPED_MAX];
	escape(interface, interface_text);
	escape(router, router_text);
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_VERDICTS; i++)
		fprintf(out,
		    "vipd_adverts_dropped_total{interface=\"%s\",router=\"%s\",vrid=\"%s\",reason=\"%s\"} "
		    "%" PRIu64 "\n",
		    interface_text, router_text, vrid, advert_verdict_name(i), dropped[i]);
}

static void dropped_metrics(FILE *out, const struct view *view)
{
	family(out, "vipd_adverts_dropped_total", "counter",
	    "VRRP packets refused, by reason; without router and vrid if they are of no virtual router of "
	    "ours.");
	for (unsigned i = 0; i < view->router_count; i++) {
		const struct board_router *router = &view->routers[i];
		char vrid[4];
		snprintf(vrid, sizeof vrid, "%u", router->id.vrid);
		dropped_series(out, router->dropped, router->id.interface, router->name, vrid);
	}
	for (unsigned i = 0; i < view->link_count; i++)
		dropped_series(out, view->links[i].dropped, view->links[i].interface, "", "");
}

static void held_metrics(FILE *out, const struct view *view)
{
	family(out, "vipd_address_held", "gauge",
	    "1 if the kernel has the address on the virtual router's interface, asked of the kernel at the "
	    "scrape.");
	for (unsigned i = 0; i < view->router_count && !view->held.error; i++) {
		const struct board_router *router = &view->routers[i];
		for (uint32_t a = 0; a < router->address_count; a++) {
			char address[ADDRESS_TEXT_MAX], name[ESCAPED_MAX], interface[ESCAPED_MAX];
			address_format(&router->addresses[a], address);
			enum held_where where =
			    held_find(&view->held, &router->addresses[a], router->id.interface, NULL);
			fprintf(out, "vipd_address_held{router=\"%s\",address=\"%s\",interface=\"%s\"} %d\n",
			    escape(router->name, name), address, escape(router->id.interface, interface),
			    where == HELD_PRESENT);
		}
	}
}

static void takeover_metrics(FILE *out, const struct view *view)
{
	char labels[LABELS_MAX];
	family(out, "vipd_takeover_duration_seconds", "histogram",
	    "From the decision to take over until the first Neighbor Advertisement was handed to the "
	    "kernel.");
	for (unsigned i = 0; i < view->router_count; i++)
		histogram(out, "vipd_takeover_duration_seconds", router_labels(&view->routers[i], labels),
		    &view->routers[i].takeover, board_takeover_bounds_us);
}

static void check_metrics(FILE *out, const struct view *view)
{
	const struct config *config = view->config;
	char labels[LABELS_MAX];
	family(out, "vipd_check_up", "gauge", "1 if the check passes; 0 if it fails or has no result yet.");
	for (unsigned i = 0; i < config->check_count; i++)
		fprintf(out, "vipd_check_up{%s} %d\n", check_label(&config->checks[i], labels),
		    view->checks[i].state == CHECK_PASSING);
	family(out, "vipd_check_unauthorized", "gauge",
	    "1 if the check passes only because the server is alive: it does not let vipd ask.");
	for (unsigned i = 0; i < config->check_count; i++)
		fprintf(out, "vipd_check_unauthorized{%s} %d\n", check_label(&config->checks[i], labels),
		    view->checks[i].state != CHECK_UNKNOWN && view->checks[i].last == CHECK_UNAUTHORIZED);
	family(out, "vipd_check_results_total", "counter",
	    "Probes by result; unauthorized: the server is alive but did not let vipd ask.");
	for (unsigned i = 0; i < config->check_count; i++) {
		check_label(&config->checks[i], labels);
		for (unsigned o = 0; o < CHECK_OUTCOMES; o++)
			fprintf(out, "vipd_check_results_total{%s,result=\"%s\"} %" PRIu64 "\n", labels,
			    check_outcome_name(o), view->checks[i].results[o]);
	}
	family(out, "vipd_check_last_success_timestamp_seconds", "gauge",
	    "When the last probe passed, in seconds since 1970; 0 if none has.");
	for (unsigned i = 0; i < config->check_count; i++) {
		fprintf(out, "vipd_check_last_success_timestamp_seconds{%s} ",
		    check_label(&config->checks[i], labels));
		seconds(out, view->checks[i].last_success_us);
		fputc('\n', out);
	}
	family(out, "vipd_check_duration_seconds", "histogram", "How long the probes took.");
	for (unsigned i = 0; i < config->check_count; i++)
		histogram(out, "vipd_check_duration_seconds", check_label(&config->checks[i], labels),
		    &view->checks[i].duration, check_duration_bounds_us);
}

/* Families without a series are left out, as promtool wants it. */
static void certificate_metrics(FILE *out, const struct view *view)
{
	const struct config *config = view->config;
	char labels[LABELS_MAX], address[ADDRESS_TEXT_MAX];
	bool any = false;
	for (unsigned i = 0; i < config->check_count; i++) {
		if (!certificate_seen(&view->checks[i].certificate))
			continue;
		if (!any)
			family(out, "vipd_check_certificate_expiry_timestamp_seconds", "gauge",
			    "When the certificate that the server presents expires, in seconds since 1970.");
		any = true;
		fprintf(out, "vipd_check_certificate_expiry_timestamp_seconds{%s} ",
		    check_label(&config->checks[i], labels));
		seconds(out, view->checks[i].certificate.expires_us);
		fputc('\n', out);
	}
	any = false;
	for (unsigned i = 0; i < config->check_count; i++) {
		const struct certificate *certificate = &view->checks[i].certificate;
		for (unsigned r = 0; r < config->router_count && certificate_seen(certificate); r++) {
			const struct config_router *router = &config->routers[r];
			uint32_t lacks = health_missing(config, r, i, certificate);
			for (unsigned a = 0; a < router->address_count && router->checks >> i & 1; a++) {
				if (!any)
					family(out, "vipd_check_certificate_covers_address", "gauge",
					    "1 if the certificate that the server presents names the virtual "
					    "address.");
				any = true;
				fprintf(out, "vipd_check_certificate_covers_address{%s,address=\"%s\"} %d\n",
				    check_label(&config->checks[i], labels),
				    address_format(&router->addresses[a], address), !(lacks >> a & 1));
			}
		}
	}
}

static void record_metrics(FILE *out, const struct recorder_state *records)
{
	single(out, "vipd_capture_files_written_total", "counter", "Capture files written to record_dir.",
	    records->written);
	single(out, "vipd_capture_file_failures_total", "counter",
	    "Capture files that could not be written; the reason is in the log and in the status.",
	    records->failures);
}

char *metrics_text(const struct view *view, size_t *length)
{
	char *text = NULL;
	size_t written = 0;
	FILE *out = open_memstream(&text, &written);
	if (!out)
		return NULL;
	agent_metrics(out, view);
	engine_metrics(out, view);
	if (view->records)
		record_metrics(out, view->records);
	if (view->router_count) {
		state_metrics(out, view);
		router_gauges(out, view);
		router_counters(out, view);
		held_metrics(out, view);
		takeover_metrics(out, view);
	}
	if (view->router_count || view->link_count)
		dropped_metrics(out, view);
	if (view->config->check_count) {
		check_metrics(out, view);
		certificate_metrics(out, view);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	*length = written;
	return text;
}
