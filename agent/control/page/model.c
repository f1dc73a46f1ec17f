/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See model.h. Everybody on this server may see the page: it shows what is chosen here, by name, and not all
 * of the status.
 */
#include "control/page/model.h"

#include <stdio.h>
#include <string.h>

#include "control/text.h"
#include "vipd/status.h"

#define PAST_HEIGHT 20.0 /* the viewBox of main.html */
#define PAST_POINTS 1024
#define TEXT_MAX    256
#define NAMES_MAX   1024

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

/* These members of `from`, as they are. */
static json_t *chosen(const json_t *from, const char *const *names)
{
	json_t *object = json_object();
	for (; *names; names++)
		json_object_set(object, *names, json_object_get(from, *names));
	return object;
}
#define CHOSEN(from, ...) chosen(from, (const char *const[]){__VA_ARGS__, NULL})

void page_put_list(json_t *object, const char *key, json_t *list, size_t total)
{
	char name[64];
	size_t count = json_array_size(list);
	json_t *more = json_array();
	if (total > count)
		json_array_append_new(more, json_pack("{s:I}", "count", (json_int_t)(total - count)));
	snprintf(name, sizeof name, "has_%s", key);
	put(object, name, json_boolean(count));
	snprintf(name, sizeof name, "%s_more", key);
	put(object, name, more);
	put(object, key, list);
}

typedef json_t *element_json(const json_t *from, const void *context);

/* The first of a list, each as `element` makes it. */
static void put_first(json_t *object, const char *key, const json_t *from, size_t most, element_json *element,
    const void *context)
{
	json_t *list = json_array();
	size_t total = json_array_size(from);
	for (size_t i = 0; i < total && i < most; i++)
		json_array_append_new(list, element(json_array_get(from, i), context));
	page_put_list(object, key, list, total);
}

/* ---- the group ---- */

static json_t *member_json(const json_t *member, const void *router)
{
	char text[MEMBER_STATE_MAX];
	enum doubt doubt = member_doubt(router, member);
	const char *state = member_state(router, member, text),
		   *health = doubt ? "-" : member_text(member, "health");
	bool is_one_of_several = !strcmp(state, "active") && group_is_split(router);
	json_t *shown = CHOSEN(member, "node", "address", "self", "priority", "can_take_over");
	put(shown, "state", json_string(state));
	put(shown, "state_grade",
	    json_string(is_one_of_several    ? "bad"
			: doubt > DOUBT_AWAY ? "warn"
					     : page_grade(state)));
	put(shown, "health", json_string(health));
	put(shown, "health_grade", json_string(page_grade(health)));
	put(shown, "why", json_string(member_text(member, "reason")));
	return shown;
}

/* While our own engine does not respond, by what the others say. */
static void put_holder(json_t *shown, const json_t *status, const json_t *router)
{
	char names[NAMES_MAX];
	bool is_stale = engine_is_silent(status);
	unsigned actives = group_actives(router, names, sizeof names);
	const char *holder = is_stale ? "not known" : router_holder_name(status, router);
	if (actives > 1 || (is_stale && actives))
		put(shown, "holder", text_json(names, sizeof names));
	else
		put(shown, "holder", json_string(holder ? holder : "nobody"));
	put(shown, "holder_grade",
	    json_string(actives > 1 || !holder	      ? "bad"
			: is_stale		      ? "warn"
			: holder_is_unhealthy(router) ? "bad"
			: holder_is_drained(router)   ? "warn"
						      : "good"));
}

/* Of routers that send no hello, as those of other makes, nobody knows whether they could. */
static void put_next(json_t *shown, const json_t *router)
{
	const json_t *group = json_object_get(router, "group"), *next = json_object_get(group, "next");
	const char *node = member_text(next, "node"), *health = member_text(next, "health");
	bool is_healthy = !strcmp(health, "healthy"),
	     is_unknown = !json_is_object(group) || json_array_size(json_object_get(group, "without_hello"));
	char text[TEXT_MAX];
	if (*node && is_healthy)
		snprintf(text, sizeof text, "%s", node);
	else if (*node)
		snprintf(text, sizeof text, "nobody: %s is %s", node, health);
	else
		snprintf(text, sizeof text, "%s",
		    is_unknown		     ? "not known"
		    : group_is_split(router) ? "the others hold it, too"
					     : "nobody");
	put(shown, "next", text_json(text, sizeof text));
	put(shown, "next_grade", json_string(is_healthy ? "good" : !*node && is_unknown ? "warn" : "bad"));
}

static json_t *address_json(const json_t *address, const void *context)
{
	(void)context;
	return CHOSEN(address, "address", "held");
}

/* What a router is shown with. */
struct around {
	const json_t *status, *timeline;
	int64_t now_ms;
	size_t most;
};

