/* SPDX-License-Identifier: Apache-2.0 */
/* See followers.h. */
#include "control/http/followers.h"

#define BLOCK_SIZE 4096

static ssize_t on_read(void *context, uint64_t position, char *out, size_t room)
{
	(void)position;
	struct follower *f = context;
	ssize_t filled = f->gone ? -1 : f->of->fill(f, out, room);
	if (filled < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!filled) {
		f->suspended = true;
		MHD_suspend_connection(f->connection);
	}
	return filled;
}

static void wake(struct follower *f)
{
	if (!f->suspended)
		return;
	f->suspended = false;
	MHD_resume_connection(f->connection);
	http_wake(f->http);
}

static int on_hangup(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)fd, (void)events;
	struct follower *f = context;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	f->gone = true;
	wake(f);
	return 0;
}

static void on_end(void *context)
{
	struct follower *f = context;
	struct follower **link = &f->of->first;
	while (*link && *link != f)
		link = &(*link)->after;
	if (*link)
		*link = f->after;
	f->of->count--;
	sd_event_source_disable_unref(f->hangup);
	f->of->free(f);
}

static struct MHD_Response *start(struct follower *f, int socket)
{
	struct followers *followers = f->of;
	f->after = followers->first;
	followers->first = f;
	followers->count++;
	struct MHD_Response *response = NULL;
	if (sd_event_add_io(followers->event, &f->hangup, socket, followers->gone_when, on_hangup, f) >= 0)
		response =
		    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_read, f, on_end);
	if (!response) {
		on_end(f);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, followers->type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	return response;
}

void followers_add(struct followers *followers, struct http_request *request, struct follower *follower)
{
	if (follower) {
		follower->of = followers;
		follower->http = request->http;
		follower->connection = request->connection;
	}
	http_reply(request, MHD_HTTP_OK, follower ? start(follower, http_socket(request)) : NULL);
}

void followers_wake(struct followers *followers)
{
	for (struct follower *f = followers->first; f; f = f->after)
		wake(f);
}

void followers_stop(struct followers *followers)
{
	followers->stopping = true;
	for (struct follower *f = followers->first; f; f = f->after) {
		f->gone = true;
		wake(f);
	}
}
