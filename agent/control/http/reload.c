/*
 * One question to the guardian at a time. A request that comes while one is out waits for the next: its
 * client may have changed the file after the guardian read it. That next one answers everybody who came
 * meanwhile.
 */
#include "control/http/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vipd/log.h"
#include "vipd/mono.h"

#define ANSWER_MAX_US (10 * USEC_PER_SEC)
#define WAITING_MAX   32

struct waiter {
	struct reload *reload;
	struct http_request *request;
	sd_event_source *timeout;
	bool asked; /* the question that is out is this one's */
	struct waiter *next;
};

struct reload {
	sd_event *event;
	bool out; /* a question is */
	unsigned count;
	struct waiter *waiting;
};

struct reload *reload_new(sd_event *event)
{
	struct reload *reload = calloc(1, sizeof *reload);
	if (reload)
		reload->event = event;
	return reload;
}

/* Takes the waiter out and returns its request, which must now be answered. */
static struct http_request *waiter_end(struct waiter *waiter)
{
	struct http_request *request = waiter->request;
	struct waiter **link = &waiter->reload->waiting;
	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	waiter->reload->count--;
	sd_event_source_disable_unref(waiter->timeout);
	free(waiter);
	return request;
}

static int on_timeout(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	log_warning("the guardian did not answer a reload within 10s");
	http_reply_error(waiter_end(context), MHD_HTTP_GATEWAY_TIMEOUT,
	    "vipd did not answer the reload within 10s, and may still do it; look at: journalctl -u vipd");
	return 0;
}

static int ask(struct reload *reload)
{
	struct message message = {.type = MESSAGE_RELOAD};
	int r = message_send(FD_GUARDIAN, &message, NULL);
	if (r < 0)
		return r;
	reload->out = true;
	for (struct waiter *w = reload->waiting; w; w = w->next)
		w->asked = true;
	return 0;
}

static struct waiter *waiter_new(struct reload *reload, struct http_request *request)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	if (!waiter)
		return NULL;
	*waiter = (struct waiter){.reload = reload, .request = request, .next = reload->waiting};
	if (sd_event_add_time_relative(
		reload->event, &waiter->timeout, CLOCK_MONOTONIC, ANSWER_MAX_US, 0, on_timeout, waiter) < 0) {
		free(waiter);
		return NULL;
	}
	reload->waiting = waiter;
	reload->count++;
	return waiter;
}

void reload_post(struct reload *reload, struct http_request *request)
{
	if (reload->count >= WAITING_MAX) {
		http_reply_error(
		    request, MHD_HTTP_SERVICE_UNAVAILABLE, "%d reloads are waiting already", WAITING_MAX);
		return;
	}
	struct waiter *waiter = waiter_new(reload, request);
	if (!waiter) {
		http_reply(request, 0, NULL);
		return;
	}
	int r = reload->out ? 0 : ask(reload);
	if (r < 0)
		http_reply_error(waiter_end(waiter), MHD_HTTP_SERVICE_UNAVAILABLE,
		    "cannot ask vipd to reload: %s; look at: systemctl status vipd", strerror(-r));
	else
		http_hold(request);
}

static void reply(struct http_request *request, const struct message *message)
{
	if (message->reloaded.ok)
		http_reply_json(request, MHD_HTTP_OK, json_pack("{s:b}", "reloaded", 1));
	else
		http_reply_error(request, MHD_HTTP_UNPROCESSABLE_CONTENT, "%.*s",
		    (int)sizeof message->reloaded.text, message->reloaded.text);
}

void reload_answered(struct reload *reload, const struct message *message)
{
	reload->out = false;
	struct waiter *next;
	for (struct waiter *w = reload->waiting; w; w = next) {
		next = w->next;
		if (w->asked)
			reply(waiter_end(w), message);
	}
	if (!reload->waiting)
		return;
	int r = ask(reload);
	if (r < 0)
		log_error("cannot ask the guardian to reload: %s", strerror(-r));
}

void reload_stop(struct reload *reload)
{
	if (!reload)
		return;
	struct waiter *next;
	for (struct waiter *w = reload->waiting; w; w = next) {
		next = w->next;
		http_reply_error(waiter_end(w), MHD_HTTP_SERVICE_UNAVAILABLE, "vipd is stopping");
	}
}
