/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs attention, from the status, and what to do about it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "status/attention.h"

void attention_add(const struct judge *judge, enum attention grade, const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	judge->say(judge->context, grade, text);
}

static void judge_engine(const struct judge *judge, const json_t *engine)
{
	char silent[TIME_TEXT_MAX];
	if (!judge->stale)
		return;
	if (json_is_number(json_object_get(engine, "heartbeat_ms")))
		attention_add(judge, ATTENTION_BAD,
		    "the engine does not respond (last sign of life %s ago): what is said here of its "
		    "virtual routers is as old; only what the kernel has is as it is now. It is restarted by "
		    "itself; if not: journalctl -u vipd",
		    show_duration(member_number(engine, "heartbeat_ms"), silent));
	else
		attention_add(judge, ATTENTION_BAD,
		    "the engine has not started yet; if this stays: journalctl -u vipd");
}

static void judge_recorder(const struct judge *judge, const json_t *recorder)
{
	if (json_is_string(json_object_get(recorder, "last_error")))
		attention_add(judge, ATTENTION_WARNING, "no capture files are written to %s: %s",
		    member_text(recorder, "directory"), member_text(recorder, "last_error"));
}

static void judge_publish(const struct judge *judge, const json_t *targets)
{
	size_t i;
	const json_t *target;
	json_array_foreach(targets, i, target)
	{
		if (!strcmp(member_text(target, "state"), "failing"))
			attention_add(judge, ATTENTION_WARNING,
			    "%s cannot be told which servers are ready: %s", member_text(target, "target"),
			    member_text(target, "last_error"));
	}
}

/* Active, and the kernel does not have the address. */
static void judge_missing(const struct judge *judge, const json_t *router, const char *address)
{
	const char *name = member_text(router, "name"), *interface = member_text(router, "interface");
	if (judge->stale)
		attention_add(judge, ATTENTION_WARNING,
		    "%s: this node was active, but the kernel no longer has %s on %s: another node has "
		    "probably taken over; see vipctl status there",
		    name, address, interface);
	else
		attention_add(judge, ATTENTION_BAD,
		    "%s: ACTIVE WITHOUT ITS ADDRESS: the kernel does not have %s on %s, so nobody answers "
		    "for it. Move it away: vipctl drain %s; why: journalctl -u vipd",
		    name, address, interface, name);
}

static void judge_addresses(const struct judge *judge, const json_t *router)
{
	size_t i;
	json_t *item;
	const char *name = member_text(router, "name"), *interface = member_text(router, "interface");
	json_array_foreach(json_object_get(router, "addresses"), i, item)
	{
		const char *address = member_text(item, "address");
		switch (address_presence(router, item)) {
		case PRESENCE_MISSING: judge_missing(judge, router, address); break;
		case PRESENCE_LEFT:
			attention_add(judge, ATTENTION_BAD,
			    "%s: ADDRESS LEFT BEHIND: this node is %s, but the kernel has %s on %s, so "
			    "two servers may answer for it. Remove it: ip address del %s/%s dev %s",
			    name, member_text(router, "state"), address, interface, address,
			    strchr(address, ':') ? "128" : "32", interface);
			break;
		case PRESENCE_UNKNOWN:
			attention_add(judge, ATTENTION_WARNING,
			    "%s: the kernel did not say whether %s is on %s", name, address, interface);
			break;
		case PRESENCE_RIGHT:
		case PRESENCE_HANDOVER: break;
		}
	}
}

/* Several servers of the group say that they hold it. */
static void judge_split(const struct judge *judge, const json_t *router)
{
	char actives[SENTENCE_MAX], cause[CAUSE_MAX];
	unsigned count = group_actives(router, actives, sizeof actives);
	refusal_cause(router, cause);
	if (count > 1)
		attention_add(judge, ATTENTION_BAD,
		    "%u servers hold %s at once (%s): clients may reach any of them. %s%s", count,
		    member_text(router, "name"), actives, *cause ? "Most likely: " : "",
		    *cause ? cause
			   : "They do not hear each other's adverts: look for what drops IP protocol 112 "
			     "between them, and for other keys: vipctl doctor on each");
}

static void judge_conflict(const struct judge *judge, const json_t *router)
{
	const json_t *conflict = json_object_get(router, "conflict");
	const char *mac = member_text(conflict, "mac"), *address = member_text(conflict, "address");
	char cause[CAUSE_MAX];
	if (!json_is_object(conflict) || (*mac && group_is_split(router))) /* judge_split() says it */
		return;
	refusal_cause(router, cause);
	if (*mac && *cause)
		attention_add(judge, ATTENTION_BAD,
		    "%s: CONFLICT: %s also claims %s, so clients may reach either. Most likely: %s",
		    member_text(router, "name"), mac, address, cause);
	else if (*mac)
		attention_add(judge, ATTENTION_BAD,
		    "%s: CONFLICT: %s also claims %s, so clients may reach either. Find that host (a "
		    "vipd that was killed, a MetalLB or kube-vip speaker, a static address) and stop it",
		    member_text(router, "name"), mac, address);
	else if (json_is_integer(json_object_get(conflict, "vrid")))
		attention_add(judge, ATTENTION_BAD,
		    "%s: CONFLICT: VRID %d lists the same address %s, and elects a holder of its own. Give "
		    "them the same VRID or other addresses",
		    member_text(router, "name"), (int)member_number(conflict, "vrid"), address);
	else
		attention_add(judge, ATTENTION_BAD,
		    "%s: CONFLICT: another host advertises from %s, the address of this node: their "
		    "adverts are refused. Give one of them another link-local address, or look for a loop",
		    member_text(router, "name"), address);
}

