/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last day of one virtual router, or less while less is known: a row of bars for each server, and the
 * last moves in words.
 */
#include <stdio.h>
#include <string.h>

#include "control/page/model.h"
#include "control/text.h"
#include "vipd/status.h"

#define MINUTE_MS  INT64_C(60000)
#define WIDTH	   1440 /* units: the viewBox of main.html */
#define BAR_MIN	   3	/* what can be seen */
#define TITLES_MAX 100	/* the oldest bars of a restless day go without */
#define BARS_EACH  16	/* and the oldest of all, where little room is left, are not shown */
#define MOVES_MAX  10
#define TEXT_MAX   512

struct day {
	const json_t *holdings;
	int64_t now_ms;
	int64_t unit_ms; /* of 1440 */
	const char *name, *half;
	size_t most;
};

/* The shortest that has room for what is known since then. */
static struct day day_of(const json_t *timeline, int64_t now_ms)
{
	static const struct {
		int minutes;
		const char *name, *half;
	} spans[] = {{2, "2 minutes", "1 minute"}, {10, "10 minutes", "5 minutes"},
	    {60, "60 minutes", "30 minutes"}, {6 * 60, "6 hours", "3 hours"},
	    {24 * 60, "24 hours", "12 hours"}};
	int64_t since = time_parse(member_text(timeline, "since"));
	size_t i = 0;
	while (i + 1 < sizeof spans / sizeof spans[0] && now_ms - since > spans[i].minutes * MINUTE_MS)
		i++;
	return (struct day){.holdings = json_object_get(timeline, "holdings"),
	    .now_ms = now_ms,
	    .unit_ms = spans[i].minutes * MINUTE_MS / WIDTH,
	    .name = spans[i].name,
	    .half = spans[i].half};
}

static const char *node_of(const json_t *holding)
{
	const char *node = member_text(holding, "node");
	return *node ? node : member_text(holding, "address");
}

static bool is_of(const json_t *holding, const json_t *router)
{
	return !strcmp(member_text(holding, "interface"), member_text(router, "interface")) &&
	       member_number(holding, "vrid") == member_number(router, "vrid");
}

static int64_t end_of(const struct day *day, const json_t *holding)
{
	int64_t until = time_parse(member_text(holding, "until"));
	return until < 0 ? day->now_ms : until;
}

/* Whole units, so that what is sent changes once a minute, when the day is known. */
static int place_of(const struct day *day, int64_t ms)
{
	int64_t ago = day->now_ms / day->unit_ms - ms / day->unit_ms;
	return ago > WIDTH ? 0 : ago < 0 ? WIDTH : (int)(WIDTH - ago);
}

static json_t *bar_json(const struct day *day, const json_t *holding, bool has_title)
{
	char title[TEXT_MAX], lasted[TIME_TEXT_MAX];
	const char *from = member_text(holding, "from"), *until = member_text(holding, "until"),
		   *reason = member_text(holding, "reason");
	int x = place_of(day, time_parse(from)), width = place_of(day, end_of(day, holding)) - x;
	if (*until)
		snprintf(title, sizeof title, "%s for %s%s%s", from,
		    show_duration(time_parse(until) - time_parse(from), lasted), *reason ? ": " : "", reason);
	else
		snprintf(title, sizeof title, "since %s%s%s", from, *reason ? ": " : "", reason);
	if (x > WIDTH - BAR_MIN)
		x = WIDTH - BAR_MIN;
	return json_pack("{s:i, s:i, s:o}", "x", x, "width", width < BAR_MIN ? BAR_MIN : width, "tips",
	    has_title ? json_pack("[{s:o}]", "tip", text_json(title, sizeof title)) : json_array());
}

