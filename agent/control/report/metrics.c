/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in Prometheus' conventions: base units, _total on counters, every series there from the start, so
 * that rate() sees the first increment.
 */
#include "control/report/report.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/report/connections.h"
#include "control/report/group.h"
#include "control/report/prometheus.h"
#include "control/report/published.h"
#include "vipd/log.h"

static const char *check_label(const struct config_check *check, char out[static PROMETHEUS_LABELS_MAX])
{
	char name[PROMETHEUS_TEXT_MAX];
	snprintf(out, PROMETHEUS_LABELS_MAX, "check=\"%s\"", prometheus_escape(check->name, name));
	return out;
}

/* As Prometheus and Alertmanager have it of their own. */
static void reload_metrics(FILE *out, const struct view *view)
{
	prometheus_single(out, "vipd_config_last_reload_successful", "gauge",
	    "0 if the last reload was refused, so that the configuration before it is in force.",
	    !view->reloaded || view->reloaded->reloaded.ok);
}

static void agent_metrics(FILE *out, const struct view *view)
{
	prometheus_family(out, "vipd_build_info", "gauge", "Always 1; the labels say which vipd this is.");
	fputs("vipd_build_info{version=\"" VIPD_VERSION "\"} 1\n", out);
	prometheus_time(out, "vipd_start_time_seconds", "When vipd was started, in seconds since 1970.",
	    view->started_us);
	prometheus_time(out, "vipd_config_loaded_timestamp_seconds",
	    "When the configuration in force was read, in seconds since 1970.", view->config->loaded_us);
	reload_metrics(out, view);
}

static void engine_metrics(FILE *out, const struct view *view)
{
	const struct board_engine *engine = &view->engine;
	prometheus_single(out, "vipd_engine_up", "gauge",
	    "1 if the engine has given a sign of life in the last two seconds.", view->engine_up);
	if (view->heartbeat_age_us >= 0)
		prometheus_time(out, "vipd_engine_heartbeat_age_seconds",
		    "How long ago the engine gave a sign of life.", view->heartbeat_age_us);
	prometheus_time(out, "vipd_engine_start_time_seconds",
	    "When the engine was started, in seconds since 1970; later than vipd if it had to be restarted.",
	    engine->started_realtime_us);
	prometheus_single(out, "vipd_engine_realtime", "gauge",
	    "1 if the engine runs with real-time priority.", engine->realtime);
	prometheus_single(out, "vipd_engine_memory_locked", "gauge",
	    "1 if the engine's memory cannot be swapped out.", engine->memory_locked);
	prometheus_single(out, "vipd_netlink_resyncs_total", "counter",
	    "Times the kernel's notifications were lost and everything was read anew.",
	    engine->netlink_resyncs);
	prometheus_family(
	    out, "vipd_log_lines_dropped_total", "counter", "Log lines that the journal did not take.");
	fprintf(out, "vipd_log_lines_dropped_total{process=\"engine\"} %" PRIu64 "\n", engine->log_dropped);
	fprintf(out, "vipd_log_lines_dropped_total{process=\"control\"} %" PRIu64 "\n", log_dropped());
	prometheus_family(out, "vipd_loop_lateness_seconds", "histogram",
	    "How late the engine's loop woke up after a deadline.");
	prometheus_histogram(
	    out, "vipd_loop_lateness_seconds", "", &engine->lateness, board_lateness_bounds_us);
	prometheus_family(out, "vipd_engine_late_seconds_total", "counter",
	    "How late the engine's loop was in all, by cause: no processor in time, memory that had to be "
	    "read from a disk, or what its turn was busy with.");
	for (enum board_late i = 0; i < BOARD_LATES; i++)
		fprintf(out, "vipd_engine_late_seconds_total{cause=\"%s\"} %.6f\n", board_late_name(i),
		    (double)engine->late_us[i] / USEC_PER_SEC);
}

/* One series each state, 1 for the one that it is in. */
static void state_series(FILE *out, const char *name, const char *labels, const char *label,
    const char *const *states, unsigned count, unsigned is)
{
	for (unsigned i = 0; i < count; i++)
		fprintf(out, "%s{%s,%s=\"%s\"} %d\n", name, labels, label, states[i], i == is);
}

