/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel to the engine: verdicts go out, news of transitions comes in.
 *
 * A verdict that changes is sent at once, any other before it expires at the engine: they expire there in
 * case this process dies. Not every verdict is sent, because each message wakes a realtime process.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"
#include "vipd/log.h"
#include "vipd/mono.h"

#define RENEWALS 3 /* while what was said is valid */

/* The last verdict on a virtual router. */
struct said {
	bool known;
	struct mono renew; /* said again by then, changed or not */
	struct verdict verdict;
};

struct channel {
	struct control *control;
	bool full;
	struct said said[CONFIG_ROUTERS_MAX]; /* parallel to config->routers */
};

static void say(struct channel *channel, struct said *said)
{
	const struct verdict *verdict = &said->verdict;
	const struct config_router *router = &channel->control->config->routers[verdict->router];
	struct message message = {.type = MESSAGE_HEALTH};
	message.health.router = router->id;
	message.health.grade = (uint8_t)verdict->health;
	message.health.lowered = verdict->lowered;
	message.health.valid_ms = verdict->valid_ms;
	memcpy(message.health.text, verdict->text, sizeof verdict->text);
	int r = message_send(FD_CHANNEL, &message, NULL);
	if (r < 0 && !channel->full)
		log_warning(
		    "the engine does not take the results of the checks: %s; still trying", strerror(-r));
	channel->full = r < 0;
	said->renew = mono_add(mono_now(), r < 0 ? 0 : verdict->valid_ms * USEC_PER_MS / RENEWALS);
}

static void channel_verdict(void *part, const struct verdict *verdict)
{
	struct channel *channel = part;
	struct said *said = &channel->said[verdict->router];
	if (said->known && said->verdict.health == verdict->health &&
	    said->verdict.lowered == verdict->lowered && !strcmp(said->verdict.text, verdict->text) &&
	    !mono_reached(mono_now(), said->renew))
		return;
	said->known = true;
	said->verdict = *verdict;
	say(channel, said);
}

static void channel_configure(void *part)
{
	struct channel *channel = part;
	/* The routers may have other numbers now. Memory that is not used is not touched. */
	for (int i = 0; i < CONFIG_ROUTERS_MAX; i++)
		if (channel->said[i].known)
			channel->said[i].known = false;
}

static int on_engine(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)events;
	struct channel *channel = context;
	struct message message;
	int fds[MESSAGE_FDS];
	int r = message_receive(fd, &message, fds);
	if (r == -EAGAIN)
		return 0;
	if (r < 0 && r != -EPROTO) {
		log_error("the channel to the engine is broken: %s; checks and drain do not reach it until "
			  "vipd is restarted",
		    strerror(-r));
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	if (r == -EPROTO) {
		log_warning("ignored a malformed message from the engine");
		return 0;
	}
	for (int i = 0; i < MESSAGE_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	for (int i = 0; message.type == MESSAGE_HELLO && i < CONFIG_ROUTERS_MAX; i++) {
		if (channel->said[i].known)
			say(channel, &channel->said[i]);
	}
	/* HELLO, too: the engine before may have died before it could report its last transition. */
	if (message.type == MESSAGE_HELLO || message.type == MESSAGE_CHANGED)
		parts_changed(channel->control);
	return 0;
}

static int channel_open(void *part, struct control *control)
{
	struct channel *channel = part;
	channel->control = control;
	return sd_event_add_io(control->event, NULL, FD_CHANNEL, EPOLLIN, on_engine, channel);
}

const struct part part_channel = {.size = sizeof(struct channel),
    .open = channel_open,
    .configure = channel_configure,
    .verdict = channel_verdict};
