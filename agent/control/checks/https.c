/* SPDX-License-Identifier: Apache-2.0 */
/* See https.h. */
#include "control/checks/https.h"

#include <stdio.h>
#include <string.h>

bool https_set_url(CURL *easy, const char *url, const char *server_name, struct curl_slist **connect_to)
{
	char *host = NULL, *port = NULL, *whole = NULL;
	CURLU *parts = curl_url();
	bool done = parts && !curl_url_set(parts, CURLUPART_URL, url, 0) &&
		    !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
		    !curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	if (done && *server_name) {
		char to[CONFIG_URL_MAX];
		snprintf(to, sizeof to, "::%s:%s", host, port);
		*connect_to = curl_slist_append(NULL, to);
		done = *connect_to && !curl_url_set(parts, CURLUPART_HOST, server_name, 0) &&
		       !curl_easy_setopt(easy, CURLOPT_CONNECT_TO, *connect_to);
	}
	done = done && !curl_url_get(parts, CURLUPART_URL, &whole, 0) &&
	       !curl_easy_setopt(easy, CURLOPT_URL, whole);
	curl_free(host);
	curl_free(port);
	curl_free(whole);
	curl_url_cleanup(parts);
	return done;
}

static void set_blob(CURL *easy, CURLoption option, const struct secrets *secrets,
    const struct config_secret *secret, char *why, size_t room)
{
	const uint8_t *bytes;
	size_t size;
	if (!secret->path[0])
		return;
	int r = secrets_find(secrets, secret, &bytes, &size);
	if (r) {
		if (!*why)
			snprintf(why, room, "cannot read %s: %s", secret->path, secrets_error(r));
		return;
	}
	struct curl_blob blob = {.data = (void *)bytes, .len = size, .flags = CURL_BLOB_COPY};
	curl_easy_setopt(easy, option, &blob);
}

void https_set_identity(
    CURL *easy, const struct secrets *secrets, const struct https_identity *identity, char *why, size_t room)
{
	if (identity->ca->path[0]) { /* Debian's libcurl would trust its own store as well */
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	set_blob(easy, CURLOPT_CAINFO_BLOB, secrets, identity->ca, why, room);
	set_blob(easy, CURLOPT_SSLCERT_BLOB, secrets, identity->cert, why, room);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, secrets, identity->key, why, room);
}