static void state_metrics(FILE *out, const struct view *view)
{
	const char *states[VRRP_STATES], *grades[VRRP_HEALTHS];
	char labels[PROMETHEUS_LABELS_MAX];
	for (unsigned i = 0; i < VRRP_STATES; i++)
		states[i] = vrrp_state_name(i);
	for (unsigned i = 0; i < VRRP_HEALTHS; i++)
		grades[i] = vrrp_health_name(i);
	prometheus_family(out, "vipd_router_state", "gauge",
	    "1 for the state that the virtual router is in, 0 for the others.");
	for (unsigned i = 0; i < view->router_count; i++)
		state_series(out, "vipd_router_state", prometheus_router(&view->routers[i], labels), "state",
		    states, VRRP_STATES, view->routers[i].state);
	prometheus_family(out, "vipd_router_health", "gauge",
	    "1 for the grade of health that the virtual router has, 0 for the others.");
	for (unsigned i = 0; i < view->router_count; i++)
		state_series(out, "vipd_router_health", prometheus_router(&view->routers[i], labels),
		    "health", grades, VRRP_HEALTHS, view->routers[i].health);
}

enum router_value {
	PRIORITY,
	EFFECTIVE_PRIORITY,
	HEALTHY,
	CONFLICT,
	DRAINED,
	DRAINED_SINCE,
	DRAINED_UNTIL,
	DRAINED_BY,
	LAST_TRANSITION,
	ROUTER_VALUES
};

static int64_t router_value(const struct board_router *router, enum router_value which)
{
	switch (which) {
	case PRIORITY: return router->priority;
	case EFFECTIVE_PRIORITY: return router->effective_priority;
	case HEALTHY: return router->health == VRRP_HEALTHY;
	case CONFLICT: return router->conflict != VRRP_CONFLICT_NONE;
	case DRAINED: return router->drained;
	case DRAINED_SINCE: return router->drained ? router->drained_since_us : 0;
	case DRAINED_UNTIL: return router->drained ? router->drained_until_us : 0;
	case DRAINED_BY: return router->drained ? (int64_t)router->drained_by : -1;
	case LAST_TRANSITION: return router->since_realtime_us;
	case ROUTER_VALUES: break;
	}
	return 0;
}

static void router_gauges(FILE *out, const struct view *view)
{
	static const struct {
		const char *name, *help;
		bool is_time;
	} gauges[ROUTER_VALUES] = {
	    [PRIORITY] = {"vipd_router_priority", "The configured priority.", false},
	    [EFFECTIVE_PRIORITY] = {"vipd_router_effective_priority",
		"The priority that it advertises or would: 0 if it is not a candidate, 17 to 31 if it is "
		"recovering, 1 to 16 if it is failing.",
		false},
	    [HEALTHY] = {"vipd_router_healthy", "1 if all its checks pass.", false},
	    [CONFLICT] = {"vipd_router_conflict",
		"1 if somebody else claims an address of the virtual router, or advertises from this node's "
		"own address.",
		false},
	    [DRAINED] = {"vipd_router_drained", "1 if it was drained, or its machine is being stopped.",
		false},
	    [DRAINED_SINCE] = {"vipd_router_drained_since_timestamp_seconds",
		"When it was drained, in seconds since 1970; 0 if it is not.", true},
	    [DRAINED_UNTIL] = {"vipd_router_drained_until_timestamp_seconds",
		"When the drain ends by itself, in seconds since 1970; 0 if it is not drained or does not "
		"end so.",
		true},
	    [DRAINED_BY] = {"vipd_router_drained_by_uid", "Which user drained it; -1 if it is not drained.",
		false},
	    [LAST_TRANSITION] = {"vipd_router_last_transition_timestamp_seconds",
		"When the virtual router came into its state, in seconds since 1970.", true},
	};
	for (unsigned g = 0; g < ROUTER_VALUES; g++) {
		prometheus_family(out, gauges[g].name, "gauge", gauges[g].help);
		for (unsigned i = 0; i < view->router_count; i++) {
			const struct board_router *router = &view->routers[i];
			char labels[PROMETHEUS_LABELS_MAX];
			prometheus_series(out, gauges[g].name, prometheus_router(router, labels),
			    router_value(router, g), gauges[g].is_time);
		}
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
		"Announcements of addresses sent (Neighbor Advertisements, gratuitous ARP)."},
	    [BOARD_TRANSITIONS] = {"vipd_router_transitions_total", "Changes of state."},
	    [BOARD_BECAME_ACTIVE] = {"vipd_router_became_active_total", "Changes of state to active."},
	    [BOARD_ADDRESS_RESTORED] = {"vipd_address_restored_total",
		"Times an address was put back that somebody else had removed."},
	    [BOARD_ADDRESS_FAILURES] = {"vipd_address_failures_total",
		"Times the kernel refused an address."},
	    [BOARD_ADDRESS_LIST_MISMATCHES] = {"vipd_address_list_mismatches_total",
		"Advertisements received with other addresses than configured here."},
	    [BOARD_FOREIGN_ANNOUNCEMENTS] = {"vipd_foreign_announcements_total",
		"Announcements of an address by somebody else, received while it was held here."},
	};
	char labels[PROMETHEUS_LABELS_MAX];
	for (unsigned c = 0; c < BOARD_COUNTERS; c++) {
		prometheus_family(out, counters[c].name, "counter", counters[c].help);
		for (unsigned i = 0; i < view->router_count; i++)
			prometheus_series(out, counters[c].name, prometheus_router(&view->routers[i], labels),
			    (int64_t)view->routers[i].counters[c], false);
	}
}

