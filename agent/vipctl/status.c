/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `status`: who holds what, since when and why; what needs attention stands last, where the eye
 * is.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"
#include "vipctl/group.h"
#include "vipctl/page.h"
#include "vipctl/show.h"

static const char *age_text(int64_t ms, char out[static SHOW_TEXT_MAX])
{
	return ms < 0 ? "-" : show_duration(ms, out);
}

/* Of an agent that does not say it yet: by the wall clock. */
static int64_t uptime_ms(const json_t *status)
{
	const json_t *uptime = json_object_get(status, "uptime_ms");
	int64_t started = time_parse(member_text(status, "started"));
	if (json_is_integer(uptime))
		return json_integer_value(uptime);
	return started < 0 ? -1 : time_now_ms() - started;
}

static enum colour state_colour(const char *state)
{
	if (strcmp(state, "active") == 0 || strcmp(state, "passing") == 0)
		return COLOUR_GOOD;
	if (strcmp(state, "backup") == 0)
		return COLOUR_NONE;
	return strcmp(state, "fault") == 0 || strcmp(state, "failing") == 0 ? COLOUR_BAD : COLOUR_WARN;
}

/* ---- virtual routers ---- */

enum { ROUTER, STATE, SINCE, HELD_BY, PRIORITY, HEALTH, ADDRESS, KERNEL, ROUTER_COLUMNS };

static void address_cells(struct cell *row, const json_t *router, const json_t *address)
{
	static const enum colour colours[] = {
	    [PRESENCE_RIGHT] = COLOUR_NONE,
	    [PRESENCE_HANDOVER] = COLOUR_WARN,
	    [PRESENCE_MISSING] = COLOUR_BAD,
	    [PRESENCE_LEFT] = COLOUR_BAD,
	    [PRESENCE_UNKNOWN] = COLOUR_WARN,
	};
	enum presence presence = address_presence(router, address);
	enum colour colour = colours[presence];
	const char *interface = member_text(router, "interface"),
		   *other = member_text(address, "other_interface");
	if (presence == PRESENCE_RIGHT && router_is_active(router))
		colour = COLOUR_GOOD;
	cell_set(&row[ADDRESS], COLOUR_NONE, "%s", member_text(address, "address"));
	if (presence == PRESENCE_UNKNOWN)
		cell_set(&row[KERNEL], colour, "unknown");
	else if (strcmp(member_text(address, "kernel"), "present") == 0)
		cell_set(&row[KERNEL], colour, "on %s%s", interface,
		    presence == PRESENCE_HANDOVER ? ", handing over" : "");
	else
		cell_set(&row[KERNEL], colour, "not on %s%s%s%s", interface, *other ? " (on " : "", other,
		    *other ? ")" : "");
}

static void router_cells(struct cell *row, const json_t *router, bool stale)
{
	char text[CELL_MAX], since[SHOW_TEXT_MAX];
	const char *state = member_text(router, "state");
	int priority = (int)member_number(router, "priority"),
	    effective = (int)member_number(router, "effective_priority");
	enum holder holder = router_holder(router);
	cell_set(&row[ROUTER], COLOUR_BOLD, "%s", member_text(router, "name"));
	const char *doubt = stale ? "?" : "";
	cell_set(&row[STATE], stale ? COLOUR_WARN : state_colour(state), "%s%s%s", state, doubt,
	    member_true(router, "drained") ? ", drained" : "");
	cell_set(&row[SINCE], COLOUR_NONE, "%s", age_text(state_age_ms(router), since));
	bool held = holder == HOLDER_SELF || holder == HOLDER_OTHER;
	cell_set(&row[HELD_BY],
	    stale  ? COLOUR_WARN
	    : held ? COLOUR_NONE
		   : COLOUR_BAD,
	    "%s%s", router_holder_text(router, text), doubt);
	if (effective == priority)
		cell_set(&row[PRIORITY], COLOUR_NONE, "%d", priority);
	else
		cell_set(&row[PRIORITY], COLOUR_WARN, "%d (of %d)", effective, priority);
	if (is_recovering(router))
		cell_set(&row[HEALTH], COLOUR_WARN, "recovering");
	else if (!member_true(router, "healthy"))
		cell_set(&row[HEALTH], COLOUR_BAD, "failing");
	else if (json_array_size(json_object_get(router, "checks")) == 0)
		cell_set(&row[HEALTH], COLOUR_DIM, "no checks");
	else
		cell_set(&row[HEALTH], COLOUR_GOOD, "healthy");
}

