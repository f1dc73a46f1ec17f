/*
 * The status: what the engine says of itself (from the board), beside what the kernel says of the addresses.
 */
#include "control/report/status.h"

#include <arpa/inet.h>
#include <string.h>

#include "control/text.h"

static json_t *address_text(const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];
	return json_string(address_format(address, text));
}

static json_t *engine_json(const struct view *view)
{
	const struct board_engine *engine = &view->engine;
	json_t *heartbeat =
	    view->heartbeat_age_us < 0 ? json_null() : json_integer(view->heartbeat_age_us / USEC_PER_MS);
	return json_pack("{s:i, s:b, s:o, s:o, s:b, s:b}", "pid", (int)engine->pid, "responding",
	    view->engine_up, "heartbeat_ms", heartbeat, "started",
	    text_json_time(engine->started_realtime_us), "realtime", engine->realtime, "memory_locked",
	    engine->memory_locked);
}

static json_t *held_json(enum held_where where)
{
	return where == HELD_UNKNOWN ? json_null() : json_boolean(where == HELD_PRESENT);
}

static json_t *addresses_json(const struct view *view, const struct board_router *router)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < router->address_count; i++) {
		const struct address *address = &router->addresses[i];
		const char *other = NULL;
		enum held_where where = held_find(&view->held, address, router->id.interface, &other);
		json_t *item = json_pack("{s:o, s:o, s:s}", "address", address_text(address), "held",
		    held_json(where), "kernel", held_where_name(where));
		if (where == HELD_ELSEWHERE)
			json_object_set_new(item, "other_interface", text_json(other, IF_NAMESIZE));
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *active_json(const struct view *view, const struct board_router *router)
{
	if (!router->active_known)
		return json_null();
	int64_t seen_us = mono_sub(view->now, router->active_seen);
	return json_pack("{s:o, s:i, s:b, s:I}", "address", address_text(&router->active_address), "priority",
	    router->active_priority, "self", router->active_self, "last_seen_ms",
	    (json_int_t)((seen_us > 0 ? seen_us : 0) / USEC_PER_MS));
}

static json_t *counters_json(const struct board_router *router)
{
	json_t *counters = json_object();
	for (unsigned i = 0; i < BOARD_COUNTERS; i++)
		json_object_set_new(
		    counters, board_counter_name(i), json_integer((json_int_t)router->counters[i]));
	return counters;
}

/* Only what happened: two dozen zeros would hide it. */
static json_t *dropped_json(const struct board_router *router)
{
	json_t *dropped = json_object();
	for (unsigned i = ADVERT_OK + 1; i < ADVERT_VERDICTS; i++) {
		if (router->dropped[i])
			json_object_set_new(
			    dropped, advert_verdict_name(i), json_integer((json_int_t)router->dropped[i]));
	}
	return dropped;
}

/* null: it has taken nothing over since vipd was started. */
static json_t *takeover_json(const struct board_takeover *takeover)
{
	if (!takeover->at_realtime_us)
		return json_null();
	json_t *steps = json_object();
	for (unsigned i = 0; i < BOARD_STEPS; i++)
		json_object_set_new(
		    steps, board_step_name(i), json_integer((json_int_t)takeover->steps_us[i]));
	return json_pack("{s:o, s:o}", "at", text_json_time(takeover->at_realtime_us), "steps_us", steps);
}

static json_t *check_names_json(const struct view *view, const struct config_router *config)
{
	json_t *names = json_array();
	for (unsigned i = 0; config && i < view->config->check_count; i++) {
		if (config->checks >> i & 1)
			json_array_append_new(
			    names, text_json(view->config->checks[i].name, CONFIG_NAME_MAX));
	}
	return names;
}

static json_t *health_reason_json(const struct board_router *router)
{
	if (router->healthy)
		return json_null();
	return router->health_text[0] ? text_json(router->health_text, sizeof router->health_text)
				      : json_string("its checks have not answered yet");
}

static void drained_add(json_t *json, const struct board_router *router)
{
	if (!router->drained)
		return;
	json_object_set_new(json, "drained_since", text_json_time(router->drained_since_us));
	json_object_set_new(json, "drained_by", json_integer(router->drained_by));
	json_object_set_new(json, "drained_until", text_json_time(router->drained_until_us));
}

static json_t *conflict_json(const struct board_router *router)
{
	char mac[MAC_TEXT_MAX];
	if (router->conflict == BOARD_CONFLICT_NONE)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o}", "kind", board_conflict_name(router->conflict), "address",
	    address_text(&router->conflict_address), "mac",
	    router->conflict == BOARD_CONFLICT_ADDRESS ? json_string(mac_format(router->conflict_mac, mac))
						       : json_null(),
	    "since", text_json_time(router->conflict_since_us));
}

