/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd, driven through its epoll descriptor: no threads, and the one place that knows how it wants
 * to be treated. A request lives from its first byte until the "completed" callback.
 */
#include "control/http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/http/callers.h"
#include "control/text.h"
#include "vipd/log.h"
#include "vipd/mono.h"

#define BODY_MAX	  (64 * 1024) /* no route reads a body; what is sent nevertheless is thrown away */
#define ERROR_MAX	  4096
#define TIMER_EXACT_US	  1000
#define MEMORY_PER_CLIENT (16 * 1024)
#define LEAVING_MAX	  16 /* who have given way, and are not disconnected yet */

struct http {
	struct callers callers;
	struct MHD_Daemon *daemon;
	http_handler *handler;
	void *context;
	sd_event *event;
	sd_event_source *io;
	sd_event_source *timer;
};

static uint64_t loop_now(sd_event *event)
{
	uint64_t now = 0;
	sd_event_now(event, CLOCK_MONOTONIC, &now);
	return now;
}

static unsigned connections(const struct http *http)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	return info ? info->num_connections : 0;
}

static void run(struct http *http)
{
	unsigned before = connections(http);
	MHD_run(http->daemon);
	/* At its limit it does not listen; after a client has gone it takes one more run to listen again. */
	if (connections(http) < before)
		MHD_run(http->daemon);
	unsigned long long ms;
	if (MHD_get_timeout(http->daemon, &ms) != MHD_YES) {
		sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
		return;
	}
	uint64_t at = loop_now(http->event) + (uint64_t)ms * USEC_PER_MS, set = 0;
	/* Every request puts the end of an idle connection off. A look too early costs less than setting it.
	 */
	sd_event_source_get_time(http->timer, &set);
	if (sd_event_source_get_enabled(http->timer, NULL) > 0 && set <= at)
		return;
	sd_event_source_set_time(http->timer, at);
	sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)fd, (void)events;
	run(context);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	run(context);
	return 0;
}

void http_wake(struct http *http)
{
	sd_event_source_set_time(http->timer, 0);
	sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT);
}

static enum MHD_Result queue(struct http_request *request)
{
	enum MHD_Result result = MHD_queue_response(request->connection, request->status, request->response);
	MHD_destroy_response(request->response);
	request->response = NULL;
	return result;
}

static void mark(struct MHD_Connection *connection, bool asks)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct caller *caller = info ? info->socket_context : NULL;
	if (caller)
		caller->asks = asks;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *body, size_t *body_size, void **state)
{
	(void)version, (void)body;
	struct http_request *request = *state;
	if (!request) {
		request = calloc(1, sizeof *request);
		if (!request)
			return MHD_NO;
		request->http = context;
		request->connection = connection;
		mark(connection, true);
		*state = request;
		return MHD_YES;
	}
	if (*body_size) {
		request->body_size += *body_size;
		*body_size = 0;
		return request->body_size > BODY_MAX ? MHD_NO : MHD_YES;
	}
	if (request->response)
		return queue(request);
	if (request->seen)
		return MHD_YES;
	request->seen = true;
	request->path = path;
	request->method = method;
	request->http->handler(request->http->context, request);
	if (request->held)
		return MHD_YES;
	return request->response ? queue(request) : MHD_NO;
}

static void on_completed(
    void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
	(void)context, (void)why;
	struct http_request *request = *state;
	mark(connection, false);
	if (request && request->response)
		MHD_destroy_response(request->response);
	free(request);
	*state = NULL;
}

/* Whoever is not welcome is disconnected. */
static void on_connection(
    void *context, struct MHD_Connection *connection, void **state, enum MHD_ConnectionNotificationCode what)
{
	struct http *http = context;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		callers_remove(&http->callers, *state);
		*state = NULL;
	} else if (info) {
		*state = callers_add(&http->callers, info->connect_fd);
		if (!*state)
			shutdown(info->connect_fd, SHUT_RDWR);
	}
}

static int add_sources(struct http *http)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -ENOSYS;
	int r = sd_event_add_io(http->event, &http->io, info->epoll_fd, EPOLLIN, on_io, http);
	if (r < 0)
		return r;
	return sd_event_add_time(
	    http->event, &http->timer, CLOCK_MONOTONIC, 0, TIMER_EXACT_US, on_timer, http);
}

