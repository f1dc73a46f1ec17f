/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which clients have a TCP connection to an address of a virtual router: what its holder tells the others on
 * the group's port, in the frame of hellos (vipd/hello.h) and with their authentication.
 *
 *	"vipc" | version (1) = 1 | flags (1): 1 = signed | family (1): 4 or 6 | VRID (1)
 *	fields: type (1) | size (2) | value
 *	if signed: the trailer of auth.h
 *
 * A list has a number of its own, and a generation that grows by one with each datagram of changes; so
 * whoever lost one knows, and asks for the whole list. Pure: no I/O, no state, no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vipd/clients.h"
#include "vipd/hello.h"

#define CONNECTIONS_DATAGRAM 31 /* clients in one */

enum connections_kind {
	CONNECTIONS_CHANGES = 1, /* from the generation before to this one; none: where the list is */
	CONNECTIONS_PART,	 /* one of the whole list in this generation */
	CONNECTIONS_ASK,	 /* the holder shall tell the whole list */
	CONNECTIONS_KINDS
};

struct connections {
	uint8_t family; /* AF_INET or AF_INET6: of the election */
	uint8_t vrid;
	bool is_signed;

	enum connections_kind kind;
	uint64_t list; /* its number: another one after each start, and of each holder */
	uint64_t generation;
	uint32_t known;	      /* clients that there are, those that do not fit a list with them */
	uint16_t part, parts; /* PART: which one of how many, from 0 */
	unsigned added, removed;
	struct client of[CONNECTIONS_DATAGRAM]; /* those that are added, then those removed */
};

/* Whether it says to be a datagram of this kind. */
bool connections_are_in(const uint8_t *bytes, size_t size);

/* As hello_parse(). Addresses are of any kind: what may be believed depends on the virtual router. */
enum hello_verdict connections_parse(const uint8_t *bytes, size_t size, const struct hello_envelope *envelope,
    struct connections *connections);

/* As hello_build(); hello_sign() and hello_verify() work on these datagrams, too. */
size_t connections_build(const struct connections *connections, uint8_t *bytes, size_t room);

/* In the order of local, local_port, address, port: less than, equal to or greater than 0. */
int client_compare(const struct client *a, const struct client *b);
