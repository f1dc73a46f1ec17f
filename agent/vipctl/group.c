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

static bool is_here(const json_t *member)
{
	return strcmp(member_text(member, "presence"), "here") == 0;
}

static void state_cell(struct cell *cell, const json_t *member)
{
	const char *presence = member_text(member, "presence"), *state = member_text(member, "state");
	if (!is_here(member))
		cell_set(cell, strcmp(presence, "lost") == 0 ? COLOUR_BAD : COLOUR_DIM, "%s", presence);
	else if (member_true(member, "drained"))
		cell_set(cell, COLOUR_WARN, "drained");
	else
		cell_set(cell,
		    strcmp(state, "active") == 0   ? COLOUR_GOOD
		    : strcmp(state, "backup") == 0 ? COLOUR_NONE
						   : COLOUR_BAD,
		    "%s", state);
}

static void health_cell(struct cell *cell, const json_t *member)
{
	const char *health = member_text(member, "health");
	if (!is_here(member))
		cell_set(cell, COLOUR_DIM, "-");
	else
		cell_set(cell,
		    strcmp(health, "healthy") == 0	? COLOUR_GOOD
		    : strcmp(health, "recovering") == 0 ? COLOUR_WARN
							: COLOUR_BAD,
		    "%s", health);
}

static void member_cells(struct cell *row, const json_t *member)
{
	char seen[SHOW_TEXT_MAX];
	int priority = (int)member_number(member, "priority");
	cell_set(&row[NODE], COLOUR_BOLD, "%s", member_text(member, "node"));
	cell_set(&row[ADDRESS], COLOUR_NONE, "%s", member_text(member, "address"));
	state_cell(&row[STATE], member);
	cell_set(&row[PRIORITY], COLOUR_NONE, "%d", priority);
	health_cell(&row[HEALTH], member);
	if (member_true(member, "self"))
		cell_set(&row[SEEN], COLOUR_DIM, "this node");
	else
		cell_set(&row[SEEN], COLOUR_NONE, "%s ago",
		    show_duration(member_number(member, "last_seen_ms"), seen));
}

static void table_of(FILE *out, bool colour, const json_t *members)
{
	static const char *const titles[] = {"NODE", "ADDRESS", "STATE", "PRIO", "HEALTH", "HEARD"};
	struct table table = {.columns = COLUMNS};
	struct cell *row = table_row(&table);
	size_t i;
	json_t *member;
	for (unsigned c = 0; row && c < COLUMNS; c++)
		cell_set(&row[c], COLOUR_DIM, "%s", titles[c]);
	json_array_foreach(members, i, member)
	{
		row = table_row(&table);
		if (row)
			member_cells(row, member);
	}
	table_print(&table, colour, out);
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

__attribute__((format(printf, 3, 4))) static void note(FILE *out, bool colour, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	colour_set(out, colour, COLOUR_WARN);
	fprintf(out, "  %s", text_tame(text));
	colour_set(out, colour, COLOUR_NONE);
	fputc('\n', out);
}

/* What is not as it should be with a member, in words. */
static void notes_of(FILE *out, bool colour, const json_t *member, const json_t *self, const char *version)
{
	char theirs[SETTING_TEXT_MAX], ours[SETTING_TEXT_MAX];
	const char *node = member_text(member, "node"), *reason = member_text(member, "reason");
	size_t i;
	json_t *setting;
	if (!is_here(member))
		return;
	if (*reason)
		note(out, colour, "%s: %s", node, reason);
	if (strcmp(member_text(member, "version"), version))
		note(out, colour, "%s: vipd %s, here %s", node, member_text(member, "version"), version);
	json_array_foreach(json_object_get(member, "differs"), i, setting)
	{
		const char *name = json_string_value(setting);
		note(out, colour, "%s: %s is %s, here %s; it must be equal", node, name,
		    setting_text(member, name, theirs), setting_text(self, name, ours));
	}
}

static void strangers_note(FILE *out, bool colour, const json_t *group)
{
	size_t i;
	json_t *address;
	json_array_foreach(json_object_get(group, "without_hello"), i, address) note(out, colour,
	    "%s advertises and sends no hello: of another make, an older vipd, or a firewall "
	    "drops its hellos",
	    json_string_value(address));
}

/* Who has open connections, which end at once when the address moves. */
static void connections_print(FILE *out, const json_t *connections)
{
	char text[512];
	int known = (int)member_number(connections, "known");
	const char *reason = member_text(connections, "reason");
	if (!json_is_object(connections))
		return;
	if (known)
		snprintf(text, sizeof text, "%d client%s would be told to connect anew", known,
		    known == 1 ? "" : "s");
	else
		snprintf(text, sizeof text, "no client would be told to connect anew%s%s",
		    *reason ? ": " : "", reason);
	fprintf(out, "  %s\n", text_tame(text));
}

void group_print(FILE *out, bool colour, const json_t *status)
{
	const json_t *hellos = json_object_get(status, "group");
	const char *version = member_text(status, "version");
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
		fprintf(out, "\n%s: %s\n", member_text(router, "name"), text_tame(sentence));
		if (json_array_size(members) > 1)
			table_of(out, colour, members);
		else
			note(out, colour, "they are known only where UDP port %d is open between the servers",
			    (int)member_number(hellos, "port"));
		json_array_foreach(members, k, member)
		    notes_of(out, colour, member, group_self(group), version);
		strangers_note(out, colour, group);
		connections_print(out, json_object_get(router, "connections"));
	}
}