struct http *http_start(sd_event *event, const struct http_options *options)
{
	struct http *http = calloc(1, sizeof *http);
	if (!http)
		return NULL;
	http->event = event;
	http->handler = options->handler;
	http->context = options->context;
	http->callers = (struct callers){.of_one = options->of_one,
	    .others = options->connections - options->reserved,
	    .most = options->gives_way ? options->connections : 0};
	fcntl(options->socket, F_SETFL, fcntl(options->socket, F_GETFL) | O_NONBLOCK);
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
	    http, MHD_OPTION_LISTEN_SOCKET, options->socket, MHD_OPTION_CONNECTION_LIMIT,
	    options->connections + (options->gives_way ? LEAVING_MAX : 0), MHD_OPTION_CONNECTION_TIMEOUT,
	    options->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CLIENT,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->of_one, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
	    http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	int r = http->daemon ? add_sources(http) : -errno;
	if (r < 0) {
		log_error("cannot serve HTTP on descriptor %d: %s", options->socket, strerror(-r));
		http_stop(http);
		return NULL;
	}
	return http;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	sd_event_source_disable_unref(http->io);
	sd_event_source_disable_unref(http->timer);
	if (http->daemon) {
		/* The listening socket belongs to the guardian too and must survive: take it away before. */
		MHD_quiesce_daemon(http->daemon);
		MHD_run(http->daemon);
		MHD_stop_daemon(http->daemon);
	}
	free(http);
}

const char *http_argument(const struct http_request *request, const char *name)
{
	const char *value = NULL;
	size_t size = 0;
	if (MHD_lookup_connection_value_n(
		request->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &size) != MHD_YES)
		return NULL;
	return value ? value : "";
}

struct unknown_search {
	const char *const *known;
	const char *found;
};

static enum MHD_Result unknown_visit(
    void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	(void)kind, (void)value;
	struct unknown_search *search = context;
	for (const char *const *known = search->known; *known; known++) {
		if (!strcmp(*known, key))
			return MHD_YES;
	}
	search->found = key;
	return MHD_NO;
}

const char *http_argument_unknown(const struct http_request *request, const char *const *known)
{
	struct unknown_search search = {.known = known};
	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, unknown_visit, &search);
	return search.found;
}

const char *http_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

int http_socket(const struct http_request *request)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info ? info->connect_fd : -1;
}

void http_hold(struct http_request *request)
{
	request->held = true;
	MHD_suspend_connection(request->connection);
}

static struct MHD_Response *no_memory(void)
{
	static char text[] = "{\"error\":\"out of memory\"}\n";
	return MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
}

void http_reply(struct http_request *request, unsigned status, struct MHD_Response *response)
{
	request->status = response ? status : MHD_HTTP_INTERNAL_SERVER_ERROR;
	request->response = response ? response : no_memory();
	if (!request->held)
		return;
	request->held = false;
	MHD_resume_connection(request->connection);
	http_wake(request->http);
}

struct MHD_Response *http_response(void *bytes, size_t size, const char *type)
{
	struct MHD_Response *response =
	    bytes ? MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE) : NULL;
	if (!response) {
		free(bytes);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	return response;
}

void http_reply_json(struct http_request *request, unsigned status, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	size_t length = text ? strlen(text) : 0;
	json_decref(json);
	if (text)
		text[length++] = '\n'; /* the answer is a line; nobody needs the NUL */
	http_reply(request, status, http_response(text, length, "application/json"));
}

void http_reply_error(struct http_request *request, unsigned status, const char *format, ...)
{
	char text[ERROR_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	http_reply_json(request, status, json_pack("{s:o}", "error", text_json(text, sizeof text)));
}

void http_reply_copy(
    struct http_request *request, unsigned status, const char *text, size_t size, const char *type)
{
	char *copy = text ? malloc(size + 1) : NULL;
	if (copy)
		memcpy(copy, text, size);
	http_reply(request, status, http_response(copy, size, type));
}

void http_reply_text(struct http_request *request, unsigned status, const char *text)
{
	http_reply_copy(request, status, text, strlen(text), "text/plain; charset=utf-8");
}
