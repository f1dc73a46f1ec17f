/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol 112 both ways, by what passes: libpcap sees adverts before any firewall when they come in and
 * behind it when they go out, and vipd counts what reached it and what it sent. That holds whatever drops
 * them. Rules are not interpreted: which chains drop something is only said to shorten the search.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/tool.h"

#define EVIDENCE     2 /* so many adverts: one may have come before the counters were read */
#define CHAINS_MAX   256
#define MEMBERS_PATH "/proc/net/igmp6"
#define MEMBERS_IPV4 "/proc/net/igmp"

/* Of one direction: adverts that should have passed, and those that did. */
struct way {
	const char *name;
	long long offered, passed, refused; /* refused by vipd itself, */
	char why[CHAINS_MAX];		    /* for these reasons */
};

static long long counter_growth(
    const struct doctor *doctor, const struct config_router *router, const char *name)
{
	const json_t *before = json_object_get(router_status(doctor->status, router), "counters"),
		     *after = json_object_get(router_status(doctor->later, router), "counters");
	return json_integer_value(json_object_get(after, name)) -
	       json_integer_value(json_object_get(before, name));
}

/* How many adverts vipd has received and refused meanwhile; their reasons go to `why`. */
static long long refused_growth(
    const struct doctor *doctor, const struct config_router *router, char why[static CHAINS_MAX])
{
	const json_t *before = json_object_get(router_status(doctor->status, router), "dropped");
	json_t *after = json_object_get(router_status(doctor->later, router), "dropped"), *count;
	const char *reason;
	long long total = 0;
	json_object_foreach(after, reason, count)
	{
		long long growth =
		    json_integer_value(count) - json_integer_value(json_object_get(before, reason));
		if (growth > 0)
			list_add(why, CHAINS_MAX, reason);
		total += growth;
	}
	return total;
}

static unsigned seen(const struct segment *segment, const struct config_router *router, bool outgoing)
{
	unsigned count = 0;
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		if (segment_speaks_for(&segment->speakers[i], &router->id) &&
		    segment->speakers[i].outgoing == outgoing)
			count += segment->speakers[i].count;
	}
	return count;
}

/* ---- hints ---- */

/* Whether something in this rule may end a packet's way. */
static bool may_drop(const json_t *rule)
{
	static const char *const verdicts[] = {"\"drop\"", "\"reject\"", "\"queue\"", "\"vmap\"", "\"xt\""};
	char *text = json_dumps(json_object_get(rule, "expr"), JSON_COMPACT);
	bool found = false;
	for (size_t i = 0; text && i < sizeof verdicts / sizeof verdicts[0]; i++)
		found |= strstr(text, verdicts[i]) != NULL;
	free(text);
	return found;
}

static void chain_add(char *list, size_t room, const char *family, const json_t *object, const char *chain)
{
	char item[CHAINS_MAX];
	if (*family && strcmp(member_text(object, "family"), family) != 0)
		return;
	snprintf(item, sizeof item, "%s %s %s", member_text(object, "family"), member_text(object, "table"),
	    member_text(object, chain));
	if (!strstr(list, item))
		list_add(list, room, item);
}

void chains_find(char *list, size_t room, const char *family)
{
	size_t i;
	json_t *item;
	char *text = tool_run("nft -j list ruleset");
	json_t *ruleset = text ? json_loads(text, 0, NULL) : NULL;
	json_array_foreach(json_object_get(ruleset, "nftables"), i, item)
	{
		const json_t *chain = json_object_get(item, "chain"), *rule = json_object_get(item, "rule");
		if (strcmp(member_text(chain, "policy"), "drop") == 0)
			chain_add(list, room, family, chain, "name");
		else if (rule && may_drop(rule))
			chain_add(list, room, family, rule, "chain");
	}
	json_decref(ruleset);
	free(text);
}

/* A line with the interface, then one of each of its groups, as a number in the order of this machine. */
static bool is_member_ipv4(const struct config_router *router)
{
	static const uint8_t wanted[4] = {224, 0, 0, 18};
	char line[128], interface[IF_NAMESIZE];
	bool here = false, found = false;
	uint32_t group;
	FILE *file = fopen(MEMBERS_IPV4, "re");
	if (!file)
		return true;
	while (!found && fgets(line, sizeof line, file)) {
		if (line[0] != '\t' && sscanf(line, "%*d %15s", interface) == 1)
			here = strcmp(interface, router->id.interface) == 0;
		else if (here && sscanf(line, " %8x ", &group) == 1)
			found = memcmp(&group, wanted, sizeof wanted) == 0;
	}
	fclose(file);
	return found;
}

