/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `events`: the transitions, one line each, as they were or as they happen.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"
#include "vipctl/moves.h"
#include "vipctl/show.h"

#define LAST_WHEN_FOLLOWING "10"

/* A row: what happened, with its time and what else `begin` has before it. In a terminal words that have no
 * room go on below. */
static void row_print(const struct vipctl *ctl, const char *begin, enum colour colour, char *text)
{
	bool coloured = ctl->colour && colour != COLOUR_NONE;
	fputs(begin, stdout);
	colour_set(stdout, coloured, colour);
	sentence_print(stdout, terminal_width(), (int)strlen(begin), text_tame(text));
	colour_set(stdout, coloured, COLOUR_NONE);
	putchar('\n');
}

/* Somebody of the group has joined, is lost, is back, or has stopped. */
static void news_format(const json_t *event, char *line, size_t room)
{
	char away[SHOW_TEXT_MAX] = "", change[256];
	int64_t after_ms = member_number(event, "after_ms");
	snprintf(change, sizeof change, "%s %s", member_text(event, "member"), member_text(event, "event"));
	if (after_ms)
		show_duration(after_ms, away);
	snprintf(line, room, "%-8s  %-20s  %s%s%s%s", member_text(event, "router"), change,
	    member_text(event, "address"), *away ? ", after " : "", away,
	    member_true(event, "rebooted") ? ", rebooted" : "");
}

/* This node has taken over. */
static void told_format(const json_t *event, char *line, size_t room)
{
	int clients = (int)member_number(event, "clients");
	snprintf(line, room, "%-8s  told %d client%s to connect anew", member_text(event, "router"), clients,
	    clients == 1 ? "" : "s");
}

static void transition_format(const json_t *event, char *line, size_t room)
{
	char change[64];
	snprintf(change, sizeof change, "%s -> %s", member_text(event, "from"), member_text(event, "to"));
	snprintf(line, room, "%-8s  %-20s  %s", member_text(event, "router"), change,
	    member_text(event, "reason"));
}

static void event_print(const struct vipctl *ctl, const json_t *event)
{
	char time[SHOW_TEXT_MAX], begin[SHOW_TEXT_MAX + 2], line[512];
	const json_t *lost = json_object_get(event, "lost");
	const char *news = member_text(event, "event"), *to = member_text(event, "to");
	if (lost) {
		printf("(%lld transitions are not recorded any more)\n", (long long)json_integer_value(lost));
		return;
	}
	if (strcmp(news, "told") == 0)
		told_format(event, line, sizeof line);
	else if (*news)
		news_format(event, line, sizeof line);
	else
		transition_format(event, line, sizeof line);
	snprintf(begin, sizeof begin, "%s  ", show_time(member_text(event, "at"), time));
	row_print(ctl, begin,
	    strcmp(to, "fault") == 0	? COLOUR_BAD
	    : strcmp(to, "active") == 0 ? COLOUR_GOOD
					: COLOUR_NONE,
	    line);
}

struct following {
	const struct vipctl *ctl;
	long long number; /* of the last one seen; -1: none yet */
	bool lost;	  /* the agent, and that was told */
};

static bool follow_line(void *context, char *line)
{
	struct following *following = context;
	if (following->lost)
		fputs("vipctl: the agent is back\n", stderr);
	following->lost = false;
	if (!*line)
		return true;
	json_t *event = json_loads(line, 0, NULL);
	const json_t *number = json_object_get(event, "number");
	if (json_is_integer(number))
		following->number = json_integer_value(number);
	if (following->ctl->json)
		puts(line);
	else if (json_is_object(event))
		event_print(following->ctl, event);
	else
		fprintf(stderr, "vipctl: not understood: %s\n", text_tame(line));
	json_decref(event);
	return fflush(stdout) == 0;
}

