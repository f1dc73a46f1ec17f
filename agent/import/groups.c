/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several vrrp_instances have in common: a vrrp_sync_group gives its routers the same checks. And, when
 * all are known, the weights.
 */
#include <string.h>

#include "import/import.h"

static struct router *find_router(struct import *import, const char *name)
{
	for (unsigned i = 0; i < import->router_count; i++)
		if (!strcmp(import->routers[i].name, name))
			return &import->routers[i];
	return NULL;
}

/* The process of a vrrp_track_process keeps its weight in a group, as it does in keepalived. */
static void drop_weights(struct import *import, struct router *router)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < router->use_count; i++) {
		struct use use = router->uses[i];
		if (use.weight && !use.check->is_process)
			note(import, use.origin,
			    "dropped: keepalived ignores a script with a weight in a vrrp_sync_group without "
			    "sync_group_tracking_weight; name it in the group, or in no group");
		else
			router->uses[kept++] = use;
	}
	router->use_count = kept;
}

static void share_use(struct router *router, const struct use *use)
{
	for (unsigned i = 0; i < router->use_count; i++)
		if (router->uses[i].check == use->check)
			return;
	if (router->use_count < CONFIG_CHECKS_MAX)
		router->uses[router->use_count++] = *use;
}

static void share_tracks(struct import *import, struct router *router, const struct router *from)
{
	for (unsigned i = 0; i < from->track_count; i++)
		if (!router->interface || strcmp(router->interface, from->tracks[i]) != 0)
			add_text(import, from->origin, router->tracks, &router->track_count,
			    CONFIG_TRACKS_MAX, from->tracks[i]);
}

/* What makes one of them unhealthy does so to all. */
static void collect(struct import *import, struct router *all, struct router *router)
{
	for (unsigned i = 0; i < router->use_count; i++)
		if (!router->uses[i].weight)
			share_use(all, &router->uses[i]);
	share_tracks(import, all, router);
	if (router->interface)
		add_text(import, all->origin, all->tracks, &all->track_count, CONFIG_TRACKS_MAX,
		    router->interface);
}

static void give(struct import *import, const struct router *all, struct router *router)
{
	for (unsigned i = 0; i < all->use_count; i++)
		share_use(router, &all->uses[i]);
	share_tracks(import, router, all);
}

static void take_members(struct import *import, struct router *all, struct node *list, bool weights)
{
	list->taken = 1;
	for (struct node *at = list->children; (at = next_item(import, at)); at = at->next) {
		at->taken = at->count;
		for (unsigned i = 0; i < at->count; i++) {
			struct router *router = find_router(import, at->words[i]);
			if (!router)
				note(import, at, "dropped: there is no vrrp_instance \"%s\"", at->words[i]);
			else if (!weights)
				drop_weights(import, router);
			if (router)
				collect(import, all, router);
		}
	}
}

static void give_members(struct import *import, const struct router *all, const struct node *list)
{
	for (const struct node *at = list->children; at; at = at->next)
		for (unsigned i = 0; i < at->count && !at->block; i++) {
			struct router *router = find_router(import, at->words[i]);
			if (router)
				give(import, all, router);
		}
}

static void take_group_word(struct import *import, struct router *all, struct node *node, bool weights)
{
	const char *word = node->words[0];
	if (!strcmp(word, "sync_group_tracking_weight"))
		node->taken = 1;
	else if (!node->block)
		return;
	else if (!strcmp(word, "group"))
		take_members(import, all, node, weights);
	else if (!strcmp(word, "track_script"))
		import_use(import, all, node, false);
	else if (!strcmp(word, "track_process"))
		import_use(import, all, node, true);
	else if (!strcmp(word, "track_interface"))
		take_tracks(import, all, node);
}

void import_group(struct import *import, struct node *node)
{
	static struct router all;
	bool weights = false;
	all = (struct router){.origin = node};
	for (const struct node *at = node->children; at; at = at->next)
		weights |= !strcmp(at->words[0], "sync_group_tracking_weight");
	for (struct node *at = node->children; at; at = at->next)
		take_group_word(import, &all, at, weights);
	for (const struct node *at = node->children; at; at = at->next)
		if (!strcmp(at->words[0], "group"))
			give_members(import, &all, at);
	note(import, node,
	    "changed: its routers have the same checks and track_interfaces; with the same priorities, too, "
	    "they move together");
}

/*
 * A weight above 0 raises the priority while the check passes: here the priority is that one, and the check
 * lowers it.
 */
void import_weights(struct import *import, struct router *router)
{
	int before = router->priority ? router->priority : VRRP_PRIORITY_DEFAULT;
	int most = before, least = before;
	for (unsigned i = 0; i < router->use_count; i++) {
		struct use *use = &router->uses[i];
		if (use->weight > 0) {
			most += use->weight;
			use->weight = -use->weight;
		} else {
			least += use->weight;
		}
	}
	if (most != before) {
		router->priority = most < VRRP_PRIORITY_MAX ? most : VRRP_PRIORITY_MAX;
		note(import, router->origin,
		    "changed: the priority is %d, with the weights above 0 in it%s, and a check that fails "
		    "takes its weight away",
		    router->priority, most > VRRP_PRIORITY_MAX ? " as far as there is room" : "");
	}
	if (least < VRRP_PRIORITY_MIN && least < before)
		note(import, router->origin,
		    "changed: with all weights the priority would be %d; here weights never take it below "
		    "%d, so servers may come out equal",
		    least, VRRP_PRIORITY_MIN);
}
