/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See pages.h. What is sent is a frame, the same bytes for every viewer, kept until the last of them has
 * taken it. A viewer that is not done with one when the next is made gets the newest when it is; one that
 * takes too long is dropped. Nobody waits for a viewer.
 */
#include "control/http/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "control/control.h"
#include "control/group/group.h"
#include "control/http/callers.h"
#include "control/http/followers.h"
#include "control/http/service.h"
#include "control/page/page.h"
#include "control/report/report.h"
#include "control/report/timeline.h"
#include "vipd/address.h"
#include "vipd/mono.h"

#define VIEWERS_MAX    128
#define VIEWERS_OF_ONE 4 /* address or user: half of the connections that one may have are left */
#define AGE_MAX_US     USEC_PER_SEC
#define AGE_MIN_US     (100 * USEC_PER_MS) /* when something has changed */
#define COST_SHARE     50		   /* of the time: with 255 virtual routers a page takes a while */
#define BEAT_US	       (5 * USEC_PER_SEC)  /* page.js waits for 12 s */
#define BEAT	       "event:beat\ndata:\n\n"
#define SLOW_US	       (10 * USEC_PER_SEC)
#define SEND_BUFFER    (32 * 1024) /* of a viewer's socket; by itself it grows to megabytes if nobody reads */

struct frame {
	unsigned users;
	size_t size;
	char *bytes;
};

struct pages {
	struct service *service;
	struct followers viewers;
	sd_event_source *timer;
	struct mono made; /* all of what follows */
	int64_t took_us;
	bool changed; /* since then */
	json_t *model;
	char *document;
	size_t document_size;
	struct frame *frame;
	struct frame *beat;	/* what is sent when nothing is new */
	uint64_t frames, beats; /* ever */
	struct mono spoke;	/* when the last frame or beat began */
};

/* Who is at the other end: a user of this machine, or an address. */
struct peer {
	uid_t uid;
	struct address address, network;
};

struct viewer {
	struct follower follower;
	struct pages *pages;
	struct peer peer;
	int socket;
	bool ended;	     /* it is being disconnected */
	struct frame *frame; /* being sent; NULL: none */
	size_t sent;
	struct mono began;
	uint64_t frames, beats; /* what it has had */
};

static void frame_drop(struct frame *frame)
{
	if (!frame || --frame->users)
		return;
	free(frame->bytes);
	free(frame);
}

static struct frame *frame_new(char *bytes, size_t size)
{
	struct frame *frame = bytes ? malloc(sizeof *frame) : NULL;
	if (!frame) {
		free(bytes);
		return NULL;
	}
	*frame = (struct frame){.users = 1, .size = size, .bytes = bytes};
	return frame;
}

/* ---- what is shown ---- */

static bool has_routers(const json_t *model)
{
	return json_array_size(json_object_get(model, "virtual_routers")) > 0;
}

static void make(struct pages *pages)
{
	struct service *service = pages->service;
	struct view view;
	json_t *status = service_look(service, &view) < 0 ? NULL : status_json(&view), *model = NULL;
	view_free(&view);
	struct group *group = service->control->parts[PART_GROUP];
	json_t *timeline = timeline_json(&group->history->timeline, history_wall_us(group));
	size_t size = 0;
	char *document =
	    status ? page_make(status, timeline, realtime_us() / USEC_PER_MS, &model, &size) : NULL;
	json_decref(timeline);
	json_decref(status);
	/* A vipd that is about to end has no virtual router any more: the last that is seen is what was. */
	if (document && has_routers(pages->model) && !has_routers(model)) {
		json_decref(model);
		free(document);
		return;
	}
	json_decref(pages->model);
	free(pages->document);
	pages->model = model;
	pages->document = document;
	pages->document_size = size;
}

static void renew_frame(struct pages *pages)
{
	size_t size = 0;
	char *bytes = page_event(pages->model, &size);
	const struct frame *before = pages->frame;
	if (bytes && before && before->size == size && !memcmp(before->bytes, bytes, size)) {
		free(bytes);
		return;
	}
	struct frame *frame = frame_new(bytes, size);
	if (!frame)
		return;
	frame_drop(pages->frame);
	pages->frame = frame;
	pages->frames++;
}

