/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all HTTPS requests of control have in common: whom they are asked of, and who we are.
 */
#pragma once

#include <curl/curl.h>

#include "control/secrets.h"

/*
 * With server_name ("": none) the URL is asked of that name, in TLS and in the request, at the place where it
 * really is. *connect_to is to be freed after the handle, by curl_slist_free_all(). Returns false without
 * memory.
 */
bool https_set_url(CURL *easy, const char *url, const char *server_name, struct curl_slist **connect_to);

struct https_identity {
	const struct config_secret *ca, *cert, *key; /* with an empty path: none */
};

/* The bytes are copied. Writes into `why`, which may be full already, what cannot be read. */
void https_set_identity(
    CURL *easy, const struct secrets *secrets, const struct https_identity *identity, char *why, size_t room);
