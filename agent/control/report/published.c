/* SPDX-License-Identifier: Apache-2.0 */
/* See published.h. */
#include "control/report/published.h"

#include <string.h>

#include "control/publish/publish.h"
#include "control/report/prometheus.h"
#include "control/text.h"

static const char *const state_names[PUBLISH_STATES] = {"off", "waiting", "done", "failing"};

static json_t *servers_json(const struct publish_set *set)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < set->count; i++) {
		const struct publish_server *server = &set->servers[i];
		char address[ADDRESS_TEXT_MAX];
		json_array_append_new(
		    list, json_pack("{s:o, s:s, s:b}", "node", text_json(server->node, sizeof server->node),
			      "address", address_format(&server->address, address), "ready", server->ready));
	}
	return list;
}

static json_t *target_json(const struct view *view, unsigned index)
{
	const struct config_publish *config = &view->config->publish[index];
	const char *router = view->config->routers[config->router].name;
	const struct publish_view *target = &view->publish[index];
	return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:o}", "type",
	    config_publish_type_name(config->type), "router", text_json(router, CONFIG_NAME_MAX), "target",
	    text_json(target->name, sizeof target->name), "state", state_names[target->state], "published",
	    servers_json(target->published), "last_change", text_json_time(target->changed_us),
	    "last_success", text_json_time(target->succeeded_us), "successes", (json_int_t)target->successes,
	    "failures", (json_int_t)target->failures, "last_error",
	    text_json_or_null(target->error, PUBLISH_ERROR_MAX));
}

json_t *published_json(const struct view *view)
{
	json_t *list = json_array();
	for (unsigned i = 0; view->publish && i < view->config->publish_count; i++)
		json_array_append_new(list, target_json(view, i));
	return list;
}

/* ---- metrics ---- */

static void series(FILE *out, const struct view *view, const char *name, const char *type, const char *help,
    int64_t value(const struct publish_view *), bool is_time)
{
	prometheus_family(out, name, type, help);
	for (unsigned i = 0; i < view->config->publish_count; i++) {
		const struct config_publish *config = &view->config->publish[i];
		char labels[3 * PROMETHEUS_TEXT_MAX], router[PROMETHEUS_TEXT_MAX];
		snprintf(labels, sizeof labels, "router=\"%s\",target=\"%u\",type=\"%s\"",
		    prometheus_escape(view->config->routers[config->router].name, router), i,
		    config_publish_type_name(config->type));
		prometheus_series(out, name, labels, value(&view->publish[i]), is_time);
	}
}

static int64_t failing(const struct publish_view *target)
{
	return target->state == PUBLISH_FAILING;
}

static int64_t successes(const struct publish_view *target)
{
	return (int64_t)target->successes;
}

static int64_t failures(const struct publish_view *target)
{
	return (int64_t)target->failures;
}

static int64_t last_success(const struct publish_view *target)
{
	return target->succeeded_us;
}

static int64_t ready(const struct publish_view *target)
{
	return target->published->ready;
}

void published_metrics(FILE *out, const struct view *view)
{
	if (!view->publish || !view->config->publish_count)
		return;
	series(out, view, "vipd_publish_failing", "gauge",
	    "1 if this node is the holder and the target cannot be told.", failing, false);
	series(out, view, "vipd_publish_servers_ready", "gauge",
	    "Servers that this node, as the present holder, has published as ready.", ready, false);
	series(out, view, "vipd_publish_successes_total", "counter", "Times the target was told.", successes,
	    false);
	series(out, view, "vipd_publish_failures_total", "counter", "Times the target could not be told.",
	    failures, false);
	series(out, view, "vipd_publish_last_success_timestamp_seconds", "gauge",
	    "When the target was told by this node, in seconds since 1970; 0: never.", last_success, true);
}
