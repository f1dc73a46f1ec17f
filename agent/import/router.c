/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vrrp_instance becomes a virtual router, and one more for addresses of the other family. A vrrp_sync_group
 * gives its routers the same checks.
 */
#include <stdlib.h>
#include <string.h>

#include "import/import.h"

#define PRIORITY_MIN	  32
#define PRIORITY_DEFAULT  100
#define WEIGHT_MAX	  222
#define PRIORITY_MAX	  254
#define INTERVAL_STEP_US  10000
#define INTERVAL_MAX_US	  40950000
#define INTERVAL_US	  1000000 /* keepalived's default */
#define PREEMPT_DELAY_MAX INT64_C(3600000000)

/* ---- addresses ---- */

static void add_text(struct import *import, const struct node *node, const char **list, unsigned *count,
    unsigned max, const char *text)
{
	for (unsigned i = 0; i < *count; i++)
		if (!strcmp(list[i], text))
			return;
	if (*count == max)
		note(import, node, "dropped: vipd has room for %u", max);
	else
		list[(*count)++] = text;
}

/* The address without what stands behind it; NULL, and noted, if it is none. */
static const char *read_address(
    struct import *import, const struct node *node, const char *word, struct address *address)
{
	size_t size = strcspn(word, "/%");
	char *alone = obstack_copy0(&import->memory, word, size);
	if (address_parse(alone, address))
		return alone;
	note(import, node, "dropped: it is not an address");
	return NULL;
}

/* "192.0.2.1/24 dev eth0 label eth0:1": of all that, the device matters. */
static const char *read_device(const struct node *node)
{
	for (unsigned i = 1; i + 1 < node->count; i++)
		if (!strcmp(node->words[i], "dev"))
			return node->words[i + 1];
	return NULL;
}

/* keepalived wants a link-local address first; in vipd it has a key of its own, and usually the same value.
 */
static void take_link_local(
    struct import *import, struct router *router, const struct node *node, const char *text)
{
	char usual[ADDRESS_TEXT_MAX];
	snprintf(usual, sizeof usual, "fe80::200:5eff:fe00:2%02x", (unsigned)router->vrid);
	if (router->link_local)
		note(import, node, "dropped: a virtual router has one link-local address");
	else if (strcmp(text, usual) != 0)
		router->link_local = text;
}

static void take_address(struct import *import, struct router *router, const struct node *node)
{
	struct address address;
	const char *text = read_address(import, node, node->words[0], &address);
	const char *device = read_device(node);
	if (!text)
		return;
	if (device && router->interface && strcmp(device, router->interface) != 0) {
		note(import, node,
		    "dropped: it is on another interface than the adverts; write a virtual router on %s for "
		    "it",
		    device);
		return;
	}
	if (!router->interface)
		router->interface = device;
	if (address_is_link_local(&address)) {
		take_link_local(import, router, node, text);
		return;
	}
	unsigned length = address_is_ipv4(&address) ? 32 : 128;
	if (node->count > (device ? 3 : 1))
		note(import, node,
		    "changed: only the address counts, and the interface; it is assigned as /%u", length);
	else if (strchr(node->words[0], '/') && atoi(strchr(node->words[0], '/') + 1) != (int)length)
		note(
		    import, node, "changed: the address has no prefix length; it is assigned as /%u", length);
	add_text(import, node, router->addresses, &router->address_count, CONFIG_ADDRESSES_MAX, text);
}

static void take_addresses(struct import *import, struct router *router, const struct node *list)
{
	for (const struct node *at = list->children; at; at = at->next)
		take_address(import, router, at);
}

/* vipd, too, has addresses of the other family in no advert; those of the same one are in them. */
static void take_excluded(struct import *import, struct router *router, const struct node *list)
{
	unsigned before = router->address_count;
	take_addresses(import, router, list);
	for (unsigned i = before; before && i < router->address_count; i++)
		if (!strchr(router->addresses[i], ':') == !strchr(router->addresses[0], ':')) {
			note(import, list,
			    "changed: those of the family of the adverts are in the adverts, too");
			return;
		}
}

/* ---- the words of an instance ---- */

static void take_interface(struct import *import, struct router *router, const struct node *node)
{
	(void)import;
	router->interface = node->count > 1 ? node->words[1] : NULL;
}

static void take_vrid(struct import *import, struct router *router, const struct node *node)
{
	read_whole(import, node, 1, 1, 255, &router->vrid);
}

static void take_priority(struct import *import, struct router *router, const struct node *node)
{
	if (!read_whole(import, node, 1, 1, 255, &router->priority))
		return;
	int given = router->priority;
	router->priority = given < PRIORITY_MIN ? PRIORITY_MIN : given > PRIORITY_MAX ? PRIORITY_MAX : given;
	if (given < PRIORITY_MIN)
		note(import, node,
		    "changed: 1 to 31 are for unhealthy routers; give each server another one from %d up",
		    PRIORITY_MIN);
	else if (given > PRIORITY_MAX)
		note(import, node, "changed: 255 is for who owns the address, and nobody does here");
}

