/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of a keepalived.conf: comments, continued lines, included files, lines for one server only (@id),
 * and definitions ($NAME=value).
 *
 * The file is not trusted to be small or to end: all files and all that is substituted in them have 1 MiB
 * together, and files and definitions lie at most ten in one another.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/import.h"
#include "vipd/characters.h"
#include "vipd/file.h"

#define DEPTH_MAX    10
#define PATTERNS_MAX 4

struct file {
	const char *path, *directory;
	unsigned line;
	unsigned depth;
	int fd; /* -1: it has not been opened */
};

static void fail(struct import *import, const struct file *file, const char *why)
{
	if (!import->failed)
		note_place(import, file->path, file->line, "%s", why);
	import->failed = true;
}

static bool spend(struct import *import, const struct file *file, size_t size)
{
	if (size > import->left) {
		fail(import, file,
		    "the files and what is substituted in them are more than 1 MiB; import parts of them");
		return false;
	}
	import->left -= size;
	return true;
}

/* All that is in there, in memory of `import`. Returns why it cannot be read, or NULL. */
static const char *read_text(struct import *import, const struct file *file, int fd, char **text)
{
	char part[4096];
	const char *why = NULL;
	ssize_t size;
	while (!why && (size = read(fd, part, sizeof part)) != 0) {
		if (size < 0)
			why = strerror(errno);
		else if (!spend(import, file, (size_t)size))
			why = "it is too large";
		else if (memchr(part, '\0', (size_t)size))
			why = "there is a zero byte in it, so it is not a text";
		else
			obstack_grow(&import->memory, part, (size_t)size);
	}
	text_grow(import, '\0');
	*text = obstack_finish(&import->memory);
	if (!strncmp(*text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)))
		*text += strlen(BYTE_ORDER_MARK);
	return why;
}

/* A regular file, or what is on standard input. */
static const char *read_file(struct import *import, const struct file *file, char **text)
{
	struct stat status;
	if (file->fd >= 0)
		return read_text(import, file, file->fd, text);
	int fd = file_open_regular(file->path, &status);
	if (fd < 0)
		return fd == -EISDIR   ? "it is a directory"
		       : fd == -EINVAL ? "it is not a regular file; to read from a pipe, name it -"
				       : strerror(-fd);
	const char *why = read_text(import, file, fd, text);
	close(fd);
	return why;
}

/* Where a comment begins, or the end. Of a quote that is not closed in the line nothing is believed. */
static size_t comment_at(const char *text)
{
	for (size_t i = 0; text[i]; i++) {
		if (text[i] == '#' || text[i] == '!')
			return i;
		if (text[i] == '\\' && text[i + 1])
			i++;
		else if (text[i] == '"' || text[i] == '\'') {
			const char *end = text + i + 1;
			while (*end && *end != text[i])
				end += *end == '\\' && end[1] ? 2 : 1;
			if (*end)
				i = (size_t)(end - text);
		}
	}
	return strlen(text);
}

static char *trim(char *text)
{
	text += strspn(text, " \t\r\f\v");
	size_t size = strlen(text);
	while (size && isspace((unsigned char)text[size - 1]))
		size--;
	text[size] = '\0';
	return text;
}

/* ---- definitions ---- */

static size_t name_size(const char *text)
{
	size_t size = 0;
	while (isalnum((unsigned char)text[size]) || text[size] == '_')
		size++;
	return size;
}

static const char *definition_find(
    struct import *import, const struct file *file, const char *name, size_t size)
{
	for (const struct definition *at = import->definitions; at; at = at->next)
		if (strlen(at->name) == size && !memcmp(at->name, name, size))
			return at->value;
	if (size == strlen("_INSTANCE") && !memcmp(name, "_INSTANCE", size))
		return import->id;
	if (size == strlen("_HASH") && !memcmp(name, "_HASH", size))
		return "#";
	if (size == strlen("_BANG") && !memcmp(name, "_BANG", size))
		return "!";
	if (size != strlen("_PWD") || memcmp(name, "_PWD", size) != 0)
		return NULL;
	if (!realpath(file->directory, import->directory))
		return file->directory;
	return import->directory;
}

/* "$NAME=value": a definition. The value may have lines of its own. */
static bool define(struct import *import, const char *text)
{
	size_t size = *text == '$' ? name_size(text + 1) : 0;
	if (!size || text[1 + size] != '=')
		return false;
	struct definition *definition = obstack_alloc(&import->memory, sizeof *definition);
	const char *value = text + 1 + size + 1;
	value += strspn(value, " \t\n");
	*definition = (struct definition){
	    .next = import->definitions,
	    .name = obstack_copy0(&import->memory, text + 1, size),
	    .value = obstack_copy0(&import->memory, value, strlen(value)),
	};
	import->definitions = definition;
	return true;
}

/* What is not defined stays as it is: it may be a shell's. */
static char *substitute(struct import *import, const struct file *file, const char *text)
{
	while (*text) {
		size_t plain = strcspn(text, "$");
		obstack_grow(&import->memory, text, plain);
		text += plain;
		if (!*text)
			break;
		bool braced = text[1] == '{';
		const char *name = text + 1 + braced, *value = NULL;
		size_t size = name_size(name), whole = size + 1 + 2 * (size_t)braced;
		if (size && (!braced || name[size] == '}'))
			value = definition_find(import, file, name, size);
		if (!value) {
			text_grow(import, *text++);
			continue;
		}
		if (!spend(import, file, strlen(value)))
			break;
		obstack_grow(&import->memory, value, strlen(value));
		text += whole;
	}
	text_grow(import, '\0');
	return obstack_finish(&import->memory);
}