static void judge_rivals(const struct judge *judge, const json_t *router)
{
	size_t i;
	json_t *rival;
	char text[RIVAL_TEXT_MAX];
	json_array_foreach(json_object_get(json_object_get(router, "group"), "rivals"), i, rival)
	    attention_add(judge, ATTENTION_BAD, "%s: SPLIT GROUP: %s. " ADVICE_RIVAL,
		member_text(router, "name"), rival_text(router, rival, text));
}

static void judge_health(const struct judge *judge, const json_t *router)
{
	char text[HOLDER_TEXT_MAX];
	const char *name = member_text(router, "name"), *why = member_text(router, "health_reason"),
		   *holder = router_holder_text(router, text);
	bool is_here = router_is_active(router);
	if (!member_true(router, "healthy") && !is_here)
		attention_add(judge, ATTENTION_WARNING, "%s: this node is %s: %s", name,
		    is_recovering(router) ? "recovering" : "unhealthy", why);
	if (holder_is_recovering(router))
		attention_add(judge, ATTENTION_WARNING,
		    "%s: the holder answers, but is not trusted yet: %s%s%s; no healthy server takes part",
		    name, holder, is_here ? ": " : "", is_here ? why : "");
	else if (holder_is_drained(router))
		attention_add(judge, ATTENTION_WARNING,
		    "%s: the holder is drained, and no other server takes over: %s. Mend the checks of "
		    "another server, or end a drain: vipctl resume",
		    name, holder);
	else if (holder_is_unhealthy(router))
		attention_add(judge, ATTENTION_BAD,
		    "%s: the holder is unhealthy: %s%s%s; no healthy server takes part. %s", name, holder,
		    is_here ? ": " : "", is_here ? why : "",
		    is_here ? "Mend that, or the checks of another server" : "Look there why: vipctl status");
}

static void judge_router(const struct judge *judge, const json_t *router)
{
	char holder[HOLDER_TEXT_MAX];
	const char *name = member_text(router, "name"), *state = member_text(router, "state");
	bool drained = member_true(router, "drained");
	const char *take_back = drained ? "; take it back: vipctl resume " : "";
	judge_addresses(judge, router);
	judge_split(judge, router);
	judge_conflict(judge, router);
	judge_rivals(judge, router);
	if (strcmp(state, "fault") == 0)
		attention_add(judge, ATTENTION_WARNING, "%s: fault: %s; this node cannot hold it", name,
		    member_text(router, "reason"));
	else if (strcmp(state, "initialize") == 0)
		attention_add(judge, ATTENTION_WARNING, "%s: has not started yet: %s", name,
		    member_text(router, "reason"));
	else if (router_holder(router) == HOLDER_FOREIGN)
		attention_add(judge, ATTENTION_BAD,
		    "%s: VRID TAKEN: %s advertises VRID %d with other addresses: NOBODY HOLDS OURS. Give one "
		    "of the two groups another vrid",
		    name, member_text(json_object_get(router, "active_router"), "address"),
		    (int)member_number(router, "vrid"));
	else if (router_holder(router) == HOLDER_NOBODY)
		attention_add(judge, ATTENTION_BAD, "%s: this node hears no holder%s%s", name, take_back,
		    drained ? name : "");
	else if (router_holder(router) == HOLDER_SILENT)
		attention_add(judge, ATTENTION_BAD, "%s: this node hears no holder: %s%s%s", name,
		    router_holder_text(router, holder), take_back, drained ? name : "");
	if (router_is_kept(router))
		attention_add(judge, ATTENTION_WARNING,
		    "%s: drained, but no other server took over, so this node keeps the address until one "
		    "does. Look there why: vipctl status",
		    name);
	judge_health(judge, router);
}

static void judge_certificate(const struct judge *judge, const char *check, const json_t *certificate)
{
	size_t i;
	json_t *address;
	int64_t expires = time_parse(member_text(certificate, "expires"));
	json_array_foreach(json_object_get(certificate, "missing"), i, address)
	    attention_add(judge, ATTENTION_WARNING,
		"check %s: the server's certificate does not name %s: clients that come by it will refuse to "
		"talk to this server; %s",
		check, json_string_value(address), member_text(certificate, "advice"));
	if (expires >= 0 && expires < time_now_ms())
		attention_add(
		    judge, ATTENTION_WARNING, "check %s: the server's certificate has expired", check);
}

static void judge_checks(const struct judge *judge, const json_t *checks)
{
	size_t i;
	json_t *check;
	json_array_foreach(checks, i, check)
	{
		if (strcmp(member_text(check, "state"), "failing") == 0)
			attention_add(judge, ATTENTION_WARNING, "check %s: %s: %s",
			    member_text(check, "name"), is_recovering(check) ? "recovering" : "failing",
			    member_text(check, "last_error"));
		else if (member_true(check, "unauthorized"))
			attention_add(judge, ATTENTION_WARNING, "check %s: passing, but blind: %s",
			    member_text(check, "name"), member_text(check, "last_error"));
		judge_certificate(judge, member_text(check, "name"), json_object_get(check, "certificate"));
	}
}

void attention_find(const json_t *status, attention_say *say, void *context)
{
	size_t i;
	json_t *router;
	const json_t *routers = json_object_get(status, "virtual_routers"),
		     *engine = json_object_get(status, "engine"), *checks = json_object_get(status, "checks");
	const struct judge found = {say, context, engine_is_silent(status)}, *judge = &found;
	judge_engine(judge, engine);
	judge_recorder(judge, json_object_get(status, "recorder"));
	judge_publish(judge, json_object_get(status, "publish"));
	json_array_foreach(routers, i, router) judge_router(judge, router);
	judge_checks(judge, checks);
}
