/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to know of a server's certificate: until when it is valid, and for which addresses.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"

#define CERTIFICATE_ADDRESSES_MAX 64
#define CERTIFICATE_DIGEST	  32

/* All zeros: none was seen. */
struct certificate {
	int64_t expires_us; /* wall clock */
	uint8_t digest[CERTIFICATE_DIGEST];
	unsigned
	    address_count; /* IPv6 addresses among its alternative names (tls-san); those beyond are cut */
	struct address addresses[CERTIFICATE_ADDRESSES_MAX];
};

/* Reads the first certificate of a PEM text. Returns 0 with *certificate filled, or -EINVAL. */
int certificate_read(const char *pem, size_t size, struct certificate *certificate);

bool certificate_seen(const struct certificate *certificate);
bool certificate_equal(const struct certificate *a, const struct certificate *b);
bool certificate_covers(const struct certificate *certificate, const struct address *address);