/* The kernel discards what is sent to a group that nobody here has joined. */
static bool is_member(const struct config_router *router)
{
	if (router->id.family == AF_INET)
		return is_member_ipv4(router);
	char line[128], interface[IF_NAMESIZE], group[33];
	bool found = false;
	FILE *file = fopen(MEMBERS_PATH, "re");
	if (!file)
		return true;
	while (!found && fgets(line, sizeof line, file))
		found = sscanf(line, "%*d %15s %32s", interface, group) == 2 &&
			strcmp(interface, router->id.interface) == 0 &&
			strcmp(group, "ff020000000000000000000000000012") == 0;
	fclose(file);
	return found;
}

/* ---- judgement ---- */

static void blocked_tell(struct doctor *doctor, const struct config_router *router, const struct way *way)
{
	char chains[CHAINS_MAX] = "", some[32];
	bool in = strcmp(way->name, "in") == 0;
	snprintf(some, sizeof some, way->passed ? "but only %lld" : "and none", way->passed);
	chains_find(chains, sizeof chains, "");
	finding_add(doctor, way->passed ? DOCTOR_WARNING : DOCTOR_FAILURE, router->name, NULL,
	    in ? "in: %lld advertisements came in on %s, %s reached vipd: this machine drops them"
	       : "out: vipd sent %lld advertisements on %s, %s left: this machine drops them",
	    way->offered, router->id.interface, some);
	finding_advise(doctor,
	    "let protocol 112 pass (nft: meta l4proto vrrp accept); look at nft list ruleset, "
	    "ip6tables-save, iptables-save, "
	    "tc and XDP%s%s",
	    *chains ? "; chains that drop something: " : "", chains);
}

static void way_judge(struct doctor *doctor, const struct config_router *router, const struct way *way)
{
	bool in = strcmp(way->name, "in") == 0;
	if (!router_status(doctor->later, router) || way->passed < 0 || way->offered < 0)
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, NULL,
		    "%s: vipd does not tell what it counts", way->name);
	else if (in && !way->passed && !router->peer_count && !is_member(router))
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    "vipd joins it again by itself; if this stays: journalctl -u vipd",
		    "in: nobody here is a member of %s on %s, so the kernel discards advertisements",
		    router->id.family == AF_INET ? "224.0.0.18" : "ff02::12", router->id.interface);
	else if (way->offered < EVIDENCE)
		finding_add(doctor, DOCTOR_UNKNOWN, router->name,
		    in ? "run it on a server that is not the holder" : "run it on the holder",
		    in ? "in: nobody else advertises now, so it does not show whether that would reach vipd"
		       : "out: vipd does not advertise now, so it does not show whether that would leave");
	else if (2 * way->passed < way->offered)
		blocked_tell(doctor, router, way);
	else if (way->refused)
		finding_add(doctor, DOCTOR_WARNING, router->name,
		    "vipctl status and journalctl -u vipd say from whom; keys and clocks must agree",
		    "in: vipd refused %lld of %lld advertisements: %s", way->refused, way->offered, way->why);
	else
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "%s: advertisements %s", way->name,
		    in ? "that reach this machine reach vipd" : "of vipd leave this machine");
}

void find_firewall(struct doctor *doctor, const struct config_router *router)
{
	const struct segment *segment = segment_heard(doctor, router, false, "advertisements cannot be seen");
	if (!segment)
		return;
	struct way in = {.name = "in", .offered = seen(segment, router, false)};
	in.refused = refused_growth(doctor, router, in.why);
	in.passed = counter_growth(doctor, router, "adverts_received") + in.refused;
	struct way out = {.name = "out", .passed = seen(segment, router, true)};
	out.offered = counter_growth(doctor, router, "adverts_sent") +
		      counter_growth(doctor, router, "advert_send_errors");
	way_judge(doctor, router, &in);
	way_judge(doctor, router, &out);
}
