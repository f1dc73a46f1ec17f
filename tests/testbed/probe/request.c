/* SPDX-License-Identifier: Apache-2.0 */
/* The requests: complete ones over TLS, each on a connection of its own. */
#include "probe.h"

#include <curl/curl.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

static CURL *request_model;

static size_t body_drop(char *bytes, size_t size, size_t count, void *unused)
{
	(void)bytes;
	(void)unused;
	return size * count;
}

static CURL *request_model_new(void)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		errx(1, "no libcurl");
	curl_easy_setopt(easy, CURLOPT_URL, options.url);
	curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca);
	curl_easy_setopt(easy, CURLOPT_SSLCERT, options.cert);
	curl_easy_setopt(easy, CURLOPT_SSLKEY, options.key);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, options.request_limit_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_drop);
	/* a connection and a full handshake for each */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	return easy;
}

static void request_try(CURLM *multi, struct request *r)
{
	CURL *easy = curl_easy_duphandle(request_model);

	r->tries++;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
	if (curl_multi_add_handle(multi, easy) != CURLM_OK)
		errx(1, "libcurl takes no more requests");
}

static void request_begin(CURLM *multi)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		errx(1, "no memory");
	window_request_begun(r);
	request_try(multi, r);
}

static void request_end(CURLM *multi, CURL *easy, CURLcode code)
{
	struct curl_header *node;
	struct request *r;
	long status = 0;
	char text[32];
	bool again = false;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &r);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	snprintf(text, sizeof(text), "HTTP status %ld", status);
	if (code == CURLE_OK && status == 200)
		window_request_good(
		    r, curl_easy_header(easy, "X-Node", 0, CURLH_HEADER, -1, &node) == CURLHE_OK ? node->value
												 : "?");
	else
		again = window_request_failed(r, code == CURLE_OK ? text : curl_easy_strerror(code));

	curl_multi_remove_handle(multi, easy);
	curl_easy_cleanup(easy);
	if (again)
		request_try(multi, r);
	else
		free(r);
}

void *request_thread(void *unused)
{
	CURLM *multi = curl_multi_init();
	int timer = schedule_open(options.request_ms * NS_PER_MS);

	(void)unused;
	request_model = request_model_new();
	for (;;) {
		struct curl_waitfd tick = {.fd = timer, .events = CURL_WAIT_POLLIN};
		CURLMsg *message;
		int running, left;

		curl_multi_poll(multi, &tick, 1, 1000, NULL);
		if (schedule_due(timer))
			request_begin(multi);
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)) != NULL)
			if (message->msg == CURLMSG_DONE)
				request_end(multi, message->easy_handle, message->data.result);
	}
	return NULL;
}
