/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group at the end of `status`: who is there, who could take over, and what differs between the servers.
 */
#include <stdarg.h>
#include <string.h>

#include "vipctl/group.h"
#include "vipctl/show.h"
#include "vipd/status.h"

enum { NODE, ADDRESS, STATE, PRIORITY, HEALTH, SEEN, COLUMNS };

static void state_cell(struct cell *cell, const json_t *router, const json_t *member)
{
	char text[MEMBER_STATE_MAX];
	enum doubt doubt = member_doubt(router, member);
	const char *state = member_state(router, member, text);
	cell_set(cell,
	    strcmp(state, "stopped") == 0			      ? COLOUR_DIM
	    : doubt == DOUBT_AWAY				      ? COLOUR_BAD
	    : doubt != DOUBT_NONE || strcmp(state, "drained") == 0    ? COLOUR_WARN
	    : strcmp(state, "active") == 0 && !group_is_split(router) ? COLOUR_GOOD
	    : strcmp(state, "backup") == 0			      ? COLOUR_NONE
								      : COLOUR_BAD,
	    "%s", state);
}

static void health_cell(struct cell *cell, const json_t *router, const json_t *member)
{
	const char *health = member_text(member, "health");
	if (member_doubt(router, member) != DOUBT_NONE)
		cell_set(cell, COLOUR_DIM, "-");
	else
		cell_set(cell,
		    strcmp(health, "healthy") == 0	? COLOUR_GOOD
		    : strcmp(health, "recovering") == 0 ? COLOUR_WARN
							: COLOUR_BAD,
		    "%s", health);
}

static void member_cells(struct cell *row, const json_t *router, const json_t *member)
{
	char seen[SHOW_TEXT_MAX];
	int priority = (int)member_number(member, "priority");
	cell_set(&row[NODE], COLOUR_BOLD, "%s", member_text(member, "node"));
	cell_set(&row[ADDRESS], COLOUR_NONE, "%s", member_text(member, "address"));
	state_cell(&row[STATE], router, member);
	cell_set(&row[PRIORITY], COLOUR_NONE, "%d", priority);
	health_cell(&row[HEALTH], router, member);
	if (member_true(member, "self"))
		cell_set(&row[SEEN], COLOUR_DIM, "this node");
	else
		cell_set(&row[SEEN], COLOUR_NONE, "%s ago",
		    show_duration(member_number(member, "last_seen_ms"), seen));
}

void group_table(struct page *page, const json_t *router)
{
	static const char *const titles[] = {"NODE", "ADDRESS", "STATE", "PRIO", "HEALTH", "HEARD"};
	static const unsigned expendable[] = {ADDRESS, SEEN, PRIORITY, COLUMNS};
	struct table table = {.columns = COLUMNS, .width = page->width, .expendable = expendable};
	struct cell *row = table_row(&table);
	size_t i;
	json_t *member;
	for (unsigned c = 0; row && c < COLUMNS; c++)
		cell_set(&row[c], COLOUR_DIM, "%s", titles[c]);
	json_array_foreach(json_object_get(json_object_get(router, "group"), "members"), i, member)
	{
		row = table_row(&table);
		if (row)
			member_cells(row, router, member);
	}
	table_print(&table, page->colour, page->out);
	table_free(&table);
}

void group_sentence(const json_t *router, char *text, size_t room)
{
	const json_t *group = json_object_get(router, "group"), *next = json_object_get(group, "next");
	size_t count = json_array_size(json_object_get(group, "members"));
	const char *health = member_text(next, "health");
	if (count == 1)
		snprintf(text, room, "no other server has sent a hello");
	else if (!json_is_object(next))
		snprintf(text, room, "0 of %zu servers can take over", count);
	else
		snprintf(text, room, "%d of %zu servers can take over; next: %s%s%s",
		    (int)member_number(group, "can_take_over"), count, member_text(next, "node"),
		    strcmp(health, "healthy") ? ", which is " : "", strcmp(health, "healthy") ? health : "");
}

#define note(page, ...) page_sentence(page, COLOUR_WARN, 2, __VA_ARGS__)

/* After a start of the others behind a firewall they look the same as dead ones. */
static void lost_note(struct page *page, const json_t *member, int port)
{
	if (strcmp(member_text(member, "presence"), "lost") == 0)
		note(page,
		    "%s: no hello for three intervals, so it is not known whether it can take over. See "
		    "whether vipd runs there, and whether a firewall drops UDP port %d. If it is gone for "
		    "good: vipctl forget %s",
		    member_text(member, "node"), port, member_text(member, "node"));
}

/* What is not as it should be with a member, in words. */
static void notes_of(struct page *page, const json_t *member, const json_t *self, const char *version)
{
	char theirs[SETTING_TEXT_MAX], ours[SETTING_TEXT_MAX];
	const char *node = member_text(member, "node"), *reason = member_text(member, "reason");
	size_t i;
	json_t *setting;
	if (!member_is_here(member))
		return;
	if (*reason)
		note(page, "%s: %s", node, reason);
	if (strcmp(member_text(member, "version"), version))
		note(page, "%s: vipd %s, here %s", node, member_text(member, "version"), version);
	json_array_foreach(json_object_get(member, "differs"), i, setting)
	{
		const char *name = json_string_value(setting);
		note(page, "%s: %s is %s, here %s; it must be equal", node, name,
		    setting_text(member, name, theirs), setting_text(self, name, ours));
	}
}

static void strangers_note(struct page *page, const json_t *group)
{
	size_t i;
	json_t *address;
	json_array_foreach(json_object_get(group, "without_hello"), i, address) note(page,
	    "%s advertises and sends no hello: of another make, an older vipd, or a firewall "
	    "drops its hellos",
	    json_string_value(address));
}

/* Who has open connections, which end at once when the address moves. */
static void connections_print(struct page *page, const json_t *connections)
{
	int known = (int)member_number(connections, "known");
	const char *reason = member_text(connections, "reason");
	if (!json_is_object(connections))
		return;
	if (known)
		page_sentence(page, COLOUR_NONE, 2, "%d client%s would be told to connect anew", known,
		    known == 1 ? "" : "s");
	else
		page_sentence(page, COLOUR_NONE, 2, "no client would be told to connect anew%s%s",
		    *reason ? ": " : "", reason);
}

void group_print(struct page *page, const json_t *status)
{
	const json_t *hellos = json_object_get(status, "group");
	const char *version = member_text(status, "version");
	int port = (int)member_number(hellos, "port");
	size_t i, k;
	json_t *router, *member;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
	{
		const json_t *group = json_object_get(router, "group"),
			     *members = json_object_get(group, "members");
		char sentence[512];
		if (!json_is_object(group))
			continue;
		group_sentence(router, sentence, sizeof sentence);
		fputc('\n', page->out);
		page_sentence(page, COLOUR_NONE, 0, "%s: %s", member_text(router, "name"), sentence);
		if (json_array_size(members) > 1)
			group_table(page, router);
		else
			note(page, "they are known only where UDP port %d is open between the servers", port);
		json_array_foreach(members, k, member)
		{
			lost_note(page, member, port);
			notes_of(page, member, group_self(group), version);
		}
		strangers_note(page, group);
		connections_print(page, json_object_get(router, "connections"));
	}
}
