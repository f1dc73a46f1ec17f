/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vrrp_instance becomes a virtual router.
 */
#include <stdlib.h>
#include <string.h>

#include "import/import.h"
#include "vipd/interval.h"

#define INTERVAL_US 1000000 /* keepalived's default */

/* ---- the words of an instance ---- */

static void take_interface(struct import *import, struct router *router, struct node *node)
{
	const char *text = read_word(import, node);
	if (text)
		router->interface = text;
}

static void take_vrid(struct import *import, struct router *router, struct node *node)
{
	read_whole(import, node, 1, VRID_MIN, VRID_MAX, &router->vrid);
}

static void take_priority(struct import *import, struct router *router, struct node *node)
{
	if (!read_whole(import, node, 1, 1, 255, &router->priority))
		return;
	int given = router->priority;
	router->priority = given < VRRP_PRIORITY_MIN   ? VRRP_PRIORITY_MIN
			   : given > VRRP_PRIORITY_MAX ? VRRP_PRIORITY_MAX
						       : given;
	if (given < VRRP_PRIORITY_MIN)
		note(import, node,
		    "changed: 1 to 31 are for unhealthy routers; give each server another one from %d up",
		    VRRP_PRIORITY_MIN);
	else if (given > VRRP_PRIORITY_MAX)
		note(import, node, "changed: 255 is for who owns the address, and nobody does here");
}

static void take_interval(struct import *import, struct router *router, struct node *node)
{
	int64_t us;
	if (!read_seconds(import, node, 1, &us))
		return;
	int64_t right = us - us % VRRP_INTERVAL_STEP_US;
	right = right < VRRP_INTERVAL_MIN_US   ? VRRP_INTERVAL_MIN_US
		: right > VRRP_INTERVAL_MAX_US ? VRRP_INTERVAL_MAX_US
					       : right;
	if (right != us)
		note(import, node, "changed: VRRPv3 has 10ms to 40.95s, in steps of 10ms");
	router->interval_us = right;
}

static void take_state(struct import *import, struct router *router, struct node *node)
{
	router->starts_active = node->count > 1 && !strcmp(node->words[1], "MASTER");
	note_dropped(import, node);
}

static void take_nopreempt(struct import *import, struct router *router, struct node *node)
{
	if (router->starts_active)
		note(import, node,
		    "dropped: keepalived ignores it, too, where state is MASTER; if you want it, write "
		    "preempt = false on every server");
	else
		router->nopreempt = is_last(import, node, "preempt");
}

/* It is what vipd does without a word. */
static void take_preempt(struct import *import, struct router *router, struct node *node)
{
	(void)router;
	is_last(import, node, "nopreempt");
}

static void take_preempt_delay(struct import *import, struct router *router, struct node *node)
{
	int64_t us;
	if (!read_seconds(import, node, 1, &us))
		return;
	if (router->starts_active) {
		note(import, node, "dropped: keepalived ignores it, too, where state is MASTER");
		return;
	}
	router->preempt_delay_us = us < CONFIG_PREEMPT_DELAY_MAX_US ? us : CONFIG_PREEMPT_DELAY_MAX_US;
	if (us > CONFIG_PREEMPT_DELAY_MAX_US)
		note(import, node, "changed: an hour is the longest");
}

static void take_version(struct import *import, struct router *router, struct node *node)
{
	router->version = read_word(import, node);
}

void take_tracks(struct import *import, struct router *router, struct node *node)
{
	node->taken = 1;
	for (struct node *at = node->children; (at = next_item(import, at)); at = at->next) {
		at->taken = 1;
		if (router->interface && !strcmp(at->words[0], router->interface)) {
			note(import, at, "dropped: the router's own interface is always watched");
			continue;
		}
		if (at->count > 1)
			note(import, at,
			    "changed: without a weight; while it has no carrier, the router is unhealthy");
		add_text(import, at, router->tracks, &router->track_count, CONFIG_TRACKS_MAX, at->words[0]);
	}
}

static void take_scripts(struct import *import, struct router *router, struct node *node)
{
	import_use(import, router, node, false);
}

static void take_processes(struct import *import, struct router *router, struct node *node)
{
	import_use(import, router, node, true);
}

static void take_other_health(struct import *import, struct router *router, struct node *node)
{
	(void)router;
	note_dropped(import, node);
	import->lost = true;
}

