/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the holder publishes, asked of those whom it was told: a name server, or the API server.
 */
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/https.h"

#define SERVERS_MAX 80
#define LIST_MAX    512
#define TIMEOUT_MS  5000
#define URL_MAX	    (CONFIG_URL_MAX + 512)

struct servers {
	unsigned count;
	struct address ready[SERVERS_MAX];
};

static void servers_add(struct servers *servers, const char *text)
{
	if (servers->count < SERVERS_MAX && address_parse(text, &servers->ready[servers->count]))
		servers->count++;
}

static bool servers_have(const struct servers *servers, const struct address *address)
{
	for (unsigned i = 0; i < servers->count; i++)
		if (address_equal(&servers->ready[i], address))
			return true;
	return false;
}

/* Those of `of` that `others` does not have. Returns their number. */
static unsigned list_missing(
    const struct servers *of, const struct servers *others, char list[static LIST_MAX])
{
	unsigned count = 0;
	list[0] = '\0';
	for (unsigned i = 0; i < of->count; i++) {
		char text[ADDRESS_TEXT_MAX];
		if (servers_have(others, &of->ready[i]))
			continue;
		list_add(list, LIST_MAX, address_format(&of->ready[i], text));
		count++;
	}
	return count;
}

/* ---- what they say ---- */

/* Returns NULL, or why it is not known. */
static const char *ask_dns(const struct config_publish *config, struct servers *servers)
{
	char name[CONFIG_DNS_NAME_MAX];
	config_dns_name(config, name);
	return name_lookup(config->server, name, servers->ready, SERVERS_MAX, &servers->count);
}

static void read_slice(const json_t *object, struct servers *servers)
{
	size_t i, k;
	const json_t *endpoint, *address;
	json_array_foreach(json_object_get(object, "endpoints"), i, endpoint)
	{
		if (!json_is_true(json_object_get(json_object_get(endpoint, "conditions"), "ready")))
			continue;
		json_array_foreach(json_object_get(endpoint, "addresses"), k, address)
		    servers_add(servers, json_string_value(address) ? json_string_value(address) : "");
	}
}

static void read_endpoints(const json_t *object, struct servers *servers)
{
	size_t i, k;
	const json_t *subset, *address;
	json_array_foreach(json_object_get(object, "subsets"), i, subset)
	{
		json_array_foreach(json_object_get(subset, "addresses"), k, address)
		    servers_add(servers, member_text(address, "ip"));
	}
}

static const char *ask_kubernetes(
    const struct config_publish *config, struct servers *servers, struct https_answer *answer)
{
	char url[URL_MAX];
	bool slice = config->type == PUBLISH_ENDPOINTSLICE;
	snprintf(url, sizeof url, "%s/%s/namespaces/%s/%s/%s%s", config->url,
	    slice ? "apis/discovery.k8s.io/v1" : "api/v1", config->namespace,
	    slice ? "endpointslices" : "endpoints", config->service, slice ? "-vipd" : "");
	const struct https_request request = {.url = url,
	    .server_name = config->server_name,
	    .ca = config->ca.path,
	    .cert = config->cert.path,
	    .key = config->key.path,
	    .token = config->token.path,
	    .timeout_ms = TIMEOUT_MS};
	https_ask(&request, answer);
	if (answer->status == 404)
		return "there is no such object any more";
	if (answer->status != 200)
		return answer->status ? "the API server does not show it" : answer->error;
	json_t *object = json_loads(answer->body, 0, NULL);
	if (!object)
		return "the answer of the API server is not understood";
	(slice ? read_slice : read_endpoints)(object, servers);
	json_decref(object);
	return NULL;
}

/* ---- the finding ---- */

static void compare(struct doctor *doctor, const char *router, const char *target, const struct servers *told,
    const struct servers *said)
{
	char missing[LIST_MAX], extra[LIST_MAX];
	unsigned lost = list_missing(told, said, missing), more = list_missing(said, told, extra);
	if (!lost && !more)
		finding_add(doctor, DOCTOR_FINE, router, NULL, "%s leads to the %u servers that are ready",
		    target, told->count);
	else
		finding_add(doctor, DOCTOR_FAILURE, router,
		    "somebody else has changed it? vipd overrules that within ten minutes; vipctl publish",
		    "%s is not what was published: %s%s%s%s%s", target, lost ? "without " : "", missing,
		    lost && more ? ", " : "", more ? "with " : "", extra);
}

static void find_told(
    struct doctor *doctor, const struct config_publish *config, const json_t *status, const char *router)
{
	static struct https_answer answer;
	struct servers told = {0}, said = {0};
	const char *target = member_text(status, "target");
	const json_t *server;
	size_t i;
	json_array_foreach(json_object_get(status, "published"), i, server)
	{
		if (member_true(server, "ready"))
			servers_add(&told, member_text(server, "address"));
	}
	const char *trouble =
	    config->type == PUBLISH_DNS ? ask_dns(config, &said) : ask_kubernetes(config, &said, &answer);
	if (trouble)
		finding_add(doctor, DOCTOR_UNKNOWN, router, is_root() ? NULL : ADVICE_ROOT, "%s: %s", target,
		    trouble);
	else
		compare(doctor, router, target, &told, &said);
}

/* What the agent says itself; vipctl check tells it, too. */
void find_publishing(struct doctor *doctor)
{
	const json_t *target;
	unsigned failing = 0;
	size_t i;
	json_array_foreach(json_object_get(doctor->status, "publish"), i, target)
	{
		if (strcmp(member_text(target, "state"), "failing") != 0)
			continue;
		failing++;
		finding_add(doctor, DOCTOR_WARNING, member_text(target, "router"),
		    "vipctl publish --dry-run: what it would say", "%s cannot be told: %s",
		    member_text(target, "target"), member_text(target, "last_error"));
	}
	if (i && !failing)
		finding_add(doctor, DOCTOR_FINE, "", NULL, "no target of `publish` has refused");
}

void find_published(struct doctor *doctor)
{
	const json_t *targets = json_object_get(doctor->status, "publish"), *status;
	size_t i;
	if (!doctor->config.publish_count)
		finding_add(doctor, DOCTOR_FINE, "", NULL, "nothing is published");
	json_array_foreach(targets, i, status)
	{
		const char *router = member_text(status, "router"), *state = member_text(status, "state");
		if (i >= doctor->config.publish_count)
			break;
		if (!strcmp(state, "done"))
			find_told(doctor, &doctor->config.publish[i], status, router);
		else if (!strcmp(state, "off"))
			finding_add(doctor, DOCTOR_UNKNOWN, router, "run it on the holder",
			    "%s: this node is not the holder, which publishes",
			    member_text(status, "target"));
		else
			finding_add(doctor, DOCTOR_UNKNOWN, router, NULL, "%s has still to be told",
			    member_text(status, "target"));
	}
}
