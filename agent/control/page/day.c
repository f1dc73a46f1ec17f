/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last day of one virtual router: a row of bars for each server, one unit a minute, and the last moves in
 * words.
 */
#include <stdio.h>
#include <string.h>

#include "control/page/model.h"
#include "control/text.h"
#include "vipd/status.h"

#define MINUTE_MS  INT64_C(60000)
#define DAY_WIDTH  1440 /* minutes; the viewBox of main.html */
#define BAR_MIN	   2	/* what can be seen */
#define TITLES_MAX 100	/* the oldest bars of a restless day go without */
#define MOVES_MAX  10
#define TEXT_MAX   512

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

static int64_t end_of(const json_t *holding, int64_t now_ms)
{
	int64_t until = time_parse(member_text(holding, "until"));
	return until < 0 ? now_ms : until;
}

/* In minutes since the day began, 0 at least. Whole ones, so that what is sent changes once a minute. */
static int place_of(int64_t ms, int64_t now_ms)
{
	int64_t ago = now_ms / MINUTE_MS - ms / MINUTE_MS;
	return ago > DAY_WIDTH ? 0 : ago < 0 ? DAY_WIDTH : (int)(DAY_WIDTH - ago);
}

static json_t *bar_json(const json_t *holding, bool has_title, int64_t now_ms)
{
	char title[TEXT_MAX], lasted[TIME_TEXT_MAX];
	const char *from = member_text(holding, "from"), *until = member_text(holding, "until"),
		   *reason = member_text(holding, "reason");
	int x = place_of(time_parse(from), now_ms), width = place_of(end_of(holding, now_ms), now_ms) - x;
	if (*until)
		snprintf(title, sizeof title, "%s for %s%s%s", from,
		    show_duration(time_parse(until) - time_parse(from), lasted), *reason ? ": " : "", reason);
	else
		snprintf(title, sizeof title, "since %s%s%s", from, *reason ? ": " : "", reason);
	if (x > DAY_WIDTH - BAR_MIN)
		x = DAY_WIDTH - BAR_MIN;
	return json_pack("{s:i, s:i, s:o}", "x", x, "width", width < BAR_MIN ? BAR_MIN : width, "tips",
	    has_title ? json_pack("[{s:o}]", "tip", text_json(title, sizeof title)) : json_array());
}

static json_t *row_json(const char *node, const json_t *router, const json_t *holdings, int64_t now_ms)
{
	char summary[TEXT_MAX], text[TIME_TEXT_MAX];
	json_t *bars = json_array(), *holding;
	bool holds = false;
	int64_t minutes = 0;
	size_t i;
	json_array_foreach(holdings, i, holding)
	{
		int64_t from = time_parse(member_text(holding, "from")), until = end_of(holding, now_ms);
		if (!is_of(holding, router) || strcmp(node_of(holding), node) || from < 0 ||
		    until < now_ms - DAY_WIDTH * MINUTE_MS)
			continue;
		json_array_append_new(
		    bars, bar_json(holding, json_array_size(holdings) - i <= TITLES_MAX, now_ms));
		holds |= !*member_text(holding, "until");
		minutes += place_of(until, now_ms) - place_of(from, now_ms);
	}
	snprintf(summary, sizeof summary, "%s; %zu times, %s of the last 24 hours",
	    holds ? "holds it" : "does not hold it", json_array_size(bars),
	    show_duration(minutes * MINUTE_MS, text));
	return json_pack("{s:s, s:s, s:o}", "node", node, "summary", summary, "bars", bars);
}

static bool has_row(const json_t *rows, const char *node)
{
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row)
	{
		if (!strcmp(member_text(row, "node"), node))
			return true;
	}
	return false;
}

static json_t *rows_json(const json_t *router, const json_t *holdings, int64_t now_ms)
{
	json_t *rows = json_array(), *item;
	size_t i;
	json_array_foreach(json_object_get(json_object_get(router, "group"), "members"), i, item)
	{
		const char *node = member_text(item, "node");
		if (!has_row(rows, node))
			json_array_append_new(rows, row_json(node, router, holdings, now_ms));
	}
	json_array_foreach(holdings, i, item)
	{
		if (is_of(item, router) && !has_row(rows, node_of(item)))
			json_array_append_new(rows, row_json(node_of(item), router, holdings, now_ms));
	}
	return rows;
}

/* The newest first. */
static json_t *moves_json(const json_t *router, const json_t *holdings, int64_t now_ms)
{
	json_t *moves = json_array();
	for (size_t i = json_array_size(holdings); i-- > 0 && json_array_size(moves) < MOVES_MAX;) {
		const json_t *holding = json_array_get(holdings, i);
		const char *reason = member_text(holding, "reason"), *until = member_text(holding, "until");
		char text[TEXT_MAX], lasted[TIME_TEXT_MAX];
		int64_t from = time_parse(member_text(holding, "from"));
		if (!is_of(holding, router))
			continue;
		show_duration(end_of(holding, now_ms) - from, lasted);
		snprintf(text, sizeof text, "%s%s%s%s", *reason ? reason : "took over",
		    *until ? ", for " : "", *until ? lasted : "", *until ? "" : "; holds it");
		json_array_append_new(
		    moves, json_pack("{s:s, s:s, s:o}", "at", member_text(holding, "from"), "node",
			       node_of(holding), "text", text_json(text, sizeof text)));
	}
	return moves;
}

void page_day(json_t *shown, const json_t *router, const json_t *timeline, int64_t now_ms)
{
	const json_t *holdings = json_object_get(timeline, "holdings");
	json_t *moves = moves_json(router, holdings, now_ms);
	int64_t since = time_parse(member_text(timeline, "since"));
	json_object_set_new(shown, "unknown", json_integer(since < 0 ? DAY_WIDTH : place_of(since, now_ms)));
	json_object_set_new(shown, "rows", rows_json(router, holdings, now_ms));
	json_object_set_new(shown, "has_moves", json_boolean(json_array_size(moves)));
	json_object_set_new(shown, "moves", moves);
}
