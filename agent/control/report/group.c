/* SPDX-License-Identifier: Apache-2.0 */
/* See group.h. This node is a member like the others, so that every server shows the same group. */
#include "control/report/group.h"

#include <inttypes.h>
#include <string.h>

#include "control/group/group.h"
#include "control/report/prometheus.h"
#include "control/text.h"

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

#define TEXT(array) text_json(array, sizeof(array))

static json_t *address_text(const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];
	return address_is_unspecified(address) ? json_null() : json_string(address_format(address, text));
}

/* ---- members, this node among them ---- */

/* One of them, as it is shown. */
struct shown {
	const struct hello *hello;
	const struct address *source;
	const struct roster_member *member; /* NULL: this node */
};

static bool self_is_before(const struct group_router *router, unsigned index)
{
	return index == router->roster.count ||
	       address_compare(&router->source, &router->roster.members[index].source) < 0;
}

/* In the order of their addresses: index 0 .. roster.count. */
static struct shown shown_at(const struct group_router *router, unsigned index)
{
	unsigned self = 0;
	while (!self_is_before(router, self))
		self++;
	if (index == self)
		return (struct shown){&router->ours, &router->source, NULL};
	const struct roster_member *member = &router->roster.members[index < self ? index : index - 1];
	return (struct shown){&member->hello, &member->source, member};
}

static bool is_here(const struct shown *shown)
{
	return !shown->member || shown->member->presence == ROSTER_HERE;
}

static const struct group_router *router_of(const struct view *view, const struct router_id *id)
{
	const struct group_router *router = view->group ? group_of(view->group, id) : NULL;
	return router && router->ours.vrid ? router : NULL;
}

const char *group_holder_name(
    const struct view *view, const struct router_id *id, const struct address *address)
{
	const struct group_router *router = router_of(view, id);
	return router ? group_node_at(router, address) : NULL;
}

/* ---- JSON ---- */

json_t *group_words_json(const struct group *group, const struct router_id *id, const char *text, size_t max)
{
	char words[GROUP_WORDS_MAX];
	group_name_addresses(group ? group_of(group, id) : NULL, text, max, words, sizeof words);
	return text_json(words, sizeof words);
}

static json_t *settings_json(const struct hello *hello)
{
	json_t *json = json_object(), *addresses = json_array(), *keys = json_array();
	for (unsigned i = 0; i < hello->address_count; i++)
		json_array_append_new(addresses, address_text(&hello->addresses[i]));
	for (unsigned i = 0; i < hello->key_count; i++)
		json_array_append_new(keys, json_integer(hello->keys[i]));
	put(json, "addresses", addresses);
	put(json, "advert_interval_ms", json_integer(hello->advert_interval_ms));
	put(json, "preempt", json_boolean(hello->preempt));
	put(json, "auth", json_string(config_auth_name(hello->auth)));
	put(json, "keys", keys);
	return json;
}

static json_t *differs_json(const struct hello *ours, const struct hello *theirs)
{
	unsigned differences = roster_differences(ours, theirs);
	json_t *json = json_array();
	for (unsigned i = 0; i < ROSTER_SETTINGS; i++)
		if (differences >> i & 1)
			json_array_append_new(json, json_string(roster_setting_name(i)));
	return json;
}

/* By the clock of each: it says how old its state is, and when it said so is known. */
static json_t *state_age_json(
    const struct view *view, const struct board_router *router, const struct shown *shown)
{
	const struct roster_member *member = shown->member;
	if (!member)
		return router->since.us ? json_integer(mono_sub(view->now, router->since) / USEC_PER_MS)
					: json_null();
	if (!member->hello.cause)
		return json_null();
	return json_integer(member->hello.state_ms + mono_sub(view->now, member->heard) / USEC_PER_MS);
}

static json_t *member_json(const struct view *view, const struct board_router *router,
    const struct hello *ours, const struct shown *shown)
{
	const struct hello *hello = shown->hello;
	const struct roster_member *member = shown->member;
	int64_t age_us = member ? mono_sub(view->now, member->heard) : 0;
	json_t *json = json_object();
	put(json, "node", TEXT(hello->node));
	put(json, "address", address_text(shown->source));
	put(json, "self", json_boolean(!member));
	put(json, "advertised", address_text(&hello->address));
	put(json, "version", TEXT(hello->version));
	put(json, "presence", json_string(roster_presence_name(member ? member->presence : ROSTER_HERE)));
	put(json, "since", member ? text_json_time(member->since_us) : json_null());
	put(json, "last_seen_ms", json_integer(age_us > 0 ? age_us / USEC_PER_MS : 0));
	put(json, "interval_ms", json_integer(hello->interval_ms));
	put(json, "signed", json_boolean(hello->is_signed));
	put(json, "state", json_string(vrrp_state_name(hello->state)));
	put(json, "state_ms", state_age_json(view, router, shown));
	put(json, "priority", json_integer(hello->priority));
	put(json, "effective_priority", json_integer(hello->effective_priority));
	put(json, "health", json_string(vrrp_health_name(hello->health)));
	put(json, "reason", text_json_or_null(hello->reason, sizeof hello->reason));
	put(json, "drained", json_boolean(hello->drained));
	put(json, "candidate", json_boolean(hello->candidate));
	put(json, "can_take_over", json_boolean(is_here(shown) && roster_can_take_over(hello)));
	put(json, "held", json_boolean(hello->held));
	put(json, "settings", settings_json(hello));
	put(json, "differs", differs_json(ours, hello));
	return json;
}

