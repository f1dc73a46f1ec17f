/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, as the checks of vipd use it.
 */
#include "doctor/https.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "doctor/tool.h"

static size_t body_take(char *data, size_t unit, size_t count, void *context)
{
	struct https_answer *answer = context;
	size_t length = strlen(answer->body), room = sizeof answer->body - length - 1, size = unit * count;
	memcpy(answer->body + length, data, size < room ? size : room);
	return size;
}

static X509 *leaf_read(CURL *curl)
{
	const struct curl_certinfo *chain = NULL;
	X509 *found = NULL;
	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) || !chain || chain->num_of_certs < 1)
		return NULL;
	for (const struct curl_slist *line = chain->certinfo[0]; line && !found; line = line->next) {
		if (strncmp(line->data, "Cert:", 5) != 0)
			continue;
		BIO *bio = BIO_new_mem_buf(line->data + 5, -1);
		found = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
	}
	return found;
}

static void set_file(CURL *curl, CURLoption option, const char *path)
{
	if (path && *path)
		curl_easy_setopt(curl, option, path);
}

/* The URL is asked of that name, in TLS and in the request, at the place where it really is. */
static struct curl_slist *set_server_name(CURL *curl, const char *url, const char *name)
{
	char *host = NULL, *port = NULL, *other = NULL, to[512];
	struct curl_slist *connect_to = NULL;
	CURLU *parts = curl_url();
	if (parts && !curl_url_set(parts, CURLUPART_URL, url, 0) &&
	    !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
	    !curl_url_set(parts, CURLUPART_HOST, name, 0) && !curl_url_get(parts, CURLUPART_URL, &other, 0)) {
		snprintf(to, sizeof to, "::%s:%s", host, port);
		connect_to = curl_slist_append(NULL, to);
		curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
		curl_easy_setopt(curl, CURLOPT_URL, other);
	}
	curl_free(host);
	curl_free(port);
	curl_free(other);
	curl_url_cleanup(parts);
	return connect_to;
}

/* A token in a file ends with a newline. */
static void set_token(CURL *curl, const char *path)
{
	char token[8192] = "";
	FILE *file = path && *path ? file_open(path) : NULL;
	if (file && fgets(token, sizeof token, file)) {
		token[strcspn(token, " \t\r\n")] = '\0';
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token);
		explicit_bzero(token, sizeof token);
	}
	if (file)
		fclose(file);
}

static void prepare(CURL *curl, const struct https_request *request, struct https_answer *answer)
{
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	if (request->ca && *request->ca) /* Debian's libcurl would trust its own store as well */
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	set_file(curl, CURLOPT_CAINFO, request->ca);
	set_file(curl, CURLOPT_SSLCERT, request->cert);
	set_file(curl, CURLOPT_SSLKEY, request->key);
	set_token(curl, request->token);
	if (request->trusting) {
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
}

void https_ask(const struct https_request *request, struct https_answer *answer)
{
	char error[CURL_ERROR_SIZE] = "";
	struct curl_slist *connect_to = NULL;
	long verified = 0;
	*answer = (struct https_answer){0};
	CURL *curl = curl_easy_init();
	if (!curl) {
		snprintf(answer->error, sizeof answer->error, "out of memory");
		return;
	}
	prepare(curl, request, answer);
	if (request->server_name && *request->server_name)
		connect_to = set_server_name(curl, request->url, request->server_name);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	CURLcode code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		snprintf(
		    answer->error, sizeof answer->error, "%s", *error ? error : curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verified);
	answer->refused = code == CURLE_PEER_FAILED_VERIFICATION;
	answer->unknown_issuer = verified != 0;
	answer->certificate = leaf_read(curl);
	curl_easy_cleanup(curl);
	curl_slist_free_all(connect_to);
}
