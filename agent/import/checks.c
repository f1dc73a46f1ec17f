/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vrrp_script and vrrp_track_process become checks; track_script and track_process name them.
 */
#include <string.h>

#include "import/import.h"

#define WEIGHT_MAX 253

/* Room for one more, with the name that the block has; NULL, and noted, if there is none. */
static struct check *check_begin(struct import *import, const struct node *node)
{
	if (node->count < 2 || !node->children) {
		note(import, node, "dropped: it has no %s",
		    node->count < 2 ? "name" : "braces with something in them");
		return NULL;
	}
	if (import->check_count == CONFIG_CHECKS_MAX) {
		note(import, node, "dropped: vipd has at most %d checks", CONFIG_CHECKS_MAX);
		return NULL;
	}
	struct check *check = &import->checks[import->check_count];
	*check = (struct check){.name = node->words[1], .origin = node};
	return check;
}

/* "weight -20 reverse" */
static void read_weight(struct import *import, const struct node *node, unsigned index, int *weight)
{
	if (!read_whole(import, node, index, -WEIGHT_MAX, WEIGHT_MAX, weight))
		return;
	if (index + 1 < node->count && !strcmp(node->words[index + 1], "reverse"))
		note(import, node, "changed: \"reverse\" is dropped; let the check itself ask the contrary");
}

static void read_interval(struct import *import, const struct node *node, int64_t *us)
{
	const int64_t shortest_us = 10000, longest_us = INT64_C(3600000000);
	if (!read_seconds(import, node, 1, us))
		return;
	int64_t right = *us < shortest_us ? shortest_us : *us > longest_us ? longest_us : *us;
	if (right != *us)
		note(import, node, "changed: it is between 10ms and 1h");
	*us = right;
}

void import_script(struct import *import, const struct node *node)
{
	const struct node *script = NULL;
	struct check *check = check_begin(import, node);
	if (!check)
		return;
	for (const struct node *at = node->children; at; at = at->next) {
		const char *word = at->words[0];
		if (!strcmp(word, "script"))
			script = at;
		else if (!strcmp(word, "interval"))
			read_interval(import, at, &check->interval_us);
		else if (!strcmp(word, "timeout"))
			read_interval(import, at, &check->timeout_us);
		else if (!strcmp(word, "fall"))
			read_whole(import, at, 1, 1, 100, &check->fall);
		else if (!strcmp(word, "rise"))
			read_whole(import, at, 1, 1, 100, &check->rise);
		else if (!strcmp(word, "weight"))
			read_weight(import, at, 1, &check->weight);
		else
			note_dropped(import, at);
	}
	if (script && script_read(import, script, check))
		import->check_count++;
	else
		note(import, script ? script : node, "dropped: there is no command that vipd could run");
}

void import_process(struct import *import, const struct node *node)
{
	struct check *check = check_begin(import, node);
	if (!check)
		return;
	check->type = CHECK_PROCESS;
	for (const struct node *at = node->children; at; at = at->next) {
		const char *word = at->words[0];
		if (!strcmp(word, "process") && at->count > 1) {
			const char *slash = strrchr(at->words[1], '/');
			check->target = slash ? slash + 1 : at->words[1];
			if (at->count > 2)
				note(import, at, "changed: only the name counts, not the arguments");
		} else if (!strcmp(word, "weight")) {
			read_weight(import, at, 1, &check->weight);
		} else {
			note_dropped(import, at);
		}
	}
	if (check->target)
		import->check_count++;
	else
		note(import, node, "dropped: it names no process");
}

struct check *import_check_find(struct import *import, const char *name, bool process)
{
	for (unsigned i = 0; i < import->check_count; i++) {
		struct check *check = &import->checks[i];
		bool block_is_process = !strcmp(check->origin->words[0], "vrrp_track_process");
		if (block_is_process == process && !strcmp(check->name, name))
			return check;
	}
	return NULL;
}

static void use(struct import *import, struct router *router, const struct node *node, struct check *check)
{
	int weight = check->weight;
	if (node->count > 2 && !strcmp(node->words[1], "weight"))
		read_weight(import, node, 2, &weight);
	for (unsigned i = 0; i < router->use_count; i++)
		if (router->uses[i].check == check)
			return;
	if (router->use_count < CONFIG_CHECKS_MAX)
		router->uses[router->use_count++] = (struct use){check, weight};
	check->used = true;
}

void import_use(struct import *import, struct router *router, const struct node *list, bool process)
{
	for (const struct node *at = list->children; at; at = at->next) {
		struct check *check = import_check_find(import, at->words[0], process);
		if (check)
			use(import, router, at, check);
		else
			note(import, at, "dropped: there is no %s of this name",
			    process ? "vrrp_track_process" : "vrrp_script");
	}
}
