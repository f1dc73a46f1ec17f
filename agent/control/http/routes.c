/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked for: one table, one function a route.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/checks/checks.h"
#include "control/clients/clients.h"
#include "control/control.h"
#include "control/group/group.h"
#include "control/http/access.h"
#include "control/http/events.h"
#include "control/http/host.h"
#include "control/http/pages.h"
#include "control/http/reload.h"
#include "control/http/service.h"
#include "control/publish/publish.h"
#include "control/records/capture.h"
#include "control/report/moment.h"
#include "control/report/report.h"
#include "control/report/timeline.h"
#include "control/text.h"
#include "vipd/duration.h"
#include "vipd/log.h"

/* Ten pages a second are written, and as many at once after a second in which nobody asked: a thousand
 * scrapes cost as much as ten, and who looks after what he has just done sees it. */
#define METRICS_EVERY_US (100 * USEC_PER_MS)
#define METRICS_SAVED_US (1 * USEC_PER_SEC)

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

#define CAPTURE_TYPE "application/x-pcapng"

#define ARGUMENTS_MAX 5

struct route {
	const char *path;
	const char *method; /* GET also stands for HEAD */
	/* On both listeners; there, too, unless metrics.page is false; on the socket; there, for those who
	 * may. */
	enum { OPEN, PAGE, LOCAL, ADMIN } access;
	const char *arguments[ARGUMENTS_MAX];
	void (*answer)(struct service *service, struct http_request *request);
};

static void get_status(struct service *service, struct http_request *request)
{
	struct view view;
	json_t *json = service_look(service, &view) < 0 ? NULL : status_json(&view);
	view_free(&view);
	http_reply_json(request, MHD_HTTP_OK, json);
}

static void metrics_renew(struct service *service)
{
	struct view view;
	free(service->metrics_text);
	service->metrics_text = NULL;
	if (service_look(service, &view) == 0)
		service->metrics_text = metrics_text(&view, &service->metrics_length);
	view_free(&view);
}

static void get_metrics(struct service *service, struct http_request *request)
{
	struct mono now = mono_now();
	if (!service->metrics_text || mono_reached(now, service->metrics_due)) {
		struct mono begin = mono_max(service->metrics_due, mono_add(now, -METRICS_SAVED_US));
		service->metrics_due = mono_add(mono_min(begin, now), METRICS_EVERY_US);
		metrics_renew(service);
	}
	http_reply_copy(request, MHD_HTTP_OK, service->metrics_text, service->metrics_length, METRICS_TYPE);
}

/* Writes why the engine cannot be relied on. Returns false if it can. */
static bool engine_silent(const struct board *board, char *text, size_t size)
{
	struct mono now = mono_now();
	int64_t age_us = board_heartbeat_age_us(board, now);
	if (board_engine_up(board, now))
		return false;
	if (age_us < 0)
		snprintf(text, size, "the engine has not started yet");
	else
		snprintf(text, size, "the engine has not answered for %" PRId64 "s", age_us / USEC_PER_SEC);
	return true;
}

static void get_healthz(struct service *service, struct http_request *request)
{
	char why[128];
	if (!engine_silent(service->control->board, why, sizeof why)) {
		http_reply_text(request, MHD_HTTP_OK, "ok\n");
		return;
	}
	strncat(why, "\n", sizeof why - strlen(why) - 1);
	http_reply_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, why);
}

static void get_events(struct service *service, struct http_request *request)
{
	events_get(service->events, request);
}

static void get_timeline(struct service *service, struct http_request *request)
{
	struct group *group = service->control->parts[PART_GROUP];
	http_reply_json(
	    request, MHD_HTTP_OK, timeline_json(&group->history->timeline, history_wall_us(group)));
}

static bool address_argument(struct http_request *request, const char *name, struct address *address)
{
	const char *text = http_argument(request, name);
	if (!text || address_parse(text, address))
		return true;
	http_reply_error(request, MHD_HTTP_BAD_REQUEST, "%s=%s is not an address", name, text);
	return false;
}

static void unknown_router(struct service *service, struct http_request *request, const char *name);

static void get_moment(struct service *service, struct http_request *request)
{
	const char *name = http_argument(request, "router"), *at = http_argument(request, "at");
	struct moment moment = {.board = service->control->board};
	if (!address_argument(request, "from", &moment.from) || !address_argument(request, "to", &moment.to))
		return;
	for (unsigned i = 0; name && i < service->control->config->router_count; i++)
		if (!strcmp(name, service->control->config->routers[i].name))
			moment.router = &service->control->config->routers[i];
	if (!at || !text_time_parse(at, &moment.at_us))
		http_reply_error(request, MHD_HTTP_BAD_REQUEST,
		    "at=%s is not a time as in at=2026-11-22T16:00:00.310Z", at ? at : "");
	else if (!moment.router)
		unknown_router(service, request, name ? name : "");
	else
		http_reply_json(request, MHD_HTTP_OK, moment_json(&moment));
}

