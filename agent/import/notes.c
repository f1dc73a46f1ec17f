/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be said, in the order of the file.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "import/import.h"
#include "vipd/keepalived.h"

#define QUOTED_MAX  72
#define PLACE_MAX   512
#define TEXT_MAX    1024
#define REMARKS_MAX 10000

static void add(struct import *import, unsigned order, char *text)
{
	if (import->remark_count == REMARKS_MAX)
		return;
	if (import->remark_count == REMARKS_MAX - 1)
		strcpy(text, "… and more; the first 10,000 are here");
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	struct remark *grown = reallocarray(import->remarks, import->remark_count + 1, sizeof *grown);
	if (!grown)
		return;
	import->remarks = grown;
	grown[import->remark_count] =
	    (struct remark){order, import->remark_count, obstack_copy0(&import->memory, text, strlen(text))};
	import->remark_count++;
}

/* The statement as it stands in the file, but for its quotes. */
static void quote(const struct node *node, char out[static QUOTED_MAX])
{
	size_t used = 0;
	for (unsigned i = 0; i < node->count && used < QUOTED_MAX - sizeof " …"; i++)
		used += (size_t)snprintf(out + used, QUOTED_MAX - used, "%s%s", i ? " " : "", node->words[i]);
	if (used < QUOTED_MAX - sizeof " …")
		return;
	used = QUOTED_MAX - sizeof " …";
	while (used && (out[used] & 0xc0) == 0x80)
		used--;
	strcpy(out + used, " …");
}

__attribute__((format(printf, 4, 0))) static void note_words(
    struct import *import, struct node *node, const char *verdict, const char *format, va_list arguments)
{
	char text[TEXT_MAX], quoted[QUOTED_MAX];
	quote(node, quoted);
	int used = snprintf(text, PLACE_MAX, "%s:%u: %s: %s", node->file, node->line, quoted, verdict);
	if (used < 0 || used >= PLACE_MAX)
		used = PLACE_MAX - 1;
	vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
	add(import, node->order, text);
	node->taken = node->count;
}

void note(struct import *import, struct node *node, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	note_words(import, node, "", format, arguments);
	va_end(arguments);
}

void note_block(struct import *import, struct node *node, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	note_words(import, node, node->children ? "dropped with all that is in it: " : "dropped: ", format,
	    arguments);
	va_end(arguments);
	node->closed = true;
}

void note_place(struct import *import, const char *file, unsigned line, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;
	int used =
	    line ? snprintf(text, PLACE_MAX, "%s:%u: ", file, line) : snprintf(text, PLACE_MAX, "%s: ", file);
	if (used < 0 || used >= PLACE_MAX)
		used = PLACE_MAX - 1;
	va_start(arguments, format);
	vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
	va_end(arguments);
	add(import, import->order, text);
}

/* Words that vipd.conf has as well, or nearly, so that there they need no hint of keepalived. */
static const char *find_advice(const char *word)
{
#define INSTANCE "it belongs into a vrrp_instance"
#define SCRIPT	 "it belongs into a vrrp_script"
	static const struct {
		const char *word, *advice;
	} words[] = {{"interface", INSTANCE}, {"priority", INSTANCE}, {"preempt", INSTANCE},
	    {"preempt_delay", INSTANCE}, {"interval", SCRIPT}, {"timeout", SCRIPT}, {"rise", SCRIPT},
	    {"fall", SCRIPT}, {"process", "it belongs into a vrrp_track_process"},
	    {"delay", "a process that has ended counts as failing at once"}};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (!strcmp(word, words[i].word))
			return words[i].advice;
	return keepalived_advice(word);
}

void note_dropped(struct import *import, struct node *node)
{
	const char *advice = find_advice(node->words[0]);
	note_block(import, node, "%s", advice ? advice : "vipd has nothing like it");
}

void note_rest(struct import *import, struct node *node)
{
	for (; node; node = node->next) {
		if (!node->taken)
			note_dropped(import, node);
		if (node->taken < node->count)
			note(import, node, "changed: \"%s\" and what stands behind it is dropped",
			    node->words[node->taken]);
		if (!node->closed)
			note_rest(import, node->children);
	}
}

void note_braces(struct import *import, struct node *node)
{
	if (node->closed)
		return;
	note_block(import, node, "no braces belong behind it; is a } missing before it?");
	import->wrong = true;
}

struct node *next_item(struct import *import, struct node *node)
{
	for (; node && node->block; node = node->next)
		note_braces(import, node);
	return node;
}

bool is_last(struct import *import, struct node *node, const char *word)
{
	for (const struct node *at = node->next; at; at = at->next) {
		if (strcmp(at->words[0], word) != 0)
			continue;
		note(import, node, "dropped: \"%s\" stands in line %u of %s, too, and the last one counts",
		    word, at->line, at->file);
		return false;
	}
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct remark *a = left, *b = right;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

void notes_print(struct import *import, FILE *out)
{
	if (import->remark_count)
		qsort(import->remarks, import->remark_count, sizeof *import->remarks, compare);
	for (unsigned i = 0; i < import->remark_count; i++)
		fprintf(out, "%s\n", import->remarks[i].text);
	free(import->remarks);
	import->remarks = NULL;
	import->remark_count = 0;
}
