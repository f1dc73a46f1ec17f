/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside config: the errors of one reading.
 *
 * Readers and checks report what they find in any order; report_finish() puts the findings in the order of
 * the file. A reader hangs on each setting (libconfig's hook) the address of the field it goes to, so that a
 * check, which knows fields only, can still say in which line a value stands.
 */
#pragma once

#include "vipd/characters.h"
#include "vipd/config.h"
#include "vipd/nearest.h"

struct config_setting_t; /* libconfig's */

struct finding {
	unsigned line; /* of the text, 0: none */
	unsigned order;
	char *text;
};

/* Lines of the text that are from one file, up to the next segment. */
struct segment {
	unsigned first; /* line of the text */
	unsigned line;	/* of the file */
	char *file;
};

struct report {
	const char *path;
	struct config *config; /* what is being read; not in config_check_reload() */
	char *source;	       /* the text, with what it includes; NULL if there is none */
	struct segment *segments;
	unsigned segment_count;
	struct config_setting_t *root; /* NULL before it is parsed */
	struct finding *findings;
	unsigned count; /* found */
	unsigned kept;	/* in findings[]; less than count only when memory ran out */
	int shortage;	/* -errno; 0: what was found is wrong, and not only to be tried again */
};

/* "FILE:LINE: …", or "FILE: …" with line 0. `line`: of the text. */
__attribute__((format(printf, 3, 4))) void report_line(
    struct report *report, unsigned line, const char *format, ...);

/* The line in its file that is `line` of the text, and that file; NULL: the file report->path itself. */
unsigned report_place(const struct report *report, unsigned line, const char **file);

/* "FILE:LINE: KEY = VALUE: …" */
__attribute__((format(printf, 3, 4))) void report_setting(
    struct report *report, const struct config_setting_t *setting, const char *format, ...);

/* "FILE:LINE: GROUP.KEY: …" for a key that is not in `group` */
__attribute__((format(printf, 4, 5))) void report_absent(
    struct report *report, const struct config_setting_t *group, const char *key, const char *format, ...);

/* As report_setting() for the setting that was read into `field`; as report_absent() if `key` is not in the
 * file. */
__attribute__((format(printf, 5, 6))) void report_field(
    struct report *report, const void *field, const void *group, const char *key, const char *format, ...);

/* Notes an errno that what was found is due to. */
void report_errno(struct report *report, int error);

/* Forgets what was found. */
void report_clear(struct report *report);

/* Forgets what was found, and the text. */
void report_free(struct report *report);

/* Writes the findings to *errors in the order of the text, and frees all. Returns 0 if there
 * are none, else the shortage, or -EINVAL. */
int report_finish(struct report *report, struct config_errors *errors);

/* ---- characters ---- */

/* How many of `size` bytes to quote, at most `most`, without half a character at the end. */
int text_cut(const char *text, size_t size, size_t most);
/* The text with what is unseen as \u00a0, and what is not UTF-8 as \xff; as much as fits. Returns its size.
 */
size_t text_show(char *out, size_t room, const char *text);

/* Checks across keys, of a configuration whose single values have been checked. Fields that were wrong are 0.
 */
void config_check(struct report *report, const struct config *config);

/* The shortest kernel lease that fits the advert interval, in whole seconds. */
uint32_t shortest_lease_s(const struct config_router *router);

/* The whole file and a NUL, to free; NULL with errno set. It blocks on nothing but a disk. */
char *source_read(const char *path, size_t *size);

/*
 * Makes report->source of `text`, with what it includes. Reports what libconfig would not notice, or would
 * report far from where it is. Returns false if it cannot be parsed.
 */
bool source_expand(struct report *report, const char *text);