static void get_capture(struct service *service, struct http_request *request)
{
	struct control *control = service->control;
	uint8_t *bytes = NULL;
	size_t size = 0;
	capture_make(control->board, control->config->node, &bytes, &size);
	http_reply(request, MHD_HTTP_OK, http_response(bytes, size, CAPTURE_TYPE));
}

static void get_publish(struct service *service, struct http_request *request)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	if (out) {
		publish_show(service->control->parts[PART_PUBLISH], out);
		fclose(out);
	}
	http_reply(request, MHD_HTTP_OK, http_response(text, length, "text/plain; charset=utf-8"));
}

/* False (answered with 403) if the client may not change anything. */
static bool allowed(struct service *service, struct http_request *request)
{
	const struct config *config = service->control->config;
	if (access_allowed(config, http_socket(request), &request->uid))
		return true;
	log_notice("refused %s to user %d", request->path, (int)request->uid);
	if (config->has_admin_gid)
		http_reply_error(request, MHD_HTTP_FORBIDDEN,
		    "only root and members of group \"%s\" may do this (control.admin_group); you are uid %d",
		    config->admin_group, (int)request->uid);
	else
		http_reply_error(request, MHD_HTTP_FORBIDDEN,
		    "only root may do this (control.admin_group); you are uid %d", (int)request->uid);
	return false;
}

static void unknown_router(struct service *service, struct http_request *request, const char *name)
{
	char known[1024];
	size_t length = 0;
	known[0] = '\0';
	for (unsigned i = 0; i < service->control->config->router_count && length < sizeof known; i++)
		length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "",
		    service->control->config->routers[i].name);
	http_reply_error(
	    request, MHD_HTTP_NOT_FOUND, "there is no virtual router \"%s\"; there is: %s", name, known);
}

/* ?for=10m. False (answered with 400) if no drain can last that long. */
static bool for_argument(struct http_request *request, uint32_t *ms)
{
	const char *text = http_argument(request, "for");
	int64_t us = 0;
	if (text && (duration_parse(text, &us) != 0 || us < USEC_PER_SEC)) {
		http_reply_error(request, MHD_HTTP_BAD_REQUEST,
		    "for=%s: write a number and a unit (s, m, h), from 1s to 24h, as in for=10m", text);
		return false;
	}
	*ms = (uint32_t)(us / USEC_PER_MS);
	return true;
}

/* ?shutdown=1. False (answered with 400) if it is something else. */
static bool shutdown_argument(struct http_request *request, uint8_t *shutdown)
{
	const char *text = http_argument(request, "shutdown");
	*shutdown = text != NULL;
	if (text && strcmp(text, "1") != 0) {
		http_reply_error(
		    request, MHD_HTTP_BAD_REQUEST, "shutdown=%s: only shutdown=1 is known", text);
		return false;
	}
	return true;
}

static void drain_or_resume(struct service *service, struct http_request *request, enum message_type type)
{
	struct message message = {.type = type, .drain.uid = request->uid};
	if (!for_argument(request, &message.drain.for_ms) ||
	    !shutdown_argument(request, &message.drain.shutdown))
		return;
	const char *name = http_argument(request, "router");
	json_t *names = json_array();
	for (unsigned i = 0; i < service->control->config->router_count; i++) {
		const struct config_router *router = &service->control->config->routers[i];
		if (name && strcmp(name, router->name))
			continue;
		json_array_append_new(names, text_json(router->name, sizeof router->name));
		if (!name)
			continue;
		message.drain.router = router->id;
	}
	char why[128];
	int r = 0;
	clients_look(service->control->parts[PART_CLIENTS]); /* before the address may go */
	if (name && !json_array_size(names)) {
		unknown_router(service, request, name);
	} else if (engine_silent(service->control->board, why, sizeof why)) {
		http_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "nothing done: %s; look at: journalctl -u vipd", why);
	} else if ((r = message_send(FD_CHANNEL, &message, NULL)) < 0) {
		http_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "nothing done: the engine takes no commands: %s; look at: journalctl -u vipd",
		    strerror(-r));
	} else {
		group_soon(service->control->parts[PART_GROUP]);
		http_reply_json(request, MHD_HTTP_OK,
		    json_pack("{s:b, s:O}", "drained", type == MESSAGE_DRAIN, "routers", names));
	}
	json_decref(names);
}

static void post_drain(struct service *service, struct http_request *request)
{
	drain_or_resume(service, request, MESSAGE_DRAIN);
}

static void post_resume(struct service *service, struct http_request *request)
{
	drain_or_resume(service, request, MESSAGE_RESUME);
}

static void post_reload(struct service *service, struct http_request *request)
{
	reload_post(service->reload, request);
}

static void post_forget(struct service *service, struct http_request *request)
{
	const char *node = http_argument(request, "node");
	unsigned count = node ? group_forget(service->control->parts[PART_GROUP], node) : 0;
	if (node && publish_forget(service->control->parts[PART_PUBLISH], node) && !count)
		count = 1;
	if (!node)
		http_reply_error(request, MHD_HTTP_BAD_REQUEST, "node= is missing: who is to be forgotten?");
	else if (!count)
		http_reply_error(request, MHD_HTTP_NOT_FOUND,
		    "there is no member \"%s\" that is lost or has stopped, and no router without hello at "
		    "that address; vipctl status shows the group",
		    node);
	else
		http_reply_json(request, MHD_HTTP_OK, json_pack("{s:i}", "forgotten", (int)count));
}

