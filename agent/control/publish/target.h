/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How one kind of target is told. Each function runs in a child of its own, may block until it is killed, and
 * prints what there is to say: why it failed, or in success something that people should know.
 */
#pragma once

#include <stdio.h>

#include "control/publish/set.h"
#include "control/secrets.h"
#include "vipd/config.h"

struct publish_job {
	const struct config_publish *config;
	const struct secrets *secrets;
	struct publish_set set;
};

/* Return 0 or 1. */
int publish_dns(const struct publish_job *job);
int publish_objects(const struct publish_job *job); /* endpointslice, endpoints */

/* What would be sent, and where. Runs in control itself. */
void publish_dns_show(const struct publish_job *job, FILE *out);
void publish_objects_show(const struct publish_job *job, FILE *out);

/* Which of these servers can be connected to: prints a '+' or a '-' for each. command_main. */
struct publish_look {
	uint16_t port;
	struct publish_members servers;
};
int publish_look(const void *context);

/* The key of a DNS update (RFC 8945), as tsig-keygen writes it: key "NAME" { algorithm A; secret "BASE64"; };
 */
struct tsig_key {
	char name[256];
	char algorithm[32]; /* "hmac-sha256." */
	char secret[256];   /* base64 */
};

/* Returns NULL, or what is wrong with it. */
const char *tsig_key_parse(const char *text, size_t size, struct tsig_key *key);
