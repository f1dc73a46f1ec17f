/* SPDX-License-Identifier: Apache-2.0 */
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
#define EXPECT	      "[ 200 ]"
#define BIT(type)     (1U << (type))
#define WITH_HTTP     (BIT(CHECK_HTTPS) | BIT(CHECK_HTTP))
#define WITH_TLS      (BIT(CHECK_HTTPS) | BIT(CHECK_KUBERNETES))

/* As the kernel has it: the name of the program's file. */
static const char *refuse_process(const char *text)
{
	if (!*text || strchr(text, '/'))
		return "is not the name of a process; write the name of its program without the directory";
	return NULL;
}

/* Somebody who names what runs here. */
static const char *refuse_type(const char *text)
{
	bool named = !strcmp(text, "k8s");
	for (unsigned i = DISTRIBUTION_AUTO + 1; i < DISTRIBUTIONS; i++)
		named = named || !strcmp(text, config_distribution_names[i]);
	return named ? "is not known; write type = \"kubernetes\", which finds k3s, RKE2, kubeadm and k0s "
		       "itself"
		     : NULL;
}

/* Of the second question of a check of type kubernetes; see kubernetes.c. */
static const struct group ready_group = {.where = "ready = { … }",
    .keys = (const struct key[]){
	{"interval", &type_duration, FIELD(config_check, ready_interval_us), .example = "\"3s\"",
	    .min = 10 * MS, .max = HOUR, .step = 1},
	{"timeout", &type_duration, FIELD(config_check, ready_timeout_us), .example = "\"3s\"", .min = 1 * MS,
	    .max = HOUR, .step = 1},
	{"fall", &type_number, FIELD(config_check, ready_fall), .example = "4", .min = 1, .max = 100},
	{"rise", &type_number, FIELD(config_check, ready_rise), .example = "1", .min = 1, .max = 100},
	{0},
    }};

/* `type` comes before the keys that only some types have a use for. */
static const struct key check_keys[] = {
    {"name", &type_text, FIELD(config_check, name), .example = "\"apiserver\"", .required = true,
	.refuse = refuse_name},
    {"type", &type_choice, FIELD(config_check, type), .example = "\"https\"", .required = true,
	.choices = config_check_type_names, .refuse = refuse_type},
    {"url", &type_text, FIELD(config_check, url), .example = "\"https://[::1]:6443/readyz\"",
	.required = true, .only = WITH_HTTP, .refuse = refuse_url},
    {"address", &type_endpoint, FIELD_WITH(config_check, address, endpoint), .example = "\"[::1]:6443\"",
	.required = true, .only = BIT(CHECK_TCP)},
    {"command", &type_command, FIELD_WITH(config_check, command, word_count),
	.example = "[ \"/usr/local/bin/check\", \"argument\" ]", .required = true, .min = 1,
	.max = CONFIG_WORDS_MAX, .only = BIT(CHECK_EXEC), .file = PATH_PROGRAM},
    {"path", &type_text, FIELD(config_check, file), .example = "\"/run/maintenance\"", .required = true,
	.only = BIT(CHECK_FILE), .refuse = refuse_path, .file = PATH_LOOKED_AT},
    {"process", &type_text, FIELD(config_check, process), .example = "\"haproxy\"",
	.only = BIT(CHECK_PROCESS), .refuse = refuse_process},
    {"pid_file", &type_text, FIELD(config_check, file), .example = "\"/run/haproxy.pid\"",
	.only = BIT(CHECK_PROCESS), .refuse = refuse_path, .file = PATH_LOOKED_AT},
    {"interval", &type_duration, FIELD(config_check, interval_us), .example = "\"1s\"",
	.min = CONFIG_CHECK_INTERVAL_MIN_US, .max = CONFIG_CHECK_INTERVAL_MAX_US, .step = 1},
    {"fast_interval", &type_duration, FIELD(config_check, fast_interval_us), .example = "\"200ms\"",
	.min = CONFIG_CHECK_INTERVAL_MIN_US, .max = CONFIG_CHECK_INTERVAL_MAX_US, .step = 1,
	.note = "while in doubt"},
    {"timeout", &type_duration, FIELD(config_check, timeout_us), .example = "\"3s\"", .min = 1 * MS,
	.max = HOUR, .step = 1},
    {"fall", &type_number, FIELD(config_check, fall), .example = "2", .min = 1, .max = CONFIG_CHECK_TIMES_MAX,
	.note = "failures in a row until it counts as failing"},
    {"rise", &type_number, FIELD(config_check, rise), .example = "2", .min = 1, .max = CONFIG_CHECK_TIMES_MAX,
	.note = "successes in a row until it counts as passing"},
    {"flap_count", &type_number, FIELD(config_check, flap_count), .example = "3", .max = CONFIG_FLAPS_MAX,
	.note = "failures within flap_period until it must prove itself, 0 for never"},
    {"flap_period", &type_duration, FIELD(config_check, flap_period_us), .example = "\"10m\"", .min = SEC,
	.max = 24 * HOUR, .step = 1},
    {"flap_delay", &type_duration, FIELD(config_check, flap_delay_us), .example = "\"1m\"", .min = SEC,
	.max = HOUR, .step = 1},
    {"expect", &type_list, FIELD_WITH(config_check, expect, expect_count), .example = EXPECT, .min = 1,
	.max = CONFIG_EXPECT_MAX, .only = WITH_HTTP,
	.element = &(const struct key){"expect", &type_number, .size = sizeof(uint16_t), .example = EXPECT,
	    .min = 100, .max = 599, .note = "an HTTP status"}},
    {"body", &type_text, FIELD(config_check, body), .example = "\"ok\"", .only = WITH_HTTP,
	.note = "what the answer must contain"},
    {"server_name", &type_text, FIELD(config_check, server_name), .example = "\"kubernetes.default\"",
	.only = WITH_TLS, .refuse = refuse_host},
    {"ca", &type_text, FIELD(config_check, ca.path), .example = K3S_TLS("server-ca.crt"), .only = WITH_TLS,
	.refuse = refuse_path, .file = PATH_CA},
    {"cert", &type_text, FIELD(config_check, cert.path), .example = K3S_TLS("client-kube-proxy.crt"),
	.only = WITH_TLS, .refuse = refuse_path, .file = PATH_CERTIFICATE},
    {"key", &type_text, FIELD(config_check, key.path), .example = K3S_TLS("client-kube-proxy.key"),
	.only = WITH_TLS, .refuse = refuse_path, .file = PATH_PRIVATE_KEY},
    {"distribution", &type_choice, FIELD(config_check, distribution), .example = "\"k3s\"",
	.choices = config_distribution_names, .only = BIT(CHECK_KUBERNETES)},
    {"port", &type_number, FIELD(config_check, port), .example = "6443", .min = 1, .max = UINT16_MAX,
	.only = BIT(CHECK_KUBERNETES)},
    {"ready", &type_group, FIELD(config_check, ready_interval_us), .example = "{ timeout = \"5s\"; }",
	.only = BIT(CHECK_KUBERNETES), .group = &ready_group},
    {"exists", &type_bool, FIELD(config_check, file_exists), .example = "false", .only = BIT(CHECK_FILE)},
    {"content", &type_text, FIELD(config_check, content), .example = "\"ready\"", .only = BIT(CHECK_FILE)},
    {0},
};

