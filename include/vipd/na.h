/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbor Advertisements (RFC 4861 section 4.4) as bytes and as a struct, and the solicitation of one.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"

#define NA_HOP_LIMIT 255
#define NA_SIZE	     32 /* with one target link-layer address option for a 6-byte MAC */

struct na {
	struct address target;
	bool router;	/* R */
	bool solicited; /* S */
	bool override;	/* O */
	bool has_mac;
	uint8_t mac[6]; /* target link-layer address option */
};

enum na_verdict {
	NA_OK,
	NA_TOO_SHORT,
	NA_BAD_HOP_LIMIT,
	NA_BAD_TYPE, /* not type 136 code 0 */
	NA_BAD_CHECKSUM,
	NA_BAD_TARGET,	  /* multicast */
	NA_BAD_SOLICITED, /* S set on a multicast destination */
	NA_BAD_OPTION,	  /* length 0 or past the end */
	NA_VERDICTS
};

/* Encodes with the checksum for source -> destination. Returns NA_SIZE (NA_SIZE - 8 without MAC), 0 if `room`
 * is too small. */
size_t na_build(const struct na *na, const struct address *source, const struct address *destination,
    uint8_t *bytes, size_t room);

/*
 * Encodes a Neighbor Solicitation for `target` (RFC 4861 section 4.3) with `mac` as source link-layer
 * address. Returns NA_SIZE, 0 if `room` is too small.
 */
size_t ns_build(const struct address *target, const uint8_t mac[static 6], const struct address *source,
    const struct address *destination, uint8_t *bytes, size_t room);

/* The group of those who may have `address` (RFC 4291 section 2.7.1): ff02::1:ffXX:XXXX. */
struct address solicited_node(const struct address *address);

/* Decodes and validates (RFC 4861 section 7.1.2). *na is written on NA_OK only. */
enum na_verdict na_parse(const uint8_t *bytes, size_t size, const struct address *source,
    const struct address *destination, uint8_t hop_limit, struct na *na);
