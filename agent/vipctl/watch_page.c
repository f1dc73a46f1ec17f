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

#define MOVE_COLUMN 23 /* what stands before a move */

static const char *holder_text(const json_t *status, const json_t *router, char out[static HOLDER_TEXT_MAX])
{
	const char *name = router_holder_name(status, router);
	if (name)
		snprintf(out, HOLDER_TEXT_MAX, "%s%s", name, router_is_active(router) ? " (this node)" : "");
	else if (router_holder(router) == HOLDER_NOBODY)
		snprintf(out, HOLDER_TEXT_MAX, "none is heard");
	else
		router_holder_text(router, out);
	return out;
}

static void headline_print(struct page *page, const json_t *status, const json_t *router)
{
	char holder[HOLDER_TEXT_MAX], sentence[512] = "", actives[512];
	const char *name = member_text(router, "name");
	const json_t *group = json_object_get(router, "group");
	bool held = router_holder_name(status, router);
	bool spare = !json_is_object(group) || member_number(group, "can_take_over") > 0;
	unsigned count = group_actives(router, actives, sizeof actives);
	if (count > 1) {
		page_sentence(
		    page, COLOUR_BAD, 0, "%s: HELD BY %u SERVERS AT ONCE: %s", name, count, actives);
		return;
	}
	if (json_is_object(group))
		group_sentence(router, sentence, sizeof sentence);
	const char *separator = *sentence ? "; " : "";
	if (page->stale) /* the others know better than our engine */
		page_sentence(page, COLOUR_WARN, 0, "%s: %s%s%s%s", name,
		    count ? "held by " : "who holds it is not known", actives, separator, sentence);
	else
		page_sentence(page,
		    !held || holder_is_unhealthy(router) ? COLOUR_BAD
		    : !spare				 ? COLOUR_WARN
							 : COLOUR_GOOD,
		    0, "%s: %s%s%s%s", name,
		    held ? "held by " : "HELD BY NOBODY: ", holder_text(status, router, holder), separator,
		    sentence);
}

void watch_headlines(struct page *page, const json_t *status)
{
	size_t i;
	json_t *router;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
	    headline_print(page, status, router);
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
		    "! Who holds what now: vipctl watch on another server. Look here: systemctl status vipd. "
		    "%s%s%s",
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
		group_table(page, router);
	}
}

/* For how long it was so, as far as is known. */
static const char *held_text(const struct move *move, int64_t known_ms, char out[static SHOW_TEXT_MAX + 16])
{
	char text[SHOW_TEXT_MAX];
	const char *until = member_text(move->to, "until");
	bool is_over = *until != '\0';
	snprintf(out, SHOW_TEXT_MAX + 16, "%s%s",
	    show_duration((is_over ? time_parse(until) : known_ms) - move->at_ms, text),
	    is_over ? "" : " so far");
	return move->to ? out : "";
}

/* When, for how long, who, why. Where the others are to be seen, too, it is one line. */
static void move_print(const struct watch *watch, struct page *page, const struct move *move)
{
	char at[SHOW_TEXT_MAX], who[CELL_MAX], why[CELL_MAX], held[SHOW_TEXT_MAX + 16], text[3 * CELL_MAX];
	bool several = json_array_size(json_object_get(watch->status, "virtual_routers")) > 1;
	show_time(move->at, at);
	colour_set(page->out, page->colour, COLOUR_DIM);
	fprintf(page->out, "%-8.8s  %-*s", strlen(at) > 11 ? at + 11 : at, MOVE_COLUMN - 10,
	    held_text(move, watch->answered_ms, held));
	colour_set(page->out, page->colour, COLOUR_NONE);
	colour_set(page->out, page->colour && !move->to, COLOUR_BAD);
	snprintf(text, sizeof text, "%s%s%s: %s", several ? move->router : "", several ? ": " : "",
	    move_text(move, who), move_reason(move, watch->timeline, why));
	sentence_print(page->out, watch->view == WATCH_EVENTS ? page->width : 0, MOVE_COLUMN, text);
	colour_set(page->out, page->colour, COLOUR_NONE);
	fputc('\n', page->out);
}

/* The newest first. */
static void moves_print(const struct watch *watch, struct page *page, int lines)
{
	struct moves moves = moves_of(watch->timeline);
	for (size_t i = moves.count; i > 0 && lines > 0; i--, lines--)
		move_print(watch, page, &moves.items[i - 1]);
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

static void status_print(const struct watch *watch, struct page *page, int height)
{
	const json_t *checks = json_object_get(watch->status, "checks");
	watch_headlines(page, watch->status);
	attention_print_groups(page, watch->status);
	if (watch->view == WATCH_EVENTS) {
		fputc('\n', page->out);
		moves_print(watch, page, height);
		return;
	}
	attention_print(page, watch->status);
	groups_print(page, watch->status);
	if (json_array_size(checks))
		fputc('\n', page->out);
	latencies_print(watch, page, checks);
	fputc('\n', page->out);
	moves_print(watch, page, height);
}

/* What was must not look like what is. */
static void body_print(const struct watch *watch, struct page *page, int height)
{
	bool colour = page->colour, is_old = *watch->trouble;
	header_print(watch, page);
	if (!watch->status)
		return;
	colour_set(page->out, colour && is_old, COLOUR_DIM);
	page->colour = colour && !is_old;
	status_print(watch, page, height);
	colour_set(page->out, colour && is_old, COLOUR_NONE);
	page->colour = colour;
}

/* The colour that a line ends with is that of the next one, too. */
static void line_copy(FILE *out, const char *line, char colour[static 16])
{
	fprintf(out, "%s%s\n", colour, line);
	for (const char *c = strchr(line, '\033'); c; c = strchr(c + 1, '\033'))
		snprintf(colour, 16, "%.*s", (int)strcspn(c, "m") + 1, c);
	if (strcmp(colour, "\033[0m") == 0)
		colour[0] = '\0';
}

char *watch_text(const struct watch *watch, int width, int height)
{
	char *body = NULL, *text = NULL, *rest, colour[16] = "";
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
			line_copy(out, line, colour);
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