static const struct config_check check_defaults = {
    .type = CHECK_TYPES,
    .interval_us = 1 * SEC,
    .timeout_us = 3 * SEC,
    .fall = 2,
    .rise = 2,
    .flap_count = 3,
    .flap_period_us = 10 * MINUTE,
    .flap_delay_us = 1 * MINUTE,
    .expect = {200},
    .expect_count = 1,
    .file_exists = true,
    .ready_interval_us = 3 * SEC,
    .ready_timeout_us = 3 * SEC,
    .ready_fall = 4,
    .ready_rise = 1,
};

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
	if (check->type == CHECK_PROCESS && !config_setting_get_member(setting, "process") &&
	    !config_setting_get_member(setting, "pid_file"))
		report_absent(report, setting, "process",
		    "is missing; write process = \"haproxy\", or pid_file = \"/run/haproxy.pid\"");
	if (check->fast_interval_us > check->interval_us)
		report_field(report, &check->fast_interval_us, check, "fast_interval",
		    "is longer than interval; make it shorter, or leave it out");
	if (!check->file_exists && config_setting_get_member(setting, "content"))
		report_field(report, check->content, check, "content",
		    "cannot be in a file that does not exist; leave out exists = false, or this");
}

/* It asks at localhost, often, and is answered at once. */
static void finish_kubernetes(const config_setting_t *setting, struct config_check *check)
{
	if (!config_setting_get_member(setting, "interval"))
		check->interval_us = 250 * MS;
	if (!config_setting_get_member(setting, "timeout"))
		check->timeout_us = 500 * MS;
	if (!check->server_name[0])
		set_text(check->server_name, sizeof check->server_name, "kubernetes.default");
}

static void finish_check(struct report *report, config_setting_t *setting, void *base)
{
	struct config_check *check = base;
	if (check->type == CHECK_KUBERNETES)
		finish_kubernetes(setting, check);
	if (!check->fast_interval_us) {
		bool shorter = check->interval_us < FAST_DEFAULT;
		check->fast_interval_us = shorter ? check->interval_us : FAST_DEFAULT;
	}
	if (check->type == CHECK_TYPES) /* reported */
		check->type = CHECK_HTTPS;
	else
		check_values(report, setting, check);
}

const struct group check_group = {.where = "checks = ( { … } )",
    .keys = check_keys,
    .size = sizeof(struct config_check),
    .defaults = &check_defaults,
    .finish = finish_check,
    .variant = "a check",
    .type = offsetof(struct config_check, type),
    .types = config_check_type_names};

static void read_checks(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config *config = report->config;
	type_groups.read(report, setting, key, field);
	config->check_count = config->written_checks;
	for (unsigned i = 0; i < config->written_checks; i++) {
		struct config_check *check = &config->checks[i];
		if (check->type == CHECK_KUBERNETES && !kubernetes_add_second(config, check))
			report_field(report, &check->type, check, "type",
			    "counts as two checks, and there are at most %d in all", CONFIG_CHECKS_MAX);
	}
}

static void print_checks(const struct printer *printer, const struct key *key, const void *field)
{
	type_groups.print(printer, key, field);
}

const struct type type_checks = {read_checks, print_checks, .optional = false};