/* In this order, because some depend on those before. */
static const struct rule {
	const char *word;
	void (*take)(struct import *import, struct router *router, struct node *node);
	bool list; /* in braces */
} rules[] = {
    {"interface", take_interface, false},
    {"virtual_router_id", take_vrid, false},
    {"priority", take_priority, false},
    {"advert_int", take_interval, false},
    {"state", take_state, false},
    {"nopreempt", take_nopreempt, false},
    {"preempt", take_preempt, false},
    {"preempt_delay", take_preempt_delay, false},
    {"unicast_src_ip", take_source, false},
    {"mcast_src_ip", take_source, false},
    {"version", take_version, false},
    {"virtual_ipaddress", take_addresses, true},
    {"virtual_ipaddress_excluded", take_excluded, true},
    {"unicast_peer", take_peers, true},
    {"track_interface", take_tracks, true},
    {"track_script", take_scripts, true},
    {"track_process", take_processes, true},
    {"track_file", take_other_health, true},
    {"track_bfd", take_other_health, true},
};

static void take(struct import *import, struct router *router, struct node *node, const struct rule *rule)
{
	if (node->block && !rule->list) {
		note_braces(import, node);
	} else if (rule->list && !node->block) {
		note(import, node, "dropped: it has no braces");
	} else if (rule->list || is_last(import, node, rule->word)) {
		node->taken = 1;
		rule->take(import, router, node);
	}
}

/* ---- families ---- */

static bool is_ipv4(const char *text)
{
	return !strchr(text, ':');
}

/*
 * The election is in the family of the first address; link-local addresses are IPv6's. vipd has one without
 * a word, and keepalived only where it is written: it refuses adverts with more addresses than its own.
 */
static void settle_link_local(struct import *import, struct router *router)
{
	char usual[ADDRESS_TEXT_MAX];
	struct address automatic = config_link_local_auto((uint8_t)router->vrid);
	bool ipv4 = router->address_count && is_ipv4(router->addresses[0]);
	if (ipv4 && router->link_local)
		note(import, router->origin,
		    "changed: %s is dropped: adverts of IPv4 have no link-local address", router->link_local);
	if (ipv4 || (router->link_local && !strcmp(router->link_local, address_format(&automatic, usual))))
		router->link_local = NULL;
	else if (!router->link_local && router->address_count)
		router->link_local = "none";
}

static void note_adverts(struct import *import, const struct router *router)
{
	if (!router->differs)
		return;
	note(import, router->origin,
	    "changed: its adverts have other addresses than those of keepalived, which refuses them: there "
	    "are two holders until all servers have moved; see \"Addresses\" in docs/from-keepalived.md");
	import->lost = true;
}

/* IPv4 has both versions, and keepalived's default is the old one; for IPv6 it speaks the new one, whatever
 * is written. */
static void note_version(struct import *import, const struct router *router)
{
	const char *version = router->version ? router->version : import->version;
	bool ipv4 = router->address_count && is_ipv4(router->addresses[0]);
	if (ipv4 && (!version || strcmp(version, "3") != 0))
		note(import, router->origin,
		    "changed: keepalived speaks VRRPv2 here, vipd VRRPv3; write vrrp_version 3 on every "
		    "server before one "
		    "of them moves");
}

/* ---- blocks ---- */

void import_instance(struct import *import, struct node *node)
{
	if (node->count < 2 || import->router_count == CONFIG_ROUTERS_MAX) {
		note_block(import, node, "%s",
		    node->count < 2 ? "it has no name" : "vipd has at most 255 virtual routers");
		import->lost = true;
		return;
	}
	struct router *router = &import->routers[import->router_count++];
	*router = (struct router){.origin = node,
	    .name = node->words[1],
	    .printed_name = import_name(import, node),
	    .interface = import->default_interface};
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		for (struct node *at = node->children; at; at = at->next)
			if (!strcmp(at->words[0], rules[i].word) && !at->closed)
				take(import, router, at, &rules[i]);
	if (!router->interval_us) {
		router->interval_us = INTERVAL_US;
		note(import, node,
		    "there is no advert_int: written is 1s, keepalived's default; 100ms moves sooner");
	}
	note_version(import, router);
	settle_link_local(import, router);
	note_adverts(import, router);
}
