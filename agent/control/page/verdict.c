/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody who opens the page must know first, in one sentence: the worst that is wrong and what to do,
 * or who holds what and who would take over.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/page/model.h"
#include "control/text.h"
#include "vipd/status.h"

#define SENTENCE_MAX 1024

const char *page_grade(const char *state)
{
	static const struct {
		const char *state, *grade;
	} grades[] = {{"active", "good"}, {"healthy", "good"}, {"passing", "good"}, {"done", "good"},
	    {"recovering", "warn"}, {"waiting", "warn"}, {"drained", "warn"}, {"stopped", "warn"},
	    {"unknown", "warn"}, {"initialize", "warn"}, {"failing", "bad"}, {"fault", "bad"},
	    {"lost", "bad"}};
	for (size_t i = 0; i < sizeof grades / sizeof grades[0]; i++)
		if (!strcmp(grades[i].state, state))
			return grades[i].grade;
	return "";
}

static void add_problem(json_t *problems, const char *grade, const char *text)
{
	json_array_append_new(
	    problems, json_pack("{s:s, s:o}", "grade", grade, "text", text_json(text, SENTENCE_MAX)));
}

__attribute__((format(printf, 3, 4))) static void problem(
    json_t *problems, const char *grade, const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	add_problem(problems, grade, text);
}

static void say(void *problems, enum attention grade, const char *text)
{
	add_problem(problems, grade == ATTENTION_BAD ? "bad" : "warn", text);
}

const char *page_holder(const json_t *status, const json_t *router)
{
	const json_t *active = json_object_get(router, "active_router");
	const char *node = member_text(active, "node");
	switch (router_holder(router)) {
	case HOLDER_SELF: return member_text(status, "node");
	case HOLDER_OTHER: return *node ? node : member_text(active, "address");
	default: return NULL;
	}
}

/* Adds ", " between elements. */
__attribute__((format(printf, 2, 3))) static void list_add(
    char list[static SENTENCE_MAX], const char *format, ...)
{
	size_t length = strlen(list);
	va_list args;
	if (length)
		length += (size_t)snprintf(list + length, SENTENCE_MAX - length, ", ");
	if (length >= SENTENCE_MAX)
		return;
	va_start(args, format);
	vsnprintf(list + length, SENTENCE_MAX - length, format, args);
	va_end(args);
}

/* Why each of those that do not hold the address cannot take over. */
static void judge_successors(json_t *problems, const json_t *router, const char *holder, const json_t *group)
{
	char why[SENTENCE_MAX] = "";
	size_t i;
	json_t *member;
	const char *name = member_text(router, "name");
	if (!holder || !json_is_object(group) || member_number(group, "can_take_over") ||
	    json_array_size(json_object_get(group, "without_hello")) || group_is_split(router))
		return;
	json_array_foreach(json_object_get(group, "members"), i, member)
	{
		char state[MEMBER_STATE_MAX];
		const char *reason = member_text(member, "reason");
		if (member_doubt(router, member) != DOUBT_NONE)
			list_add(
			    why, "%s: %s", member_text(member, "node"), member_state(router, member, state));
		else if (strcmp(member_text(member, "state"), "active"))
			list_add(why, "%s: %s", member_text(member, "node"),
			    *reason ? reason : member_text(member, "health"));
	}
	if (*why)
		problem(problems, "warn", "If %s fails, nobody can take over %s (%s). Mend one of them.",
		    holder, name, why);
	else
		problem(problems, "warn",
		    "If %s fails, nobody can take over %s: no other server has sent a hello. Is vipd running "
		    "there, and its UDP port (group.port) open between the servers?",
		    holder, name);
}

