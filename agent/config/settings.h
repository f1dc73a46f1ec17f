/*
 * Inside config: from settings to fields. A group of the file is a table of keys, and a key says how its
 * setting is read, where it goes and what is right. Whatever is wrong is reported, and the field keeps its
 * default.
 */
#pragma once

#include <stdbool.h>

#include <libconfig.h>

#include "config/report.h"

struct key;

/* Reads `setting` into `field`, or reports what is wrong with it. */
typedef void read_setting(
    struct report *report, config_setting_t *setting, const struct key *key, void *field);

struct key {
	const char *name; /* NULL ends a table */
	read_setting *read;
	size_t offset;	     /* of the field in the structure of the group */
	const char *example; /* a right value as it is written in the file */
	const char *note;    /* what helps to write a right one, or NULL */
	bool required;
	size_t size;		/* of the field: read_text, read_number */
	int64_t min, max, step; /* read_number; read_duration in us; min of list_of_groups */
	/* read_text: returns "what is wrong; what would be right", or NULL. */
	const char *(*refuse)(const char *text);
};

/* A group that keys may have been meant for. */
struct group {
	const char *where;
	const struct key *keys;
};
extern const struct key root_keys[];
extern const struct group config_groups[]; /* ends with where NULL */

/* Tables that stand in a file of their own. */
extern const struct key check_keys[];

#define FIELD(type, member)                                                                                  \
	.offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)

/* The structure that `field` of `key` is in. */
static inline void *key_base(const struct key *key, void *field)
{
	return (char *)field - key->offset;
}

/* Reads every key of `keys` into the structure at `base`; reports unknown and missing ones. */
void read_group(struct report *report, config_setting_t *setting, const struct key *keys, void *base);

/* Reports that the key is missing in the group `setting`. */
void report_missing(struct report *report, const config_setting_t *setting, const struct key *key);

/* How many elements of a list of groups to read: 0 if it is none, at most `max`; reports both, and less than
 * key->min. */
unsigned list_of_groups(
    struct report *report, const config_setting_t *setting, const struct key *key, unsigned max);

/* The text of a setting; NULL, and reported, if it is of another type. */
const char *text_of(struct report *report, const config_setting_t *setting, const struct key *key);

/* Whether it is an array or a list of something; reported if not. */
bool is_array(struct report *report, const config_setting_t *setting, const struct key *key);

/* Gets a duration with unit; false, and reported, if it is none. The range is not checked. */
bool duration_of(struct report *report, const config_setting_t *setting, const struct key *key, int64_t *us);

/* Zeroes the rest of the field, because configurations are compared as bytes. The text must fit. */
void set_text(char *field, size_t size, const char *text);

/* For key->read. */
read_setting read_text, read_number, read_bool, read_duration, read_addresses, read_peers, read_source,
    read_link_local, read_listen, read_expect, read_endpoint, read_command, read_interfaces, read_auth,
    read_checks;

/* For key->refuse. */
const char *refuse_name(const char *text);
const char *refuse_interface(const char *text);
const char *refuse_path(const char *text);
const char *refuse_url(const char *text);
const char *refuse_host(const char *text);
const char *refuse_control(const char *text); /* characters, in any text */
