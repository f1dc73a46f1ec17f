/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds-checked reading and writing of big-endian bytes.
 *
 * A cursor that runs past its end turns `failed` and stays so; readers then return zeros and writers write
 * nothing. Callers do their reads or writes in one go and test `failed` once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *next;
	const uint8_t *end;
	bool failed;
};

struct writer {
	uint8_t *next;
	uint8_t *end;
	bool failed;
};

static inline struct reader reader_of(const void *bytes, size_t size)
{
	return (struct reader){.next = bytes, .end = (const uint8_t *)bytes + size};
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->next);
}

/* The next `size` bytes, or NULL and `failed`. */
static inline const uint8_t *read_bytes(struct reader *r, size_t size)
{
	if (r->failed || reader_left(r) < size) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *at = r->next;
	r->next += size;
	return at;
}

static inline uint8_t read_u8(struct reader *r)
{
	const uint8_t *b = read_bytes(r, 1);
	return b ? b[0] : 0;
}

static inline uint16_t read_u16(struct reader *r)
{
	const uint8_t *b = read_bytes(r, 2);
	return b ? (uint16_t)(b[0] << 8 | b[1]) : 0;
}

static inline uint32_t read_u32(struct reader *r)
{
	const uint8_t *b = read_bytes(r, 4);
	return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

static inline struct writer writer_of(void *bytes, size_t size)
{
	return (struct writer){.next = bytes, .end = (uint8_t *)bytes + size};
}

/* Whether `size` more bytes fit; if not, `failed`. */
static inline bool write_fits(struct writer *w, size_t size)
{
	if (w->failed || (size_t)(w->end - w->next) < size)
		w->failed = true;
	return !w->failed;
}

static inline void write_bytes(struct writer *w, const void *bytes, size_t size)
{
	if (!write_fits(w, size))
		return;
	memcpy(w->next, bytes, size);
	w->next += size;
}

static inline void write_u8(struct writer *w, uint8_t value)
{
	if (write_fits(w, 1))
		*w->next++ = value;
}

static inline void write_u16(struct writer *w, uint16_t value)
{
	write_u8(w, (uint8_t)(value >> 8));
	write_u8(w, (uint8_t)value);
}

static inline void write_u32(struct writer *w, uint32_t value)
{
	write_u16(w, (uint16_t)(value >> 16));
	write_u16(w, (uint16_t)value);
}
