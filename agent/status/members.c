/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of a group say how they do once a second, and at once when something changes. Whoever dies says
 * nothing, and counts as here for three seconds more: what it said last must not be shown as what is.
 */
#include <stdio.h>
#include <string.h>

#include "vipd/status.h"

#define OVERDUE_INTERVALS   2
#define INTERVAL_DEFAULT_MS 1000

static const json_t *members_of(const json_t *router)
{
	return json_object_get(json_object_get(router, "group"), "members");
}

const json_t *group_self(const json_t *group)
{
	size_t i;
	json_t *member;
	json_array_foreach(json_object_get(group, "members"), i, member)
	{
		if (member_true(member, "self"))
			return member;
	}
	return NULL;
}

bool member_is_here(const json_t *member)
{
	return strcmp(member_text(member, "presence"), "here") == 0;
}

static bool says_active(const json_t *member)
{
	return member_is_here(member) && strcmp(member_text(member, "state"), "active") == 0;
}

/* An Active with a priority that is not drained takes part, unless its engine is late. */
static bool engine_is_late(const json_t *member)
{
	return says_active(member) && json_is_false(json_object_get(member, "candidate")) &&
	       member_number(member, "effective_priority") > 0 && !member_true(member, "drained");
}

bool member_is_overdue(const json_t *member)
{
	int64_t interval = member_number(member, "interval_ms");
	return member_is_here(member) && member_number(member, "last_seen_ms") >
					     OVERDUE_INTERVALS * (interval ? interval : INTERVAL_DEFAULT_MS);
}

/* Who became Active last did so after this one was heard. */
static bool is_succeeded(const json_t *router, const json_t *member)
{
	size_t i;
	json_t *other;
	json_array_foreach(members_of(router), i, other)
	{
		const json_t *age = json_object_get(other, "state_ms");
		if (other != member && says_active(other) && json_is_integer(age) &&
		    json_integer_value(age) < member_number(member, "last_seen_ms"))
			return true;
	}
	return false;
}

enum doubt member_doubt(const json_t *router, const json_t *member)
{
	enum holder holder = router_holder(router);
	const json_t *group = json_object_get(router, "group");
	if (!member_is_here(member))
		return DOUBT_AWAY;
	if (engine_is_late(member))
		return DOUBT_ENGINE;
	if (member_is_overdue(member) || (says_active(member) && is_succeeded(router, member)))
		return DOUBT_SILENT;
	/* If our own engine hangs, it is that which hears none; our hello does not say its state then. */
	if (says_active(member) && (holder == HOLDER_NOBODY || holder == HOLDER_SILENT) &&
	    strcmp(member_text(group_self(group), "state"), member_text(router, "state")) == 0)
		return DOUBT_ADVERTS;
	return DOUBT_NONE;
}

const char *member_state(const json_t *router, const json_t *member, char out[static MEMBER_STATE_MAX])
{
	char silence[TIME_TEXT_MAX];
	switch (member_doubt(router, member)) {
	case DOUBT_AWAY: snprintf(out, MEMBER_STATE_MAX, "%.40s", member_text(member, "presence")); break;
	case DOUBT_ENGINE: snprintf(out, MEMBER_STATE_MAX, "engine silent"); break;
	case DOUBT_SILENT:
		snprintf(out, MEMBER_STATE_MAX, "not heard for %s",
		    show_duration(member_number(member, "last_seen_ms"), silence));
		break;
	case DOUBT_ADVERTS:
		snprintf(out, MEMBER_STATE_MAX, "no adverts, hello %s ago",
		    show_duration(member_number(member, "last_seen_ms"), silence));
		break;
	default:
		snprintf(out, MEMBER_STATE_MAX, "%.40s",
		    member_true(member, "drained") ? "drained" : member_text(member, "state"));
	}
	return out;
}

unsigned group_actives(const json_t *router, char *names, size_t room)
{
	unsigned count = 0;
	size_t i, length = 0;
	json_t *member;
	*names = '\0';
	json_array_foreach(members_of(router), i, member)
	{
		enum doubt doubt = member_doubt(router, member);
		if (!says_active(member) || doubt == DOUBT_SILENT || doubt == DOUBT_ENGINE)
			continue;
		if (length < room)
			length += (size_t)snprintf(names + length, room - length, "%s%s", count ? ", " : "",
			    member_text(member, "node"));
		count++;
	}
	return count;
}

bool holder_is_drained(const json_t *router)
{
	size_t i;
	json_t *member;
	const char *holder = member_text(json_object_get(router, "active_router"), "address");
	if (router_holder(router) != HOLDER_OTHER)
		return false;
	json_array_foreach(members_of(router), i, member)
	{
		if (strcmp(member_text(member, "address"), holder) == 0)
			return says_active(member) && member_true(member, "drained") &&
			       strcmp(member_text(member, "health"), "healthy") == 0;
	}
	return false;
}

bool group_is_split(const json_t *router)
{
	char names[1];
	return group_actives(router, names, sizeof names) > 1;
}
