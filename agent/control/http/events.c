/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board's ring of transitions, as a list or as a stream.
 *
 * A follower has no queue. It remembers the number of its next event, and reads that from the ring when its
 * client has taken the line before. A client that reads too slowly for the ring gets a line with the number
 * of lost ones.
 */
#include "control/http/events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "control/group/group.h"
#include "control/http/followers.h"
#include "control/report/group.h"
#include "control/report/timeline.h"
#include "control/text.h"
#include "vipd/log.h"

#define FOLLOWERS_MAX 32

struct events {
	const struct board *board;
	struct group *group; /* NULL: there is none */
	struct followers followers;
};

struct reader {
	struct follower follower;
	struct events *events;
	uint64_t next;
	uint64_t next_news; /* of the group: these have no number */
	bool moves;	    /* who holds what, too */
	uint64_t move;	    /* the last change of the timeline that it has */
	char *line;	    /* being sent; NULL: none */
	size_t line_size;
	size_t line_sent;
};

static uint64_t last_number(const struct events *events)
{
	return atomic_load(&events->board->event_count);
}

/* The oldest that is still in the ring. */
static uint64_t first_number(const struct events *events)
{
	uint64_t last = last_number(events);
	return last > BOARD_EVENTS_MAX ? last - BOARD_EVENTS_MAX + 1 : 1;
}

static json_t *event_json(const struct group *group, const struct board_event *event)
{
	return json_pack("{s:I, s:o, s:o, s:i, s:o, s:s, s:s, s:o, s:s, s:i}", "number",
	    (json_int_t)event->number, "at", text_json_time(event->at_realtime_us), "router",
	    text_json(event->router, sizeof event->router), "vrid", event->id.vrid, "interface",
	    text_json(event->id.interface, sizeof event->id.interface), "from", vrrp_state_name(event->from),
	    "to", vrrp_state_name(event->to), "reason",
	    group_words_json(group, &event->id, event->reason_text, sizeof event->reason_text), "code",
	    vrrp_reason_name(event->reason), "effective_priority", event->effective_priority);
}

/* What happened in the group: it has no number, because it is not on the board. */
static json_t *news_json(const struct group_event *event)
{
	char address[ADDRESS_TEXT_MAX];
	const struct roster_news *news = &event->news;
	if (event->clients)
		return json_pack("{s:o, s:o, s:i, s:o, s:s, s:I}", "at", text_json_time(event->at_us),
		    "router", text_json(event->router, sizeof event->router), "vrid", event->id.vrid,
		    "interface", text_json(event->id.interface, sizeof event->id.interface), "event", "told",
		    "clients", (json_int_t)event->clients);
	return json_pack("{s:o, s:o, s:i, s:o, s:s, s:o, s:s, s:b, s:I}", "at", text_json_time(event->at_us),
	    "router", text_json(event->router, sizeof event->router), "vrid", event->id.vrid, "interface",
	    text_json(event->id.interface, sizeof event->id.interface), "event",
	    roster_event_name(news->event), "member", text_json(news->node, sizeof news->node), "address",
	    address_format(&news->source, address), "rebooted", news->rebooted, "after_ms",
	    (json_int_t)(news->after_us / USEC_PER_MS));
}

static json_t *news_step(struct reader *f)
{
	const struct group *group = f->events->group;
	if (!group || f->next_news >= group->event_count)
		return NULL;
	if (group->event_count - f->next_news > GROUP_EVENTS_MAX)
		f->next_news = group->event_count - GROUP_EVENTS_MAX;
	return news_json(&group->events[f->next_news++ % GROUP_EVENTS_MAX]);
}

/* Who has begun or ceased to hold it. */
static json_t *move_step(struct reader *f)
{
	const struct holding *holding =
	    f->moves ? timeline_next(&f->events->group->history->timeline, f->move) : NULL;
	if (!holding)
		return NULL;
	f->move = holding->change;
	json_t *json = holding_json(holding, history_wall_us(f->events->group));
	json_object_set_new(json, "event", json_string("holder"));
	return json;
}

/* The next line of a stream: an event, or how many were lost. NULL: nothing new, or no memory. */
static json_t *reader_step(struct reader *f)
{
	struct board_event event;
	uint64_t first = first_number(f->events);
	if (f->next > last_number(f->events)) {
		json_t *news = news_step(f);
		return news ? news : move_step(f);
	}
	if (f->next >= first && board_read_event(f->events->board, f->next, &event)) {
		f->next++;
		return event_json(f->events->group, &event);
	}
	/* It may have been overwritten since `first` was read, so at least this one is lost. */
	uint64_t lost = f->next < first ? first - f->next : 1;
	f->next += lost;
	return json_pack("{s:I}", "lost", (json_int_t)lost);
}

static bool reader_line(struct reader *f)
{
	json_t *json = reader_step(f);
	f->line = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!f->line)
		return false;
	f->line_size = strlen(f->line) + 1;
	f->line[f->line_size - 1] = '\n'; /* sent with its size, needs no NUL */
	f->line_sent = 0;
	return true;
}