static json_t *next_json(const struct group_router *router)
{
	int next = roster_next(&router->roster, &router->ours, &router->source);
	if (next == ROSTER_NOBODY)
		return json_null();
	const struct roster_member *member = next == ROSTER_SELF ? NULL : &router->roster.members[next];
	const struct hello *hello = member ? &member->hello : &router->ours;
	json_t *json = json_object();
	put(json, "node", TEXT(hello->node));
	put(json, "address", address_text(member ? &member->source : &router->source));
	put(json, "self", json_boolean(!member));
	put(json, "health", json_string(vrrp_health_name(hello->health)));
	return json;
}

static json_t *strangers_json(const struct roster *roster)
{
	json_t *json = json_array();
	for (unsigned i = 0; i < roster->stranger_count; i++)
		if (roster_is_stranger(roster, &roster->strangers[i]))
			json_array_append_new(json, address_text(&roster->strangers[i].source));
	return json;
}

static json_t *rivals_json(const struct rivals *rivals)
{
	json_t *json = json_array();
	for (unsigned i = 0; i < rivals->count; i++) {
		const struct rival *rival = &rivals->items[i];
		json_t *item = json_object();
		put(item, "node", TEXT(rival->node));
		put(item, "address", address_text(&rival->source));
		put(item, "vrid", json_integer(rival->vrid));
		put(item, "family", json_string(rival->family == AF_INET ? "ipv4" : "ipv6"));
		put(item, "claims", address_text(&rival->address));
		json_array_append_new(json, item);
	}
	return json;
}

json_t *group_router_json(const struct view *view, const struct board_router *router)
{
	const struct group_router *group = router_of(view, &router->id);
	if (!group)
		return json_null();
	json_t *json = json_object(), *members = json_array();
	unsigned here = 1;
	for (unsigned i = 0; i <= group->roster.count; i++) {
		struct shown shown = shown_at(group, i);
		json_array_append_new(members, member_json(view, router, &group->ours, &shown));
		here += shown.member && shown.member->presence == ROSTER_HERE;
	}
	put(json, "members", members);
	put(json, "here", json_integer(here));
	put(json, "can_take_over", json_integer(roster_candidates(&group->roster, &group->ours)));
	put(json, "next", next_json(group));
	put(json, "next_until_ms",
	    mono_reached(view->now, group->hinted)
		? json_null()
		: json_integer(mono_sub(group->hinted, view->now) / USEC_PER_MS));
	put(json, "without_hello", strangers_json(&group->roster));
	put(json, "rivals", rivals_json(&group->rivals));
	return json;
}

/* For each family that a virtual router needs. */
static bool is_listening(const struct group *group)
{
	bool all = true;
	for (unsigned i = 0; i < group->count; i++)
		all &= group_is_open(group, &group->routers[i].id);
	return all;
}

json_t *group_json(const struct view *view)
{
	const struct group *group = view->group;
	if (!group)
		return json_null();
	json_t *json = json_object(), *dropped = json_object();
	for (unsigned i = HELLO_OK + 1; i < HELLO_VERDICTS; i++)
		if (group->refused[i])
			put(dropped, hello_verdict_name(i), json_integer((json_int_t)group->refused[i]));
	put(json, "listening", json_boolean(is_listening(group)));
	put(json, "port", json_integer(view->config->group_port));
	put(json, "interval_ms", json_integer(view->config->group_interval_us / USEC_PER_MS));
	put(json, "sent", json_integer((json_int_t)group->sent));
	put(json, "send_errors", json_integer((json_int_t)group->send_errors));
	put(json, "received", json_integer((json_int_t)group->received));
	put(json, "dropped", dropped);
	return json;
}

/* ---- metrics ---- */

static int64_t count_here(const struct group_router *group)
{
	int64_t count = 1;
	for (unsigned i = 0; i < group->roster.count; i++)
		count += group->roster.members[i].presence == ROSTER_HERE;
	return count;
}

static int64_t count_candidates(const struct group_router *group)
{
	return roster_candidates(&group->roster, &group->ours);
}

static int64_t count_strangers(const struct group_router *group)
{
	int64_t count = 0;
	for (unsigned i = 0; i < group->roster.stranger_count; i++)
		count += roster_is_stranger(&group->roster, &group->roster.strangers[i]);
	return count;
}

static int64_t count_rivals(const struct group_router *group)
{
	return group->rivals.count;
}

