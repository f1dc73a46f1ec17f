/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to an HTTP server, to look at it rather than to talk with it: also one whose certificate is
 * wrong is asked, and says so.
 */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>

#define HTTPS_TEXT_MAX 256

struct https_answer {
	long status;			/* HTTP; 0: no answer */
	char error[HTTPS_TEXT_MAX];	/* why there is no answer */
	char untrusted[HTTPS_TEXT_MAX]; /* why the certificate is not one of `ca`; "": it is, or none was
					   asked for */
	char body[HTTPS_TEXT_MAX];	/* how it begins */
	X509 *certificate;		/* what the server presents, or NULL; X509_free() it */
};

struct https_request {
	const char *url;
	const char *ca, *cert, *key; /* files; NULL or "": none */
	long timeout_ms;
};

void https_ask(const struct https_request *request, struct https_answer *answer);
