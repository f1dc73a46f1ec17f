/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status: what the engine says of itself (from the board), beside what the kernel says of the addresses.
 * One line a field.
 */
#include "control/report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/report/connections.h"
#include "control/report/group.h"
#include "control/report/published.h"
#include "control/text.h"
#include "vipd/timing.h"

/* Takes over `value`. */
static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

#define TEXT(array) text_json(array, sizeof(array))

static json_t *address_text(const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];
	return json_string(address_format(address, text));
}

static json_t *milliseconds(int64_t us)
{
	return json_integer((json_int_t)(us / USEC_PER_MS));
}

/* By a clock that nobody sets. */
static json_t *age_json(const struct view *view, struct mono since)
{
	return since.us ? milliseconds(mono_sub(view->now, since)) : json_null();
}

static json_t *engine_json(const struct view *view)
{
	const struct board_engine *engine = &view->engine;
	json_t *json = json_object();
	put(json, "pid", json_integer(engine->pid));
	put(json, "responding", json_boolean(view->engine_up));
	put(json, "heartbeat_ms",
	    view->heartbeat_age_us < 0 ? json_null() : milliseconds(view->heartbeat_age_us));
	put(json, "started", text_json_time(engine->started_realtime_us));
	put(json, "realtime", json_boolean(engine->realtime));
	put(json, "memory_locked", json_boolean(engine->memory_locked));
	return json;
}

static json_t *addresses_json(const struct view *view, const struct board_router *router)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < router->address_count; i++) {
		const struct address *address = &router->addresses[i];
		const char *other = NULL;
		enum held held = view_held(view, address, router->id.interface, &other);
		json_t *item = json_object();
		put(item, "address", address_text(address));
		put(item, "held", held == HELD_UNKNOWN ? json_null() : json_boolean(held == HELD_PRESENT));
		put(item, "kernel", json_string(view_held_name(held)));
		if (held == HELD_ELSEWHERE)
			put(item, "other_interface", text_json(other, IF_NAMESIZE));
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *active_json(const struct view *view, const struct board_router *router)
{
	if (!router->active_known)
		return json_null();
	int64_t seen_us = mono_sub(view->now, router->active_seen);
	json_t *json = json_object();
	const char *node = router->active_self
			       ? view->config->node
			       : group_holder_name(view, &router->id, &router->active_address);
	put(json, "address", address_text(&router->active_address));
	put(json, "node", node ? json_string(node) : json_null());
	put(json, "priority", json_integer(router->active_priority));
	put(json, "self", json_boolean(router->active_self));
	put(json, "foreign", json_boolean(router->active_foreign));
	put(json, "last_seen_ms", milliseconds(seen_us > 0 ? seen_us : 0));
	return json;
}

static json_t *counters_json(const struct board_router *router)
{
	json_t *json = json_object();
	for (unsigned i = 0; i < BOARD_COUNTERS; i++)
		put(json, board_counter_name(i), json_integer((json_int_t)router->counters[i]));
	return json;
}

/* Only what happened, after `before` (NULL: ever): two dozen zeros would hide it. */
static json_t *dropped_json(const struct board_router *router, const uint64_t *before)
{
	json_t *json = json_object();
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_VERDICTS; i++) {
		uint64_t count = router->dropped[i] - (before ? before[i] : 0);
		if (count)
			put(json, advert_verdict_name(i), json_integer((json_int_t)count));
	}
	return json;
}

/* null: it has taken nothing over since vipd was started. */
static json_t *takeover_json(const struct board_takeover *takeover)
{
	if (!takeover->at_realtime_us)
		return json_null();
	json_t *json = json_object(), *steps = json_object();
	for (unsigned i = 0; i < BOARD_STEPS; i++)
		put(steps, board_step_name(i), json_integer((json_int_t)takeover->steps_us[i]));
	put(json, "at", text_json_time(takeover->at_realtime_us));
	put(json, "steps_us", steps);
	return json;
}

static json_t *check_names_json(const struct view *view, const struct config_router *config)
{
	json_t *names = json_array();
	for (unsigned i = 0; config && i < view->config->check_count; i++) {
		if (config->checks >> i & 1)
			json_array_append_new(names, TEXT(view->config->checks[i].name));
	}
	return names;
}

static json_t *health_reason_json(const struct board_router *router)
{
	if (router->health == VRRP_HEALTHY)
		return json_null();
	return router->health_text[0] ? TEXT(router->health_text)
				      : json_string("its checks have not answered yet");
}

