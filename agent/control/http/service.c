/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listeners are opened with the first configuration: before it there is nothing to say. Callers wait in
 * the backlog meanwhile.
 */
#include "control/http/service.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/checks/checks.h"
#include "control/control.h"
#include "control/group/group.h"
#include "control/http/events.h"
#include "control/http/pages.h"
#include "control/http/reload.h"
#include "control/publish/publish.h"
#include "control/report/report.h"

#define LOCAL_CONNECTIONS   128
#define METRICS_CONNECTIONS 192 /* open pages are 128 of them at most */
#define LOCAL_OF_ONE	    32
#define LOCAL_OF_ROOT	    16
#define METRICS_OF_ONE	    8
#define LOCAL_IDLE_S	    10
#define METRICS_IDLE_S	    5

int service_look(struct service *service, struct view *view)
{
	struct control *control = service->control;
	int r = view_take(
	    view, control->board, control->config, checks_health(control->parts[PART_CHECKS]), mono_now());
	view->started_us = control->started_us;
	view->reloaded = control->reloaded.type == MESSAGE_RELOADED ? &control->reloaded : NULL;
	view->group = control->parts[PART_GROUP];
	view->recorder = recorder_state(control->parts[PART_RECORDER]);
	view->publish = publish_views(control->parts[PART_PUBLISH]);
	view->clients = control->parts[PART_CLIENTS];
	view->pid = getppid(); /* the guardian started us */
	return r;
}

static bool start(struct service *service)
{
	sd_event *event = service->control->event;
	const struct http_options local = {.socket = FD_SOCKET,
	    .connections = LOCAL_CONNECTIONS,
	    .of_one = LOCAL_OF_ONE,
	    .reserved = LOCAL_OF_ROOT,
	    .idle_s = LOCAL_IDLE_S,
	    .handler = routes_local,
	    .context = service};
	const struct http_options metrics = {.socket = FD_METRICS,
	    .connections = METRICS_CONNECTIONS,
	    .of_one = METRICS_OF_ONE,
	    .gives_way = true,
	    .idle_s = METRICS_IDLE_S,
	    .handler = routes_metrics,
	    .context = service};
	service->local = http_start(event, &local);
	if (service->local && service->control->has_metrics)
		service->metrics = http_start(event, &metrics);
	return service->local && (service->metrics || !service->control->has_metrics);
}

static void service_configure(void *part)
{
	struct service *service = part;
	if (!service->local && !start(service))
		sd_event_exit(service->control->event, EXIT_FAILURE);
}

static void service_changed(void *part)
{
	struct service *service = part;
	events_changed(service->events);
	pages_changed(service->pages);
}

static void service_reloaded(void *part)
{
	struct service *service = part;
	reload_answered(service->reload, &service->control->reloaded);
}

static int service_open(void *part, struct control *control)
{
	struct service *service = part;
	service->control = control;
	struct group *group = control->parts[PART_GROUP];
	service->events = events_new(control->event, control->board, group);
	if (group) {
		group->on_news = service_changed;
		group->news_context = service;
	}
	service->reload = reload_new(control->event);
	service->pages = pages_new(service, control->event);
	return service->events && service->reload && service->pages ? 0 : -ENOMEM;
}

/* Whoever waits is answered before the server stops. */
static void service_close(void *part)
{
	struct service *service = part;
	struct group *group = service->control ? service->control->parts[PART_GROUP] : NULL;
	if (group)
		group->on_news = NULL; /* it is closed after us, and has news even then */
	events_stop(service->events);
	pages_stop(service->pages);
	reload_free(service->reload);
	http_stop(service->local);
	http_stop(service->metrics);
	free(service->events);
	pages_free(service->pages);
	free(service->metrics_text);
}

const struct part part_http = {.size = sizeof(struct service),
    .open = service_open,
    .configure = service_configure,
    .changed = service_changed,
    .reloaded = service_reloaded,
    .close = service_close};
