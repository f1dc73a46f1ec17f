/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs attention, from the status, and what to do about it.
 */
#include <stdarg.h>

#include "vipctl/page.h"
#include "vipctl/router.h"

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
	char cause[CAUSE_MAX];
	if (!json_is_object(conflict))
		return;
	refusal_cause(router, cause);
	if (*mac && *cause)
		attention(page,
		    "%s: CONFLICT: %s also claims %s, so clients may reach either. Most likely: %s",
		    member_text(router, "name"), mac, address, cause);
	else if (*mac)
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
	else if (router_holder(router) == HOLDER_FOREIGN)
		attention(page,
		    "%s: VRID TAKEN: %s advertises VRID %d with other addresses: NOBODY HOLDS OURS. Give one "
		    "of "
		    "the two groups another vrid",
		    name, member_text(json_object_get(router, "active_router"), "address"),
		    (int)member_number(router, "vrid"));
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

void attention_print(struct page *page, const json_t *status)
{
	size_t i;
	json_t *router;
	const json_t *routers = json_object_get(status, "virtual_routers"),
		     *engine = json_object_get(status, "engine"), *checks = json_object_get(status, "checks");
	judge_engine(page, engine);
	judge_config(page, status);
	judge_recorder(page, json_object_get(status, "recorder"));
	judge_publish(page, json_object_get(status, "publish"));
	json_array_foreach(routers, i, router) judge_router(page, router);
	judge_checks(page, checks);
}