static void renew(struct pages *pages)
{
	struct mono begin = mono_now();
	int64_t age_us = pages->changed ? AGE_MIN_US : AGE_MAX_US;
	if (age_us < pages->took_us * COST_SHARE)
		age_us = pages->took_us * COST_SHARE;
	if (pages->made.us && mono_sub(begin, pages->made) < age_us)
		return;
	make(pages);
	pages->changed = false;
	if (pages->model)
		renew_frame(pages);
	pages->made = mono_now();
	pages->took_us = mono_sub(pages->made, begin);
}

/* ---- viewers ---- */

static bool viewer_next(struct viewer *v)
{
	const struct pages *pages = v->pages;
	if (v->frames != pages->frames)
		v->frame = pages->frame;
	else if (v->beats != pages->beats)
		v->frame = pages->beat;
	if (!v->frame)
		return false;
	v->frame->users++;
	v->frames = pages->frames;
	v->beats = pages->beats;
	v->sent = 0;
	v->began = mono_now();
	return true;
}

static ssize_t viewer_fill(struct follower *follower, char *out, size_t room)
{
	struct viewer *v = (struct viewer *)follower;
	if (!v->frame && !viewer_next(v))
		return 0;
	size_t left = v->frame->size - v->sent, n = left < room ? left : room;
	memcpy(out, v->frame->bytes + v->sent, n);
	v->sent += n;
	if (n == left) {
		frame_drop(v->frame);
		v->frame = NULL;
	}
	return (ssize_t)n;
}

/* libmicrohttpd notices, and frees it. */
static void viewer_end(struct viewer *v)
{
	v->ended = true;
	shutdown(v->socket, SHUT_RDWR);
}

static void viewer_free(struct follower *follower)
{
	struct viewer *v = (struct viewer *)follower;
	frame_drop(v->frame);
	free(v);
}

static struct peer peer_of(int socket)
{
	struct peer peer = {.uid = (uid_t)-1};
	struct sockaddr_storage name;
	struct ucred user;
	socklen_t size = sizeof name, user_size = sizeof user;
	if (getpeername(socket, (struct sockaddr *)&name, &size) == 0 &&
	    address_of_sockaddr((struct sockaddr *)&name, &peer.address))
		peer.network = caller_network(&peer.address);
	else if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &user, &user_size) == 0)
		peer.uid = user.uid;
	return peer;
}

static bool is_of_address(const struct peer *a, const struct peer *b)
{
	return a->uid == b->uid && address_equal(&a->address, &b->address);
}

static bool is_of_network(const struct peer *a, const struct peer *b)
{
	return a->uid == b->uid && address_equal(&a->network, &b->network);
}

typedef bool is_alike(const struct peer *a, const struct peer *b);

/* How many of those who are like this one follow. */
static unsigned viewers_of(const struct pages *pages, const struct peer *peer, is_alike *is_counted)
{
	unsigned count = 0;
	for (const struct follower *f = pages->viewers.first; f; f = f->after) {
		const struct viewer *v = (const struct viewer *)f;
		count += !v->ended && is_counted(&v->peer, peer);
	}
	return count;
}

/*
 * One host has as many addresses as it likes. When all places are taken, the last that has come of the
 * network with the most gives way (callers.h says what a network is), unless this one's would have as many
 * then.
 */
static bool make_room(struct pages *pages, const struct peer *peer)
{
	struct viewer *found = NULL;
	unsigned all = 0, most = viewers_of(pages, peer, is_of_network) + 1;
	for (struct follower *f = pages->viewers.first; f; f = f->after) {
		struct viewer *v = (struct viewer *)f;
		unsigned count = v->ended ? 0 : viewers_of(pages, &v->peer, is_of_network);
		all += !v->ended;
		if (count > most) {
			most = count;
			found = v;
		}
	}
	if (all < VIEWERS_MAX)
		return true;
	if (!found)
		return false;
	viewer_end(found);
	return true;
}

/* Those to whom the last frame or beat has been on its way for too long: their sockets are full. */
static void end_slow(struct pages *pages, struct mono now)
{
	for (struct follower *f = pages->viewers.first; f; f = f->after) {
		struct viewer *v = (struct viewer *)f;
		if (!v->ended && !f->suspended && mono_sub(now, v->began) > SLOW_US)
			viewer_end(v);
	}
}

