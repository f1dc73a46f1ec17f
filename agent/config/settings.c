/*
 * Reading a group by its table of keys, and the plain values: text, number, true or false, duration.
 */
#include "config/settings.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vipd/duration.h"

#define KEYS_MAX 32 /* of one table */

/* The end of an advice: the note of the key, if it has one. */
#define NOTE_FORMAT    "%s%s%s"
#define NOTE_OF(key)   (key)->note ? " (" : "", (key)->note ? (key)->note : "", (key)->note ? ")" : ""
#define ADVICE_FORMAT  "write %s = %s" NOTE_FORMAT
#define ADVICE_OF(key) (key)->name, (key)->example, NOTE_OF(key)

static const struct key *find_key(const struct key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

static void report_unknown(struct report *report, const config_setting_t *setting, const struct key *keys)
{
	const char *name = config_setting_name(setting);
	for (const struct group *group = config_groups; group->where; group++) {
		if (find_key(group->keys, name)) {
			report_setting(
			    report, setting, "there is no such key here; it belongs into %s", group->where);
			return;
		}
	}

	const char *words[KEYS_MAX];
	char list[512] = "";
	size_t count = 0, used = 0;
	for (; keys[count].name && count < KEYS_MAX; count++) {
		words[count] = keys[count].name;
		used += (size_t)snprintf(
		    list + used, sizeof(list) - used, "%s%s", count ? ", " : "", keys[count].name);
	}
	const char *nearest = nearest_word(name, words, count);
	if (nearest)
		report_setting(
		    report, setting, "there is no such key; did you mean %s? (keys here: %s)", nearest, list);
	else
		report_setting(report, setting, "there is no such key; the keys here are: %s", list);
}

void report_missing(struct report *report, const config_setting_t *setting, const struct key *key)
{
	const config_setting_t *named = config_setting_get_member(setting, "name");
	const char *name = named ? config_setting_get_string(named) : NULL;
	report_absent(report, setting, key->name, "is missing%s%.64s%s; " ADVICE_FORMAT, name ? " in \"" : "",
	    name ? name : "", name ? "\"" : "", ADVICE_OF(key));
}

void read_group(struct report *report, config_setting_t *setting, const struct key *keys, void *base)
{
	if (!config_setting_is_group(setting)) {
		report_setting(report, setting, "must be a group of settings; write { %s = %s; … }",
		    keys->name, keys->example);
		return;
	}
	config_setting_set_hook(setting, base);

	for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++) {
		const config_setting_t *member = config_setting_get_elem(setting, i);
		if (!find_key(keys, config_setting_name(member)))
			report_unknown(report, member, keys);
	}
	for (const struct key *key = keys; key->name; key++) {
		config_setting_t *member = config_setting_get_member(setting, key->name);
		if (member) {
			void *field = (char *)base + key->offset;
			config_setting_set_hook(member, field);
			key->read(report, member, key, field);
		} else if (key->required) {
			report_missing(report, setting, key);
		}
	}
}

unsigned list_of_groups(
    struct report *report, const config_setting_t *setting, const struct key *key, unsigned max)
{
	if (!config_setting_is_list(setting)) {
		report_setting(report, setting, "must be a list of groups, in parentheses; write %s = %s",
		    key->name, key->example);
		return 0;
	}
	unsigned count = (unsigned)config_setting_length(setting);
	if (count < key->min)
		report_setting(report, setting, "is empty; " ADVICE_FORMAT, ADVICE_OF(key));
	if (count > max) {
		report_setting(report, setting, "has %u elements; write at most %u", count, max);
		return max;
	}
	return count;
}

const char *text_of(struct report *report, const config_setting_t *setting, const struct key *key)
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return config_setting_get_string(setting);
	report_setting(report, setting, "must be a text in quotes; " ADVICE_FORMAT, ADVICE_OF(key));
	return NULL;
}

bool is_array(struct report *report, const config_setting_t *setting, const struct key *key)
{
	if (config_setting_is_array(setting) || config_setting_is_list(setting))
		return true;
	report_setting(report, setting, "must be an array, in brackets; " ADVICE_FORMAT, ADVICE_OF(key));
	return false;
}

void set_text(char *field, size_t size, const char *text)
{
	memset(field, 0, size);
	memcpy(field, text, strlen(text));
}

const char *refuse_control(const char *text)
{
	while (*text && !iscntrl((unsigned char)*text))
		text++;
	return *text ? "has a control character in it; take it out" : NULL;
}

