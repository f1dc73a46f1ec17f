/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 on one listening socket, in the program's event loop.
 *
 * The handler is called once for each request, when all of it has been read, and answers with one of
 * http_reply_*(), at once or (after http_hold()) later. Nothing here blocks, and no client can make another
 * one wait.
 */
#pragma once

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct http;

struct http_request {
	struct http *http;
	struct MHD_Connection *connection;
	const char *path;
	const char *method;
	uid_t uid; /* of the client, once it has been asked for */
	/* of http.c */
	size_t body_size;
	bool seen;
	bool held;
	unsigned status;
	struct MHD_Response *response;
};

typedef void http_handler(void *context, struct http_request *request);

struct http_options {
	int socket;	      /* listening; stays open and usable after http_stop() */
	unsigned connections; /* at most this many at a time; more wait in the backlog */
	unsigned of_one;      /* at most this many from one address; of one user other than root */
	unsigned reserved;    /* so many of them are for root */
	bool gives_way;	      /* at that limit somebody makes room for whoever comes: see callers.h */
	unsigned idle_s;      /* a client that neither sends nor reads for so long is disconnected */
	http_handler *handler;
	void *context;
};

/* Returns the listener, or NULL (logged). `event` must outlive it. */
struct http *http_start(sd_event *event, const struct http_options *options);

/* Every held request must have been answered. NULL is fine. */
void http_stop(struct http *http);

/* Has the loop look at the connections after MHD_resume_connection(). */
void http_wake(struct http *http);

/* The value of ?name=, NULL if it is not there, "" without a value. */
const char *http_argument(const struct http_request *request, const char *name);

/* The first argument that is not in `known` (ends with NULL), NULL if there is none. */
const char *http_argument_unknown(const struct http_request *request, const char *const *known);

/* The value of a header, NULL if it is not there. */
const char *http_header(const struct http_request *request, const char *name);

/* The client's socket. */
int http_socket(const struct http_request *request);

/* The answer comes later, from outside of the handler. The connection does not time out meanwhile. */
void http_hold(struct http_request *request);

/* A response of these bytes, which are free()d, also on failure. NULL without memory, and of NULL. */
struct MHD_Response *http_response(void *bytes, size_t size, const char *type);

/* Takes over `response` (the caller's reference). NULL: 500, out of memory. */
void http_reply(struct http_request *request, unsigned status, struct MHD_Response *response);

/* text: copied; NULL: 500, out of memory. */
void http_reply_copy(
    struct http_request *request, unsigned status, const char *text, size_t size, const char *type);

/* Takes over `json`. */
void http_reply_json(struct http_request *request, unsigned status, json_t *json);

/* {"error": "…"} */
__attribute__((format(printf, 3, 4))) void http_reply_error(
    struct http_request *request, unsigned status, const char *format, ...);

void http_reply_text(struct http_request *request, unsigned status, const char *text);
