/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text that libconfig parses: the file, and in the place of each `@include "PATH"` what it includes.
 *
 * libconfig would open these files itself, and then one that is a directory ends the process (its scanner
 * calls exit()), one that is a FIFO stops it for ever, and it is silent about what a look at the tokens finds
 * here: a number that does not fit is cut to 32 bits by version 1.5, a comment without end swallows the rest
 * of the file, and a text without its closing quote ends at the next quote, however many lines below.
 */
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/report.h"
#include "vipd/file.h"
#include "vipd/shortage.h"

#define SOURCE_MAX (1 << 20) /* bytes of all files together */
#define DEPTH_MAX  10	     /* files that include each other */
#define QUOTED_MAX 80	     /* bytes of a line that are worth quoting */

static const char include_word[] = "@include";

struct file {
	const struct file *outer; /* the file that includes it; NULL: none does */
	const char *path;
	dev_t device;
	ino_t inode;
	unsigned depth;
	char *text;
	size_t size;
	const char *begin; /* behind a byte order mark */
	const char *at;
	unsigned line; /* that `at` is in */
};

struct source {
	struct report *report;
	FILE *out;
	size_t left;   /* of SOURCE_MAX */
	unsigned line; /* of `out` */
	bool parseable;
};

/* ---- one file ---- */

/* Fills in text and size; the text ends with a NUL and is to be freed. Returns 0 or an errno. */
static int file_read(struct file *file, size_t most)
{
	struct stat status = {0};
	int fd = file_open_regular(file->path, &status);
	int error = fd < 0 ? -fd : 0;
	file->text = error ? NULL : malloc(most + 2);
	if (!error && !file->text)
		error = ENOMEM;
	ssize_t got = 1;
	while (!error && got > 0 && file->size <= most) {
		got = read(fd, file->text + file->size, most + 1 - file->size);
		file->size += got > 0 ? (size_t)got : 0;
		error = got < 0 ? errno : 0;
	}
	if (fd >= 0)
		close(fd);
	if (error)
		return error;
	file->text[file->size] = '\0';
	file->device = status.st_dev;
	file->inode = status.st_ino;
	return file->size > most ? EFBIG : strlen(file->text) != file->size ? EILSEQ : 0;
}

static const char *read_error(int error)
{
	return error == EILSEQ	? "it has a zero byte in it"
	       : error == ELOOP ? "it includes itself, or files that include each other are too deep"
				: file_error(error);
}

/* What follows in the text is line `line` of the file. */
static void segment_begin(struct source *source, const struct file *file, unsigned line)
{
	struct report *report = source->report;
	struct segment *grown =
	    reallocarray(report->segments, report->segment_count + 1, sizeof *report->segments);
	if (!grown)
		return; /* the names of files and lines are wrong from here on */
	report->segments = grown;
	grown[report->segment_count] = (struct segment){source->line, line, strdup(file->path)};
	report->segment_count += grown[report->segment_count].file != NULL;
}

/* ---- its tokens ---- */

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '-' || c == '*' || c == '.';
}

/* Of what the syntax has no use for outside of quotes and comments. */
static bool is_odd(char c)
{
	return ((unsigned char)c < ' ' && !strchr("\t\n\f\r", c)) || (unsigned char)c > '~';
}

static int quoted(const char *from, const char *end)
{
	return text_cut(from, (size_t)(end - from), QUOTED_MAX);
}

static void copy_to(struct source *source, struct file *file, const char *end)
{
	fwrite(file->at, 1, (size_t)(end - file->at), source->out);
	for (; file->at < end; file->at++) {
		file->line += *file->at == '\n';
		source->line += *file->at == '\n';
	}
}

static void copy_text(struct source *source, struct file *file)
{
	const char *end = file->at + 1;
	while (*end && *end != '"' && *end != '\n')
		end += end[0] == '\\' && end[1] && end[1] != '\n' ? 2 : 1;
	if (*end != '"') {
		report_line(source->report, source->line,
		    "%.*s: is a text without end; put the closing quote (\") in the same line",
		    quoted(file->at, end), file->at);
		source->parseable = false;
	}
	copy_to(source, file, *end == '"' ? end + 1 : end);
}