static void judge_group(json_t *problems, const json_t *router, const json_t *group)
{
	char actives[SENTENCE_MAX];
	unsigned count = group_actives(router, actives, sizeof actives);
	size_t i;
	json_t *member;
	if (count > 1)
		problem(problems, "bad",
		    "%u servers hold %s at once (%s): clients may reach any of them. They do not hear each "
		    "other's adverts: look at the link and the firewall between them with vipctl doctor",
		    count, member_text(router, "name"), actives);
	json_array_foreach(json_object_get(group, "members"), i, member)
	{
		const char *node = member_text(member, "node");
		char silence[TIME_TEXT_MAX];
		if (!strcmp(member_text(member, "presence"), "lost"))
			problem(problems, "warn",
			    "%s is silent and did not say that it stops. Look there: systemctl status vipd",
			    node);
		else if (member_is_overdue(member))
			problem(problems, "warn", "Nothing was heard of %s for %s.", node,
			    show_duration(member_number(member, "last_seen_ms"), silence));
	}
}

static void judge_holder(json_t *problems, const json_t *status, const json_t *router, const json_t *group)
{
	const char *name = member_text(router, "name");
	const json_t *next = json_object_get(group, "next");
	if (page_holder(status, router) || router_holder(router) == HOLDER_FOREIGN)
		return;
	if (member_number(group, "can_take_over"))
		problem(problems, "bad",
		    "Nobody holds %s at this moment: %s is about to take over. If this stays, look there: "
		    "vipctl status",
		    name, member_text(next, "node"));
	else
		problem(problems, "bad",
		    "Nobody holds %s, and nobody can take it: mend the checks of a server, or start vipd on "
		    "another one.",
		    name);
}

static void praise(json_t *model, size_t count)
{
	const json_t *first = json_array_get(json_object_get(model, "virtual_routers"), 0);
	char text[SENTENCE_MAX];
	const char *holder = member_text(first, "holder"), *next = member_text(first, "next");
	if (count == 1)
		snprintf(text, SENTENCE_MAX, "%s holds %s. If it fails, %s takes over.", holder,
		    member_text(first, "name"), next);
	else
		snprintf(text, SENTENCE_MAX,
		    "%zu virtual routers: each has a holder, and somebody who would take over.", count);
	json_object_set_new(model, "grade", json_string("good"));
	json_object_set_new(model, "word", json_string("All is well:"));
	json_object_set_new(model, "sentence", text_json(text, SENTENCE_MAX));
}

static void add_of_grade(json_t *list, const json_t *problems, const char *grade)
{
	size_t i;
	json_t *item;
	json_array_foreach(problems, i, item)
	{
		if (!strcmp(member_text(item, "grade"), grade))
			json_array_append(list, item);
	}
}

/* Takes the first out of the others. */
static void blame(json_t *model, json_t *problems)
{
	const json_t *item = json_array_get(problems, 0);
	bool is_bad = !strcmp(member_text(item, "grade"), "bad");
	json_object_set(model, "grade", json_object_get(item, "grade"));
	json_object_set_new(model, "word", json_string(is_bad ? "Trouble:" : "Attention:"));
	json_object_set(model, "sentence", json_object_get(item, "text"));
	json_array_remove(problems, 0);
}

void page_judge(json_t *model, const json_t *status, size_t most)
{
	json_t *found = json_array(), *problems = json_array(), *router;
	const json_t *routers = json_object_get(status, "virtual_routers");
	size_t i;
	bool stale = engine_is_silent(status);
	json_array_foreach(routers, i, router)
	{
		const json_t *group = json_object_get(router, "group");
		judge_group(found, router, group);
		if (stale) /* what stands there is old */
			continue;
		judge_holder(found, status, router, group);
		judge_successors(found, router, page_holder(status, router), group);
	}
	attention_find(status, say, found);
	add_of_grade(problems, found, "bad");
	add_of_grade(problems, found, "warn");
	json_decref(found);
	if (json_array_size(problems))
		blame(model, problems);
	else
		praise(model, json_array_size(routers));
	size_t total = json_array_size(problems);
	while (json_array_size(problems) > most)
		json_array_remove(problems, json_array_size(problems) - 1);
	page_put_list(model, "problems", problems, total);
}