static json_t *router_json(const json_t *router, const void *context)
{
	const struct around *around = context;
	const json_t *members = json_object_get(json_object_get(router, "group"), "members");
	json_t *shown = CHOSEN(router, "name", "vrid", "interface", "state", "since");
	put_first(shown, "addresses", json_object_get(router, "addresses"), around->most, address_json, NULL);
	put_holder(shown, around->status, router);
	put_next(shown, router);
	put_first(shown, "members", members, around->most, member_json, router);
	put(shown, "conflict", json_deep_copy(json_object_get(router, "conflict")));
	page_day(shown, router, around->timeline, around->now_ms, around->most);
	return shown;
}

/* ---- checks ---- */

static const char *check_state(const json_t *check)
{
	return is_recovering(check) ? "recovering" : member_text(check, "state");
}

/* Slots follow each other: a line ends where a slot had no probe. A probe alone is a line of one slot. */
static json_t *past_lines(const json_t *past, double longest)
{
	json_t *lines = json_array();
	char points[PAST_POINTS] = "";
	size_t length = 0, count = 0;
	double y = 0;
	for (size_t i = 0; i <= json_array_size(past); i++) {
		const json_t *ms = json_array_get(past, i);
		bool is_line = json_is_number(ms) && length < sizeof points - 32;
		if (is_line)
			y = PAST_HEIGHT - 1 - json_number_value(ms) / longest * (PAST_HEIGHT - 2);
		if (is_line || count == 1)
			length += (size_t)snprintf(
			    points + length, sizeof points - length, "%s%zu,%.1f", count ? " " : "", i, y);
		if (!is_line && count)
			json_array_append_new(lines, json_pack("{s:s}", "points", points));
		count = is_line ? count + 1 : 0;
		length = is_line ? length : 0;
	}
	return lines;
}

static void put_past(json_t *shown, const json_t *past)
{
	double longest = 0;
	char text[TEXT_MAX];
	size_t i;
	json_t *ms;
	json_array_foreach(past, i, ms)
	{
		if (json_number_value(ms) > longest)
			longest = json_number_value(ms);
	}
	snprintf(text, sizeof text, "the longest took %.1f ms", longest);
	put(shown, "past", json_string(longest > 0 ? text : "nothing yet"));
	put(shown, "past_lines", past_lines(past, longest > 0 ? longest : 1));
}

static json_t *check_json(const json_t *check, const void *context)
{
	(void)context;
	const json_t *last = json_object_get(check, "last_ms");
	const char *state = check_state(check);
	char took[TEXT_MAX];
	json_t *shown = CHOSEN(check, "name", "type", "last_ms");
	snprintf(took, sizeof took, "%.1f ms", json_number_value(last));
	put(shown, "state", json_string(state));
	put(shown, "grade", json_string(page_grade(state)));
	put(shown, "took", json_string(json_is_number(last) ? took : "-"));
	put(shown, "why", json_string(member_text(check, "last_error")));
	put_past(shown, json_object_get(check, "recent_ms"));
	return shown;
}

/* ---- what is published ---- */

static json_t *server_json(const json_t *server, const void *context)
{
	(void)context;
	json_t *shown = CHOSEN(server, "node", "ready");
	put(shown, "grade", json_string(member_true(server, "ready") ? "good" : "bad"));
	return shown;
}

static json_t *target_json(const json_t *target, const void *most)
{
	json_t *shown = CHOSEN(target, "target", "router", "last_success");
	const char *state = member_text(target, "state");
	put_first(
	    shown, "servers", json_object_get(target, "published"), *(const size_t *)most, server_json, NULL);
	put(shown, "state", json_string(strcmp(state, "off") ? state : "the holder does it"));
	put(shown, "grade", json_string(page_grade(state)));
	put(shown, "why", json_string(member_text(target, "last_error")));
	return shown;
}

json_t *page_model(const json_t *status, const json_t *timeline, int64_t now_ms, size_t most)
{
	const struct around around = {status, timeline, now_ms, most};
	json_t *model = CHOSEN(status, "node", "version"), *router;
	char title[TEXT_MAX];
	size_t i;
	put(model, "at", text_json_time(now_ms * 1000));
	put_first(
	    model, "virtual_routers", json_object_get(status, "virtual_routers"), most, router_json, &around);
	put(model, "has_several",
	    json_boolean(json_array_size(json_object_get(model, "virtual_routers")) > 1));
	json_array_foreach(json_object_get(model, "virtual_routers"), i, router)
	    put(router, "index", json_integer((json_int_t)i));
	put_first(model, "checks", json_object_get(status, "checks"), most, check_json, NULL);
	put_first(model, "publish", json_object_get(status, "publish"), most, target_json, &most);
	page_judge(model, status, most);
	router = json_array_get(json_object_get(model, "virtual_routers"), 0);
	snprintf(title, sizeof title, "%s %s: %s", member_text(model, "word"), member_text(router, "name"),
	    member_text(router, "holder"));
	put(model, "title", text_json(title, sizeof title));
	return model;
}