static json_t *conflict_json(const struct board_router *router)
{
	char mac[MAC_TEXT_MAX];
	if (router->conflict == VRRP_CONFLICT_NONE)
		return json_null();
	json_t *json = json_object();
	put(json, "kind", json_string(vrrp_conflict_name(router->conflict)));
	put(json, "address", address_text(&router->conflict_address));
	put(json, "mac",
	    router->conflict == VRRP_CONFLICT_ADDRESS ? json_string(mac_format(router->conflict_mac, mac))
						      : json_null());
	put(json, "vrid",
	    router->conflict == VRRP_CONFLICT_VRID ? json_integer(router->conflict_vrid) : json_null());
	put(json, "since", text_json_time(router->conflict_since_us));
	put(json, "dropped", dropped_json(router, router->dropped_before));
	return json;
}

static void put_health(json_t *json, const struct board_router *router)
{
	put(json, "priority", json_integer(router->priority));
	put(json, "effective_priority", json_integer(router->effective_priority));
	put(json, "healthy", json_boolean(router->health == VRRP_HEALTHY));
	put(json, "health", json_string(vrrp_health_name(router->health)));
	put(json, "health_reason", health_reason_json(router));
	put(json, "lowered", json_integer(router->lowered));
	put(json, "lowered_reason",
	    router->lowered && router->health == VRRP_HEALTHY ? TEXT(router->health_text) : json_null());
	put(json, "drained", json_boolean(router->drained));
	if (!router->drained)
		return;
	put(json, "drained_since", text_json_time(router->drained_since_us));
	put(json, "drained_by", json_integer(router->drained_by));
	put(json, "drained_for_shutdown", json_boolean(router->drained_for_shutdown));
	put(json, "drained_until", text_json_time(router->drained_until_us));
}

static json_t *router_json(const struct view *view, const struct board_router *router)
{
	const struct config_router *config = view_config_of(view, router);
	json_t *json = json_object();
	put(json, "name", TEXT(router->name));
	put(json, "vrid", json_integer(router->id.vrid));
	put(json, "interface", TEXT(router->id.interface));
	put(json, "ifindex", json_integer(router->ifindex));
	put(json, "family", json_string(router->id.family == AF_INET ? "ipv4" : "ipv6"));
	put(json, "state", json_string(vrrp_state_name(router->state)));
	put(json, "since", text_json_time(router->since_realtime_us));
	put(json, "state_ms", age_json(view, router->since));
	put(json, "reason",
	    group_words_json(view->group, &router->id, router->reason_text, sizeof router->reason_text));
	put_health(json, router);
	put(json, "checks", check_names_json(view, config));
	put(json, "addresses", addresses_json(view, router));
	put(json, "active_router", active_json(view, router));
	put(json, "advert_interval_ms", milliseconds(router->advert_interval_us));
	put(json, "late_ms", milliseconds(vrrp_late_limit(router->advert_interval_us)));
	put(json, "handover_ms", milliseconds(vrrp_handover_time(router->advert_interval_us)));
	put(json, "auth", json_string(config_auth_name(config ? config->auth : AUTH_OFF)));
	put(json, "counters", counters_json(router));
	put(json, "dropped", dropped_json(router, NULL));
	put(json, "last_takeover", takeover_json(&router->last_takeover));
	put(json, "conflict", conflict_json(router));
	put(json, "group", group_router_json(view, router));
	put(json, "connections", connections_json(view, router));
	return json;
}

/* null: it is no API server, or nobody knows whose. */
static json_t *distribution_json(const struct config_check *config)
{
	enum config_distribution found = config_check_distribution(config);
	return found == DISTRIBUTION_AUTO ? json_null() : json_string(config_distribution_name(found));
}

/* What the server presents, against the addresses of the virtual routers that use this check. */
static json_t *certificate_json(
    const struct config *config, unsigned check, const struct certificate *certificate)
{
	if (!certificate_seen(certificate))
		return json_null();
	json_t *json = json_object(), *covers = json_array(), *missing = json_array();
	for (unsigned i = 0; i < config->router_count; i++) {
		const struct config_router *router = &config->routers[i];
		uint32_t lacks = health_missing(config, i, check, certificate);
		for (unsigned a = 0; a < router->address_count && router->checks >> check & 1; a++)
			json_array_append_new(
			    lacks >> a & 1 ? missing : covers, address_text(&router->addresses[a]));
	}
	put(json, "expires", text_json_time(certificate->expires_us));
	put(json, "covers", covers);
	put(json, "missing", missing);
	put(json, "advice", json_string(config_add_name(&config->checks[check])));
	return json;
}

