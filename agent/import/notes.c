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

void note(struct import *import, const struct node *node, const char *format, ...)
{
	char text[TEXT_MAX], quoted[QUOTED_MAX];
	va_list arguments;
	quote(node, quoted);
	int used = snprintf(text, PLACE_MAX, "%s:%u: %s: ", node->file, node->line, quoted);
	if (used < 0 || used >= PLACE_MAX)
		used = PLACE_MAX - 1;
	va_start(arguments, format);
	vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
	va_end(arguments);
	add(import, node->order, text);
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

void note_dropped(struct import *import, const struct node *node)
{
	const char *advice = keepalived_advice(node->words[0]);
	note(import, node, "dropped%s: %s", node->children ? " with all that is in it" : "",
	    advice ? advice : "vipd has nothing like it");
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
