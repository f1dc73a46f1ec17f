/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `checks` of a virtual router: names of checks. In a list there may be groups among them, which say that a
 * check only lowers the priority, or that one of several is enough.
 */
#include <string.h>

#include "config/settings.h"

/* Of the check whose second question is called so; NULL: there is none. */
static const char *name_of_first(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->written_checks; i++) {
		unsigned second = config->checks[i].second;
		if (second && !strcmp(config->checks[second - 1].name, name))
			return config->checks[i].name;
	}
	return NULL;
}

static void report_no_check(
    struct report *report, const config_setting_t *setting, const struct config *config)
{
	const char *names[CONFIG_CHECKS_MAX];
	size_t count = 0;
	for (unsigned i = 0; i < config->written_checks; i++)
		if (config->checks[i].name[0])
			names[count++] = config->checks[i].name;
	const char *name = config_setting_get_string(setting);
	const char *nearest = nearest_word(name, names, count), *asked_too = name_of_first(config, name);
	if (asked_too)
		report_setting(report, setting,
		    "is the second question of the check \"%s\", and comes with it; write \"%s\" alone",
		    asked_too, asked_too);
	else if (nearest)
		report_setting(
		    report, setting, "there is no check of this name; did you mean \"%s\"?", nearest);
	else
		report_setting(report, setting,
		    "there is no check of this name; add it to the list checks, outside of virtual_routers");
}

static void read_name(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const struct config *config = report->config;
	const char *name = text_of(report, setting, key);
	unsigned index = 0;
	while (name && index < config->written_checks && strcmp(config->checks[index].name, name))
		index++;
	if (name && index < config->written_checks)
		*(uint64_t *)field |= UINT64_C(1) << index;
	else if (name)
		report_no_check(report, setting, config);
}

static void print_names(const struct printer *printer, uint64_t checks)
{
	const char *separator = "";
	for (unsigned i = 0; i < printer->config->written_checks; i++) {
		if (!(checks >> i & 1))
			continue;
		fputs(separator, printer->out);
		print_quoted(printer->out, printer->config->checks[i].name);
		separator = ", ";
	}
}

static const struct type type_name = {.read = read_name};

static void read_any(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	unsigned count = count_of(report, setting, key);
	uint64_t any = 0;
	for (unsigned i = 0; i < count; i++) {
		config_setting_t *element = config_setting_get_elem(setting, i);
		uint64_t check = 0;
		read_name(report, element, key, &check);
		if (check & any)
			report_setting(report, element, "stands in this list already; write it once");
		any |= check;
	}
	*(uint64_t *)field |= any;
}

static const struct type type_any = {.read = read_any};

static void read_weight(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	int weight = config_setting_get_int(setting);
	if (config_setting_type(setting) == CONFIG_TYPE_INT && weight >= key->min && weight <= key->max)
		*(uint8_t *)field = (uint8_t)-weight;
	else
		report_setting(report, setting, "must be a number from %d to %d; " ADVICE_FORMAT,
		    (int)key->min, (int)key->max, ADVICE_OF(key));
}

static const struct type type_weight = {.read = read_weight};

static void finish_use(struct report *report, config_setting_t *setting, void *base)
{
	(void)base;
	bool has_name = config_setting_get_member(setting, "name"),
	     has_any = config_setting_get_member(setting, "any");
	if (has_name == has_any)
		report_setting(report, setting,
		    "%s; write { name = \"haproxy\"; weight = -20; } or { any = [ \"haproxy\", \"nginx\" ]; "
		    "}",
		    has_name ? "has a name and any" : "has neither a name nor any");
}

static const struct group use_group = {.where = "checks = ( { … } ) of a virtual router",
    .keys =
	(const struct key[]){
	    {"name", &type_name, FIELD(config_use, any), .example = "\"haproxy\""},
	    {"any", &type_any, FIELD(config_use, any), .example = "[ \"haproxy\", \"nginx\" ]", .min = 2,
		.max = CONFIG_CHECKS_MAX, .note = "checks of which one is enough"},
	    {"weight", &type_weight, FIELD(config_use, weight), .example = "-20", .min = -CONFIG_WEIGHT_MAX,
		.max = -1,
		.note = "by which a failing check lowers the priority; without one it makes the router "
			"unhealthy"},
	    {0},
	},
    .finish = finish_use};

/* A plain name that stands there twice does no harm. */
static void add_use(struct report *report, config_setting_t *setting, struct config_router *router,
    const struct config_use *use)
{
	const struct config *config = report->config;
	for (unsigned i = 0; i < router->use_count; i++) {
		const struct config_use *other = &router->uses[i];
		if (other->any != use->any)
			continue;
		if (other->weight || use->weight)
			report_setting(report, setting, "stands in this list already; write it once");
		return;
	}
	router->uses[router->use_count].any = use->any; /* and leave the padding: it is compared as bytes */
	router->uses[router->use_count++].weight = use->weight;
	for (unsigned i = 0; i < config->written_checks; i++)
		if (use->any >> i & 1) {
			unsigned second = config->checks[i].second;
			router->checks |= UINT64_C(1) << i | (second ? UINT64_C(1) << (second - 1) : 0);
		}
}

static void read_uses(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config_router *router = key_base(key, field);
	unsigned count = count_of(report, setting, key);
	for (unsigned i = 0; i < count; i++) {
		config_setting_t *element = config_setting_get_elem(setting, i);
		struct config_use use = {0};
		if (config_setting_is_group(element))
			read_group(report, element, &use_group, &use);
		else
			read_name(report, element, key, &use.any);
		if (use.any)
			add_use(report, element, router, &use);
	}
}

static bool is_plain(const struct config_use *use)
{
	return !use->weight && !(use->any & (use->any - 1));
}

static void print_use(const struct printer *printer, const struct config_use *use)
{
	bool several = use->any & (use->any - 1);
	if (is_plain(use)) {
		print_names(printer, use->any);
		return;
	}
	fputs(several ? "{ any = [ " : "{ name = ", printer->out);
	print_names(printer, use->any);
	fputs(several ? " ]; " : "; ", printer->out);
	if (use->weight)
		fprintf(printer->out, "weight = -%u; ", use->weight);
	fputc('}', printer->out);
}

static void print_uses(const struct printer *printer, const struct key *key, const void *field)
{
	const struct config_router *router = key_base(key, field);
	bool plain = true;
	for (unsigned i = 0; i < router->use_count; i++)
		plain = plain && is_plain(&router->uses[i]);
	fputc(plain ? '[' : '(', printer->out);
	for (unsigned i = 0; i < router->use_count; i++) {
		fputs(i ? ", " : " ", printer->out);
		print_use(printer, &router->uses[i]);
	}
	fputs(plain ? " ]" : " )", printer->out);
}

const struct type type_uses = {read_uses, print_uses, .optional = true};