/* The oldest first. */
static json_t *recent_json(const struct view *view, const struct check_health *health)
{
	json_t *list = json_array();
	for (unsigned ago = CHECK_PAST_SLOTS; ago-- > 0;) {
		int64_t us = health_past_us(health, ago, view->now);
		json_array_append_new(list, us < 0 ? json_null() : json_real((double)us / 1000.0));
	}
	return list;
}

/* `state` knows no third one: readers were made before there were grades. */
static json_t *check_json(const struct view *view, unsigned index)
{
	const struct config_check *config = &view->config->checks[index];
	const struct check_health *health = &view->checks[index];
	bool known = health->state != CHECK_UNKNOWN, recovering = health->state == CHECK_RECOVERING;
	int64_t penalty_us = health_penalty_us(health, config, view->now);
	const char *target = config_check_target(config);
	char trouble[CHECK_TEXT_MAX];
	json_t *json = json_object();
	health_trouble(health, config, trouble);
	put(json, "name", TEXT(config->name));
	put(json, "type", json_string(config_check_type_name(config->type)));
	put(json, "target", text_json(target, strlen(target)));
	put(json, "distribution", distribution_json(config));
	put(json, "url", text_json_or_null(config->url, sizeof config->url));
	put(json, "state", json_string(check_state_name(recovering ? CHECK_FAILING : health->state)));
	put(json, "health", known ? json_string(vrrp_health_name(health_grade(health))) : json_null());
	put(json, "since", text_json_time(health->since_us));
	put(json, "state_ms", known ? age_json(view, health->since) : json_null());
	put(json, "last_ms", known ? json_real((double)health->last_us / 1000.0) : json_null());
	put(json, "recent_ms", recent_json(view, health));
	put(json, "last_error", text_json_or_null(trouble, sizeof trouble));
	put(json, "last_success", text_json_time(health->last_success_us));
	put(json, "unauthorized", json_boolean(health_is_blind(health)));
	put(json, "certificate", certificate_json(view->config, index, &health->certificate));
	put(json, "proving_ms", penalty_us ? milliseconds(penalty_us) : json_null());
	return json;
}

static json_t *recorder_json(const struct view *view)
{
	const struct recorder_state *recorder = view->recorder;
	if (!recorder || !view->config->record_dir[0])
		return json_null();
	const char *error = recorder->on ? recorder->last_error : "the directory could not be opened";
	json_t *json = json_object();
	put(json, "directory", TEXT(view->config->record_dir));
	put(json, "files_written", json_integer((json_int_t)recorder->written));
	put(json, "failures", json_integer((json_int_t)recorder->failures));
	put(json, "last_file", text_json_or_null(recorder->last_file, sizeof recorder->last_file));
	put(json, "last_error", text_json_or_null(error, strlen(error)));
	return json;
}

static json_t *reload_json(const struct message *message)
{
	if (!message)
		return json_null();
	json_t *json = json_object();
	put(json, "successful", json_boolean(message->reloaded.ok));
	put(json, "at", text_json_time(message->reloaded.at_us));
	put(json, message->reloaded.ok ? "warnings" : "error",
	    text_json_or_null(message->reloaded.text, sizeof message->reloaded.text));
	put(json, message->reloaded.ok ? "error" : "warnings", json_null());
	return json;
}

static json_t *config_json(const struct view *view)
{
	const struct config *config = view->config;
	char digest[20];
	json_t *json = json_object();
	snprintf(digest, sizeof digest, "%016" PRIx64, config->digest);
	put(json, "digest", json_string(digest));
	put(json, "last_reload", reload_json(view->reloaded));
	put(json, "path", TEXT(config->path));
	put(json, "loaded", text_json_time(config->loaded_us));
	return json;
}

json_t *status_json(const struct view *view)
{
	json_t *json = json_object(), *routers = json_array(), *checks = json_array();
	for (unsigned i = 0; i < view->router_count; i++)
		json_array_append_new(routers, router_json(view, &view->routers[i]));
	for (unsigned i = 0; i < view->config->check_count; i++)
		json_array_append_new(checks, check_json(view, i));
	put(json, "node", TEXT(view->config->node));
	put(json, "version", json_string(VIPD_VERSION));
	put(json, "pid", json_integer(view->pid));
	put(json, "started", text_json_time(view->started_us));
	put(json, "uptime_ms", age_json(view, view->created));
	put(json, "config", config_json(view));
	put(json, "engine", engine_json(view));
	put(json, "virtual_routers", routers);
	put(json, "checks", checks);
	put(json, "recorder", recorder_json(view));
	put(json, "group", group_json(view));
	put(json, "publish", published_json(view));
	return json;
}
