/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text with holes: the files under agent/vipctl/manifest, which are linked into the program, and how they are
 * filled.
 *
 * A hole is a name between two @. A line with a hole whose value is NULL is left out; a line about a server
 * (@SERVER@, @SERVER_ADDRESS@, @SERVER_HOST@) is printed once for each server, one about an address
 * (@ADDRESS@, @ADDRESS_RECORD@: A or AAAA) once for each virtual address.
 */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>

#include "vipd/address.h"

extern const char template_calico[], template_slice[], template_endpoints[], template_publish[],
    template_calico_end[], template_calico_holder[], template_reserve[], template_k3s[], template_zone[],
    template_nsupdate[], template_kubeconfig[], template_prometheus[], template_static_pod[];

struct value {
	const char *name; /* "VIP" for @VIP@ */
	const char *text; /* NULL: lines with it are left out */
};

#define NODE_NAME_MAX 253 /* of a DNS name */

struct server {
	char name[NODE_NAME_MAX + 1];
	char address[ADDRESS_TEXT_MAX];
	char host[ADDRESS_TEXT_MAX + 2]; /* the address as it stands in a URL */
};

struct values {
	const struct value *items;
	size_t count;
	const struct server *servers;
	size_t server_count;
	const struct address *addresses;
	size_t address_count;
};

/* Prints `text` with its holes filled. A hole without a value of that name is a bug: abort(). */
void template_print(const char *text, const struct values *values, FILE *out);