static void take_interval(struct import *import, struct router *router, const struct node *node)
{
	int64_t us;
	if (!read_seconds(import, node, 1, &us))
		return;
	int64_t right = us - us % INTERVAL_STEP_US;
	right = right < INTERVAL_STEP_US  ? INTERVAL_STEP_US
		: right > INTERVAL_MAX_US ? INTERVAL_MAX_US
					  : right;
	if (right != us)
		note(import, node, "changed: VRRPv3 has 10ms to 40.95s, in steps of 10ms");
	router->interval_us = right;
}

static void take_nopreempt(struct import *import, struct router *router, const struct node *node)
{
	(void)import, (void)node;
	router->nopreempt = true;
}

static void take_preempt(struct import *import, struct router *router, const struct node *node)
{
	(void)import, (void)node;
	router->nopreempt = false;
}

static void take_preempt_delay(struct import *import, struct router *router, const struct node *node)
{
	if (!read_seconds(import, node, 1, &router->preempt_delay_us))
		return;
	if (router->preempt_delay_us > PREEMPT_DELAY_MAX) {
		note(import, node, "changed: an hour is the longest");
		router->preempt_delay_us = PREEMPT_DELAY_MAX;
	}
}

static void take_source(struct import *import, struct router *router, const struct node *node)
{
	struct address address;
	if (node->count > 1)
		router->source = read_address(import, node, node->words[1], &address);
}

static void take_version(struct import *import, struct router *router, const struct node *node)
{
	(void)import;
	router->version = node->count > 1 ? node->words[1] : NULL;
}

static void take_peers(struct import *import, struct router *router, const struct node *node)
{
	struct address address;
	for (const struct node *at = node->children; at; at = at->next) {
		const char *text = read_address(import, at, at->words[0], &address);
		if (text)
			add_text(import, at, router->peers, &router->peer_count, CONFIG_PEERS_MAX, text);
		if (text && at->count > 1)
			note(import, at, "changed: only the address; adverts have a hop limit of 255");
	}
}

static void take_tracks(struct import *import, struct router *router, const struct node *node)
{
	for (const struct node *at = node->children; at; at = at->next) {
		if (at->count > 1)
			note(import, at,
			    "changed: without a weight; while it has no carrier, the router is unhealthy");
		if (router->interface && !strcmp(at->words[0], router->interface))
			note(import, at, "dropped: the router's own interface is always watched");
		else
			add_text(import, at, router->tracks, &router->track_count, CONFIG_TRACKS_MAX,
			    at->words[0]);
	}
}

static void take_scripts(struct import *import, struct router *router, const struct node *node)
{
	import_use(import, router, node, false);
}

static void take_processes(struct import *import, struct router *router, const struct node *node)
{
	import_use(import, router, node, true);
}

/* In this order, because some depend on those before: the interface, the VRID, then the addresses. */
static const struct rule {
	const char *word;
	void (*take)(struct import *import, struct router *router, const struct node *node);
	bool list; /* in braces */
} rules[] = {
    {"interface", take_interface, false},
    {"virtual_router_id", take_vrid, false},
    {"priority", take_priority, false},
    {"advert_int", take_interval, false},
    {"nopreempt", take_nopreempt, false},
    {"preempt", take_preempt, false},
    {"preempt_delay", take_preempt_delay, false},
    {"unicast_src_ip", take_source, false},
    {"mcast_src_ip", take_source, false},
    {"unicast_peer", take_peers, true},
    {"version", take_version, false},
    {"virtual_ipaddress", take_addresses, true},
    {"virtual_ipaddress_excluded", take_excluded, true},
    {"track_interface", take_tracks, true},
    {"track_script", take_scripts, true},
    {"track_process", take_processes, true},
};

static void take(
    struct import *import, struct router *router, const struct node *node, const struct rule *rule)
{
	if (node->block == rule->list)
		rule->take(import, router, node);
	else
		note(import, node, "dropped: %s",
		    rule->list ? "it has no braces"
			       : "there are braces behind it; write a line for each word");
}

static bool is_known(const char *word)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (!strcmp(rules[i].word, word))
			return true;
	return false;
}

/* ---- families ---- */

static bool is_ipv4(const char *text)
{
	return !strchr(text, ':');
}

/* The election is in the family of the first address; link-local addresses are IPv6's. */
static void drop_link_local(struct import *import, struct router *router)
{
	if (!router->link_local || !router->address_count || !is_ipv4(router->addresses[0]))
		return;
	note(import, router->origin, "changed: %s is dropped: adverts of IPv4 have no link-local address",
	    router->link_local);
	router->link_local = NULL;
}

