/*
 * The groups of the list `checks`: their keys, and which of them belong to which type of check.
 */
#include <string.h>

#include "config/settings.h"
#include "vipd/mono.h"

#define MS	      USEC_PER_MS
#define SEC	      USEC_PER_SEC
#define MINUTE	      (60 * USEC_PER_SEC)
#define HOUR	      (3600 * USEC_PER_SEC)
#define FAST_DEFAULT  (200 * MS)
#define K3S_TLS(file) "\"/var/lib/rancher/k3s/server/tls/" file "\""
#define BIT(type)     (1U << (type))
#define WITH_HTTP     (BIT(CHECK_HTTPS) | BIT(CHECK_HTTP))

static read_setting read_type;

const struct key check_keys[] = {
    {"name", read_text, .example = "\"apiserver\"", .required = true, .refuse = refuse_name,
	FIELD(config_check, name)},
    {"type", read_type, .example = "\"https\"", .required = true, FIELD(config_check, type)},
    {"url", read_text, .example = "\"https://[::1]:6443/readyz\"", .refuse = refuse_url,
	FIELD(config_check, url)},
    {"address", read_endpoint, .example = "\"[::1]:6443\"", FIELD(config_check, address)},
    {"command", read_command, .example = "[ \"/usr/local/bin/check\", \"argument\" ]",
	FIELD(config_check, command)},
    {"path", read_text, .example = "\"/run/maintenance\"", .refuse = refuse_path, FIELD(config_check, file)},
    {"interval", read_duration, .example = "\"1s\"", .min = 10 * MS, .max = HOUR, .step = 1,
	FIELD(config_check, interval_us)},
    {"fast_interval", read_duration, .example = "\"200ms\"", .min = 10 * MS, .max = HOUR, .step = 1,
	.note = "while in doubt", FIELD(config_check, fast_interval_us)},
    {"timeout", read_duration, .example = "\"3s\"", .min = 1 * MS, .max = HOUR, .step = 1,
	FIELD(config_check, timeout_us)},
    {"fall", read_number, .example = "2", .min = 1, .max = 100,
	.note = "failures in a row until it counts as failing", FIELD(config_check, fall)},
    {"rise", read_number, .example = "2", .min = 1, .max = 100,
	.note = "successes in a row until it counts as passing", FIELD(config_check, rise)},
    {"flap_count", read_number, .example = "3", .min = 0, .max = CONFIG_FLAPS_MAX,
	.note = "failures within flap_period until it must prove itself, 0 for never",
	FIELD(config_check, flap_count)},
    {"flap_period", read_duration, .example = "\"10m\"", .min = SEC, .max = 24 * HOUR, .step = 1,
	FIELD(config_check, flap_period_us)},
    {"flap_delay", read_duration, .example = "\"1m\"", .min = SEC, .max = HOUR, .step = 1,
	FIELD(config_check, flap_delay_us)},
    {"expect", read_expect, .example = "[ 200 ]", FIELD(config_check, expect)},
    {"body", read_text, .example = "\"ok\"", .note = "what the answer must contain",
	FIELD(config_check, body)},
    {"server_name", read_text, .example = "\"kubernetes.default\"", .refuse = refuse_host,
	FIELD(config_check, server_name)},
    {"ca", read_text, .example = K3S_TLS("server-ca.crt"), .refuse = refuse_path,
	FIELD(config_check, ca.path)},
    {"cert", read_text, .example = K3S_TLS("client-kube-proxy.crt"), .refuse = refuse_path,
	FIELD(config_check, cert.path)},
    {"key", read_text, .example = K3S_TLS("client-kube-proxy.key"), .refuse = refuse_path,
	FIELD(config_check, key.path)},
    {"exists", read_bool, .example = "false", FIELD(config_check, file_exists)},
    {"content", read_text, .example = "\"ready\"", FIELD(config_check, content)},
    {0},
};

