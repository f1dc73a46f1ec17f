/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to the guardian at a time. A request that comes while one is out waits for the next one: its
 * client may have changed the file after the guardian read it. That next one answers everybody who came
 * meanwhile.
 */
#include "control/http/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/text.h"
#include "vipd/log.h"
#include "vipd/mono.h"

#define ANSWER_MAX_US (10 * USEC_PER_SEC)
#define WAITING_MAX   32

struct reload {
	sd_event_source *timeout;
	unsigned asked; /* the first so many wait for the question that is out; 0: none is */
	unsigned count;
	struct http_request *waiting[WAITING_MAX];
};

/* Takes out the oldest, which must now be answered. */
static struct http_request *take(struct reload *reload)
{
	struct http_request *request = reload->waiting[0];
	reload->count--;
	reload->asked -= reload->asked > 0;
	for (unsigned i = 0; i < reload->count; i++)
		reload->waiting[i] = reload->waiting[i + 1];
	return request;
}

/* For everybody who waits. Returns 0 or -errno. */
static int ask(struct reload *reload)
{
	int r = message_send(FD_GUARDIAN, &(struct message){.type = MESSAGE_RELOAD}, NULL);
	if (r < 0)
		return r;
	reload->asked = reload->count;
	sd_event_source_set_time_relative(reload->timeout, ANSWER_MAX_US);
	sd_event_source_set_enabled(reload->timeout, SD_EVENT_ONESHOT);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	struct reload *reload = context;
	log_warning("the guardian did not answer a reload within 10s");
	while (reload->count)
		http_reply_error(take(reload), MHD_HTTP_GATEWAY_TIMEOUT,
		    "vipd did not answer the reload within 10s, and may still do it; look at: journalctl -u "
		    "vipd");
	return 0;
}

struct reload *reload_new(sd_event *event)
{
	struct reload *reload = calloc(1, sizeof *reload);
	if (!reload)
		return NULL;
	if (sd_event_add_time(event, &reload->timeout, CLOCK_MONOTONIC, 0, 0, on_timeout, reload) < 0) {
		free(reload);
		return NULL;
	}
	sd_event_source_set_enabled(reload->timeout, SD_EVENT_OFF);
	return reload;
}

void reload_post(struct reload *reload, struct http_request *request)
{
	if (reload->count == WAITING_MAX) {
		http_reply_error(
		    request, MHD_HTTP_SERVICE_UNAVAILABLE, "%d reloads are waiting already", WAITING_MAX);
		return;
	}
	reload->waiting[reload->count++] = request;
	int r = reload->asked ? 0 : ask(reload);
	if (r == 0) {
		http_hold(request);
		return;
	}
	reload->count--;
	http_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
	    "cannot ask vipd to reload: %s; look at: systemctl status vipd", strerror(-r));
}

void reload_answered(struct reload *reload, const struct message *message)
{
	sd_event_source_set_enabled(reload->timeout, SD_EVENT_OFF);
	while (reload->asked) {
		struct http_request *request = take(reload);
		if (message->reloaded.ok)
			http_reply_json(request, MHD_HTTP_OK,
			    json_pack("{s:b, s:o}", "reloaded", 1, "warnings",
				text_json_or_null(message->reloaded.text, sizeof message->reloaded.text)));
		else
			http_reply_error(request, MHD_HTTP_UNPROCESSABLE_CONTENT, "%.*s",
			    (int)sizeof message->reloaded.text, message->reloaded.text);
	}
	int r = reload->count ? ask(reload) : 0;
	if (r < 0)
		log_error("cannot ask the guardian to reload: %s", strerror(-r));
	while (r < 0 && reload->count)
		http_reply_error(take(reload), MHD_HTTP_SERVICE_UNAVAILABLE, "cannot ask vipd to reload: %s",
		    strerror(-r));
}

void reload_free(struct reload *reload)
{
	if (!reload)
		return;
	while (reload->count)
		http_reply_error(take(reload), MHD_HTTP_SERVICE_UNAVAILABLE, "vipd is stopping");
	sd_event_source_disable_unref(reload->timeout);
	free(reload);
}