/* ---- lines ---- */

static void take_file(struct import *import, struct file *file);

/* Each of them may multiply how many files there are to look at. */
static unsigned count_of(const char *text, char what)
{
	unsigned count = 0;
	for (; *text; text++)
		count += *text == what;
	return count;
}

static void take_include(struct import *import, const struct file *file, const char *pattern)
{
	char *path = NULL;
	glob_t found = {0};
	if (count_of(pattern, '*') > PATTERNS_MAX || count_of(pattern, '{') > PATTERNS_MAX) {
		fail(import, file, "this include has too many * or { in it; import the files themselves");
		return;
	}
	if (*pattern == '/' || !strcmp(file->directory, "."))
		path = strdup(pattern);
	else if (asprintf(&path, "%s/%s", file->directory, pattern) < 0)
		path = NULL;
	int result = path ? glob(path, GLOB_BRACE, NULL, &found) : GLOB_NOSPACE;
	if (result)
		note_place(
		    import, file->path, file->line, "include %s: dropped: there is no such file", pattern);
	/* A directory with nothing in it is as it was meant. */
	import->lost |= result && (!path || !strpbrk(pattern, "*?[{") || access(dirname(path), R_OK | X_OK));
	for (size_t i = 0; i < found.gl_pathc && !import->failed; i++) {
		struct file inner = {
		    .path = obstack_copy0(&import->memory, found.gl_pathv[i], strlen(found.gl_pathv[i])),
		    .depth = file->depth + 1,
		    .fd = -1};
		take_file(import, &inner);
	}
	globfree(&found);
	free(path);
}

/* "@id …" and "@^id …": for one server, or for all but one. NULL: the line is not for this one. */
static char *for_this_server(struct import *import, const struct file *file, char *text)
{
	while (*text == '@') {
		bool others = text[1] == '^';
		const char *id = text + 1 + others;
		size_t size = strcspn(id, " \t");
		bool same = size == strlen(import->id) && !memcmp(id, import->id, size);
		if (same == others) {
			note_place(import, file->path, file->line,
			    "%s: dropped: it is not for %s (--config-id names "
			    "another server)",
			    text, import->id);
			return NULL;
		}
		text += 1 + others + size;
		text += strspn(text, " \t");
	}
	return text;
}

static void take_line(struct import *import, const struct file *file, char *text, unsigned depth)
{
	text = for_this_server(import, file, trim(text));
	if (!text || !*text || define(import, text))
		return;
	if (depth > DEPTH_MAX) {
		fail(import, file, "definitions stand for one another without end");
		return;
	}
	if (*text == '~') {
		note_place(import, file->path, file->line,
		    "%s: dropped: write what it stands for, a line each", text);
		return;
	}
	char *whole = strchr(text, '$') ? substitute(import, file, text) : text;
	if (whole == text || !strcmp(whole, text)) {
		tree_line(import, file->path, file->line, text);
		return;
	}
	for (char *part; (part = strsep(&whole, "\n")) && !import->failed;)
		take_line(import, file, part, depth + 1);
}

/* The next line without its comment, with those that continue it: as lines of a definition, else as one. */
static char *next_line(struct import *import, struct file *file, char **rest)
{
	bool defines = false, more = true;
	char *line;
	while (more && (line = strsep(rest, "\n"))) {
		file->line++;
		import->order++;
		line[comment_at(line)] = '\0';
		line = trim(line);
		size_t size = strlen(line);
		more = size && line[size - 1] == '\\';
		defines |= *line == '$' && name_size(line + 1) && line[1 + name_size(line + 1)] == '=';
		obstack_grow(&import->memory, line, size - more);
		if (more)
			text_grow(import, defines ? '\n' : ' ');
	}
	text_grow(import, '\0');
	return obstack_finish(&import->memory);
}

/* They come from web pages, and both programs take them as a part of a word, which they then do not know. */
static void look_at_characters(struct import *import, const struct file *file, const char *text)
{
	for (size_t size; *text; text += size ? size : 1) {
		const char *what, *advice;
		uint32_t code;
		size = character_decode(text, &code);
		if (!size || code < 0x80 || !character_unseen(code))
			continue;
		character_describe(code, &what, &advice);
		note_place(import, file->path, file->line,
		    "there is %s (U+%04X) in it, which is taken as a part of a word; %s", what,
		    (unsigned)code, advice);
		import->lost = true;
		return;
	}
}

static void take_file(struct import *import, struct file *file)
{
	file->directory = dirname(obstack_copy0(&import->memory, file->path, strlen(file->path)));
	char *text = NULL;
	bool loops = file->depth > DEPTH_MAX;
	const char *why = loops ? "files include each other without end" : read_file(import, file, &text);
	if (why) {
		note_place(import, file->path, 0, "cannot read: %s", why);
		import->failed |= !file->depth || loops;
		import->lost = true;
	}
	for (char *rest = why ? NULL : text; rest && !import->failed;) {
		char *line = next_line(import, file, &rest);
		look_at_characters(import, file, line);
		size_t word = strcspn(line, " \t");
		bool include = !strncmp(line, "include", strlen("include")) && word <= strlen("includer");
		if (include && line[word])
			take_include(import, file, trim(line + word));
		else
			take_line(import, file, line, 0);
	}
}

void source_take(struct import *import, const char *path)
{
	struct file file = {.path = path, .fd = -1};
	if (!strcmp(path, "-"))
		file = (struct file){.path = "(stdin)", .fd = STDIN_FILENO};
	take_file(import, &file);
}
