/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups, and lists of values and of groups.
 */
#include <string.h>

#include "config/settings.h"
#include "vipd/keepalived.h"

#define KEYS_MAX    32 /* of one table */
#define SHORT_WORD  4
#define INDENTATION "  "

static bool is_zero(const void *field, size_t size)
{
	const char *bytes = field;
	return size && !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

/* ---- groups ---- */

static const struct key *find_key(const struct key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

/* Of all groups but `keys`. */
static const struct group *find_group(const struct key *keys, const char *name)
{
	static const struct group *const groups[] = {&router_group, &check_group, &publish_group,
	    &control_group, &hello_group, &metrics_group, &auth_group, &root_group, NULL};
	for (size_t i = 0; groups[i]; i++)
		if (groups[i]->keys != keys && find_key(groups[i]->keys, name))
			return groups[i];
	return NULL;
}

/* A part of one of `keys`, or one but for a letter or two, like the plural. Short words are near to too many
 * others. */
static bool is_nearly(const char *name, const char *nearest)
{
	if (!nearest || strlen(name) <= SHORT_WORD)
		return false;
	return strstr(nearest, name) ||
	       (!strncmp(name, nearest, SHORT_WORD) && strlen(nearest) <= strlen(name) + 2 &&
		   strlen(name) <= strlen(nearest) + 2);
}

/* What somebody writes who comes from keepalived, in a group of which it has the like. */
static const char *find_advice(const struct key *keys, const char *name)
{
	bool alike = keys == router_group.keys || keys == check_group.keys || keys == root_group.keys;
	return alike ? keepalived_advice(name) : NULL;
}

/* What stands in other files for the addresses of a router; an address of a check has a port. */
static const char *meant_key(const config_setting_t *setting)
{
	static const char *const words[] = {
	    "vip", "vips", "ip", "ips", "virtual_ip", "virtual_ips", "virtual_address", "virtual_addresses"};
	const char *name = config_setting_name(setting), *text = config_setting_get_string(setting);
	struct address address;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(name, words[i]))
			return "addresses";
	bool has_port = text && !address_parse(text, &address);
	return strcmp(name, "address") || has_port ? NULL : "addresses";
}

/* Whether it is reported: as the key that it means, here or in another group. */
static bool report_meant(struct report *report, const config_setting_t *setting, const struct key *keys)
{
	bool alike = keys == router_group.keys || keys == root_group.keys;
	const char *meant = alike ? meant_key(setting) : NULL;
	const struct key *key = meant ? find_key(keys, meant) : NULL;
	const struct group *other = meant && !key ? find_group(keys, meant) : NULL;
	if (key)
		report_setting(report, setting, "there is no such key; " ADVICE_FORMAT, ADVICE_OF(key));
	else if (other)
		report_setting(report, setting, "there is no such key; write %s in %s", meant, other->where);
	return key || other;
}

static void report_unknown(struct report *report, const config_setting_t *setting, const struct key *keys)
{
	const char *name = config_setting_name(setting), *words[KEYS_MAX];
	char list[512] = "";
	size_t count = 0, used = 0;
	for (; keys[count].name && count < KEYS_MAX; count++) {
		words[count] = keys[count].name;
		used += (size_t)snprintf(
		    list + used, sizeof(list) - used, "%s%s", count ? ", " : "", keys[count].name);
	}
	const char *nearest = nearest_word(name, words, count), *advice = find_advice(keys, name);
	const struct group *other = find_group(keys, name);
	if (report_meant(report, setting, keys))
		return;
	if (other && !is_nearly(name, nearest))
		report_setting(
		    report, setting, "there is no such key here; it belongs into %s", other->where);
	else if (advice)
		report_setting(report, setting, "is a word of keepalived; %s", advice);
	else if (nearest)
		report_setting(
		    report, setting, "there is no such key; did you mean %s? (keys here: %s)", nearest, list);
	else
		report_setting(report, setting, "there is no such key; the keys here are: %s", list);
}

static void report_missing(struct report *report, const config_setting_t *setting, const struct key *key)
{
	const config_setting_t *named = config_setting_get_member(setting, "name");
	const char *name = named ? config_setting_get_string(named) : NULL;
	report_absent(report, setting, key->name, "is missing%s%.64s%s; " ADVICE_FORMAT, name ? " in \"" : "",
	    name ? name : "", name ? "\"" : "", ADVICE_OF(key));
}

static unsigned type_of(const struct group *group, const void *base)
{
	unsigned type;
	memcpy(&type, (const char *)base + group->type, sizeof type);
	return type;
}

bool key_fits(const struct group *group, const struct key *key, const void *base)
{
	return !key->only || key->only & 1U << type_of(group, base);
}

/* A group that does not say a right type has that behind the last one. */
static bool type_unknown(const struct group *group, const void *base)
{
	return group->types && !group->types[type_of(group, base)];
}

static void read_key(struct report *report, const config_setting_t *setting, const struct group *group,
    const struct key *key, void *base)
{
	config_setting_t *member = config_setting_get_member(setting, key->name);
	bool unknown = key->only && type_unknown(group, base);
	if (member && (unknown || key_fits(group, key, base))) {
		void *field = (char *)base + key->offset;
		config_setting_set_hook(member, field);
		key->type->read(report, member, key, field);
	} else if (member) {
		report_setting(report, member, "%s of type \"%s\" has no use for it; leave it out",
		    group->variant, group->types[type_of(group, base)]);
	} else if (key->required && !unknown && key_fits(group, key, base)) {
		report_missing(report, setting, key);
	}
}

void read_group(struct report *report, config_setting_t *setting, const struct group *group, void *base)
{
	const struct key *keys = group->keys;
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
	for (const struct key *key = keys; key->name; key++)
		read_key(report, setting, group, key, base);
	if (group->finish)
		group->finish(report, setting, base);
}

static void print_indent(const struct printer *printer)
{
	for (int i = 0; i < printer->depth; i++)
		fputs(INDENTATION, printer->out);
}

void print_group(const struct printer *printer, const struct group *group, const void *base)
{
	for (const struct key *key = group->keys; key->name; key++) {
		const void *field = (const char *)base + key->offset;
		bool zero_is_right = !key->type->optional && (key->min <= 0 || key->zero);
		if (!key_fits(group, key, base) || (!zero_is_right && is_zero(field, key->size)))
			continue;
		print_indent(printer);
		fprintf(printer->out, "%s = ", key->name);
		key->type->print(printer, key, field);
		fputs(";\n", printer->out);
	}
}

/* "{", the keys, and "}" below the line in which it begins. */
static void print_braced(const struct printer *printer, const struct group *group, const void *base)
{
	struct printer inside = {printer->out, printer->config, printer->depth + 1};
	fputs("{\n", printer->out);
	print_group(&inside, group, base);
	print_indent(printer);
	fputc('}', printer->out);
}

/* The keys of such a group go into the structure that the key itself is in. */
static void read_single(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	read_group(report, setting, key->group, key_base(key, field));
}

static void print_single(const struct printer *printer, const struct key *key, const void *field)
{
	print_braced(printer, key->group, key_base(key, field));
}

const struct type type_group = {read_single, print_single, .optional = true};

/* ---- lists ---- */

unsigned count_of(struct report *report, const config_setting_t *setting, const struct key *key)
{
	bool groups = key->group;
	if (!config_setting_is_list(setting) && (groups || !config_setting_is_array(setting))) {
		if (groups)
			report_setting(report, setting,
			    "must be a list of groups, in parentheses; write %s = %s", key->name,
			    key->example);
		else
			report_setting(
			    report, setting, "must be an array, in brackets; " ADVICE_FORMAT, ADVICE_OF(key));
		return 0;
	}
	unsigned count = (unsigned)config_setting_length(setting);
	if (count < key->min)
		report_setting(report, setting, "%s; " ADVICE_FORMAT,
		    count ? "has too few elements" : "is empty", ADVICE_OF(key));
	if (count <= key->max)
		return count;
	report_setting(report, setting, "has %u elements; write at most %u%s", count, (unsigned)key->max,
	    key->wrong ? key->wrong : "");
	return (unsigned)key->max;
}

static void read_groups(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	uint32_t *count = key_other(key, field);
	*count = count_of(report, setting, key);
	for (unsigned i = 0; i < *count; i++) {
		char *base = (char *)field + i * key->group->size;
		if (key->group->defaults)
			memcpy(base, key->group->defaults, key->group->size);
		read_group(report, config_setting_get_elem(setting, i), key->group, base);
	}
}

static void print_groups(const struct printer *printer, const struct key *key, const void *field)
{
	struct printer inside = {printer->out, printer->config, printer->depth + 1};
	uint32_t count = *(const uint32_t *)key_other(key, field);
	fputc('(', printer->out);
	for (unsigned i = 0; i < count; i++) {
		fputs(i ? ",\n" : "\n", printer->out);
		print_indent(&inside);
		print_braced(&inside, key->group, (const char *)field + i * key->group->size);
	}
	fputc('\n', printer->out);
	print_indent(printer);
	fputc(')', printer->out);
}

const struct type type_groups = {read_groups, print_groups, .optional = false};

/* An element that is wrong leaves its place zero, for the next one. */
static void read_list(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	uint32_t *kept = key_other(key, field);
	unsigned count = count_of(report, setting, key);
	memset(field, 0, key->size);
	*kept = 0;
	for (unsigned i = 0; i < count; i++) {
		config_setting_t *element = config_setting_get_elem(setting, i);
		char *place = (char *)field + *kept * key->element->size;
		key->element->type->read(report, element, key->element, place);
		if (is_zero(place, key->element->size))
			continue;
		config_setting_set_hook(element, place);
		++*kept;
	}
}

static void print_list(const struct printer *printer, const struct key *key, const void *field)
{
	uint32_t count = *(const uint32_t *)key_other(key, field);
	fputc('[', printer->out);
	for (unsigned i = 0; i < count; i++) {
		fputs(i ? ", " : " ", printer->out);
		key->element->type->print(
		    printer, key->element, (const char *)field + i * key->element->size);
	}
	fputs(" ]", printer->out);
}

const struct type type_list = {read_list, print_list, .optional = true};

/* ---- a command: its words one after the other, each with its NUL ---- */

static void read_command(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	unsigned count = count_of(report, setting, key);
	size_t used = 0;
	for (unsigned i = 0; i < count; i++) {
		const config_setting_t *element = config_setting_get_elem(setting, i);
		const char *word = text_of(report, element, key);
		if (!word)
			return;
		const char *refused = refuse_unseen(word);
		if (!refused && i == 0)
			refused = refuse_path(word);
		if (refused) {
			report_setting(report, element, "%s%s", refused, i ? "" : " (no shell looks for it)");
			return;
		}
		if (used + strlen(word) >= key->size) {
			report_setting(report, setting, "is too long; write at most %zu characters in all",
			    key->size - CONFIG_WORDS_MAX);
			return;
		}
		memcpy((char *)field + used, word, strlen(word) + 1);
		used += strlen(word) + 1;
	}
	*(uint32_t *)key_other(key, field) = count;
}

static void print_command(const struct printer *printer, const struct key *key, const void *field)
{
	uint32_t count = *(const uint32_t *)key_other(key, field);
	const char *word = field;
	fputc('[', printer->out);
	for (unsigned i = 0; i < count; i++, word += strlen(word) + 1) {
		fputs(i ? ", " : " ", printer->out);
		print_quoted(printer->out, word);
	}
	fputs(" ]", printer->out);
}

const struct type type_command = {read_command, print_command, .optional = false};
