/*
 * The control process as a whole: what its parts share.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "control/checks/checks.h"
#include "control/checks/secrets.h"
#include "control/http/access.h"
#include "control/http/events.h"
#include "control/http/reload.h"
#include "control/http/server.h"
#include "control/notify.h"
#include "control/records/recorder.h"
#include "vipd/board.h"
#include "vipd/config.h"
#include "vipd/message.h"

struct control {
	sd_event *event;
	const struct board *board;
	const struct config *config; /* the image in force; NULL before the first one */
	struct secrets secrets;	     /* what the image's config_secret point into */
	int64_t started_us;	     /* wall clock: vipd's start */
	struct access access;
	struct checks *checks;
	struct events *events;
	struct notify *notify;
	struct recorder *records;
	struct reload *reload;
	struct http *local;		     /* the Unix socket */
	struct http *metrics;		     /* NULL: off */
	bool has_metrics;		     /* the guardian gave us a socket for it */
	bool has_records;		     /* and a directory for these */
	struct MHD_Response *metrics_answer; /* shared for a moment, see routes.c */
	struct mono metrics_at;
};

/* http_handler; context: struct control. All routes, and those that are for the metrics listener. */
void routes_local(void *context, struct http_request *request);
void routes_metrics(void *context, struct http_request *request);
