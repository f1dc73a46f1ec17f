/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements and blocks. A block may begin in the line of its statement or in the next one, and may be
 * written in one line.
 */
#include <ctype.h>
#include <string.h>

#include "import/import.h"
#include "vipd/keepalived.h"

#define WORDS_MAX 128
#define SPACES	  " \t\n\v\f\r" /* isspace(3) */

struct place {
	const char *file;
	unsigned line;
};

struct words {
	unsigned count;
	char *items[WORDS_MAX];
};

static void add_statement(struct import *import, const struct place *place, struct words *words)
{
	if (!words->count)
		return;
	struct open_block *block = &import->blocks[import->depth];
	struct node *node = obstack_alloc(&import->memory, sizeof *node);
	*node = (struct node){
	    .file = place->file, .line = place->line, .order = import->order, .count = words->count};
	node->words = obstack_copy(&import->memory, words->items, words->count * sizeof *words->items);
	if (block->last)
		block->last->next = node;
	else if (block->node)
		block->node->children = node;
	else
		import->root = node;
	block->last = node;
	words->count = 0;
}

static void open_braces(struct import *import, const struct place *place)
{
	struct open_block *block = &import->blocks[import->depth];
	if (!block->last || block->last->block || import->depth + 1 == BLOCKS_MAX) {
		note_place(import, place->file, place->line,
		    block->last && !block->last->block ? "blocks are nested too deeply"
						       : "{ does not follow a word");
		import->failed = true;
		return;
	}
	block->last->block = true;
	if (import->depth && keepalived_is_block(block->last->words[0])) {
		note_block(import, block->last,
		    "it stands inside of \"%s\" of line %u; is a } missing before it?", block->node->words[0],
		    block->node->line);
		import->wrong = true;
	}
	import->blocks[++import->depth] = (struct open_block){.node = block->last};
}

static void close_braces(struct import *import, const struct place *place)
{
	if (import->depth) {
		import->depth--;
		return;
	}
	note_place(import, place->file, place->line, "}: dropped: nothing is open that it could close");
	import->wrong = true;
}

/* A word, its quotes taken away: a blank between them is a part of it. */
static char *take_word(struct import *import, const char **text)
{
	const char *at = *text;
	for (char quote = 0; *at && (quote || !isspace((unsigned char)*at)); at++) {
		if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
			text_grow(import, *++at);
		else if (!quote && (*at == '"' || *at == '\'') && strchr(at + 1, *at))
			quote = *at;
		else if (quote && *at == quote)
			quote = 0;
		else
			text_grow(import, *at);
	}
	text_grow(import, '\0');
	*text = at;
	return obstack_finish(&import->memory);
}

/* The brace at the end of the last word of a line, which is taken off it; NUL: there is none. */
static char glued_brace(char *word)
{
	size_t size = strlen(word);
	char last = size > 1 ? word[size - 1] : '\0';
	if (last != '{' && (last != '}' || strchr(word, '{')))
		return '\0';
	word[size - 1] = '\0';
	return last;
}

void tree_line(struct import *import, const char *file, unsigned line, const char *text)
{
	const struct place place = {file, line};
	struct words words = {0};
	bool dropped = false;
	for (text += strspn(text, SPACES); *text && !import->failed; text += strspn(text, SPACES)) {
		bool alone = !text[1] || isspace((unsigned char)text[1]);
		if (*text == '{' || (*text == '}' && alone)) {
			add_statement(import, &place, &words);
			(*text == '{' ? open_braces : close_braces)(import, &place);
			text++;
			continue;
		}
		bool plain = *text != '"' && *text != '\'';
		char *word = take_word(import, &text);
		char brace = plain && !*text ? glued_brace(word) : '\0';
		if (words.count < WORDS_MAX)
			words.items[words.count++] = word;
		else
			dropped = true;
		if (brace) {
			add_statement(import, &place, &words);
			(brace == '{' ? open_braces : close_braces)(import, &place);
		}
	}
	add_statement(import, &place, &words);
	if (dropped)
		note_place(import, file, line, "all behind the first %d words is dropped: it is too long",
		    WORDS_MAX);
}

void tree_end(struct import *import, const char *path)
{
	import->wrong |= import->depth > 0;
	if (!import->failed && import->depth)
		note_place(import, path, 0,
		    "the block \"%s\" of line %u is not closed; it ends with the file",
		    import->blocks[import->depth].node->words[0], import->blocks[import->depth].node->line);
}