static void get_page(struct service *service, struct http_request *request)
{
	pages_get_document(service->pages, request);
}

static void get_page_model(struct service *service, struct http_request *request)
{
	pages_get_model(service->pages, request);
}

static void get_page_events(struct service *service, struct http_request *request)
{
	pages_get_events(service->pages, request);
}

static const struct route routes[] = {
    {"/v1/status", "GET", LOCAL, {NULL}, get_status},
    {"/v1/events", "GET", LOCAL, {"follow", "since", "last", "group", NULL}, get_events},
    {"/v1/timeline", "GET", LOCAL, {NULL}, get_timeline},
    {"/v1/moment", "GET", LOCAL, {"router", "at", "from", "to", NULL}, get_moment},
    {"/v1/capture", "GET", LOCAL, {NULL}, get_capture},
    {"/v1/publish", "GET", LOCAL, {NULL}, get_publish},
    {"/v1/drain", "POST", ADMIN, {"router", "for", "shutdown", NULL}, post_drain},
    {"/v1/resume", "POST", ADMIN, {"router", "shutdown", NULL}, post_resume},
    {"/v1/forget", "POST", ADMIN, {"node", NULL}, post_forget},
    {"/v1/reload", "POST", ADMIN, {NULL}, post_reload},
    {"/", "GET", PAGE, {NULL}, get_page},
    {"/page.json", "GET", PAGE, {NULL}, get_page_model},
    {"/page/events", "GET", PAGE, {NULL}, get_page_events},
    {"/metrics", "GET", OPEN, {NULL}, get_metrics},
    {"/healthz", "GET", OPEN, {NULL}, get_healthz},
};
#define ROUTES (sizeof routes / sizeof routes[0])

static bool is_served(const struct service *service, const struct route *route, bool is_local)
{
	return is_local || route->access == OPEN ||
	       (route->access == PAGE && service->control->config->metrics_page);
}

static void unknown_path(const struct service *service, struct http_request *request, bool is_local)
{
	char known[256];
	size_t length = 0;
	for (size_t i = 0; i < ROUTES; i++) {
		if (is_served(service, &routes[i], is_local))
			length += (size_t)snprintf(known + length, sizeof known - length, "%s%s",
			    length ? ", " : "", routes[i].path);
	}
	http_reply_error(
	    request, MHD_HTTP_NOT_FOUND, "there is no %s here; there is: %s", request->path, known);
}

static bool method_fits(const struct route *route, const char *method)
{
	return !strcmp(route->method, method) || (!strcmp(route->method, "GET") && !strcmp(method, "HEAD"));
}

/*
 * Against a page whose name has been made to point here. Prometheus may ask for metrics by a name; no page
 * can keep its browser from saying which languages people there read, and no scraper says it.
 */
static bool host_is_welcome(const struct route *route, const struct http_request *request)
{
	bool is_browser = http_header(request, MHD_HTTP_HEADER_ACCEPT_LANGUAGE);
	return (route->access != PAGE && !is_browser) ||
	       host_is_literal(http_header(request, MHD_HTTP_HEADER_HOST));
}

static void answer(struct service *service, struct http_request *request, bool is_local)
{
	const struct route *route = NULL;
	for (size_t i = 0; i < ROUTES; i++) {
		if (!strcmp(routes[i].path, request->path) && is_served(service, &routes[i], is_local))
			route = &routes[i];
	}
	if (!route) {
		unknown_path(service, request, is_local);
		return;
	}
	if (!method_fits(route, request->method)) {
		const char *allow = strcmp(route->method, "GET") ? route->method : "GET, HEAD";
		http_reply_error(request, MHD_HTTP_METHOD_NOT_ALLOWED, "%s takes %s, not %s", route->path,
		    allow, request->method);
		MHD_add_response_header(request->response, MHD_HTTP_HEADER_ALLOW, allow);
		return;
	}
	if (!is_local && !host_is_welcome(route, request)) {
		http_reply_error(request, MHD_HTTP_MISDIRECTED_REQUEST,
		    "ask by an address or by localhost, as in http://[::1]:9752/: another name may be of "
		    "somebody else's page");
		return;
	}
	/* Not ignored: /v1/drain?roter=api would drain every router. */
	const char *unknown = http_argument_unknown(request, route->arguments);
	if (unknown)
		http_reply_error(
		    request, MHD_HTTP_BAD_REQUEST, "%s has no argument \"%s\"", route->path, unknown);
	else if (route->access != ADMIN || allowed(service, request))
		route->answer(service, request);
}

void routes_local(void *context, struct http_request *request)
{
	answer(context, request, true);
}

void routes_metrics(void *context, struct http_request *request)
{
	answer(context, request, false);
}
