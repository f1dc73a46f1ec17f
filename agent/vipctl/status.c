/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `status` and `watch`: who holds what, since when and why; what needs attention stands last, where the eye
 * is.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"
#include "vipctl/group.h"
#include "vipctl/router.h"

struct page {
	FILE *out;
	bool colour;
	bool attention;
	bool stale; /* the engine does not respond: what it says is old, what the kernel says is not */
};

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

/* One line of what is wrong and what to do. */
__attribute__((format(printf, 2, 3))) static void attention(struct page *page, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	page->attention = true;
	colour_set(page->out, page->colour, COLOUR_BAD);
	fprintf(page->out, "! %s", text_tame(text));
	colour_set(page->out, page->colour, COLOUR_NONE);
	fputc('\n', page->out);
}

static enum colour state_colour(const char *state)
{
	if (strcmp(state, "active") == 0 || strcmp(state, "passing") == 0)
		return COLOUR_GOOD;
	if (strcmp(state, "backup") == 0)
		return COLOUR_NONE;
	return strcmp(state, "fault") == 0 || strcmp(state, "failing") == 0 ? COLOUR_BAD : COLOUR_WARN;
}

/* Of a virtual router or a check: it answers, but is not trusted yet. */
static bool is_recovering(const json_t *object)
{
	return strcmp(member_text(object, "health"), "recovering") == 0;
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
	struct table table = {.columns = ROUTER_COLUMNS};
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
	table_free(&table);
}

/* Why each is what it is: one line a router. */
static void reasons_print(struct page *page, const json_t *routers)
{
	size_t i;
	json_t *router;
	json_array_foreach(routers, i, router)
	{
		char since[SHOW_TEXT_MAX], line[1024];
		snprintf(line, sizeof line, "%s: %s since %s: %s", member_text(router, "name"),
		    member_text(router, "state"), show_time(member_text(router, "since"), since),
		    member_text(router, "reason"));
		fprintf(page->out, "%s\n", text_tame(line));
	}
}

/* ---- checks ---- */

enum { CHECK, CHECK_STATE, CHECK_SINCE, CHECK_LAST, CHECK_ERROR, CHECK_COLUMNS };