static void copy_comment(struct source *source, struct file *file)
{
	const char *end = strstr(file->at + 2, "*/");
	if (!end) {
		report_line(source->report, source->line,
		    "/*: is a comment without end; close it with a star and a slash");
		source->parseable = false;
	}
	copy_to(source, file, end ? end + 2 : file->at + strlen(file->at));
}

static void copy_word(struct source *source, struct file *file)
{
	const char *end = file->at;
	while (is_word(*end))
		end++;
	char *rest;
	const char *digits = file->at + (*file->at == '-');
	if (*digits >= '0' && *digits <= '9') {
		unsigned long long value = strtoull(digits, &rest, 0);
		if (value > INT32_MAX && (rest == end || *rest == 'L')) {
			report_line(source->report, source->line,
			    "%.*s: is too large a number for any key; see vipd.conf(5) for their ranges",
			    quoted(file->at, end), file->at);
			source->parseable = false;
		}
	}
	copy_to(source, file, end);
}

/* A character that the syntax does not know: no library says where it is, and it may look like a blank. */
static void copy_odd(struct source *source, struct file *file)
{
	uint32_t code;
	const char *what, *advice, *start = file->at;
	size_t size = character_decode(file->at, &code), column = 1;
	while (start > file->begin && start[-1] != '\n')
		column += (*--start & 0xc0) != 0x80;
	if (size) {
		character_describe(code, &what, &advice);
		report_line(source->report, source->line, "column %zu: %.*s (U+%04X) is %s; %s", column,
		    (int)size, file->at, (unsigned)code, what, advice);
	} else {
		report_line(source->report, source->line,
		    "column %zu: this byte is not UTF-8: %.1s; save the file in that encoding", column,
		    file->at);
	}
	source->parseable = false;
	/* The others of the line usually come from the same hand. */
	copy_to(source, file, file->at + strcspn(file->at, "\n"));
}

/* ---- what it includes ---- */

/* The end of a line; the last one of a file may have none. */
static void end_line(struct source *source, struct file *file)
{
	if (*file->at == '\n') {
		copy_to(source, file, file->at + 1);
	} else {
		fputc('\n', source->out);
		source->line++;
	}
}

static void copy_file(struct source *source, struct file *file);

static void include_file(struct source *source, const struct file *outer, unsigned line, const char *path)
{
	struct file file = {.outer = outer, .path = path, .depth = outer->depth + 1};
	int error = file.depth > DEPTH_MAX ? ELOOP : file_read(&file, source->left);
	for (const struct file *other = outer; !error && other; other = other->outer)
		if (other->device == file.device && other->inode == file.inode)
			error = ELOOP;
	if (error) {
		report_errno(source->report, error);
		report_line(source->report, line, "%s: cannot read %s: %s; %s", include_word, path,
		    read_error(error),
		    error == EFBIG	  ? "1 MiB is the most for all files together"
		    : is_shortage(-error) ? "try again"
					  : "name regular files that root may read");
		source->parseable = false;
	} else {
		source->left -= file.size;
		segment_begin(source, &file, 1);
		copy_file(source, &file);
		end_line(source, &file);
	}
	free(file.text);
}

/* errno of a directory that could not be listed; glob() tells nobody else. */
static int unlisted;

static int on_unlisted(const char *path, int error)
{
	(void)path;
	unlisted = error == ENOENT || error == ENOTDIR ? unlisted : error;
	return unlisted;
}

