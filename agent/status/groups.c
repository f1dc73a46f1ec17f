/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs attention in the groups of the virtual routers, and what to do: for the page and for `watch`,
 * which people look at to learn who holds an address and whether somebody else could.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vipd/status.h"

#define SENTENCE_MAX 1024

struct judge {
	attention_say *say;
	void *context;
};

__attribute__((format(printf, 3, 4))) static void attention(
    const struct judge *judge, enum attention grade, const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	judge->say(judge->context, grade, text);
}

const char *router_holder_name(const json_t *status, const json_t *router)
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
static void judge_successors(
    const struct judge *judge, const json_t *router, const char *holder, const json_t *group)
{
	char why[SENTENCE_MAX] = "";
	bool has_drained = false;
	size_t i;
	json_t *member;
	const char *name = member_text(router, "name");
	if (!holder || !json_is_object(group) || member_number(group, "can_take_over") ||
	    json_array_size(json_object_get(group, "without_hello")) || group_is_split(router))
		return;
	json_array_foreach(json_object_get(group, "members"), i, member)
	{
		char text[MEMBER_STATE_MAX];
		const char *state = member_state(router, member, text),
			   *reason = member_text(member, "reason"), *health = member_text(member, "health");
		if (!strcmp(state, "active"))
			continue;
		has_drained |= !strcmp(state, "drained");
		bool is_known = member_doubt(router, member) == DOUBT_NONE;
		list_add(why, "%s: %s", member_text(member, "node"),
		    is_known && *reason				 ? reason
		    : is_known && strcmp(health, "healthy") != 0 ? health
								 : state);
	}
	if (*why)
		attention(judge, ATTENTION_WARNING,
		    "If %s fails, nobody can take over %s (%s). Mend one of them%s.", holder, name, why,
		    has_drained ? ", or resume what is drained" : "");
	else
		attention(judge, ATTENTION_WARNING,
		    "If %s fails, nobody can take over %s: no other server has sent a hello. Is vipd running "
		    "there, and its UDP port (group.port) open between the servers?",
		    holder, name);
}

static void judge_split(const struct judge *judge, const json_t *router)
{
	char actives[SENTENCE_MAX];
	unsigned count = group_actives(router, actives, sizeof actives);
	if (count > 1)
		attention(judge, ATTENTION_BAD,
		    "%u servers hold %s at once (%s): clients may reach any of them. They do not hear each "
		    "other's adverts: look for what drops IP protocol 112 between them, and for other keys: "
		    "vipctl doctor on each",
		    count, member_text(router, "name"), actives);
}

static void judge_members(const struct judge *judge, const json_t *group)
{
	size_t i;
	json_t *member;
	json_array_foreach(json_object_get(group, "members"), i, member)
	{
		const char *node = member_text(member, "node");
		char silence[TIME_TEXT_MAX];
		if (!strcmp(member_text(member, "presence"), "lost"))
			attention(judge, ATTENTION_WARNING,
			    "%s is silent and did not say that it stops. Look there: systemctl status vipd",
			    node);
		else if (member_is_overdue(member))
			attention(judge, ATTENTION_WARNING, "Nothing was heard of %s for %s.", node,
			    show_duration(member_number(member, "last_seen_ms"), silence));
	}
}

static void judge_holder(
    const struct judge *judge, const json_t *status, const json_t *router, const json_t *group)
{
	const char *name = member_text(router, "name");
	const json_t *next = json_object_get(group, "next");
	if (!json_is_object(group) || router_holder_name(status, router) ||
	    router_holder(router) == HOLDER_FOREIGN)
		return;
	if (member_number(group, "can_take_over"))
		attention(judge, ATTENTION_BAD,
		    "Nobody holds %s at this moment: %s is about to take over. If this stays, look there: "
		    "vipctl status",
		    name, member_text(next, "node"));
	else
		attention(judge, ATTENTION_BAD,
		    "Nobody holds %s, and nobody can take it: mend the checks of a server, resume one that "
		    "is "
		    "drained, or start vipd on another one.",
		    name);
}

void attention_find_groups(const json_t *status, attention_say *say, void *context)
{
	const struct judge judge = {say, context};
	const json_t *routers = json_object_get(status, "virtual_routers");
	size_t i;
	json_t *router;
	bool stale = engine_is_silent(status);
	json_array_foreach(routers, i, router)
	{
		const json_t *group = json_object_get(router, "group");
		judge_split(&judge, router);
		if (!stale) /* else what stands there is old */
			judge_holder(&judge, status, router, group);
		judge_members(&judge, group);
		if (!stale)
			judge_successors(&judge, router, router_holder_name(status, router), group);
	}
}
