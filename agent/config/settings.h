/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside config: a group of the file is a table of keys. A key says where its value goes, what is right, and
 * of which type it is; the type reads it from the file and prints it as it is read. Whatever is wrong is
 * reported, and the field keeps its default.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <libconfig.h>

#include "config/report.h"

struct key;

struct printer {
	FILE *out;
	const struct config *config;
	int depth; /* groups around */
};

struct type {
	/* Reads `setting` into `field`, or reports what is wrong with it. */
	void (*read)(struct report *report, config_setting_t *setting, const struct key *key, void *field);
	void (*print)(const struct printer *printer, const struct key *key, const void *field);
	bool optional; /* a field of zeros is not printed: the key is not in the file */
};
extern const struct type type_text, type_number, type_bool, type_duration, type_choice; /* settings.c */
extern const struct type type_list, type_command, type_group, type_groups;		/* lists.c */
extern const struct type type_uses;							/* uses.c */
extern const struct type type_checks;							/* checks.c */
extern const struct type type_address, type_link_local, type_endpoint;			/* values.c */

/* A kind of group, as a table of its keys; names of structures and functions only where it needs them. */
struct group {
	const char *where; /* it stands in the file */
	const struct key *keys;
	size_t size; /* of the structure of an element, in a list of groups */
	const void *defaults;
	/* What only holds between its keys, and defaults that depend on others. */
	void (*finish)(struct report *report, config_setting_t *setting, void *base);
	/* Where some keys have a use in groups of some types only: what such a group is called, where its
	 * type is (an enum), and the names of all types. */
	const char *variant;
	size_t type;
	const char *const *types;
};
extern const struct group root_group, router_group, check_group, control_group, metrics_group, hello_group,
    auth_group, publish_group;

struct key {
	const char *name; /* NULL ends a table */
	const struct type *type;
	size_t offset; /* of the field in the structure of the group */
	size_t size;
	const char *example; /* a right value as it is written in the file */
	const char *note;    /* what helps to write a right one, or NULL */
	bool required;
	unsigned only; /* bit i: has a use in groups of type i alone; 0: it has in any */

	int64_t min, max; /* of a number; of a duration in us; of the elements of a list */
	int64_t step;	  /* of a duration, in us */
	const char *zero; /* duration: "0s" is right too, and means this */

	const char *wrong; /* advice of the types choice, address, endpoint and list, where the usual one does
			      not do */

	/* These return "what is wrong; what would be right", or NULL. */
	const char *(*refuse)(const char *text);
	const char *(*refuse_address)(const struct address *address);

	const char *const *choices; /* of a choice, ends with NULL; the first one has the value `min` */
	size_t other; /* offset of what goes with the field: count of a list, socket address of an endpoint */
	const struct key *element; /* of a list; its name and example are those of the list */
	const struct group *group; /* of groups */
	enum config_path_use file; /* of a check or a publish target: what it names; 0: no file */
};

#define FIELD(structure, member)                                                                             \
	.offset = offsetof(struct structure, member), .size = sizeof(((struct structure *)0)->member)
#define FIELD_WITH(structure, member, with)                                                                  \
	FIELD(structure, member), .other = offsetof(struct structure, with)

/* The structure that `field` of `key` is in. */
static inline void *key_base(const struct key *key, const void *field)
{
	return (char *)field - key->offset;
}

/* What goes with the field. */
static inline void *key_other(const struct key *key, const void *field)
{
	return (char *)key_base(key, field) + key->other;
}

/* Whether the key has a use in this group: some have one in groups of some types only. */
bool key_fits(const struct group *group, const struct key *key, const void *base);

/* Reads every key of `group` into the structure at `base`; reports unknown and missing ones. */
void read_group(struct report *report, config_setting_t *setting, const struct group *group, void *base);
void print_group(const struct printer *printer, const struct group *group, const void *base);

/* The text of a setting; NULL, and reported, if it is of another type. */
const char *text_of(struct report *report, const config_setting_t *setting, const struct key *key);

/* How many elements of an array or list to read, at most key->max; reports what is wrong with their number.
 */
unsigned count_of(struct report *report, const config_setting_t *setting, const struct key *key);

/* Zeroes the rest of the field, because configurations are compared as bytes. The text must fit. */
void set_text(char *field, size_t size, const char *text);
void print_quoted(FILE *out, const char *text);

/* Makes the second of the two checks that one of type kubernetes is; false: there is no room. */
bool kubernetes_add_second(struct config *config, struct config_check *first);

/* For key->refuse. */
const char *refuse_name(const char *text);
const char *refuse_interface(const char *text);
const char *refuse_path(const char *text);
const char *refuse_url(const char *text);
const char *refuse_host(const char *text);
const char *refuse_unseen(const char *text); /* control characters, and those that nobody sees */

/* For key->refuse_address: what it is that it must not be. */
const char *refuse_virtual(const struct address *address); /* to be shared between servers */
const char *refuse_source(const struct address *address);  /* to be a server's */

/* The end of an advice: the note of the key, if it has one. */
#define NOTE_FORMAT    "%s%s%s"
#define NOTE_OF(key)   (key)->note ? " (" : "", (key)->note ? (key)->note : "", (key)->note ? ")" : ""
#define ADVICE_FORMAT  "write %s = %s" NOTE_FORMAT
#define ADVICE_OF(key) (key)->name, (key)->example, NOTE_OF(key)