static void router_gauge(FILE *out, const struct view *view, const char *name, const char *help,
    int64_t (*value)(const struct group_router *group))
{
	char labels[PROMETHEUS_LABELS_MAX];
	prometheus_family(out, name, "gauge", help);
	for (unsigned i = 0; i < view->router_count; i++) {
		const struct group_router *group = router_of(view, &view->routers[i].id);
		if (group)
			prometheus_series(
			    out, name, prometheus_router(&view->routers[i], labels), value(group), false);
	}
}

typedef void member_series(
    FILE *out, const char *labels, const struct hello *ours, const struct shown *shown);

static void info_series(FILE *out, const char *labels, const struct hello *ours, const struct shown *shown)
{
	char version[PROMETHEUS_TEXT_MAX];
	(void)ours;
	if (is_here(shown))
		fprintf(out, "vipd_group_member_info{%s,version=\"%s\"} 1\n", labels,
		    prometheus_escape(shown->hello->version, version));
}

static void lost_series(FILE *out, const char *labels, const struct hello *ours, const struct shown *shown)
{
	(void)ours;
	if (shown->member)
		fprintf(
		    out, "vipd_group_member_lost{%s} %d\n", labels, shown->member->presence == ROSTER_LOST);
}

static void differs_series(FILE *out, const char *labels, const struct hello *ours, const struct shown *shown)
{
	if (!shown->member || !is_here(shown))
		return;
	unsigned differences = roster_differences(ours, shown->hello);
	for (unsigned i = 0; i < ROSTER_SETTINGS; i++)
		fprintf(out, "vipd_group_member_differs{%s,setting=\"%s\"} %u\n", labels,
		    roster_setting_name(i), differences >> i & 1);
}

static void member_metrics(
    FILE *out, const struct view *view, const char *name, const char *help, member_series *series)
{
	char labels[PROMETHEUS_LABELS_MAX], all[PROMETHEUS_LABELS_MAX + 2 * PROMETHEUS_TEXT_MAX],
	    node[PROMETHEUS_TEXT_MAX], address[ADDRESS_TEXT_MAX];
	prometheus_family(out, name, "gauge", help);
	for (unsigned r = 0; r < view->router_count; r++) {
		const struct group_router *group = router_of(view, &view->routers[r].id);
		for (unsigned i = 0; group && i <= group->roster.count; i++) {
			struct shown shown = shown_at(group, i);
			snprintf(all, sizeof all, "%s,member=\"%s\",member_address=\"%s\"",
			    prometheus_router(&view->routers[r], labels),
			    prometheus_escape(shown.hello->node, node),
			    address_format(shown.source, address));
			series(out, all, &group->ours, &shown);
		}
	}
}

static bool any_group(const struct view *view)
{
	for (unsigned i = 0; i < view->router_count; i++)
		if (router_of(view, &view->routers[i].id))
			return true;
	return false;
}

static bool any_member(const struct view *view)
{
	for (unsigned i = 0; view->group && i < view->group->count; i++)
		if (view->group->routers[i].roster.count)
			return true;
	return false;
}

static bool any_here(const struct view *view)
{
	for (unsigned i = 0; view->group && i < view->group->count; i++)
		if (count_here(&view->group->routers[i]) > 1)
			return true;
	return false;
}

static void hello_metrics(FILE *out, const struct group *group)
{
	prometheus_single(out, "vipd_group_hellos_sent_total", "counter", "Hellos sent.", group->sent);
	prometheus_single(out, "vipd_group_hello_send_errors_total", "counter",
	    "Hellos that could not be sent.", group->send_errors);
	prometheus_single(out, "vipd_group_hellos_received_total", "counter", "Hellos received and believed.",
	    group->received);
	prometheus_family(
	    out, "vipd_group_hellos_dropped_total", "counter", "Hellos that were refused, by reason.");
	for (unsigned i = HELLO_OK + 1; i < HELLO_VERDICTS; i++)
		fprintf(out, "vipd_group_hellos_dropped_total{reason=\"%s\"} %" PRIu64 "\n",
		    hello_verdict_name(i), group->refused[i]);
}

void group_metrics(FILE *out, const struct view *view)
{
	if (!view->group)
		return;
	hello_metrics(out, view->group);
	if (!any_group(view))
		return;
	router_gauge(out, view, "vipd_group_members",
	    "Servers of the group that send hellos, this one among them.", count_here);
	router_gauge(out, view, "vipd_group_candidates",
	    "Healthy servers that could take over if the holder went.", count_candidates);
	router_gauge(out, view, "vipd_group_without_hello",
	    "Routers that have advertised as Active and send no hello.", count_strangers);
	router_gauge(out, view, "vipd_group_rivals",
	    "Servers that have an address of ours in another VRID or family.", count_rivals);
	member_metrics(out, view, "vipd_group_member_info",
	    "Always 1; a series for each member that sends hellos.", info_series);
	if (any_member(view))
		member_metrics(out, view, "vipd_group_member_lost",
		    "1 if a member has been silent for three intervals and did not say that it stops.",
		    lost_series);
	if (any_here(view))
		member_metrics(out, view, "vipd_group_member_differs",
		    "1 if a setting that must be equal in the group differs from ours.", differs_series);
}
