/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/reload: asks the guardian to read the configuration again, and answers with what came of it.
 */
#pragma once

#include <systemd/sd-event.h>

#include "control/http/server.h"
#include "vipd/message.h"

struct reload;

/* Returns NULL without memory. */
struct reload *reload_new(sd_event *event);

/* Answers everybody who waits; before http_stop(). */
void reload_free(struct reload *reload);

/* Holds the request until the guardian has answered, ten seconds at most. */
void reload_post(struct reload *reload, struct http_request *request);

/* MESSAGE_RELOADED has come. */
void reload_answered(struct reload *reload, const struct message *message);
