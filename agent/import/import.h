/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside import: the file as a tree of statements, and what of vipd.conf has been made of it so far.
 *
 * Everything lives in one obstack until the end. What is read is bounded: see source.c and tree.c.
 */
#pragma once

#include <limits.h>
#include <obstack.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "vipd/config.h"

/* A statement: its words, and what stands in the braces behind it. */
struct node {
	struct node *next, *children;
	const char *file;
	unsigned line, order;
	bool block; /* there are braces, maybe empty ones */
	unsigned count;
	char **words;	/* at least one */
	unsigned taken; /* so many of them mean something here, or are spoken of in a note */
	bool closed;	/* a note speaks of all that is in its braces, too */
};

struct weight {
	int value;
	bool reverse; /* "weight 20 reverse" */
};

/* A check as it will be printed; texts are not checked yet. */
struct check {
	const char *name, *printed_name;
	struct node *origin, *script; /* NULL: there is no such statement */
	bool is_process;	      /* a vrrp_track_process */
	enum config_check_type type;
	const char *target; /* url, address, process or path */
	const char *pid_file, *ca, *cert, *key;
	bool absent;	 /* file: passes while there is none */
	bool expects;	 /* http, https: a status below 400 */
	const char *why; /* it stays a program; NULL: because it does what vipd does not do itself */
	unsigned count;
	const char *words[CONFIG_WORDS_MAX]; /* exec */
	int64_t interval_us, timeout_us;     /* 0: vipd's own */
	int fall, rise;
	struct weight weight;
	bool used;
};

struct use {
	struct check *check;
	int weight;
	struct node *origin;
};

struct router {
	struct node *origin;
	const char *name, *printed_name;
	const char *interface, *source, *version;
	int vrid, priority;
	int64_t interval_us, preempt_delay_us;
	bool starts_active; /* "state MASTER" */
	bool nopreempt;
	const char *link_local; /* NULL: vipd's own */
	bool differs;		/* its adverts have other addresses than keepalived's */
	unsigned address_count, peer_count, use_count, track_count;
	const char *addresses[CONFIG_ADDRESSES_MAX], *peers[CONFIG_PEERS_MAX], *tracks[CONFIG_TRACKS_MAX];
	struct use uses[CONFIG_CHECKS_MAX];
};

struct definition {
	struct definition *next;
	const char *name, *value;
};

struct open_block {
	struct node *last; /* of its statements; NULL: none yet */
	struct node *node; /* whose braces these are; NULL: the file itself */
};
#define BLOCKS_MAX 16

struct remark {
	unsigned order;	 /* of the line, in all that was read */
	unsigned number; /* of the remark */
	char *text;
};

struct import {
	struct obstack memory;
	unsigned order; /* lines read so far */
	unsigned remark_count;
	struct remark *remarks;
	const char *id;
	size_t left; /* bytes that may still be read or substituted */
	bool failed; /* too much, or unreadable: the reason is noted */
	bool wrong;  /* braces are missing, or too many: what they were to hold is not known */
	bool lost;   /* what is printed is right for vipd, and does less than the file asks */
	struct definition *definitions;
	char directory[PATH_MAX]; /* for ${_PWD} */
	struct node *root;
	struct open_block blocks[BLOCKS_MAX];
	unsigned depth;

	const char *default_interface, *version; /* of VRRP; NULL: not written */
	unsigned check_count, router_count;
	struct check checks[CONFIG_CHECKS_MAX];
	struct router routers[CONFIG_ROUTERS_MAX];
};

/* One more character of the text that is being made; NUL ends it. */
static inline void text_grow(struct import *import, char c)
{
	/* clang-tidy does not see that an obstack always has room for one more. */
	obstack_1grow(&import->memory, c); /* NOLINT(clang-analyzer-core.NullDereference) */
}

/* `words` ends with NULL. */
static inline bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(word, *words) != 0)
		words++;
	return *words != NULL;
}

/* notes.c; they are printed in the order of the lines. "FILE:LINE: WORDS: …" */
__attribute__((format(printf, 3, 4))) void note(
    struct import *import, struct node *node, const char *format, ...);
/* "FILE:LINE: …"; line 0: none. */
__attribute__((format(printf, 4, 5))) void note_place(
    struct import *import, const char *file, unsigned line, const char *format, ...);

/* "dropped", with what vipd has instead. */
void note_dropped(struct import *import, struct node *node);
/* Dropped with all that is in its braces. */
__attribute__((format(printf, 3, 4))) void note_block(
    struct import *import, struct node *node, const char *format, ...);
/* It has braces where none belong, and so something else has none. */
void note_braces(struct import *import, struct node *node);
/* What nobody has taken, and no note speaks of. */
void note_rest(struct import *import, struct node *node);
/* `node` or the first behind it that has no braces. Those before it have, where none belong, and are noted.
 */
struct node *next_item(struct import *import, struct node *node);
/* Whether no other statement behind it has the same meaning; else it is noted. */
bool is_last(struct import *import, struct node *node, const char *word);
void notes_print(struct import *import, FILE *out);

/* source.c: reads a file and what it includes, line by line, into the tree. */
void source_take(struct import *import, const char *path);

/* tree.c: the words of one line, without comments. */
void tree_line(struct import *import, const char *file, unsigned line, const char *text);
void tree_end(struct import *import, const char *path);

/* script.c: what the words of a command ask for, as a check; false if nothing can be made of them. */
bool script_read(struct import *import, struct node *node, struct check *check);

/* checks.c: the name of a block as vipd takes it, which is noted if it is another one. */
const char *import_name(struct import *import, struct node *node);
/* Gives another name to checks of type kubernetes whose name is too long for that of their second question,
 * and to those that are called like such a question. */
void import_second_names(struct import *import);
void import_script(struct import *import, struct node *node);
void import_process(struct import *import, struct node *node);
void import_use(struct import *import, struct router *router, struct node *list, bool process);

/* router.c */
void import_instance(struct import *import, struct node *node);
void take_tracks(struct import *import, struct router *router, struct node *node);

/* addresses.c */
void take_addresses(struct import *import, struct router *router, struct node *list);
void take_excluded(struct import *import, struct router *router, struct node *list);
void take_source(struct import *import, struct router *router, struct node *node);
void take_peers(struct import *import, struct router *router, struct node *list);
/* One more of a list, if it is not in there; false, and noted, if there is no room. */
bool add_text(struct import *import, struct node *node, const char **list, unsigned *count, unsigned max,
    const char *text);

/* groups.c */
void import_group(struct import *import, struct node *node);
/* When all groups are known. */
void import_weights(struct import *import, struct router *router);

/* print.c */
void import_print(const struct import *import, FILE *out);

/* numbers.c: the word behind the first; NULL, and noted, if there is none. */
const char *read_word(struct import *import, struct node *node);
/* The value of word `index`; false, and noted, if there is none or it is not in the range. */
bool read_whole(struct import *import, struct node *node, unsigned index, int min, int max, int *value);
/* Seconds, with a fraction, in microseconds. */
bool read_seconds(struct import *import, struct node *node, unsigned index, int64_t *us);
