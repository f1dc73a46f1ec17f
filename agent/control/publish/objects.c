/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The EndpointSlice of a Service, or its Endpoints object for Calico up to 3.30, by server-side apply: it is
 * set as a whole, and the API server says if somebody else has edited it.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/checks/https.h"
#include "control/publish/target.h"

#define TIME_MS	   8000L /* an API server whose etcd hangs answers after 34 s */
#define ANSWER_MAX 16384
#define URL_SIZE   (CONFIG_URL_MAX + 512)

/* ---- the object ---- */

static json_t *ports(const struct config_publish *config)
{
	return json_pack("[{s:s, s:s, s:i}]", "name", "https", "protocol", "TCP", "port", (int)config->port);
}

static json_t *slice_body(const struct publish_job *job)
{
	const struct config_publish *config = job->config;
	json_t *endpoints = json_array();
	bool ipv4 = job->set.count && address_is_ipv4(&job->set.servers[0].address);
	for (unsigned i = 0; i < job->set.count; i++) {
		const struct publish_server *server = &job->set.servers[i];
		char text[ADDRESS_TEXT_MAX];
		json_array_append_new(endpoints,
		    json_pack("{s:[s], s:{s:b}, s:s}", "addresses", address_format(&server->address, text),
			"conditions", "ready", server->ready, "nodeName", server->node));
	}
	char name[CONFIG_NAME_MAX + 8];
	snprintf(name, sizeof name, "%s-vipd", config->service);
	return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}}, s:s, s:o, s:o}", "apiVersion",
	    "discovery.k8s.io/v1", "kind", "EndpointSlice", "metadata", "name", name, "namespace",
	    config->namespace, "labels", "kubernetes.io/service-name", config->service,
	    "endpointslice.kubernetes.io/managed-by", "vipd", "addressType", ipv4 ? "IPv4" : "IPv6",
	    "endpoints", endpoints, "ports", ports(config));
}

static void append_address(json_t *list, const struct publish_server *server)
{
	char text[ADDRESS_TEXT_MAX];
	json_array_append_new(list,
	    json_pack("{s:s, s:s}", "ip", address_format(&server->address, text), "nodeName", server->node));
}

static json_t *endpoints_body(const struct publish_job *job)
{
	json_t *ready = json_array(), *others = json_array();
	for (unsigned i = 0; i < job->set.count; i++)
		append_address(job->set.servers[i].ready ? ready : others, &job->set.servers[i]);
	json_t *subset = json_pack("{s:o, s:o}", "addresses", ready, "ports", ports(job->config));
	if (json_array_size(others))
		json_object_set_new(subset, "notReadyAddresses", others);
	else
		json_decref(others);
	return json_pack("{s:s, s:s, s:{s:s, s:s}, s:[o]}", "apiVersion", "v1", "kind", "Endpoints",
	    "metadata", "name", job->config->service, "namespace", job->config->namespace, "subsets", subset);
}

static json_t *body_of(const struct publish_job *job)
{
	return job->config->type == PUBLISH_ENDPOINTSLICE ? slice_body(job) : endpoints_body(job);
}

static void url_of(const struct config_publish *config, bool force, char url[static URL_SIZE])
{
	bool slice = config->type == PUBLISH_ENDPOINTSLICE;
	snprintf(url, URL_SIZE, "%s/%s/namespaces/%s/%s/%s%s?fieldManager=vipd%s", config->url,
	    slice ? "apis/discovery.k8s.io/v1" : "api/v1", config->namespace,
	    slice ? "endpointslices" : "endpoints", config->service, slice ? "-vipd" : "",
	    force ? "&force=true" : "");
}

/* ---- the request ---- */

struct answer {
	long status;
	size_t size;
	char bytes[ANSWER_MAX];
	char error[CURL_ERROR_SIZE];
};

static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
	struct answer *answer = context;
	size_t room = sizeof answer->bytes - answer->size, kept = size < room ? size : room;
	memcpy(answer->bytes + answer->size, bytes, kept);
	answer->size += kept;
	return one * size;
}

/* A token in a file ends with a newline. */
static bool set_token(CURL *easy, const struct publish_job *job)
{
	static char token[8192];
	const uint8_t *bytes;
	size_t size;
	if (!job->config->token.path[0])
		return true;
	int r = secrets_find(job->secrets, &job->config->token, &bytes, &size);
	if (r) {
		printf("cannot read %s: %s", job->config->token.path, secrets_error(r));
		return false;
	}
	snprintf(token, sizeof token, "%.*s", (int)(size < sizeof token ? size : 0), (const char *)bytes);
	token[strcspn(token, " \t\r\n")] = '\0';
	if (!*token)
		printf("%s is not a token", job->config->token.path);
	return *token && curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, token) == CURLE_OK;
}

