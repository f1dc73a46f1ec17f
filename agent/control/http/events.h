/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/events: the last transitions, and with follow=1 each new one when it happens.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/http/server.h"
#include "vipd/board.h"

struct events;
struct group;

/* Returns NULL without memory; free() it after http_stop(). */
struct events *events_new(sd_event *event, const struct board *board, struct group *group);

/* Ends every stream; before http_stop(). */
void events_stop(struct events *events);

/* Answers ?since=N (those after number N), ?last=N, ?follow=1. */
void events_get(struct events *events, struct http_request *request);

/* The engine says that there may be new ones. */
void events_changed(struct events *events);
