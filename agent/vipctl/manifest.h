/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside `vipctl manifest`: what the command line asked for.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "vipctl/template.h"
#include "vipctl/vipctl.h"

#include "vipd/address.h"
#include "vipd/config.h"

#define SERVERS_MAX 32
#define PIECES_MAX  4

/* What one kind prints, and what it cannot do without. */
struct kind {
	const char *option;
	const char *pieces[PIECES_MAX]; /* templates, one behind the other */
	bool needs_servers;
	bool needs_zone;
	bool needs_cidr;
	bool needs_metrics; /* metrics.listen of vipd.conf */
	bool is_pod;	    /* not about an address: manifest_pod_print() prints all of it */
	bool any_family;    /* the addresses of servers need not be of the family of the virtual one */
	bool names_host;    /* it is about one host: an address, or with --zone a name */
	bool all_addresses; /* about all of a virtual router's, if none is chosen */
};

struct manifest {
	const struct kind *kind;
	const char *config;
	const char *router;		/* NULL: the only one */
	char address[ADDRESS_TEXT_MAX]; /* "": the only one of the router */
	const char *name;
	const char *port;
	const char *zone;
	char dns_server[ADDRESS_TEXT_MAX]; /* "": none */
	const char *dns_port;
	const char *key;
	bool endpoints, publish;
	const char *service_cidr; /* NULL: not given */
	struct address cidr;
	unsigned cidr_bits;
	struct server servers[SERVERS_MAX];
	size_t server_count;
};

/* Reads and checks the command line; everything in *manifest may go into a template. Exits if it is wrong. */
void manifest_read(const struct vipctl *ctl, struct manifest *manifest);

/* vipd as a static pod: the whole text, on standard output. False, with a message, if something is not known
 * here. */
bool manifest_pod_print(struct config *config);

/* An IPv6 address in brackets, an IPv4 address as it is. */
void address_in_url(const char *address, char host[static ADDRESS_TEXT_MAX + 2]);