static json_t *router_json(const struct view *view, const struct board_router *router)
{
	const struct config_router *config = view_config_of(view, router);
	json_t *json = json_pack("{s:o, s:i, s:o, s:i, s:s, s:s, s:o, s:o}", "name",
	    text_json(router->name, sizeof router->name), "vrid", router->id.vrid, "interface",
	    text_json(router->id.interface, sizeof router->id.interface), "ifindex", (int)router->ifindex,
	    "family", "ipv6", "state", vrrp_state_name(router->state), "since",
	    text_json_time(router->since_realtime_us), "reason",
	    text_json(router->reason_text, sizeof router->reason_text));
	json_t *more = json_pack("{s:i, s:i, s:b, s:o, s:b, s:o, s:o, s:o, s:I, s:s, s:o, s:o}", "priority",
	    router->priority, "effective_priority", router->effective_priority, "healthy", router->healthy,
	    "health_reason", health_reason_json(router), "drained", router->drained, "checks",
	    check_names_json(view, config), "addresses", addresses_json(view, router), "active_router",
	    active_json(view, router), "advert_interval_ms",
	    (json_int_t)(router->advert_interval_us / USEC_PER_MS), "auth",
	    config_auth_name(config ? config->auth : AUTH_OFF), "counters", counters_json(router), "dropped",
	    dropped_json(router));
	json_object_update(json, more);
	json_object_set_new(json, "last_takeover", takeover_json(&router->last_takeover));
	json_decref(more);
	json_object_set_new(json, "conflict", conflict_json(router));
	drained_add(json, router);
	return json;
}

/* What is asked: the URL, the address, the program or the file. */
static json_t *target_json(const struct config_check *config)
{
	switch (config->type) {
	case CHECK_TCP: return text_json(config->address, sizeof config->address);
	case CHECK_EXEC: return text_json(config->command, sizeof config->command);
	case CHECK_FILE: return text_json(config->file, sizeof config->file);
	default: return text_json(config->url, sizeof config->url);
	}
}

/* What the server presents, against the addresses of the virtual routers that use this check. */
static json_t *certificate_json(
    const struct config *config, unsigned check, const struct certificate *certificate)
{
	if (!certificate_seen(certificate))
		return json_null();
	json_t *covers = json_array(), *missing = json_array();
	for (unsigned i = 0; i < config->router_count; i++) {
		const struct config_router *router = &config->routers[i];
		uint32_t lacks = health_missing(config, i, check, certificate);
		for (unsigned a = 0; a < router->address_count && router->checks >> check & 1; a++)
			json_array_append_new(
			    lacks >> a & 1 ? missing : covers, address_text(&router->addresses[a]));
	}
	return json_pack("{s:o, s:o, s:o}", "expires", text_json_time(certificate->expires_us), "covers",
	    covers, "missing", missing);
}

static json_t *check_json(const struct view *view, unsigned index)
{
	const struct config_check *config = &view->config->checks[index];
	const struct check_health *health = &view->checks[index];
	int64_t proving_us = health_flapping_us(health, config, view->now);
	json_t *last_ms =
	    health->state == CHECK_UNKNOWN ? json_null() : json_real((double)health->last_us / 1000.0);
	return json_pack("{s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "name",
	    text_json(config->name, sizeof config->name), "type", config_check_type_name(config->type),
	    "target", target_json(config), "url", text_json_or_null(config->url, sizeof config->url), "state",
	    check_state_name(health->state), "since", text_json_time(health->since_us), "last_ms", last_ms,
	    "last_error", text_json_or_null(health->last_error, sizeof health->last_error), "last_success",
	    text_json_time(health->last_success_us), "unauthorized",
	    health->state != CHECK_UNKNOWN && health->last == CHECK_UNAUTHORIZED, "certificate",
	    certificate_json(view->config, index, &health->certificate), "proving_ms",
	    proving_us ? json_integer(proving_us / USEC_PER_MS) : json_null());
}

static json_t *recorder_json(const struct view *view)
{
	const struct recorder_state *records = view->records;
	if (!records || !view->config->record_dir[0])
		return json_null();
	const char *error = records->on ? records->last_error : "the directory could not be opened";
	return json_pack("{s:o, s:I, s:I, s:o, s:o}", "directory",
	    text_json(view->config->record_dir, sizeof view->config->record_dir), "files_written",
	    (json_int_t)records->written, "failures", (json_int_t)records->failures, "last_file",
	    text_json_or_null(records->last_file, sizeof records->last_file), "last_error",
	    text_json_or_null(error, strlen(error)));
}

json_t *status_json(const struct view *view)
{
	const struct config *config = view->config;
	json_t *routers = json_array();
	for (unsigned i = 0; i < view->router_count; i++)
		json_array_append_new(routers, router_json(view, &view->routers[i]));
	json_t *checks = json_array();
	for (unsigned i = 0; i < config->check_count; i++)
		json_array_append_new(checks, check_json(view, i));
	json_t *file = json_pack("{s:o, s:o}", "path", text_json(config->path, sizeof config->path), "loaded",
	    text_json_time(config->loaded_us));
	return json_pack("{s:o, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "node",
	    text_json(config->node, sizeof config->node), "version", VIPD_VERSION, "pid", (int)view->pid,
	    "started", text_json_time(view->started_us), "config", file, "engine", engine_json(view),
	    "virtual_routers", routers, "checks", checks, "recorder", recorder_json(view));
}
