/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `watch` shows, the most important first: who holds it and whether somebody can take over, what is
 * wrong, the group, the checks, and as many of the last moves as there is room for.
 */
#include <stdlib.h>
#include <time.h>

#include "vipctl/group.h"
#include "vipctl/moves.h"
#include "vipctl/watch.h"

#define MOVES_MIN 3

static const char *holder_name(const json_t *status, const json_t *router, char out[static HOLDER_TEXT_MAX])
{
	const json_t *active = json_object_get(router, "active_router");
	const char *node = member_text(active, "node");
	enum holder holder = router_holder(router);
	if (holder == HOLDER_SELF)
		snprintf(out, HOLDER_TEXT_MAX, "%s (this node)", member_text(status, "node"));
	else if (holder == HOLDER_OTHER)
		snprintf(out, HOLDER_TEXT_MAX, "%s", *node ? node : member_text(active, "address"));
	else
		router_holder_text(router, out);
	return out;
}

void watch_headlines(struct page *page, const json_t *status)
{
	size_t i;
	json_t *router;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
	{
		char holder[HOLDER_TEXT_MAX], sentence[512] = "";
		const json_t *group = json_object_get(router, "group");
		enum holder who = router_holder(router);
		bool held = who == HOLDER_SELF || who == HOLDER_OTHER;
		bool spare = !json_is_object(group) || member_number(group, "can_take_over") > 0;
		if (json_is_object(group))
			group_sentence(router, sentence, sizeof sentence);
		page_sentence(page,
		    !held    ? COLOUR_BAD
		    : !spare ? COLOUR_WARN
			     : COLOUR_GOOD,
		    0, "%s: %s%s%s%s", member_text(router, "name"),
		    held ? "held by " : "HELD BY NOBODY: ", holder_name(status, router, holder),
		    *sentence ? "; " : "", sentence);
	}
}

static void header_print(const struct watch *watch, struct page *page)
{
	char now[32], at[32], up[SHOW_TEXT_MAX];
	time_t seconds = time(NULL), answered = (time_t)(watch->answered_ms / 1000);
	strftime(now, sizeof now, "%H:%M:%S", localtime(&seconds));
	if (*watch->trouble) {
		page_sentence(
		    page, COLOUR_BAD, 0, "! THE AGENT OF THIS NODE DOES NOT ANSWER: %s", watch->trouble);
		strftime(at, sizeof at, "%H:%M:%S", localtime(&answered));
		page_sentence(page, COLOUR_BAD, 0,
		    "! The group does without this node meanwhile. Look: systemctl status vipd. %s%s%s",
		    watch->status ? "Below stands what was at " : "Waiting for it", watch->status ? at : "",
		    ".");
	}
	if (watch->status)
		page_sentence(page, COLOUR_DIM, 0, "%s: vipd %s, up %s, %s",
		    member_text(watch->status, "node"), member_text(watch->status, "version"),
		    show_duration(member_number(watch->status, "uptime_ms"), up), now);
}

static void groups_print(struct page *page, const json_t *status)
{
	size_t i;
	json_t *router;
	const json_t *routers = json_object_get(status, "virtual_routers");
	json_array_foreach(routers, i, router)
	{
		const json_t *group = json_object_get(router, "group");
		if (json_array_size(json_object_get(group, "members")) < 2)
			continue;
		fputc('\n', page->out);
		if (json_array_size(routers) > 1)
			page_sentence(page, COLOUR_BOLD, 0, "%s", member_text(router, "name"));
		group_table(page, group);
	}
}

/* How long who holds it from then on did so. */
static const char *held_text(const struct move *move, char out[static SHOW_TEXT_MAX + 16])
{
	char text[SHOW_TEXT_MAX];
	const char *until = member_text(move->to, "until");
	if (!move->to)
		out[0] = '\0';
	else if (*until)
		snprintf(
		    out, SHOW_TEXT_MAX + 16, "for %s", show_duration(time_parse(until) - move->at_ms, text));
	else
		snprintf(out, SHOW_TEXT_MAX + 16, "for %s so far",
		    show_duration(time_now_ms() - move->at_ms, text));
	return out;
}

/* The newest first; a line each. */
static void moves_print(struct page *page, const json_t *timeline, int lines)
{
	struct moves moves = moves_of(timeline);
	struct table table = {.columns = 4}; /* the terminal cuts the reasons */
	for (size_t i = moves.count; i > 0 && lines > 0; i--, lines--) {
		char at[SHOW_TEXT_MAX], text[CELL_MAX], held[SHOW_TEXT_MAX + 16];
		const struct move *move = &moves.items[i - 1];
		struct cell *row = table_row(&table);
		if (!row)
			break;
		show_time(move->at, at);
		cell_set(&row[0], COLOUR_DIM, "%.8s", strlen(at) > 11 ? at + 11 : at);
		cell_set(&row[1], move->to ? COLOUR_NONE : COLOUR_BAD, "%s: %s", move->router,
		    move_text(move, text));
		cell_set(&row[2], COLOUR_DIM, "%s", held_text(move, held));
		cell_set(&row[3], COLOUR_NONE, "%s", move_reason(move, timeline, text));
	}
	table_print(&table, page->colour, page->out);
	table_free(&table);
	free(moves.items);
}

static const char *footer(const struct watch *watch)
{
	if (watch->asked == 'd')
		return "drain this node: hand over everything, hold nothing until resume?  y yes  n no";
	if (watch->asked == 'r')
		return "resume: take part again?  y yes  n no";
	return watch->view == WATCH_EVENTS ? "e group  q quit" : "d drain  r resume  e events  q quit";
}

static void body_print(const struct watch *watch, struct page *page, int height)
{
	const json_t *checks = json_object_get(watch->status, "checks");
	header_print(watch, page);
	if (!watch->status)
		return;
	watch_headlines(page, watch->status);
	if (watch->view == WATCH_EVENTS) {
		fputc('\n', page->out);
		moves_print(page, watch->timeline, height);
		return;
	}
	attention_print(page, watch->status);
	groups_print(page, watch->status);
	if (json_array_size(checks))
		fputc('\n', page->out);
	latencies_print(watch, page, checks);
	fputc('\n', page->out);
	moves_print(page, watch->timeline, height > MOVES_MIN ? height : MOVES_MIN);
}

char *watch_text(const struct watch *watch, int width, int height)
{
	char *body = NULL, *text = NULL, *rest;
	size_t size;
	struct page page = {
	    .out = open_memstream(&body, &size), .colour = watch->ctl->colour, .width = width};
	FILE *out = open_memstream(&text, &size);
	if (page.out && out) {
		page.stale = watch->status && engine_is_silent(watch->status);
		body_print(watch, &page, height);
		fflush(page.out);
		rest = body;
		for (int row = 1; row < height; row++) {
			const char *line = rest ? strsep(&rest, "\n") : "";
			fprintf(out, "%s\n", line);
		}
		colour_set(out, page.colour, COLOUR_BOLD);
		fputs(footer(watch), out);
	}
	if (page.out)
		fclose(page.out);
	if (out)
		fclose(out);
	free(body);
	return text;
}