static void dropped_series(FILE *out, const uint64_t dropped[static ADVERT_VERDICTS], const char *interface,
    const char *router, const char *vrid)
{
	char interface_text[PROMETHEUS_TEXT_MAX], router_text[PROMETHEUS_TEXT_MAX];
	prometheus_escape(interface, interface_text);
	prometheus_escape(router, router_text);
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_VERDICTS; i++)
		fprintf(out,
		    "vipd_adverts_dropped_total{interface=\"%s\",router=\"%s\",vrid=\"%s\",reason=\"%s\"} "
		    "%" PRIu64 "\n",
		    interface_text, router_text, vrid, advert_verdict_name(i), dropped[i]);
}

static void dropped_metrics(FILE *out, const struct view *view)
{
	prometheus_family(out, "vipd_adverts_dropped_total", "counter",
	    "VRRP packets refused, by reason; without router and vrid if they are of no virtual router of "
	    "ours.");
	for (unsigned i = 0; i < view->router_count; i++) {
		const struct board_router *router = &view->routers[i];
		char vrid[4];
		snprintf(vrid, sizeof vrid, "%u", router->id.vrid);
		dropped_series(out, router->dropped, router->id.interface, router->name, vrid);
	}
	for (unsigned i = 0; i < view->link_count; i++)
		if (view->links[i].interface[0]) /* a forgotten one leaves an empty place */
			dropped_series(out, view->links[i].dropped, view->links[i].interface, "", "");
}

static void held_metrics(FILE *out, const struct view *view)
{
	prometheus_family(out, "vipd_address_held", "gauge",
	    "1 if the kernel has the address on the virtual router's interface, asked of the kernel at the "
	    "scrape.");
	for (unsigned i = 0; i < view->router_count && view->kernel_known; i++) {
		const struct board_router *router = &view->routers[i];
		for (uint32_t a = 0; a < router->address_count; a++) {
			char address[ADDRESS_TEXT_MAX], name[PROMETHEUS_TEXT_MAX],
			    interface[PROMETHEUS_TEXT_MAX];
			address_format(&router->addresses[a], address);
			enum held held = view_held(view, &router->addresses[a], router->id.interface, NULL);
			fprintf(out, "vipd_address_held{router=\"%s\",address=\"%s\",interface=\"%s\"} %d\n",
			    prometheus_escape(router->name, name), address,
			    prometheus_escape(router->id.interface, interface), held == HELD_PRESENT);
		}
	}
}

static void takeover_metrics(FILE *out, const struct view *view)
{
	char labels[PROMETHEUS_LABELS_MAX];
	prometheus_family(out, "vipd_takeover_duration_seconds", "histogram",
	    "From the decision to take over until the first announcement was handed to the kernel.");
	for (unsigned i = 0; i < view->router_count; i++)
		prometheus_histogram(out, "vipd_takeover_duration_seconds",
		    prometheus_router(&view->routers[i], labels), &view->routers[i].takeover,
		    board_takeover_bounds_us);
}

