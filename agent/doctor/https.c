/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, as the checks of vipd use it.
 */
#include "doctor/https.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vipd/config.h"
#include "vipd/file.h"

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

/* Of a file of the configuration, as vipd reads it; its size, or 0, and in *why the first that cannot be
 * read. */
static size_t secret_read(
    const char *path, char bytes[static CONFIG_SECRET_MAX], char why[static HTTPS_TEXT_MAX])
{
	struct stat st;
	int fd = file_open_regular(path, &st);
	int error = fd < 0 ? -fd : st.st_size > CONFIG_SECRET_MAX ? EFBIG : 0;
	ssize_t size = error ? -1 : read(fd, bytes, CONFIG_SECRET_MAX);
	if (!error && size < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	if (size > 0)
		return (size_t)size;
	if (!*why)
		snprintf(why, HTTPS_TEXT_MAX, "cannot read %.128s: %s", path,
		    size == 0 ? "the file is empty" : file_error(error));
	return 0;
}

/* libcurl gets the bytes of a file and not its name: it would wait for a pipe, without any limit. */
static void set_file(CURL *curl, CURLoption option, const char *path, char why[static HTTPS_TEXT_MAX])
{
	char bytes[CONFIG_SECRET_MAX];
	if (!path || !*path)
		return;
	struct curl_blob blob = {
	    .data = bytes, .len = secret_read(path, bytes, why), .flags = CURL_BLOB_COPY};
	if (blob.len)
		curl_easy_setopt(curl, option, &blob);
	explicit_bzero(bytes, blob.len);
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
static void set_token(CURL *curl, const char *path, char why[static HTTPS_TEXT_MAX])
{
	char token[CONFIG_SECRET_MAX + 1];
	if (!path || !*path)
		return;
	size_t size = secret_read(path, token, why);
	token[size] = '\0';
	token[strcspn(token, " \t\r\n")] = '\0';
	curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
	curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token);
	explicit_bzero(token, size);
}

static void prepare(CURL *curl, const struct https_request *request, struct https_answer *answer)
{
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	if (request->ca && *request->ca) { /* Debian's libcurl would trust its own store as well */
		curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	set_file(curl, CURLOPT_CAINFO_BLOB, request->ca, answer->error);
	set_file(curl, CURLOPT_SSLCERT_BLOB, request->cert, answer->error);
	set_file(curl, CURLOPT_SSLKEY_BLOB, request->key, answer->error);
	set_token(curl, request->token, answer->error);
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
	answer->unread = *answer->error;
	CURLcode code = answer->unread ? CURLE_OK : curl_easy_perform(curl);
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
