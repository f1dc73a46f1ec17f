/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two listeners, and everything that is asked by HTTP.
 */
#pragma once

#include "control/http/server.h"
#include "vipd/mono.h"

struct control;
struct view;

/* PART_HTTP; of the http room alone. */
struct service {
	struct control *control;
	struct events *events;
	struct reload *reload;
	struct pages *pages;
	struct http *local;   /* the Unix socket */
	struct http *metrics; /* NULL: off */
	char *metrics_text;   /* the last answer, shared for a moment: see routes.c */
	size_t metrics_length;
	struct mono metrics_due; /* the next one is written */
};

/* What an answer is made from. Returns as view_take(); view_free() it after either. */
int service_look(struct service *service, struct view *view);

/* http_handler; context: struct service. All routes, and those that are for the metrics listener. */
void routes_local(void *context, struct http_request *request);
void routes_metrics(void *context, struct http_request *request);