/* Whoever follows does so through a restart of vipd. Without an agent at the begin it says so and ends. */
static int follow(const struct vipctl *ctl, const char *last)
{
	struct following following = {.ctl = ctl, .number = -1};
	struct vipctl quiet = *ctl;
	char path[128];
	snprintf(path, sizeof path, "/v1/events?follow=1&last=%s", last);
	for (;;) {
		int result = call_follow(&quiet, path, follow_line, &following);
		bool first = !quiet.complaints;
		if (result == EXIT_FINE || result == EXIT_REFUSED || (result == EXIT_UNREACHABLE && first))
			return result;
		if (!following.lost)
			fputs("vipctl: the agent has ended: waiting for it; systemctl status vipd\n", stderr);
		following.lost = true;
		if (first && !(quiet.complaints = fopen("/dev/null", "we")))
			return EXIT_UNREACHABLE;
		if (following.number >= 0)
			snprintf(path, sizeof path, "/v1/events?follow=1&since=%lld", following.number);
		sleep(1);
	}
}

static int list(const struct vipctl *ctl, const char *path)
{
	json_t *answer, *event;
	char *raw;
	size_t i;
	int result = call_json(ctl, "GET", path, &answer, &raw);
	if (result != EXIT_FINE)
		return result;
	if (ctl->json) {
		raw_print(raw);
	} else {
		json_array_foreach(json_object_get(answer, "events"), i, event) event_print(ctl, event);
	}
	free(raw);
	json_decref(answer);
	return EXIT_FINE;
}

/* ---- of the group ---- */

/* number: for `explain` */
static void move_print(
    const struct vipctl *ctl, size_t number, const struct move *move, const json_t *timeline)
{
	char time[SHOW_TEXT_MAX], begin[SHOW_TEXT_MAX + 32], text[CELL_MAX], reason[CELL_MAX],
	    line[3 * CELL_MAX];
	snprintf(begin, sizeof begin, "%3zu  %s  ", number, show_time(move->at, time));
	snprintf(line, sizeof line, "%-8s  %-26s  %s", move->router, move_text(move, text),
	    move_reason(move, timeline, reason));
	row_print(ctl, begin, COLOUR_NONE, line);
}

/* The last `last` of them; 0: all. */
static int moves_list(const struct vipctl *ctl, size_t last)
{
	json_t *timeline;
	char *raw;
	int result = call_json(ctl, "GET", "/v1/timeline", &timeline, &raw);
	if (result != EXIT_FINE)
		return result;
	struct moves moves = moves_of(timeline);
	size_t first = last && moves.count > last ? moves.count - last : 0;
	if (ctl->json)
		raw_print(raw);
	for (size_t i = first; i < moves.count && !ctl->json; i++)
		move_print(ctl, moves.count - i, &moves.items[i], timeline);
	free(moves.items);
	free(raw);
	json_decref(timeline);
	return EXIT_FINE;
}

const struct cli_option events_options[] = {
    {'g', "group", NULL, "who held each address, and why it moved: of the whole group, of a day"},
    {'f', "follow", NULL, "go on with each new one when it happens; begins with the last 10"},
    {'n', "last", "N", "only the last N"},
    {0},
};

int command_events(const struct vipctl *ctl)
{
	char path[128];
	const char *last = option_value(ctl, 'n');
	if (last && (!*last || strspn(last, "0123456789") != strlen(last) || strlen(last) > 9))
		usage_error("-n %s: that is not a number of events", last);
	if (option_value(ctl, 'g') && option_value(ctl, 'f'))
		usage_error("--group shows what was; without --group, -f goes on with what happens");
	if (option_value(ctl, 'g'))
		return moves_list(ctl, last ? (size_t)atoi(last) : 0);
	if (option_value(ctl, 'f'))
		return follow(ctl, last ? last : LAST_WHEN_FOLLOWING);
	snprintf(path, sizeof path, "/v1/events%s%s", last ? "?last=" : "", last ? last : "");
	return list(ctl, path);
}
