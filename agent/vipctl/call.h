/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the agent: HTTP over its Unix socket.
 */
#pragma once

#include <stddef.h>

#include "vipctl/vipctl.h"

struct reply {
	long status; /* HTTP */
	char *body;  /* terminated; the caller frees it */
	size_t size;
};

/*
 * Sends `method` for `path` ("/v1/status") and waits for the answer. Returns EXIT_FINE with *reply filled, or
 * EXIT_UNREACHABLE or EXIT_REFUSED with the reason, and what to do, on standard error and *reply empty.
 */
int call(const struct vipctl *ctl, const char *method, const char *path, struct reply *reply);

/* The same with a JSON object as the answer; *json is the caller's. `text` (may be NULL) gets the body as it
 * came. */
int call_json(const struct vipctl *ctl, const char *method, const char *path, json_t **json, char **text);

/*
 * Hands every line of an endless answer to `line`, which returns whether to go on. EXIT_ATTENTION: the agent
 * has ended; EXIT_FINE: `line` said so; EXIT_UNREACHABLE and EXIT_REFUSED as above.
 */
typedef bool line_handler(void *context, char *line);
int call_follow(const struct vipctl *ctl, const char *path, line_handler *line, void *context);

/* Gets `path` and prints the answer, byte for byte. */
int call_show(const struct vipctl *ctl, const char *path);

/* Prints an answer as it came, ending with exactly one newline. */
void raw_print(const char *body);

/* PREFIX with ?NAME=VALUE&… (escaped) behind it, without those whose value is NULL; a name that is NULL ends
 * them. Returns NULL without memory. The caller frees it. */
char *call_path(const char *prefix, const char *const arguments[][2]);
