/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the program `notify` of the configuration on every transition: one at a time, in their order.
 *
 * The board is the queue. It keeps the last BOARD_EVENTS_MAX transitions: a program that is too slow loses
 * the oldest ones, which is logged, and nothing else waits for it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/command.h"
#include "control/control.h"
#include "control/text.h"
#include "vipd/log.h"

#define TIME_LIMIT_US (10 * USEC_PER_SEC)
#define VARIABLE_MAX  1024
#define VARIABLES_MAX 16

struct notify {
	struct control *control;
	struct command *command;
	bool running;
	uint64_t next;		      /* number of the next transition */
	char router[CONFIG_NAME_MAX]; /* whose transition is told now */
};

struct environment {
	char texts[VARIABLES_MAX][VARIABLE_MAX];
	char *list[VARIABLES_MAX + 1];
	unsigned count;
};

__attribute__((format(printf, 3, 4))) static void add(
    struct environment *environment, const char *name, const char *format, ...)
{
	char *text = environment->texts[environment->count];
	size_t length = (size_t)snprintf(text, VARIABLE_MAX, "%s=", name);
	va_list args;
	va_start(args, format);
	vsnprintf(text + length, VARIABLE_MAX - length, format, args);
	va_end(args);
	environment->list[environment->count++] = text;
}

static void add_addresses(
    struct environment *environment, const struct config *config, const struct board_event *event)
{
	char list[CONFIG_ADDRESSES_MAX * ADDRESS_TEXT_MAX] = "";
	const struct config_router *router = config_router_of(config, &event->id);
	for (unsigned i = 0; router && i < router->address_count; i++) {
		size_t length = strlen(list);
		char text[ADDRESS_TEXT_MAX];
		address_format(&router->addresses[i], text);
		snprintf(list + length, sizeof list - length, "%s%s", i ? " " : "", text);
	}
	add(environment, "VIPD_ADDRESSES", "%s", list);
}

static void describe(
    const struct notify *notify, const struct board_event *event, struct environment *environment)
{
	char time[TEXT_TIME_MAX];
	add(environment, "PATH", "%s", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add(environment, "VIPD_NODE", "%s", notify->control->config->node);
	add(environment, "VIPD_ROUTER", "%.*s", (int)sizeof event->router, event->router);
	add(environment, "VIPD_VRID", "%u", event->id.vrid);
	add(environment, "VIPD_INTERFACE", "%.*s", (int)sizeof event->id.interface, event->id.interface);
	add_addresses(environment, notify->control->config, event);
	add(environment, "VIPD_FROM", "%s", vrrp_state_name(event->from));
	add(environment, "VIPD_STATE", "%s", vrrp_state_name(event->to));
	add(environment, "VIPD_REASON", "%.*s", (int)sizeof event->reason_text, event->reason_text);
	add(environment, "VIPD_CODE", "%s", vrrp_reason_name(event->reason));
	add(environment, "VIPD_NUMBER", "%" PRIu64, event->number);
	add(environment, "VIPD_AT", "%s", text_time(event->at_realtime_us, time));
}

static bool take(struct notify *notify, struct board_event *event)
{
	uint64_t last = atomic_load(&notify->control->board->event_count), lost = 0;
	if (notify->next > last)
		return false;
	if (last - notify->next >= BOARD_EVENTS_MAX) {
		lost = last - notify->next - BOARD_EVENTS_MAX + 1;
		notify->next += lost;
	}
	while (notify->next <= last && !board_read_event(notify->control->board, notify->next, event)) {
		notify->next++;
		lost++;
	}
	if (lost)
		log_warning("notify: %s is too slow: %" PRIu64 " transitions were left out",
		    notify->control->config->notify, lost);
	return notify->next++ <= last;
}

static void run_next(struct notify *notify)
{
	struct board_event event;
	while (!notify->running && take(notify, &event)) {
		char path[CONFIG_PATH_MAX];
		char *const words[] = {path, NULL};
		struct environment environment = {.count = 0};
		memcpy(path, notify->control->config->notify, sizeof path);
		memcpy(notify->router, event.router, sizeof notify->router);
		describe(notify, &event, &environment);
		int r = command_start(notify->command, words, environment.list, TIME_LIMIT_US);
		if (r < 0)
			log_router(LOG_LEVEL_WARNING, notify->router, "notify: cannot run %s: %s", path,
			    r == -EBUSY ? "the one before hangs in the kernel" : strerror(-r));
		notify->running = r == 0;
	}
}

static void notify_changed(void *part)
{
	struct notify *notify = part;
	const struct config *config = notify->control->config;
	if (!config) /* what has happened until then is told, too */
		return;
	if (config->notify[0])
		run_next(notify);
	else if (!notify->running)
		notify->next = atomic_load(&notify->control->board->event_count) + 1;
}

static void on_done(void *context, const struct command_result *result)
{
	struct notify *notify = context;
	char text[256];
	if (result->end != COMMAND_EXITED || result->number != 0) {
		command_describe(result, TIME_LIMIT_US, text, sizeof text);
		log_router(LOG_LEVEL_WARNING, notify->router, "notify: transition %" PRIu64 ": %s",
		    notify->next - 1, text);
	}
	notify->running = false;
	notify_changed(notify);
}

/* Begins with the transitions that come after this. */
static int notify_open(void *part, struct control *control)
{
	struct notify *notify = part;
	notify->control = control;
	notify->next = atomic_load(&control->board->event_count) + 1;
	notify->command = command_new(control->event, on_done, notify);
	return notify->command ? 0 : -ENOMEM;
}

static void notify_close(void *part)
{
	command_free(((struct notify *)part)->command);
}

const struct part part_notify = {
    .size = sizeof(struct notify), .open = notify_open, .changed = notify_changed, .close = notify_close};