/* Keys that some types have no use for. */
static const struct {
	const char *name;
	unsigned types;
	bool required; /* by these types */
} fitting[] = {
    {"url", WITH_HTTP, true},
    {"address", BIT(CHECK_TCP), true},
    {"command", BIT(CHECK_EXEC), true},
    {"path", BIT(CHECK_FILE), true},
    {"expect", WITH_HTTP, false},
    {"body", WITH_HTTP, false},
    {"server_name", BIT(CHECK_HTTPS), false},
    {"ca", BIT(CHECK_HTTPS), false},
    {"cert", BIT(CHECK_HTTPS), false},
    {"key", BIT(CHECK_HTTPS), false},
    {"exists", BIT(CHECK_FILE), false},
    {"content", BIT(CHECK_FILE), false},
};

static void read_type(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *names[CHECK_TYPES], *text = text_of(report, setting, key);
	if (!text)
		return;
	for (enum config_check_type type = 0; type < CHECK_TYPES; type++) {
		names[type] = config_check_type_name(type);
		if (!strcmp(text, names[type])) {
			*(enum config_check_type *)field = type;
			return;
		}
	}
	report_setting(report, setting,
	    "there is no such type; write \"https\", \"http\", \"tcp\", \"exec\" or \"file\"");
}

static const struct key *key_named(const char *name)
{
	const struct key *key = check_keys;
	while (strcmp(key->name, name))
		key++;
	return key;
}

static void check_fit(
    struct report *report, const config_setting_t *setting, const struct config_check *check)
{
	for (size_t i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++) {
		const config_setting_t *member = config_setting_get_member(setting, fitting[i].name);
		bool fits = fitting[i].types & BIT(check->type);
		if (member && !fits)
			report_setting(report, member,
			    "a check of type \"%s\" has no use for it; leave it out",
			    config_check_type_name(check->type));
		else if (!member && fits && fitting[i].required)
			report_missing(report, setting, key_named(fitting[i].name));
	}
}

/* What only holds between the keys of one check. */
static void check_values(
    struct report *report, const config_setting_t *setting, const struct config_check *check)
{
	bool encrypted = !strncmp(check->url, "https:", strlen("https:"));
	bool asks_url = check->type == CHECK_HTTPS || check->type == CHECK_HTTP;
	if (asks_url && check->url[0] && encrypted != (check->type == CHECK_HTTPS))
		report_field(report, check->url, check, "url",
		    "does not fit type = \"%s\"; write type = \"%s\" or %s://…",
		    config_check_type_name(check->type), encrypted ? "https" : "http",
		    config_check_type_name(check->type));
	if (check->fast_interval_us > check->interval_us)
		report_field(report, &check->fast_interval_us, check, "fast_interval",
		    "is longer than interval; make it shorter, or leave it out");
	if (!check->file_exists && config_setting_get_member(setting, "content"))
		report_field(report, check->content, check, "content",
		    "cannot be in a file that does not exist; leave out exists = false, or this");
}

static void read_check(struct report *report, config_setting_t *setting, struct config_check *check)
{
	check->type = CHECK_TYPES;
	check->interval_us = 1 * SEC;
	check->timeout_us = 3 * SEC;
	check->fall = 2;
	check->rise = 2;
	check->flap_count = 3;
	check->flap_period_us = 10 * MINUTE;
	check->flap_delay_us = 1 * MINUTE;
	check->expect[0] = 200;
	check->expect_count = 1;
	check->file_exists = true;
	read_group(report, setting, check_keys, check);
	if (!config_setting_is_group(setting))
		return;
	if (!check->fast_interval_us) {
		bool shorter = check->interval_us < FAST_DEFAULT;
		check->fast_interval_us = shorter ? check->interval_us : FAST_DEFAULT;
	}
	if (check->type == CHECK_TYPES) { /* reported */
		check->type = CHECK_HTTPS;
		return;
	}
	check_fit(report, setting, check);
	check_values(report, setting, check);
}

void read_checks(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config *config = key_base(key, field);
	config->check_count = list_of_groups(report, setting, key, CONFIG_CHECKS_MAX);
	for (unsigned i = 0; i < config->check_count; i++)
		read_check(report, config_setting_get_elem(setting, i), &config->checks[i]);
}