void read_text(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *text = text_of(report, setting, key);
	if (!text)
		return;
	const char *refused = refuse_control(text);
	if (!refused && key->refuse)
		refused = key->refuse(text);
	if (refused)
		report_setting(report, setting, "%s" NOTE_FORMAT, refused, NOTE_OF(key));
	else if (strlen(text) >= key->size)
		report_setting(report, setting,
		    "is too long with %zu characters; write at most %zu" NOTE_FORMAT, strlen(text),
		    key->size - 1, NOTE_OF(key));
	else
		set_text(field, key->size, text);
}

static bool is_number(const config_setting_t *setting)
{
	return config_setting_type(setting) == CONFIG_TYPE_INT ||
	       config_setting_type(setting) == CONFIG_TYPE_INT64;
}

/* A text that is nothing but digits, few enough for a number; NULL if not. */
static const char *digits_of(const config_setting_t *setting)
{
	const char *text = config_setting_get_string(setting);
	return text && *text && strlen(text) < 10 && strspn(text, "0123456789") == strlen(text) ? text : NULL;
}

void read_number(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	if (!is_number(setting)) {
		const char *digits = digits_of(setting);
		report_setting(report, setting,
		    "must be a whole number without quotes; write %s = %s" NOTE_FORMAT, key->name,
		    digits ? digits : key->example, NOTE_OF(key));
		return;
	}
	long long value = config_setting_get_int64(setting);
	if (value < key->min || value > key->max) {
		report_setting(report, setting,
		    "is out of range; write a number from %" PRId64 " to %" PRId64 NOTE_FORMAT, key->min,
		    key->max, NOTE_OF(key));
		return;
	}
	if (key->size == sizeof(uint8_t))
		*(uint8_t *)field = (uint8_t)value;
	else
		*(uint32_t *)field = (uint32_t)value;
}

void read_bool(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
		*(bool *)field = config_setting_get_bool(setting);
	else
		report_setting(report, setting,
		    "must be true or false, without quotes; write %s = true or %s = false", key->name,
		    key->name);
}

static bool in_range(const struct key *key, int64_t us)
{
	return us >= key->min && us <= key->max && us % key->step == 0;
}

/* The advice for a number without unit: the same number with the unit that was probably meant. */
static void report_no_unit(
    struct report *report, const config_setting_t *setting, const struct key *key, long long number)
{
	/* Long ones in a key that usually has seconds come from somebody who counts in milliseconds. */
	bool in_ms = strstr(key->example, "ms") || number >= 100;
	for (int i = 0; i < 2; i++, in_ms = !in_ms) {
		if (number >= 0 && number <= INT32_MAX && in_range(key, number * (in_ms ? 1000 : 1000000))) {
			report_setting(report, setting, "has no unit; write %s = \"%lld%s\"", key->name,
			    number, in_ms ? "ms" : "s");
			return;
		}
	}
	report_setting(report, setting, "has no unit; " ADVICE_FORMAT, ADVICE_OF(key));
}

bool duration_of(struct report *report, const config_setting_t *setting, const struct key *key, int64_t *us)
{
	const char *digits = digits_of(setting);
	if (is_number(setting) || digits) {
		report_no_unit(
		    report, setting, key, digits ? atoll(digits) : config_setting_get_int64(setting));
		return false;
	}
	const char *text = text_of(report, setting, key);
	if (!text)
		return false;
	switch (duration_parse(text, us)) {
	case 0: return true;
	case -ERANGE: *us = INT64_MAX; return true; /* longer than anything: let the range say so */
	default:
		report_setting(report, setting,
		    "is not a duration; write a number and a unit (us, ms, s, m, h), as in %s = %s",
		    key->name, key->example);
		return false;
	}
}

void read_duration(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	int64_t us;
	if (!duration_of(report, setting, key, &us))
		return;
	if (in_range(key, us)) {
		*(int64_t *)field = us;
		return;
	}
	char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX], step[DURATION_TEXT_MAX];
	const char *wrong = us < key->min   ? "is too short"
			    : us > key->max ? "is too long"
					    : "is between two steps";
	report_setting(report, setting, "%s; write \"%s\" to \"%s\"%s%s" NOTE_FORMAT, wrong,
	    duration_format(key->min, min), duration_format(key->max, max),
	    key->step > 1 ? " in steps of " : "", key->step > 1 ? duration_format(key->step, step) : "",
	    NOTE_OF(key));
}