static void heading(struct table *table, const char *const titles[])
{
	struct cell *row = table_row(table);
	for (unsigned i = 0; row && i < table->columns; i++)
		cell_set(&row[i], COLOUR_DIM, "%s", titles[i]);
}

static void routers_print(struct page *page, const json_t *routers)
{
	static const char *const titles[] = {
	    "ROUTER", "STATE", "SINCE", "HELD BY", "PRIORITY", "HEALTH", "ADDRESS", "KERNEL"};
	static const unsigned expendable[] = {KERNEL, ADDRESS, PRIORITY, HEALTH, SINCE, ROUTER_COLUMNS};
	struct table table = {.columns = ROUTER_COLUMNS, .width = page->width, .expendable = expendable};
	size_t i, k;
	json_t *router, *address;
	heading(&table, titles);
	json_array_foreach(routers, i, router)
	{
		json_array_foreach(json_object_get(router, "addresses"), k, address)
		{
			struct cell *row = table_row(&table);
			if (!row)
				break;
			if (k == 0)
				router_cells(row, router, page->stale);
			address_cells(row, router, address);
		}
	}
	table_print(&table, page->colour, page->out);
	for (size_t row = 1; row < table.rows && table.hidden[KERNEL]; row++) {
		const struct cell *cells = &table.cells[row * ROUTER_COLUMNS];
		fprintf(page->out, "  %s %s\n", cells[ADDRESS].text, cells[KERNEL].text);
	}
	table_free(&table);
}

/* Why each is what it is: one line a router. */
static void reasons_print(struct page *page, const json_t *routers)
{
	size_t i;
	json_t *router;
	json_array_foreach(routers, i, router)
	{
		char since[SHOW_TEXT_MAX];
		page_sentence(page, COLOUR_NONE, 0, "%s: %s since %s: %s", member_text(router, "name"),
		    member_text(router, "state"), show_time(member_text(router, "since"), since),
		    member_text(router, "reason"));
	}
}

/* ---- checks ---- */

enum { CHECK, CHECK_STATE, CHECK_SINCE, CHECK_LAST, CHECK_ERROR, CHECK_COLUMNS };

static void checks_print(struct page *page, const json_t *checks)
{
	static const char *const titles[] = {"CHECK", "STATE", "SINCE", "TOOK", "LAST ERROR"};
	static const unsigned expendable[] = {CHECK_ERROR, CHECK_LAST, CHECK_SINCE, CHECK_COLUMNS};
	struct table table = {.columns = CHECK_COLUMNS, .width = page->width, .expendable = expendable};
	size_t i;
	json_t *check;
	if (json_array_size(checks) == 0)
		return;
	heading(&table, titles);
	json_array_foreach(checks, i, check)
	{
		char since[SHOW_TEXT_MAX];
		struct cell *row = table_row(&table);
		if (!row)
			break;
		const char *state = is_recovering(check) ? "recovering" : member_text(check, "state"),
			   *error = member_text(check, "last_error");
		const json_t *last = json_object_get(check, "last_ms");
		const char *whose = member_text(check, "distribution");
		cell_set(&row[CHECK], COLOUR_BOLD, "%s%s%s%s", member_text(check, "name"), *whose ? " (" : "",
		    whose, *whose ? ")" : "");
		cell_set(&row[CHECK_STATE], state_colour(state), "%s", state);
		cell_set(&row[CHECK_SINCE], COLOUR_NONE, "%s", age_text(state_age_ms(check), since));
		if (json_is_number(last))
			cell_set(&row[CHECK_LAST], COLOUR_NONE, "%.1fms", json_number_value(last));
		else
			cell_set(&row[CHECK_LAST], COLOUR_DIM, "-");
		cell_set(&row[CHECK_ERROR], *error ? COLOUR_WARN : COLOUR_DIM, "%s", *error ? error : "-");
	}
	fputc('\n', page->out);
	table_print(&table, page->colour, page->out);
	table_free(&table);
}