static void checks_print(struct page *page, const json_t *checks)
{
	static const char *const titles[] = {"CHECK", "STATE", "SINCE", "TOOK", "LAST ERROR"};
	struct table table = {.columns = CHECK_COLUMNS};
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

/* ---- what needs attention ---- */

static void judge_engine(struct page *page, const json_t *engine)
{
	char silent[SHOW_TEXT_MAX];
	if (!page->stale)
		return;
	if (json_is_number(json_object_get(engine, "heartbeat_ms")))
		attention(page,
		    "the engine does not respond (last sign of life %s ago): what stands above is old, "
		    "except KERNEL. It is restarted by itself; if not: journalctl -u vipd",
		    show_duration(member_number(engine, "heartbeat_ms"), silent));
	else
		attention(page, "the engine has not started yet; if this stays: journalctl -u vipd");
}

/* The next start would have what the file says, or fail. */
static void judge_config(struct page *page, const json_t *status)
{
	char why[CONFIG_WHY_MAX], at[SHOW_TEXT_MAX];
	const json_t *config = json_object_get(status, "config"),
		     *last = json_object_get(config, "last_reload");
	const char *path = member_text(config, "path"), *error = member_text(last, "error");
	enum config_file file = config_file_look(status, why);
	if (json_is_object(last) && !member_true(last, "successful"))
		attention(page, "the reload of %s was refused; what was in force before still is: %.*s",
		    show_time(member_text(last, "at"), at), (int)strcspn(error, "\n"), error);
	if (file == CONFIG_FILE_WRONG)
		attention(page,
		    "%s is wrong, and vipd would not start with it: %s; all errors: vipd -n -c %s", path, why,
		    path);
	else if (file == CONFIG_FILE_CHANGED)
		attention(page, "%s has changed since vipd read it: vipctl reload", path);
}

static void judge_recorder(struct page *page, const json_t *recorder)
{
	if (json_is_string(json_object_get(recorder, "last_error")))
		attention(page, "no capture files are written to %s: %s", member_text(recorder, "directory"),
		    member_text(recorder, "last_error"));
}

static void judge_publish(struct page *page, const json_t *targets)
{
	size_t i;
	const json_t *target;
	json_array_foreach(targets, i, target)
	{
		if (!strcmp(member_text(target, "state"), "failing"))
			attention(page, "%s cannot be told which servers are ready: %s",
			    member_text(target, "target"), member_text(target, "last_error"));
	}
}

/* Active, and the kernel does not have the address. */
static void judge_missing(struct page *page, const json_t *router, const char *address)
{
	const char *name = member_text(router, "name"), *interface = member_text(router, "interface");
	if (page->stale)
		attention(page,
		    "%s: this node was active, but the kernel no longer has %s on %s: another node has "
		    "probably taken over; see vipctl status there",
		    name, address, interface);
	else
		attention(page,
		    "%s: ACTIVE WITHOUT ITS ADDRESS: the kernel does not have %s on %s, so nobody answers "
		    "for it. Move it away: vipctl drain %s; why: journalctl -u vipd",
		    name, address, interface, name);
}

static void judge_addresses(struct page *page, const json_t *router)
{
	size_t i;
	json_t *item;
	const char *name = member_text(router, "name"), *interface = member_text(router, "interface");
	json_array_foreach(json_object_get(router, "addresses"), i, item)
	{
		const char *address = member_text(item, "address");
		switch (address_presence(router, item)) {
		case PRESENCE_MISSING: judge_missing(page, router, address); break;
		case PRESENCE_LEFT:
			attention(page,
			    "%s: ADDRESS LEFT BEHIND: this node is %s, but the kernel has %s on %s, so "
			    "two servers may answer for it. Remove it: ip address del %s/%s dev %s",
			    name, member_text(router, "state"), address, interface, address,
			    strchr(address, ':') ? "128" : "32", interface);
			break;
		case PRESENCE_UNKNOWN:
			attention(
			    page, "%s: the kernel did not say whether %s is on %s", name, address, interface);
			break;
		case PRESENCE_RIGHT:
		case PRESENCE_HANDOVER: break;
		}
	}
}

static void judge_conflict(struct page *page, const json_t *router)
{
	const json_t *conflict = json_object_get(router, "conflict");
	const char *mac = member_text(conflict, "mac"), *address = member_text(conflict, "address");
	if (!json_is_object(conflict))
		return;
	if (*mac)
		attention(page,
		    "%s: CONFLICT: %s also claims %s, so clients may reach either. Find that host (a "
		    "vipd that was killed, a MetalLB or kube-vip speaker, a static address) and stop it",
		    member_text(router, "name"), mac, address);
	else if (json_is_integer(json_object_get(conflict, "vrid")))
		attention(page,
		    "%s: CONFLICT: VRID %d lists the same address %s, and elects a holder of its own. Give "
		    "them the "
		    "same VRID or other addresses",
		    member_text(router, "name"), (int)member_number(conflict, "vrid"), address);
	else
		attention(page,
		    "%s: CONFLICT: another host advertises from %s, the address of this node: their "
		    "adverts are refused. Give one of them another link-local address, or look for a loop",
		    member_text(router, "name"), address);
}

static void judge_router(struct page *page, const json_t *router)
{
	char holder[CELL_MAX];
	const char *name = member_text(router, "name"), *state = member_text(router, "state");
	bool drained = member_true(router, "drained");
	judge_addresses(page, router);
	judge_conflict(page, router);
	if (strcmp(state, "fault") == 0)
		attention(
		    page, "%s: fault: %s; this node cannot hold it", name, member_text(router, "reason"));
	else if (strcmp(state, "initialize") == 0)
		attention(page, "%s: has not started yet: %s", name, member_text(router, "reason"));
	else if (router_holder(router) == HOLDER_NOBODY || router_holder(router) == HOLDER_SILENT)
		attention(page, "%s: this node hears no holder: %s%s%s", name,
		    router_holder_text(router, holder), drained ? "; take it back: vipctl resume " : "",
		    drained ? name : "");
	if (router_is_kept(router))
		attention(page,
		    "%s: drained, but no other server took over, so this node keeps the address until one "
		    "does. Look there why: vipctl status",
		    name);
	if (holder_is_unhealthy(router))
		attention(page,
		    "%s: the holder is unhealthy: %s; no healthy server takes part. Look there why: vipctl "
		    "status",
		    name, router_holder_text(router, holder));
	if (!member_true(router, "healthy"))
		attention(page, "%s: unhealthy: %s", name, member_text(router, "health_reason"));
}

static void judge_certificate(struct page *page, const char *check, const json_t *certificate)
{
	size_t i;
	json_t *address;
	int64_t expires = time_parse(member_text(certificate, "expires"));
	json_array_foreach(json_object_get(certificate, "missing"), i, address) attention(page,
	    "check %s: the server's certificate does not name %s: clients that come by it will refuse to "
	    "talk to this server; %s",
	    check, json_string_value(address), member_text(certificate, "advice"));
	if (expires >= 0 && expires < time_now_ms())
		attention(page, "check %s: the server's certificate has expired", check);
}

static void judge_checks(struct page *page, const json_t *checks)
{
	size_t i;
	json_t *check;
	json_array_foreach(checks, i, check)
	{
		if (strcmp(member_text(check, "state"), "failing") == 0)
			attention(page, "check %s: %s: %s", member_text(check, "name"),
			    is_recovering(check) ? "recovering" : "failing",
			    member_text(check, "last_error"));
		else if (member_true(check, "unauthorized"))
			attention(page, "check %s: passing, but blind: %s", member_text(check, "name"),
			    member_text(check, "last_error"));
		judge_certificate(page, member_text(check, "name"), json_object_get(check, "certificate"));
	}
}

static void drains_print(struct page *page, const json_t *routers)
{
	size_t i;
	json_t *router;
	json_array_foreach(routers, i, router)
	{
		char since[SHOW_TEXT_MAX], line[512];
		if (!member_true(router, "drained"))
			continue;
		const char *until = member_text(router, "drained_until");
		char end[SHOW_TEXT_MAX];
		snprintf(line, sizeof line,
		    "%s: drained since %s by uid %d%s%s; take part again: vipctl resume %s",
		    member_text(router, "name"), show_time(member_text(router, "drained_since"), since),
		    (int)member_number(router, "drained_by"), *until ? " until " : "",
		    *until ? show_time(until, end) : "", member_text(router, "name"));
		fprintf(page->out, "%s\n", text_tame(line));
	}
}

/* No reason to wake somebody, but to know before the machine is busy. */
static void punctuality_print(struct page *page, const json_t *engine)
{
	bool realtime = !json_is_false(json_object_get(engine, "realtime")),
	     locked = !json_is_false(json_object_get(engine, "memory_locked"));
	if (realtime && locked)
		return;
	colour_set(page->out, page->colour, COLOUR_WARN);
	fprintf(page->out, "engine: %s%s%s: on a busy machine takeovers may be late; the unit needs %s%s%s\n",
	    realtime ? "" : "no real-time priority", realtime || locked ? "" : ", ",
	    locked ? "" : "memory is not locked", realtime ? "" : "LimitRTPRIO=20",
	    realtime || locked ? "" : " and ", locked ? "" : "LimitMEMLOCK=infinity");
	colour_set(page->out, page->colour, COLOUR_NONE);
}

static void page_print(struct page *page, const json_t *status)
{
	const json_t *routers = json_object_get(status, "virtual_routers"),
		     *checks = json_object_get(status, "checks");
	char up[SHOW_TEXT_MAX], line[1024];
	const json_t *engine = json_object_get(status, "engine");
	size_t i;
	json_t *router;
	page->stale = json_is_object(engine) && !member_true(engine, "responding");
	snprintf(line, sizeof line, "%s: vipd %s, up %s, %s", member_text(status, "node"),
	    member_text(status, "version"), age_text(uptime_ms(status), up),
	    member_text(json_object_get(status, "config"), "path"));
	fprintf(page->out, "%s\n\n", text_tame(line));
	routers_print(page, routers);
	checks_print(page, checks);
	fputc('\n', page->out);
	reasons_print(page, routers);
	drains_print(page, routers);
	group_print(page->out, page->colour, status);
	punctuality_print(page, engine);
	judge_engine(page, engine);
	judge_config(page, status);
	judge_recorder(page, json_object_get(status, "recorder"));
	judge_publish(page, json_object_get(status, "publish"));
	json_array_foreach(routers, i, router) judge_router(page, router);
	judge_checks(page, checks);
}

/* Shows the status in one write, so that a redrawn screen does not flicker. `clear` may be "". */
static int status_show(const struct vipctl *ctl, const char *clear)
{
	json_t *status;
	char *raw, *text = NULL;
	size_t size;
	int result = call_json(ctl, "GET", "/v1/status", &status, &raw);
	if (result != EXIT_FINE)
		return result;
	struct page page = {.out = open_memstream(&text, &size), .colour = ctl->colour};
	if (!page.out) {
		fputs("vipctl: out of memory\n", stderr);
		exit(EXIT_ATTENTION);
	}
	fputs(clear, page.out);
	page_print(&page, status);
	fclose(page.out);
	if (ctl->json)
		raw_print(raw);
	else
		fwrite(text, 1, size, stdout);
	free(text);
	free(raw);
	json_decref(status);
	return page.attention ? EXIT_ATTENTION : EXIT_FINE;
}

int command_status(const struct vipctl *ctl)
{
	return status_show(ctl, "");
}

/* Goes on while the agent is away, because that is when one watches. Ends with Ctrl-C or with its output. */
int command_watch(const struct vipctl *ctl)
{
	const char *clear = isatty(STDOUT_FILENO) && !ctl->json ? "\033[H\033[2J" : "";
	for (;;) {
		if (status_show(ctl, clear) >= EXIT_UNREACHABLE)
			fputc('\n', stderr);
		if (fflush(stdout) != 0)
			return EXIT_ATTENTION;
		sleep(1);
	}
}