/* value: negative if this check has none. A family without a series is left out, as promtool wants it. */
static void check_gauge(FILE *out, const struct view *view, const char *name, const char *help,
    int64_t (*value)(const struct check_health *health), bool is_time)
{
	char labels[PROMETHEUS_LABELS_MAX];
	bool any = false;
	for (unsigned i = 0; i < view->config->check_count; i++) {
		int64_t is = value(&view->checks[i]);
		if (is < 0)
			continue;
		if (!any)
			prometheus_family(out, name, "gauge", help);
		any = true;
		prometheus_series(out, name, check_label(&view->config->checks[i], labels), is, is_time);
	}
}

static int64_t is_up(const struct check_health *health)
{
	return health->state == CHECK_PASSING;
}

static int64_t is_recovering(const struct check_health *health)
{
	return health->state == CHECK_RECOVERING;
}

static int64_t is_blind(const struct check_health *health)
{
	return health_is_blind(health);
}

static int64_t last_success(const struct check_health *health)
{
	return health->last_success_us;
}

static int64_t certificate_expiry(const struct check_health *health)
{
	return certificate_seen(&health->certificate) ? health->certificate.expires_us : -1;
}

static void check_metrics(FILE *out, const struct view *view)
{
	const struct config *config = view->config;
	char labels[PROMETHEUS_LABELS_MAX];
	check_gauge(out, view, "vipd_check_up", "1 if the check passes; 0 if it fails or has no result yet.",
	    is_up, false);
	check_gauge(out, view, "vipd_check_recovering",
	    "1 if the check does not pass, but only because it failed too often of late: it answers.",
	    is_recovering, false);
	check_gauge(out, view, "vipd_check_unauthorized",
	    "1 if the check passes only because the server is alive: it does not let vipd ask.", is_blind,
	    false);
	prometheus_family(out, "vipd_check_results_total", "counter",
	    "Probes by result; unauthorized: the server is alive but did not let vipd ask.");
	for (unsigned i = 0; i < config->check_count; i++) {
		check_label(&config->checks[i], labels);
		for (unsigned o = 0; o < CHECK_OUTCOMES; o++)
			fprintf(out, "vipd_check_results_total{%s,result=\"%s\"} %" PRIu64 "\n", labels,
			    check_outcome_name(o), view->checks[i].results[o]);
	}
	check_gauge(out, view, "vipd_check_last_success_timestamp_seconds",
	    "When the last probe passed, in seconds since 1970; 0 if none has.", last_success, true);
	prometheus_family(out, "vipd_check_duration_seconds", "histogram", "How long the probes took.");
	for (unsigned i = 0; i < config->check_count; i++)
		prometheus_histogram(out, "vipd_check_duration_seconds",
		    check_label(&config->checks[i], labels), &view->checks[i].duration,
		    check_duration_bounds_us);
}

static void certificate_metrics(FILE *out, const struct view *view)
{
	const struct config *config = view->config;
	char labels[PROMETHEUS_LABELS_MAX], address[ADDRESS_TEXT_MAX];
	bool any = false;
	check_gauge(out, view, "vipd_check_certificate_expiry_timestamp_seconds",
	    "When the certificate that the server presents expires, in seconds since 1970.",
	    certificate_expiry, true);
	for (unsigned i = 0; i < config->check_count; i++) {
		const struct certificate *certificate = &view->checks[i].certificate;
		for (unsigned r = 0; r < config->router_count && certificate_seen(certificate); r++) {
			const struct config_router *router = &config->routers[r];
			uint32_t lacks = health_missing(config, r, i, certificate);
			for (unsigned a = 0; a < router->address_count && router->checks >> i & 1; a++) {
				if (!any)
					prometheus_family(out, "vipd_check_certificate_covers_address",
					    "gauge",
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

static void recorder_metrics(FILE *out, const struct recorder_state *recorder)
{
	prometheus_single(out, "vipd_capture_files_written_total", "counter",
	    "Capture files written to record_dir.", recorder->written);
	prometheus_single(out, "vipd_capture_file_failures_total", "counter",
	    "Capture files that could not be written; the reason is in the log and in the status.",
	    recorder->failures);
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
	if (view->recorder)
		recorder_metrics(out, view->recorder);
	published_metrics(out, view);
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
	group_metrics(out, view);
	connections_metrics(out, view);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	*length = written;
	return text;
}