static json_t *row_json(const struct day *day, const char *node, const json_t *router)
{
	char summary[TEXT_MAX], text[TIME_TEXT_MAX];
	json_t *bars = json_array(), *holding;
	bool holds = false;
	int64_t units = 0;
	size_t i, times = 0, count = json_array_size(day->holdings), titles = 2 * day->most;
	titles = titles < TITLES_MAX ? titles : TITLES_MAX;
	json_array_foreach(day->holdings, i, holding)
	{
		int64_t from = time_parse(member_text(holding, "from")), until = end_of(day, holding);
		if (!is_of(holding, router) || strcmp(node_of(holding), node) || from < 0 ||
		    place_of(day, until) == 0)
			continue;
		if (count - i <= BARS_EACH * day->most)
			json_array_append_new(bars, bar_json(day, holding, count - i <= titles));
		times++;
		holds |= !*member_text(holding, "until");
		units += place_of(day, until) - place_of(day, from);
	}
	snprintf(summary, sizeof summary, "%s; in the last %s %zu times, %s in all",
	    holds ? "holds it" : "does not hold it", day->name, times,
	    show_duration(units * day->unit_ms, text));
	return json_pack("{s:s, s:s, s:o}", "node", node, "summary", summary, "bars", bars);
}

struct rows {
	json_t *shown, *nodes; /* nodes: also those that there is no room for */
};

static void row_add(struct rows *rows, const struct day *day, const json_t *router, const char *node)
{
	if (json_object_get(rows->nodes, node))
		return;
	json_object_set_new(rows->nodes, node, json_true());
	if (json_array_size(rows->shown) < day->most)
		json_array_append_new(rows->shown, row_json(day, node, router));
}

/* A row for each server; if they are too many, for those that held it last. */
static void put_rows(json_t *shown, const struct day *day, const json_t *router)
{
	struct rows rows = {json_array(), json_object()};
	const json_t *members = json_object_get(json_object_get(router, "group"), "members"), *item;
	size_t i, count = json_array_size(day->holdings);
	for (i = count; i-- > 0 && json_array_size(members) > day->most;) {
		item = json_array_get(day->holdings, i);
		if (is_of(item, router))
			row_add(&rows, day, router, node_of(item));
	}
	json_array_foreach(members, i, item) row_add(&rows, day, router, member_text(item, "node"));
	for (i = 0; i < count; i++) {
		item = json_array_get(day->holdings, i);
		if (is_of(item, router))
			row_add(&rows, day, router, node_of(item));
	}
	page_put_list(shown, "rows", rows.shown, json_object_size(rows.nodes));
	json_decref(rows.nodes);
}

/* The newest first. */
static json_t *moves_json(const struct day *day, const json_t *router)
{
	json_t *moves = json_array();
	size_t most = day->most < MOVES_MAX ? day->most : MOVES_MAX;
	for (size_t i = json_array_size(day->holdings); i-- > 0 && json_array_size(moves) < most;) {
		const json_t *holding = json_array_get(day->holdings, i);
		const char *reason = member_text(holding, "reason"), *until = member_text(holding, "until");
		char text[TEXT_MAX], lasted[TIME_TEXT_MAX];
		int64_t from = time_parse(member_text(holding, "from"));
		if (!is_of(holding, router))
			continue;
		show_duration(end_of(day, holding) - from, lasted);
		snprintf(text, sizeof text, "%s%s%s%s", *reason ? reason : "took over",
		    *until ? ", for " : "", *until ? lasted : "", *until ? "" : "; holds it");
		json_array_append_new(
		    moves, json_pack("{s:s, s:s, s:o}", "at", member_text(holding, "from"), "node",
			       node_of(holding), "text", text_json(text, sizeof text)));
	}
	return moves;
}

void page_day(json_t *shown, const json_t *router, const json_t *timeline, int64_t now_ms, size_t most)
{
	struct day day = day_of(timeline, now_ms);
	int64_t since = time_parse(member_text(timeline, "since"));
	day.most = most;
	json_t *moves = moves_json(&day, router);
	json_object_set_new(shown, "day", json_string(day.name));
	json_object_set_new(shown, "half_day", json_string(day.half));
	json_object_set_new(shown, "unknown", json_integer(since < 0 ? WIDTH : place_of(&day, since)));
	put_rows(shown, &day, router);
	json_object_set_new(shown, "has_moves", json_boolean(json_array_size(moves)));
	json_object_set_new(shown, "moves", moves);
}