/* IPv4 has both versions, and keepalived's default is the old one. */
static void note_version(struct import *import, const struct router *router)
{
	const char *version = router->version ? router->version : import->version;
	bool ipv4 = router->address_count && is_ipv4(router->addresses[0]);
	if (version ? strcmp(version, "3") != 0 : ipv4)
		note(import, router->origin,
		    "changed: keepalived speaks VRRPv2 here, vipd VRRPv3; write vrrp_version 3 on every "
		    "server before one "
		    "of them moves");
}

/* ---- blocks ---- */

void import_instance(struct import *import, const struct node *node)
{
	if (node->count < 2 || import->router_count == CONFIG_ROUTERS_MAX) {
		note(import, node, "dropped with all that is in it: %s",
		    node->count < 2 ? "it has no name" : "vipd has at most 255 virtual routers");
		return;
	}
	struct router *router = &import->routers[import->router_count++];
	*router =
	    (struct router){.origin = node, .name = node->words[1], .interface = import->default_interface};
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		for (const struct node *at = node->children; at; at = at->next)
			if (!strcmp(at->words[0], rules[i].word))
				take(import, router, at, &rules[i]);
	for (const struct node *at = node->children; at; at = at->next)
		if (!is_known(at->words[0]))
			note_dropped(import, at);
	if (!router->interval_us) {
		router->interval_us = INTERVAL_US;
		note(import, node,
		    "there is no advert_int: written is 1s, keepalived's default; 100ms moves sooner");
	}
	note_version(import, router);
	drop_link_local(import, router);
}

static struct router *find_router(struct import *import, const char *name)
{
	for (unsigned i = 0; i < import->router_count; i++)
		if (!strcmp(import->routers[i].name, name))
			return &import->routers[i];
	return NULL;
}

/* Adds what `from` depends on. */
static void share(struct import *import, struct router *router, const struct router *from)
{
	for (unsigned i = 0; i < from->use_count; i++) {
		bool has = false;
		for (unsigned k = 0; k < router->use_count; k++)
			has |= router->uses[k].check == from->uses[i].check;
		if (!has && router->use_count < CONFIG_CHECKS_MAX)
			router->uses[router->use_count++] = from->uses[i];
	}
	for (unsigned i = 0; i < from->track_count; i++)
		if (!router->interface || strcmp(router->interface, from->tracks[i]) != 0)
			add_text(import, from->origin, router->tracks, &router->track_count,
			    CONFIG_TRACKS_MAX, from->tracks[i]);
}

static void take_members(struct import *import, struct router *all, const struct node *list, bool give)
{
	for (const struct node *at = list->children; at; at = at->next) {
		for (unsigned i = 0; i < at->count; i++) {
			struct router *router = find_router(import, at->words[i]);
			if (!router && !give) {
				note(import, at, "dropped: there is no vrrp_instance \"%s\"", at->words[i]);
			} else if (router) {
				share(import, give ? router : all, give ? all : router);
				if (!give && router->interface)
					add_text(import, at, all->tracks, &all->track_count,
					    CONFIG_TRACKS_MAX, router->interface);
				router->grouped = true;
			}
		}
	}
}

void import_group(struct import *import, const struct node *node)
{
	static struct router all;
	all = (struct router){.origin = node};
	for (const struct node *at = node->children; at; at = at->next) {
		if (!strcmp(at->words[0], "group"))
			take_members(import, &all, at, false);
		else if (!strcmp(at->words[0], "track_script"))
			take_scripts(import, &all, at);
		else if (!strcmp(at->words[0], "track_process"))
			take_processes(import, &all, at);
		else if (!strcmp(at->words[0], "track_interface"))
			take_tracks(import, &all, at);
		else
			note_dropped(import, at);
	}
	for (const struct node *at = node->children; at; at = at->next)
		if (!strcmp(at->words[0], "group"))
			take_members(import, &all, at, true);
	note(import, node,
	    "changed: its routers have the same checks and track_interfaces; with the same priorities, too, "
	    "they move together");
}

/*
 * A weight above 0 raises the priority while the check passes: here the priority is that one, and the check
 * lowers it. In a vrrp_sync_group weights do not count.
 */
void import_weights(struct import *import, struct router *router)
{
	int before = router->priority ? router->priority : PRIORITY_DEFAULT, priority = before;
	for (unsigned i = 0; i < router->use_count; i++) {
		struct use *use = &router->uses[i];
		if (router->grouped)
			use->weight = 0;
		if (use->weight > 0) {
			priority += use->weight;
			use->weight = -use->weight;
		}
		if (use->weight < -WEIGHT_MAX)
			use->weight = -WEIGHT_MAX;
	}
	if (priority == before)
		return;
	router->priority = priority < PRIORITY_MAX ? priority : PRIORITY_MAX;
	note(import, router->origin,
	    "changed: the priority is %d, with the weights above 0 in it, and a check that fails takes its "
	    "weight away",
	    router->priority);
}