static bool set_identity(CURL *easy, const struct publish_job *job)
{
	const struct config_publish *config = job->config;
	const struct https_identity identity = {&config->ca, &config->cert, &config->key};
	char why[CONFIG_PATH_MAX + 128] = "";
	https_set_identity(easy, job->secrets, &identity, why, sizeof why);
	printf("%s", why);
	return !*why && set_token(easy, job);
}

/* The process ends with the job, so nothing is freed. Returns false and prints why if there is no answer. */
static bool apply(const struct publish_job *job, const char *body, bool force, struct answer *answer)
{
	char url[URL_SIZE];
	CURL *easy = curl_easy_init();
	struct curl_slist *connect_to = NULL;
	struct curl_slist *type = curl_slist_append(NULL, "Content-Type: application/apply-patch+yaml");
	*answer = (struct answer){0};
	url_of(job->config, force, url);
	if (!easy || !type || !https_set_url(easy, url, job->config->server_name, &connect_to) ||
	    !set_identity(easy, job))
		return false;
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, type);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "vipd/" VIPD_VERSION);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIME_MS);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, answer->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	CURLcode code = curl_easy_perform(easy);
	if (code == CURLE_OPERATION_TIMEDOUT) { /* what curl says has the milliseconds in it */
		printf("%s: no answer within %ld s: is the API server there, and does it reach its etcd?",
		    job->config->url, TIME_MS / 1000);
		return false;
	}
	if (code != CURLE_OK) {
		printf(
		    "%s: %s", job->config->url, answer->error[0] ? answer->error : curl_easy_strerror(code));
		return false;
	}
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
	return true;
}

/* ---- what came back ---- */

/* `message` of a Status object; "" if there is none. */
static const char *message_of(const struct answer *answer)
{
	json_t *status = json_loadb(answer->bytes, answer->size, 0, NULL);
	const char *text = json_string_value(json_object_get(status, "message"));
	return text ? text : "";
}

static const char *advice(long status, const char *said)
{
	/* The Role allows no more, so that vipd cannot make others. */
	if (status == 403 && strstr(said, "cannot create"))
		return "somebody has deleted it: apply what vipctl manifest --calico --publish prints again, "
		       "as an administrator";
	switch (status) {
	case 401:
		return "the API server does not know this token or certificate; make it anew: vipctl "
		       "manifest --calico --publish says how";
	case 403:
		return "RBAC does not allow it: apply the Role and RoleBinding of vipctl manifest --calico "
		       "--publish";
	case 404: return "is there this namespace, and Kubernetes 1.21 or newer (EndpointSlice v1)?";
	case 409: return "somebody else edits it";
	case 415: return "this API server knows no server-side apply; it needs Kubernetes 1.22 or newer";
	case 422: return "are the addresses that the servers advertise (group.advertise) right?";
	case 429: return "the API server is overloaded";
	case 504: return "the API server cannot reach etcd";
	default: return status >= 500 ? "the API server is in trouble; its log says why" : "";
	}
}

static void explain(const struct answer *answer)
{
	const char *said = message_of(answer), *tip = advice(answer->status, said);
	printf("HTTP %ld: %s%s%s", answer->status, said, *said && *tip ? "; " : "", tip);
}

static bool is_done(const struct answer *answer)
{
	return answer->status == 200 || answer->status == 201;
}

int publish_objects(const struct publish_job *job)
{
	static struct answer answer;
	char *body = json_dumps(body_of(job), JSON_COMPACT);
	if (!body) {
		printf("no memory");
		return 1;
	}
	if (!apply(job, body, false, &answer))
		return 1;
	const char *overruled = answer.status == 409 ? message_of(&answer) : NULL;
	if (overruled && !apply(job, body, true, &answer))
		return 1;
	if (!is_done(&answer)) {
		explain(&answer);
		return 1;
	}
	if (overruled)
		printf("overruled: %s", overruled);
	return 0;
}

void publish_objects_show(const struct publish_job *job, FILE *out)
{
	char url[URL_SIZE];
	json_t *object = body_of(job);
	char *body = json_dumps(object, JSON_INDENT(2));
	url_of(job->config, false, url);
	fprintf(out, "PATCH %s\n%s\n", url, body ? body : "no memory");
	free(body);
	json_decref(object);
}
