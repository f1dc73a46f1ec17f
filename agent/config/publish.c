/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups of the list `publish`: where the holder says which servers are healthy.
 */
#include <string.h>

#include "config/settings.h"
#include "vipd/mono.h"

#define SEC	  USEC_PER_SEC
#define BIT(type) (1U << (type))
#define WITH_API  (BIT(PUBLISH_ENDPOINTSLICE) | BIT(PUBLISH_ENDPOINTS))
#define DAY	  (24 * 3600 * SEC)

/* The name of a virtual router, as its index: they come before this list, wherever they stand in the file. */
static void read_router(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const struct config *config = report->config;
	const char *name = text_of(report, setting, key);
	for (unsigned i = 0; name && i < config->router_count; i++) {
		if (strcmp(config->routers[i].name, name))
			continue;
		*(uint32_t *)field = i;
		return;
	}
	if (name)
		report_setting(report, setting, "there is no virtual router of this name");
}

static void print_router(const struct printer *printer, const struct key *key, const void *field)
{
	(void)key;
	print_quoted(printer->out, printer->config->routers[*(const uint32_t *)field].name);
}

static const struct type type_router = {read_router, print_router, .optional = false};

/* Of an API server alone: what is below it is known. */
static const char *refuse_server(const char *text)
{
	const char *refused = refuse_url(text), *host = strstr(text, "://");
	if (refused || strncmp(text, "https:", strlen("https:")))
		return refused ? refused : "is not a URL of https; write one as in \"https://[::1]:6443\"";
	return strpbrk(host + strlen("://"), "/?#") ? "has a path in it; write it without, as in "
						      "\"https://[::1]:6443\""
						    : NULL;
}

/* RFC 1123: what Kubernetes takes as the name of an object. */
static const char *refuse_object(const char *text)
{
	size_t length = strlen(text);
	if (!length || text[0] == '-' || text[length - 1] == '-' ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		return "is not the name of an object; write lower-case letters, digits and '-'";
	return NULL;
}

static const struct key publish_keys[] = {
    {"type", &type_choice, FIELD(config_publish, type), .example = "\"dns\"", .required = true,
	.choices = config_publish_type_names},
    {"router", &type_router, FIELD(config_publish, router), .example = "\"api\"",
	.note = "a virtual router, whose holder publishes"},
    {"server", &type_endpoint, FIELD_WITH(config_publish, server, server_endpoint),
	.example = "\"[2001:db8::53]:53\"", .required = true, .only = BIT(PUBLISH_DNS)},
    {"fallback", &type_endpoint, FIELD_WITH(config_publish, fallback, fallback_endpoint),
	.example = "\"[2001:db8::54]:53\"", .only = BIT(PUBLISH_DNS), .zero = ", or \"\" for none"},
    {"zone", &type_text, FIELD(config_publish, zone), .example = "\"k8s.example\"", .required = true,
	.only = BIT(PUBLISH_DNS), .refuse = refuse_host},
    {"name", &type_text, FIELD(config_publish, name), .example = "\"k8s-cluster\"", .required = true,
	.only = BIT(PUBLISH_DNS), .refuse = refuse_host},
    {"ttl", &type_duration, FIELD(config_publish, ttl_s), .example = "\"5s\"", .min = SEC, .max = DAY,
	.step = SEC, .only = BIT(PUBLISH_DNS)},
    {"url", &type_text, FIELD(config_publish, url), .example = "\"https://[::1]:6443\"", .only = WITH_API,
	.refuse = refuse_server},
    {"server_name", &type_text, FIELD(config_publish, server_name), .example = "\"kubernetes.default\"",
	.only = WITH_API, .refuse = refuse_host},
    {"namespace", &type_text, FIELD(config_publish, namespace), .example = "\"kube-system\"",
	.only = WITH_API, .refuse = refuse_object},
    {"service", &type_text, FIELD(config_publish, service), .example = "\"k8s-api\"", .only = WITH_API,
	.refuse = refuse_object},
    {"ca", &type_text, FIELD(config_publish, ca.path),
	.example = "\"/var/lib/rancher/k3s/server/tls/server-ca.crt\"", .only = WITH_API,
	.refuse = refuse_path, .file = PATH_CA},
    {"token", &type_text, FIELD(config_publish, token.path), .example = "\"/etc/vipd/kube.token\"",
	.only = WITH_API, .refuse = refuse_path, .file = PATH_TOKEN},
    {"cert", &type_text, FIELD(config_publish, cert.path), .example = "\"/etc/vipd/kube.crt\"",
	.only = WITH_API, .refuse = refuse_path, .file = PATH_CERTIFICATE},
    {"key", &type_text, FIELD(config_publish, key.path), .example = "\"/etc/vipd/tsig.key\"",
	.refuse = refuse_path, .file = PATH_PRIVATE_KEY},
    {"port", &type_number, FIELD(config_publish, port), .example = "6443", .min = 1, .max = UINT16_MAX,
	.note = "of the servers"},
    {"settle", &type_duration, FIELD(config_publish, settle_us), .example = "\"1s\"", .max = 60 * SEC,
	.step = 1},
    {0},
};

static const struct config_publish publish_defaults = {
    .type = PUBLISH_TYPES,
    .router = UINT32_MAX,
    .port = 6443,
    .settle_us = 1 * SEC,
    .ttl_s = 5,
    .url = "https://[::1]:6443",
    .namespace = "kube-system",
    .service = "k8s-api",
};

/* Who it is to the API server. */
static void check_identity(
    struct report *report, const config_setting_t *setting, const struct config_publish *publish)
{
	bool certificate = publish->cert.path[0] && publish->key.path[0];
	bool half = !publish->cert.path[0] != !publish->key.path[0];
	if (publish->token.path[0] && (publish->cert.path[0] || publish->key.path[0]))
		report_field(report, publish->token.path, publish, "token",
		    "goes without cert and key; write one or the other");
	else if (half || (!publish->token.path[0] && !certificate))
		report_absent(report, setting, "token",
		    "is missing; write token = \"/etc/vipd/kube.token\" (vipctl manifest --calico --publish "
		    "says how to get one), or cert and key");
}

static void finish_publish(struct report *report, config_setting_t *setting, void *base)
{
	struct config_publish *publish = base;
	bool named = config_setting_get_member(setting, "router") != NULL;
	if (publish->router == UINT32_MAX && !named && report->config->router_count > 1)
		report_absent(report, setting, "router",
		    "is missing; write the name of the virtual router whose holder publishes, as in "
		    "router = \"%s\"",
		    report->config->routers[0].name);
	if (publish->router == UINT32_MAX)
		publish->router = 0;
	if (publish->type == PUBLISH_TYPES) /* reported */
		publish->type = PUBLISH_DNS;
	else if (publish->type != PUBLISH_DNS)
		check_identity(report, setting, publish);
}

const struct group publish_group = {.where = "publish = ( { … } )",
    .keys = publish_keys,
    .size = sizeof(struct config_publish),
    .defaults = &publish_defaults,
    .finish = finish_publish,
    .variant = "a publish target",
    .type = offsetof(struct config_publish, type),
    .types = config_publish_type_names};