static int on_timer(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	struct pages *pages = context;
	uint64_t before = pages->frames;
	struct mono now = mono_now();
	if (!pages->viewers.count)
		return 0;
	end_slow(pages, now);
	renew(pages);
	if (pages->frames != before || mono_sub(now, pages->spoke) >= BEAT_US) {
		pages->beats += pages->frames == before;
		pages->spoke = now;
		followers_wake(&pages->viewers);
	}
	timer_arm(pages->timer, AGE_MAX_US);
	return 0;
}

/* ---- requests ---- */

/* What keeps others' pages from using ours. */
static void put_headers(struct http_request *request)
{
	static const char *const headers[][2] = {
	    {"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"},
	    {"Cross-Origin-Resource-Policy", "same-origin"}, {"Cross-Origin-Opener-Policy", "same-origin"},
	    {MHD_HTTP_HEADER_CONNECTION, "close"}, /* one may have few */
	};
	MHD_add_response_header(request->response, "Content-Security-Policy", page_policy());
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		MHD_add_response_header(request->response, headers[i][0], headers[i][1]);
}

void pages_get_document(struct pages *pages, struct http_request *request)
{
	renew(pages);
	http_reply_copy(
	    request, MHD_HTTP_OK, pages->document, pages->document_size, "text/html; charset=utf-8");
	put_headers(request);
}

void pages_get_model(struct pages *pages, struct http_request *request)
{
	renew(pages);
	http_reply_json(request, MHD_HTTP_OK, json_incref(pages->model));
	put_headers(request);
}

void pages_get_events(struct pages *pages, struct http_request *request)
{
	const char *site = http_header(request, "Sec-Fetch-Site");
	int socket = http_socket(request);
	struct peer peer = peer_of(socket);
	if (site && strcmp(site, "same-origin") && strcmp(site, "none")) {
		http_reply_error(request, MHD_HTTP_FORBIDDEN, "only the page itself may follow it");
		return;
	}
	if (pages->viewers.stopping || viewers_of(pages, &peer, is_of_address) >= VIEWERS_OF_ONE ||
	    !make_room(pages, &peer)) {
		http_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "too many pages are open: at most %d, and %d of one address or user", VIEWERS_MAX,
		    VIEWERS_OF_ONE);
		return;
	}
	setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER}, sizeof(int));
	struct viewer *v = calloc(1, sizeof *v);
	if (v) {
		v->pages = pages;
		v->peer = peer;
		v->socket = socket;
		v->beats = pages->beats;
		v->began = mono_now();
	}
	renew(pages);
	if (!pages->viewers.count)
		timer_arm(pages->timer, AGE_MAX_US);
	followers_add(&pages->viewers, request, v ? &v->follower : NULL);
}

void pages_changed(struct pages *pages)
{
	pages->changed = true;
	if (pages->viewers.count)
		timer_arm(pages->timer, AGE_MIN_US - mono_sub(mono_now(), pages->made));
}

struct pages *pages_new(struct service *service, sd_event *event)
{
	struct pages *pages = calloc(1, sizeof *pages);
	if (!pages)
		return NULL;
	pages->service = service;
	/* No browser closes its sending side and reads on. */
	pages->viewers = (struct followers){.event = event,
	    .type = "text/event-stream",
	    .gone_when = EPOLLHUP | EPOLLRDHUP,
	    .fill = viewer_fill,
	    .free = viewer_free};
	pages->beat = frame_new(strdup(BEAT), strlen(BEAT));
	if (!pages->beat ||
	    sd_event_add_time(event, &pages->timer, CLOCK_MONOTONIC, 0, 0, on_timer, pages) < 0) {
		pages_free(pages);
		return NULL;
	}
	sd_event_source_set_enabled(pages->timer, SD_EVENT_OFF);
	return pages;
}

void pages_stop(struct pages *pages)
{
	if (pages)
		followers_stop(&pages->viewers);
}

void pages_free(struct pages *pages)
{
	if (!pages)
		return;
	sd_event_source_disable_unref(pages->timer);
	frame_drop(pages->frame);
	frame_drop(pages->beat);
	json_decref(pages->model);
	free(pages->document);
	free(pages);
}