/* Files of a pattern, in the order of their names; none is right for a pattern, but not for a plain path. */
static void include_files(struct source *source, const struct file *file, unsigned line, const char *pattern)
{
	char *outer = strdup(file->path), *path = NULL;
	glob_t found = {0};
	if (*pattern == '/')
		path = strdup(pattern);
	else if (!outer || asprintf(&path, "%s/%s", dirname(outer), pattern) < 0)
		path = NULL;
	unlisted = 0;
	int result = path ? glob(path, GLOB_NOMAGIC, on_unlisted, &found) : GLOB_NOSPACE;
	if (result && result != GLOB_NOMATCH) {
		int error = unlisted ? unlisted : ENOMEM;
		report_errno(source->report, error);
		report_line(source->report, line, "%s: cannot list %s: %s; %s", include_word, pattern,
		    strerrordesc_np(error),
		    is_shortage(-error) ? "try again" : "name a directory that root may read");
		source->parseable = false;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		include_file(source, file, line, found.gl_pathv[i]);
	globfree(&found);
	free(outer);
	free(path);
}

/* libconfig takes an @include only at the beginning of a line; here it has to be alone there. */
static void copy_include(struct source *source, struct file *file)
{
	unsigned line = source->line;
	const char *start = file->at, *end = start + strcspn(start, "\n");
	while (start > file->begin && (start[-1] == ' ' || start[-1] == '\t'))
		start--;
	bool alone = start == file->begin || start[-1] == '\n';
	bool named = !strncmp(file->at, include_word, strlen(include_word));
	const char *path = named ? file->at + strlen(include_word) : end;
	path += strspn(path, " \t");
	size_t size = *path == '"' ? strcspn(path + 1, "\"\n") : 0;
	const char *behind = size && path[size + 1] == '"' ? path + size + 2 : "?";
	behind += strspn(behind, " \t\r");
	bool is_right = alone && strchr("#\n", *behind);
	char *pattern = is_right ? strndup(path + 1, size) : NULL;
	if (!pattern) {
		report_errno(source->report, is_right ? ENOMEM : 0);
		report_line(source->report, line,
		    "%.*s: is not understood; write %s \"PATH\" in a line of its own", quoted(file->at, end),
		    file->at, include_word);
		source->parseable = false;
	}
	file->at = end;
	end_line(source, file);
	if (!pattern)
		return;
	include_files(source, file, line, pattern);
	segment_begin(source, file, file->line);
	free(pattern);
}

static void copy_file(struct source *source, struct file *file)
{
	bool marked = !strncmp(file->text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK));
	file->at = file->begin = file->text + (marked ? strlen(BYTE_ORDER_MARK) : 0);
	file->line = 1;
	while (*file->at) {
		if (*file->at == '"')
			copy_text(source, file);
		else if (!strncmp(file->at, "/*", 2))
			copy_comment(source, file);
		else if (*file->at == '#' || !strncmp(file->at, "//", 2))
			copy_to(source, file, file->at + strcspn(file->at, "\n"));
		else if (*file->at == '@')
			copy_include(source, file);
		else if (is_word(*file->at))
			copy_word(source, file);
		else if (is_odd(*file->at))
			copy_odd(source, file);
		else
			copy_to(source, file, file->at + 1);
	}
}

char *source_read(const char *path, size_t *size)
{
	struct file file = {.path = path};
	int error = file_read(&file, SOURCE_MAX);
	if (error && error != EILSEQ) {
		free(file.text);
		errno = error;
		return NULL;
	}
	*size = file.size;
	return file.text;
}

bool source_expand(struct report *report, const char *text)
{
	size_t size = 0;
	struct source source = {.report = report, .line = 1, .parseable = true};
	struct file file = {.path = report->path, .text = (char *)text, .size = strlen(text)};
	source.left = file.size < SOURCE_MAX ? SOURCE_MAX - file.size : 0;
	source.out = open_memstream(&report->source, &size);
	if (source.out) {
		segment_begin(&source, &file, 1);
		copy_file(&source, &file);
	}
	if (!source.out || fclose(source.out)) {
		report_errno(report, ENOMEM);
		report_line(report, 0, "cannot read: %s; free some memory", strerror(ENOMEM));
		return false;
	}
	return source.parseable;
}