static void drains_print(struct page *page, const json_t *routers)
{
	size_t i;
	json_t *router;
	json_array_foreach(routers, i, router)
	{
		char since[SHOW_TEXT_MAX];
		if (!member_true(router, "drained"))
			continue;
		const char *until = member_text(router, "drained_until");
		char end[SHOW_TEXT_MAX];
		page_sentence(page, COLOUR_NONE, 0,
		    "%s: drained since %s by uid %d%s%s%s; take part again: vipctl resume %s",
		    member_text(router, "name"), show_time(member_text(router, "drained_since"), since),
		    (int)member_number(router, "drained_by"),
		    member_true(router, "drained_for_shutdown") ? ", because the machine was being stopped"
								: "",
		    *until ? " until " : "", *until ? show_time(until, end) : "",
		    member_text(router, "name"));
	}
}

/* No reason to wake somebody, but to know before the machine is busy. */
static void punctuality_print(struct page *page, const json_t *engine)
{
	bool realtime = !json_is_false(json_object_get(engine, "realtime")),
	     locked = !json_is_false(json_object_get(engine, "memory_locked"));
	if (realtime && locked)
		return;
	page_sentence(page, COLOUR_WARN, 0,
	    "engine: %s%s%s: on a busy machine takeovers may be late; the unit needs %s%s%s",
	    realtime ? "" : "no real-time priority", realtime || locked ? "" : ", ",
	    locked ? "" : "memory is not locked", realtime ? "" : "LimitRTPRIO=20",
	    realtime || locked ? "" : " and ", locked ? "" : "LimitMEMLOCK=infinity");
}

static void page_print(struct page *page, const json_t *status)
{
	const json_t *routers = json_object_get(status, "virtual_routers"),
		     *checks = json_object_get(status, "checks");
	char up[SHOW_TEXT_MAX];
	const json_t *engine = json_object_get(status, "engine");
	page->stale = engine_is_silent(status);
	page_sentence(page, COLOUR_NONE, 0, "%s: vipd %s, up %s, %s", member_text(status, "node"),
	    member_text(status, "version"), age_text(uptime_ms(status), up),
	    member_text(json_object_get(status, "config"), "path"));
	fputc('\n', page->out);
	routers_print(page, routers);
	checks_print(page, checks);
	fputc('\n', page->out);
	reasons_print(page, routers);
	drains_print(page, routers);
	group_print(page, status);
	punctuality_print(page, engine);
	attention_print(page, status);
}

int command_status(const struct vipctl *ctl)
{
	json_t *status;
	char *raw;
	int result = call_json(ctl, "GET", "/v1/status", &status, &raw);
	if (result != EXIT_FINE)
		return result;
	struct page page = {.out = ctl->json ? fopen("/dev/null", "we") : stdout,
	    .colour = ctl->colour,
	    .width = terminal_width()};
	if (!page.out) {
		fputs("vipctl: /dev/null cannot be opened\n", stderr);
		return EXIT_ATTENTION;
	}
	page_print(&page, status);
	if (ctl->json) {
		fclose(page.out);
		raw_print(raw);
	}
	free(raw);
	json_decref(status);
	return page.attention ? EXIT_ATTENTION : EXIT_FINE;
}
