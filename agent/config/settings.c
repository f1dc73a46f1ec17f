/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain values: text, number, true or false, duration, one of some words.
 */
#include "config/settings.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vipd/duration.h"
#include "vipd/mono.h"

const char *text_of(struct report *report, const config_setting_t *setting, const struct key *key)
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return config_setting_get_string(setting);
	report_setting(report, setting, "must be a text in quotes; " ADVICE_FORMAT, ADVICE_OF(key));
	return NULL;
}

void set_text(char *field, size_t size, const char *text)
{
	memset(field, 0, size);
	memcpy(field, text, strlen(text));
}

/* In any text. */
static const char *refuse_control(const char *text)
{
	while (*text && !iscntrl((unsigned char)*text))
		text++;
	return *text ? "has a control character in it; take it out" : NULL;
}

/* In a text that means something. */
const char *refuse_unseen(const char *text)
{
	const char *refused = refuse_control(text);
	uint32_t code;
	for (size_t size; !refused && *text; text += size ? size : 1) {
		size = character_decode(text, &code);
		if (size && character_unseen(code))
			refused =
			    "has a character in it that nobody sees; take it out, or write an ordinary blank";
	}
	return refused;
}

static void read_text(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *text = text_of(report, setting, key);
	if (!text)
		return;
	const char *refused = key->refuse ? refuse_unseen(text) : refuse_control(text);
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

void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	fputc('"', out);
}

static void print_text(const struct printer *printer, const struct key *key, const void *field)
{
	(void)key;
	print_quoted(printer->out, field);
}

const struct type type_text = {read_text, print_text, .optional = true};

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

/* Numbers are of 1, 2 or 4 bytes, and only the latter two are always aligned. */
static void number_store(const struct key *key, void *field, uint32_t value)
{
	uint8_t small = (uint8_t)value;
	uint16_t medium = (uint16_t)value;
	memcpy(field,
	    key->size == sizeof small	 ? (void *)&small
	    : key->size == sizeof medium ? (void *)&medium
					 : (void *)&value,
	    key->size);
}

static uint32_t number_load(const struct key *key, const void *field)
{
	return key->size == sizeof(uint8_t)    ? *(const uint8_t *)field
	       : key->size == sizeof(uint16_t) ? *(const uint16_t *)field
					       : *(const uint32_t *)field;
}

/* Advises the number that was meant, if it would be right. */
static void report_no_number(struct report *report, const config_setting_t *setting, const struct key *key)
{
	const char *digits = digits_of(setting);
	bool has_point = config_setting_type(setting) == CONFIG_TYPE_FLOAT;
	double value = has_point ? config_setting_get_float(setting) : digits ? atoi(digits) : -1;
	bool meant = config_setting_name(setting) && value >= (double)key->min && value <= (double)key->max &&
		     value == (double)(long long)value;
	char number[32];
	snprintf(number, sizeof number, "%lld", meant ? (long long)value : 0);
	report_setting(report, setting, "must be a whole number without %s; write %s = %s" NOTE_FORMAT,
	    has_point ? "a point" : "quotes", key->name, meant ? number : key->example, NOTE_OF(key));
}

static void read_number(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	long long value = config_setting_get_int64(setting);
	if (!is_number(setting)) {
		report_no_number(report, setting, key);
	} else if (value < key->min || value > key->max) {
		report_setting(report, setting,
		    "is out of range; write a number from %" PRId64 " to %" PRId64 NOTE_FORMAT, key->min,
		    key->max, NOTE_OF(key));
	} else {
		number_store(key, field, (uint32_t)value);
	}
}

static void print_number(const struct printer *printer, const struct key *key, const void *field)
{
	fprintf(printer->out, "%" PRIu32, number_load(key, field));
}

const struct type type_number = {read_number, print_number, .optional = false};

static void read_bool(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
		*(bool *)field = config_setting_get_bool(setting);
	else
		report_setting(report, setting,
		    "must be true or false, without quotes; write %s = true or %s = false", key->name,
		    key->name);
}

static void print_bool(const struct printer *printer, const struct key *key, const void *field)
{
	(void)key;
	fputs(*(const bool *)field ? "true" : "false", printer->out);
}

const struct type type_bool = {read_bool, print_bool, .optional = false};

/* ---- durations: in microseconds, or in seconds where the field has 32 bits ---- */

static bool in_range(const struct key *key, int64_t us)
{
	return (us >= key->min && us <= key->max && us % key->step == 0) || (key->zero && us == 0);
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

/* Gets a duration with unit; false, and reported, if it is none. The range is not checked. */
static bool duration_of(
    struct report *report, const config_setting_t *setting, const struct key *key, int64_t *us)
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

static void read_duration(
    struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	int64_t us;
	if (!duration_of(report, setting, key, &us))
		return;
	if (in_range(key, us)) {
		if (key->size == sizeof(uint32_t))
			*(uint32_t *)field = (uint32_t)(us / USEC_PER_SEC);
		else
			*(int64_t *)field = us;
		return;
	}
	char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX], step[DURATION_TEXT_MAX];
	const char *wrong = us < key->min   ? "is too short"
			    : us > key->max ? "is too long"
					    : "is between two steps";
	report_setting(report, setting, "%s; write \"%s\" to \"%s\"%s%s%s%s" NOTE_FORMAT, wrong,
	    duration_format(key->min, min), duration_format(key->max, max),
	    key->step > 1 ? " in steps of " : "", key->step > 1 ? duration_format(key->step, step) : "",
	    key->zero ? ", or \"0s\" " : "", key->zero ? key->zero : "", NOTE_OF(key));
}

static void print_duration(const struct printer *printer, const struct key *key, const void *field)
{
	char text[DURATION_TEXT_MAX];
	int64_t us =
	    key->size == sizeof(uint32_t) ? *(const uint32_t *)field * USEC_PER_SEC : *(const int64_t *)field;
	fprintf(printer->out, "\"%s\"", duration_format(us, text));
}

const struct type type_duration = {read_duration, print_duration, .optional = false};

/* ---- one of some words, as an enum ---- */

static void report_no_choice(struct report *report, const config_setting_t *setting, const struct key *key)
{
	char list[128] = "";
	size_t used = 0, count = 0;
	for (; key->choices[count]; count++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%s\"",
		    !count		      ? ""
		    : key->choices[count + 1] ? ", "
					      : " or ",
		    key->choices[count]);
	const char *nearest = nearest_word(config_setting_get_string(setting), key->choices, count);
	if (nearest && !key->wrong)
		report_setting(report, setting, "is not known; did you mean \"%s\"?", nearest);
	else
		report_setting(report, setting, "is not known; write %s", key->wrong ? key->wrong : list);
}

static void read_choice(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *text = text_of(report, setting, key);
	const char *refused = text && key->refuse ? key->refuse(text) : NULL;
	if (refused)
		report_setting(report, setting, "%s", refused);
	if (!text || refused)
		return;
	for (unsigned i = 0; key->choices[i]; i++) {
		if (!strcmp(text, key->choices[i])) {
			number_store(key, field, (uint32_t)key->min + i);
			return;
		}
	}
	report_no_choice(report, setting, key);
}

static void print_choice(const struct printer *printer, const struct key *key, const void *field)
{
	print_quoted(printer->out, key->choices[number_load(key, field) - (uint32_t)key->min]);
}

const struct type type_choice = {read_choice, print_choice, .optional = false};