static ssize_t reader_fill(struct follower *follower, char *out, size_t room)
{
	struct reader *f = (struct reader *)follower;
	size_t filled = 0;
	while (filled < room && (f->line || reader_line(f))) {
		size_t left = f->line_size - f->line_sent;
		size_t n = left < room - filled ? left : room - filled;
		memcpy(out + filled, f->line + f->line_sent, n);
		filled += n;
		f->line_sent += n;
		if (f->line_sent == f->line_size) {
			free(f->line);
			f->line = NULL;
		}
	}
	return (ssize_t)filled;
}

static void reader_free(struct follower *follower)
{
	struct reader *f = (struct reader *)follower;
	free(f->line);
	free(f);
}

struct events *events_new(sd_event *event, const struct board *board, struct group *group)
{
	struct events *events = calloc(1, sizeof *events);
	if (!events)
		return NULL;
	events->board = board;
	events->group = group;
	/* EPOLLHUP alone: a client that only closes its sending side still reads. */
	events->followers = (struct followers){.event = event,
	    .type = "application/x-ndjson",
	    .gone_when = EPOLLHUP,
	    .fill = reader_fill,
	    .free = reader_free};
	return events;
}

void events_stop(struct events *events)
{
	if (events)
		followers_stop(&events->followers);
}

void events_changed(struct events *events)
{
	followers_wake(&events->followers);
}

static void follow(struct events *events, struct http_request *request, uint64_t next, bool moves)
{
	if (events->followers.stopping) {
		http_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "vipd is stopping");
		return;
	}
	if (events->followers.count >= FOLLOWERS_MAX) {
		http_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "%d clients follow the events already; close one, or ask without follow=1",
		    FOLLOWERS_MAX);
		return;
	}
	struct reader *f = calloc(1, sizeof *f);
	if (f) {
		f->events = events;
		f->next = next;
		f->next_news = events->group ? events->group->event_count : 0;
		f->moves = events->group && moves;
		f->move = events->group ? events->group->history->timeline.changes : 0;
	}
	followers_add(&events->followers, request, f ? &f->follower : NULL);
}

static const char *time_of(const json_t *item)
{
	return json_string_value(json_object_get(item, "at"));
}

/* Into the order of time; what happened before `next` was not asked for. */
static void merge_news(struct reader *reader, json_t *items, uint64_t next)
{
	struct board_event before;
	char since[TEXT_TIME_MAX] = "";
	json_t *item;
	if (next > 1 && board_read_event(reader->events->board, next - 1, &before))
		text_time(before.at_realtime_us, since);
	while ((item = news_step(reader))) {
		size_t at = json_array_size(items);
		while (at > 0 && strcmp(time_of(json_array_get(items, at - 1)), time_of(item)) > 0)
			at--;
		if (strcmp(time_of(item), since) > 0)
			json_array_insert_new(items, at, item);
		else
			json_decref(item);
	}
}

static void list(struct events *events, struct http_request *request, uint64_t next)
{
	struct reader reader = {.events = events, .next = next};
	uint64_t last = last_number(events), lost = 0;
	json_t *items = json_array();
	while (reader.next <= last) {
		json_t *item = reader_step(&reader);
		json_t *gap = json_object_get(item, "lost");
		lost += (uint64_t)json_integer_value(gap);
		if (gap || !item)
			json_decref(item);
		else
			json_array_append_new(items, item);
	}
	merge_news(&reader, items, next);
	http_reply_json(
	    request, MHD_HTTP_OK, json_pack("{s:o, s:I}", "events", items, "lost", (json_int_t)lost));
}

/* Reads ?name=N. Returns false (answered) if it is there and no number; *found says whether it is there. */
static bool number_argument(struct http_request *request, const char *name, uint64_t *value, bool *found)
{
	const char *text = http_argument(request, name);
	*found = text != NULL;
	if (!text)
		return true;
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (!strchr("0123456789", *text) || !*text || *end || errno || number > INT64_MAX) {
		http_reply_error(request, MHD_HTTP_BAD_REQUEST,
		    "%s=%s is not a number; write one, as in %s=10", name, text, name);
		return false;
	}
	*value = number;
	return true;
}

/* The same for ?name=0 or 1; without it, 0. */
static bool flag_argument(struct http_request *request, const char *name, bool *value)
{
	const char *text = http_argument(request, name);
	*value = text && strcmp(text, "1") == 0;
	if (!text || *value || strcmp(text, "0") == 0)
		return true;
	http_reply_error(request, MHD_HTTP_BAD_REQUEST, "%s=%s: it is 0 or 1", name, text);
	return false;
}

void events_get(struct events *events, struct http_request *request)
{
	uint64_t since = 0, last = 0, end = last_number(events);
	bool has_since, has_last;
	if (!number_argument(request, "since", &since, &has_since) ||
	    !number_argument(request, "last", &last, &has_last))
		return;
	bool follows, moves;
	if (!flag_argument(request, "follow", &follows) || !flag_argument(request, "group", &moves))
		return;
	/* Without `since`, what has left the ring was not asked for. */
	uint64_t next = has_since ? since + 1 : first_number(events);
	if (next > end + 1) /* of an earlier vipd: numbers begin at 1 when it starts */
		next = first_number(events);
	if (has_last && end + 1 - (end < last ? end : last) > next)
		next = end + 1 - (end < last ? end : last);
	if (follows)
		follow(events, request, next, moves);
	else
		list(events, request, next);
}
