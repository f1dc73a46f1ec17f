/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the trailer of a signed packet, for those too who have no key.
 */
#include "vipd/auth.h"
#include "vipd/cursor.h"

struct auth_trailer auth_trailer_read(const uint8_t bytes[static ADVERT_TRAILER_SIZE])
{
	struct reader r = reader_of(bytes, ADVERT_TRAILER_SIZE);
	struct auth_trailer trailer = {.type = read_u8(&r)};
	trailer.key_id = read_u8(&r);
	trailer.reserved = read_u16(&r);
	trailer.sequence = (uint64_t)read_u32(&r) << 32;
	trailer.sequence |= read_u32(&r);
	return trailer;
}

/* The difference of 32-bit seconds is signed: right until 2106 and beyond. */
int64_t auth_sequence_ahead(uint64_t sequence, int64_t realtime_us)
{
	int64_t seconds = (int32_t)((uint32_t)(sequence >> 32) - (uint32_t)(realtime_us / USEC_PER_SEC));
	int64_t us = (int64_t)((sequence & UINT32_MAX) * (uint64_t)USEC_PER_SEC >> 32);
	return seconds * USEC_PER_SEC + us - realtime_us % USEC_PER_SEC;
}
