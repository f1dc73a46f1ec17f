/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs attention in the groups of the virtual routers, and what to do: for the page and for `watch`,
 * which people look at to learn who holds an address and whether somebody else could.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "status/attention.h"

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
		attention_add(judge, ATTENTION_WARNING,
		    "If %s fails, nobody can take over %s (%s). Mend one of them%s.", holder, name, why,
		    has_drained ? ", or resume what is drained" : "");
	else
		attention_add(judge, ATTENTION_WARNING,
		    "If %s fails, nobody can take over %s: no other server has sent a hello. Is vipd running "
		    "there, and its UDP port (group.port) open between the servers?",
		    holder, name);
}

/* Returns whether there was anything to say. */
static bool judge_member(const struct judge *judge, const json_t *member)
{
	const char *node = member_text(member, "node");
	char silence[TIME_TEXT_MAX];
	bool is_lost = !strcmp(member_text(member, "presence"), "lost"),
	     is_overdue = member_is_overdue(member);
	if (is_lost)
		attention_add(judge, ATTENTION_WARNING,
		    "%s is silent and did not say that it stops. Look there: systemctl status vipd", node);
	else if (is_overdue)
		attention_add(judge, ATTENTION_WARNING, "Nothing was heard of %s for %s.", node,
		    show_duration(member_number(member, "last_seen_ms"), silence));
	return is_lost || is_overdue;
}

/* A server is a member of the group of each of its virtual routers: what is said of it is said once. */
static void judge_members(const struct judge *judge, const json_t *routers)
{
	size_t i, k;
	json_t *router, *member, *said = json_object();
	json_array_foreach(routers, i, router)
	{
		json_array_foreach(json_object_get(json_object_get(router, "group"), "members"), k, member)
		{
			const char *node = member_text(member, "node");
			if (!json_object_get(said, node) && judge_member(judge, member))
				json_object_set_new(said, node, json_true());
		}
	}
	json_decref(said);
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
		attention_add(judge, ATTENTION_BAD,
		    "Nobody holds %s at this moment: %s is about to take over. If this stays, look there: "
		    "vipctl status",
		    name, member_text(next, "node"));
	else
		attention_add(judge, ATTENTION_BAD,
		    "Nobody holds %s, and nobody can take it: mend the checks of a server, resume one that "
		    "is drained, or start vipd on another one.",
		    name);
}

void attention_find_groups(const json_t *status, attention_say *say, void *context)
{
	const struct judge judge = {say, context, engine_is_silent(status)};
	const json_t *routers = json_object_get(status, "virtual_routers");
	size_t i;
	json_t *router;
	json_array_foreach(routers, i, router)
	{
		if (!judge.stale)
			judge_holder(&judge, status, router, json_object_get(router, "group"));
	}
	judge_members(&judge, routers);
	json_array_foreach(routers, i, router)
	{
		if (!judge.stale)
			judge_successors(&judge, router, router_holder_name(status, router),
			    json_object_get(router, "group"));
	}
}
