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

/* A list, and whether it has anything. */
static void put_list(json_t *object, const char *key, const char *has, json_t *list)
{
	put(object, has, json_boolean(json_array_size(list)));
	put(object, key, list);
}

/* ---- the group ---- */

static const char *member_state(const json_t *member)
{
	const char *presence = member_text(member, "presence");
	return strcmp(presence, "here")		? presence
	       : member_true(member, "drained") ? "drained"
						: member_text(member, "state");
}

static json_t *members_json(const json_t *members)
{
	json_t *list = json_array(), *member;
	size_t i;
	json_array_foreach(members, i, member)
	{
		bool is_here = !strcmp(member_text(member, "presence"), "here");
		const char *state = member_state(member),
			   *health = is_here ? member_text(member, "health") : "-";
		json_t *shown =
		    CHOSEN(member, "node", "address", "self", "effective_priority", "can_take_over");
		put(shown, "state", json_string(state));
		put(shown, "state_grade", json_string(page_grade(state)));
		put(shown, "health", json_string(health));
		put(shown, "health_grade", json_string(page_grade(health)));
		put(shown, "why", json_string(member_text(member, "reason")));
		json_array_append_new(list, shown);
	}
	return list;
}

static void put_holder(json_t *shown, const json_t *router, const char *holder, const json_t *group)
{
	char names[PAGE_NAMES_MAX];
	bool is_split = page_actives(group, names) > 1;
	bool is_good = holder && !is_split && !holder_is_unhealthy(router);
	put(shown, "holder",
	    is_split ? text_json(names, sizeof names) : json_string(holder ? holder : "nobody"));
	put(shown, "holder_grade", json_string(is_good ? "good" : "bad"));
}

static void put_next(json_t *shown, const json_t *group)
{
	const json_t *next = json_object_get(group, "next");
	const char *health = member_text(next, "health");
	bool is_healthy = !strcmp(health, "healthy");
	char text[TEXT_MAX];
	if (!json_is_object(next))
		snprintf(text, sizeof text, "%s", json_is_object(group) ? "nobody" : "not known");
	else
		snprintf(text, sizeof text, "%s%s%s%s", member_text(next, "node"), is_healthy ? "" : " (",
		    is_healthy ? "" : health, is_healthy ? "" : ")");
	put(shown, "next", text_json(text, sizeof text));
	put(shown, "next_grade", json_string(is_healthy ? "good" : "bad"));
}

static json_t *router_json(
    const json_t *status, const json_t *router, const json_t *timeline, size_t index, int64_t now_ms)
{
	const json_t *group = json_object_get(router, "group");
	json_t *shown = CHOSEN(router, "name", "vrid", "interface", "state", "since"),
	       *addresses = json_array();
	json_t *address;
	size_t i;
	json_array_foreach(json_object_get(router, "addresses"), i, address)
	    json_array_append_new(addresses, CHOSEN(address, "address", "held"));
	put(shown, "index", json_integer((json_int_t)index));
	put(shown, "addresses", addresses);
	put_holder(shown, router, page_holder(status, router), group);
	put_next(shown, group);
	put_list(shown, "members", "has_members", members_json(json_object_get(group, "members")));
	put(shown, "conflict", json_deep_copy(json_object_get(router, "conflict")));
	page_day(shown, router, timeline, now_ms);
	return shown;
}

/* ---- checks ---- */

static const char *check_state(const json_t *check)
{
	return is_recovering(check) ? "recovering" : member_text(check, "state");
}

/* A line wherever there were probes; the longest reaches the top. */
static json_t *past_lines(const json_t *past, double longest)
{
	json_t *lines = json_array();
	char points[PAST_POINTS] = "";
	size_t length = 0;
	for (size_t i = 0; i <= json_array_size(past); i++) {
		const json_t *ms = json_array_get(past, i);
		if (json_is_number(ms) && length < sizeof points - 32) {
			length += (size_t)snprintf(points + length, sizeof points - length, "%s%zu,%.1f",
			    length ? " " : "", i,
			    PAST_HEIGHT - 1 - json_number_value(ms) / longest * (PAST_HEIGHT - 2));
		} else if (length) {
			json_array_append_new(lines, json_pack("{s:s}", "points", points));
			length = 0;
		}
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

static json_t *checks_json(const json_t *checks)
{
	json_t *list = json_array(), *check;
	size_t i;
	json_array_foreach(checks, i, check)
	{
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
		json_array_append_new(list, shown);
	}
	return list;
}

/* ---- what is published ---- */

static json_t *publish_json(const json_t *targets)
{
	json_t *list = json_array(), *target, *server;
	size_t i, k;
	json_array_foreach(targets, i, target)
	{
		json_t *shown = CHOSEN(target, "target", "router", "last_success"), *servers = json_array();
		const char *state = member_text(target, "state");
		json_array_foreach(json_object_get(target, "published"), k, server)
		{
			json_t *item = CHOSEN(server, "node", "ready");
			put(item, "grade", json_string(member_true(server, "ready") ? "good" : "bad"));
			json_array_append_new(servers, item);
		}
		put(shown, "state", json_string(strcmp(state, "off") ? state : "the holder does it"));
		put(shown, "grade", json_string(page_grade(state)));
		put(shown, "servers", servers);
		put(shown, "why", json_string(member_text(target, "last_error")));
		json_array_append_new(list, shown);
	}
	return list;
}

json_t *page_model(const json_t *status, const json_t *timeline, int64_t now_ms)
{
	json_t *model = CHOSEN(status, "node", "version"), *routers = json_array(), *router;
	char title[TEXT_MAX];
	size_t i;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
	    json_array_append_new(routers, router_json(status, router, timeline, i, now_ms));
	put(model, "at", text_json_time(now_ms * 1000));
	put(model, "virtual_routers", routers);
	put_list(model, "checks", "has_checks", checks_json(json_object_get(status, "checks")));
	put_list(model, "publish", "has_publish", publish_json(json_object_get(status, "publish")));
	page_judge(model, status);
	router = json_array_get(routers, 0);
	snprintf(title, sizeof title, "%s %s: %s", member_text(model, "word"), member_text(router, "name"),
	    member_text(router, "holder"));
	put(model, "title", text_json(title, sizeof title));
	return model;
}
