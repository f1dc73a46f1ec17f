/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for browsers: made once for all who look at it, at most ten times a second, and only while
 * somebody does.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/http/server.h"

struct pages;
struct service;

/* Returns NULL without memory. */
struct pages *pages_new(struct service *service, sd_event *event);

/* Ends every stream; before http_stop(). pages_free() after it. NULL is fine. */
void pages_stop(struct pages *pages);
void pages_free(struct pages *pages);

/* There is something new to show. */
void pages_changed(struct pages *pages);

/* GET /, /page.json, /page/events */
void pages_get_document(struct pages *pages, struct http_request *request);
void pages_get_model(struct pages *pages, struct http_request *request);
void pages_get_events(struct pages *pages, struct http_request *request);
