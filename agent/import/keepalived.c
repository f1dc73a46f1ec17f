/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a keepalived.conf to a vipd.conf, in three steps: lines (source.c) become statements (tree.c), these
 * become checks and virtual routers (checks.c, script.c, router.c), and these are printed (print.c). At the
 * end vipd itself reads what was printed: what is not right for it is not called so, and what it would warn
 * of is said already here.
 */
#include <stdlib.h>
#include <string.h>

#include "import/import.h"
#include "vipd/import.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

#define BYTES_MAX (1 << 20)

static void take_globals(struct import *import, struct node *node)
{
	for (struct node *at = node->children; at; at = at->next) {
		bool interface = !strcmp(at->words[0], "default_interface");
		bool version = !strcmp(at->words[0], "vrrp_version");
		if (at->block || !(interface || version))
			continue;
		if (is_last(import, at, at->words[0]))
			*(interface ? &import->default_interface : &import->version) = read_word(import, at);
	}
}

/* What instances name comes before them, and what names them comes behind. */
static const struct {
	const char *word;
	void (*take)(struct import *import, struct node *node);
	bool named;
} blocks[] = {
    {"global_defs", take_globals, false},
    {"vrrp_script", import_script, true},
    {"vrrp_track_process", import_process, true},
    {"vrrp_instance", import_instance, true},
    {"vrrp_sync_group", import_group, true},
};

static void convert(struct import *import)
{
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
		for (struct node *at = import->root; at; at = at->next)
			if (!strcmp(at->words[0], blocks[i].word) && !at->closed) {
				at->taken = at->count > 1 && blocks[i].named ? 2 : 1;
				blocks[i].take(import, at);
			}
	import_second_names(import);
	for (unsigned i = 0; i < import->router_count; i++)
		import_weights(import, &import->routers[i]);
	for (unsigned i = 0; i < import->check_count; i++)
		if (!import->checks[i].used)
			note(import, import->checks[i].origin, "no virtual router uses it");
	note_rest(import, import->root);
}

/* Whether vipd takes it, and what it makes of it. */
static bool check_text(const char *text, size_t size, FILE *notes)
{
	struct config *config = calloc(1, sizeof *config);
	struct config_errors *errors = calloc(1, sizeof *errors);
	bool right = config && errors && config_read_text("vipd.conf", text, size, config, errors) == 0;
	if (right)
		config_warn(config, errors);
	else
		fputs("What is printed is not right yet; mend these lines of it:\n", notes);
	fputs(errors ? errors->text : "", notes);
	free(config);
	free(errors);
	return right;
}

static bool print(const struct import *import, FILE *out, FILE *notes)
{
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	if (!memory)
		return false;
	import_print(import, memory);
	bool right = fclose(memory) == 0 && check_text(text, size, notes);
	fputs(text, out);
	free(text);
	return right;
}

bool import_keepalived(const char *path, const char *id, FILE *out, FILE *notes)
{
	struct import *import = calloc(1, sizeof *import);
	bool right = false;
	if (!import)
		return false;
	obstack_init(&import->memory);
	import->id = id;
	import->left = BYTES_MAX;
	source_take(import, path);
	tree_end(import, path);
	if (!import->failed) {
		convert(import);
		if (!import->router_count)
			note_place(import, path, 0,
			    "there is no vrrp_instance in it, so there is nothing for vipd to do");
	}
	notes_print(import, notes);
	if (!import->failed && import->router_count)
		right = print(import, out, notes) && !import->wrong && !import->lost;
	if (import->wrong && !import->failed)
		fprintf(notes,
		    "The braces of %s do not fit, so this may not be what was meant; mend them first.\n",
		    path);
	else if (import->lost && !import->failed)
		fprintf(notes,
		    "What is printed does not do all that %s asks for; the lines above say what is "
		    "missing.\n",
		    path);
	obstack_free(&import->memory, NULL);
	free(import);
	return right;
}
