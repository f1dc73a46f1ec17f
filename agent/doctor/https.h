/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to an HTTP server as the checks of vipd make it; and one that trusts everybody, to look at a
 * certificate that those do not accept.
 */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>

#define HTTPS_TEXT_MAX 256
#define HTTPS_BODY_MAX 8192

struct https_answer {
	long status;		    /* HTTP; 0: no answer */
	char error[HTTPS_TEXT_MAX]; /* why there is no answer */
	bool unread;		    /* a file of the request cannot be read, so nobody was asked */
	bool refused;		    /* we do not accept its certificate: */
	bool unknown_issuer;	    /* because of who has signed it or when; else because of the name in it */
	char body[HTTPS_BODY_MAX];  /* how it begins */
	X509 *certificate;	    /* what the server presents, or NULL; X509_free() it */
};

struct https_request {
	const char *url;
	const char *server_name;     /* instead of the host of the URL; NULL or "": that one */
	const char *ca, *cert, *key; /* files; NULL or "": none */
	const char *token;	     /* the same: of a ServiceAccount */
	bool trusting;		     /* whatever certificate it has */
	long timeout_ms;
};

void https_ask(const struct https_request *request, struct https_answer *answer);
