/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl with its verification off, so that a wrong certificate can be looked at; whether it is to be
 * trusted is asked of libcrypto afterwards.
 */
#include "doctor/https.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static size_t body_take(char *data, size_t unit, size_t count, void *context)
{
	struct https_answer *answer = context;
	size_t length = strlen(answer->body), room = sizeof answer->body - length - 1, size = unit * count;
	memcpy(answer->body + length, data, size < room ? size : room);
	return size;
}

static X509 *certificate_at(const struct curl_certinfo *chain, int i)
{
	for (const struct curl_slist *line = chain->certinfo[i]; line; line = line->next) {
		if (strncmp(line->data, "Cert:", 5) != 0)
			continue;
		BIO *bio = BIO_new_mem_buf(line->data + 5, -1);
		X509 *found = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
		return found;
	}
	return NULL;
}

/* Against `ca` alone, as the checks of vipd do. Writes nothing if it is trusted. */
static void trust_judge(X509 *leaf, STACK_OF(X509) * others, const char *ca, char why[static HTTPS_TEXT_MAX])
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (!store || !context || X509_STORE_load_file(store, ca) != 1 ||
	    X509_STORE_CTX_init(context, store, leaf, others) != 1) {
		snprintf(why, HTTPS_TEXT_MAX, "that file cannot be read, or holds no certificate");
	} else {
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
		X509_STORE_CTX_set_default(context, "ssl_server");
		if (X509_verify_cert(context) != 1)
			snprintf(why, HTTPS_TEXT_MAX, "%s",
			    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
}

static void chain_take(const struct curl_certinfo *chain, const char *ca, struct https_answer *answer)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	answer->certificate = chain->num_of_certs > 0 ? certificate_at(chain, 0) : NULL;
	for (int i = 1; others && i < chain->num_of_certs; i++) {
		X509 *one = certificate_at(chain, i);
		if (one && !sk_X509_push(others, one))
			X509_free(one);
	}
	if (answer->certificate && ca && *ca)
		trust_judge(answer->certificate, others, ca, answer->untrusted);
	sk_X509_pop_free(others, X509_free);
}

static bool is_given(const char *path)
{
	return path && *path;
}

static void prepare(CURL *curl, const struct https_request *request, struct https_answer *answer)
{
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	if (is_given(request->cert))
		curl_easy_setopt(curl, CURLOPT_SSLCERT, request->cert);
	if (is_given(request->key))
		curl_easy_setopt(curl, CURLOPT_SSLKEY, request->key);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
}

void https_ask(const struct https_request *request, struct https_answer *answer)
{
	char error[CURL_ERROR_SIZE] = "";
	struct curl_certinfo *chain = NULL;
	*answer = (struct https_answer){0};
	CURL *curl = curl_easy_init();
	if (!curl) {
		snprintf(answer->error, sizeof answer->error, "out of memory");
		return;
	}
	prepare(curl, request, answer);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	CURLcode code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		snprintf(
		    answer->error, sizeof answer->error, "%s", *error ? error : curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) == CURLE_OK && chain)
		chain_take(chain, request->ca, answer);
	curl_easy_cleanup(curl);
}
