/* SPDX-License-Identifier: Apache-2.0 */
/* Input of the fuzzers of datagrams: source (16) | destination (16) | hop limit (1) | what it carries. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vipd/address.h"

struct datagram {
	struct address source, destination;
	uint8_t hop_limit;
	uint8_t *bytes; /* of a size that is not rounded up, so that a sanitizer sees its end; to be freed */
	size_t size;
};

/* false: the input is too short. */
static inline bool datagram_take(const uint8_t *data, size_t size, struct datagram *datagram)
{
	if (size < 33)
		return false;
	memcpy(&datagram->source, data, 16);
	memcpy(&datagram->destination, data + 16, 16);
	datagram->hop_limit = data[32];
	datagram->size = size - 33;
	datagram->bytes = malloc(datagram->size ? datagram->size : 1);
	memcpy(datagram->bytes, data + 33, datagram->size);
	return true;
}
