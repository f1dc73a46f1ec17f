/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of datagrams on the group's port: whether one may come from a member at all, and of which virtual
 * router it speaks.
 */
#include "wire/frame.h"

#include "vipd/advert.h"

#define MAGIC_SIZE   4
#define VERSION	     1
#define FLAG_SIGNED  1
#define FAMILY_OTHER 0

static uint8_t family_of(uint8_t number)
{
	return number == 6 ? AF_INET6 : number == 4 ? AF_INET : FAMILY_OTHER;
}

/* As of adverts, RFC 9568 section 5.1.2.1. A unicast peer may be known by an address that is not link-local.
 */
static bool source_acceptable(const struct hello_envelope *envelope)
{
	const struct address *source = &envelope->source;
	if (address_is_multicast(&envelope->destination) && !address_is_ipv4(source))
		return address_is_link_local(source);
	return !address_is_multicast(source) && !address_is_unspecified(source);
}

static enum hello_verdict check_envelope(const struct hello_envelope *envelope)
{
	const struct address *destination = &envelope->destination;
	if (envelope->hop_limit != HELLO_HOP_LIMIT) /* it comes from this link */
		return HELLO_BAD_HOP_LIMIT;
	if (address_is_ipv4(destination) != address_is_ipv4(&envelope->source) ||
	    (address_is_multicast(destination) &&
		!address_equal(destination, &vrrp_family_of(destination)->group)))
		return HELLO_BAD_DESTINATION;
	return source_acceptable(envelope) ? HELLO_OK : HELLO_BAD_SOURCE;
}

enum hello_verdict frame_parse(const uint8_t *bytes, size_t size, const struct hello_envelope *envelope,
    const char magic[static 4], struct frame *frame)
{
	enum hello_verdict verdict = check_envelope(envelope);
	if (verdict != HELLO_OK)
		return verdict;
	if (size > HELLO_SIZE_MAX)
		return HELLO_TOO_LONG;
	struct reader r = reader_of(bytes, size);
	const uint8_t *kind = read_bytes(&r, MAGIC_SIZE);
	uint8_t version = read_u8(&r);
	uint8_t flags = read_u8(&r);
	uint8_t family = family_of(read_u8(&r));
	uint8_t vrid = read_u8(&r);
	bool is_signed = flags & FLAG_SIGNED;
	if (r.failed)
		return HELLO_TOO_SHORT;
	if (memcmp(kind, magic, MAGIC_SIZE) != 0)
		return HELLO_BAD_MAGIC;
	if (version != VERSION)
		return HELLO_BAD_VERSION;
	if (family == FAMILY_OTHER)
		return HELLO_BAD_FAMILY;
	if (is_signed && reader_left(&r) < ADVERT_TRAILER_SIZE)
		return HELLO_TOO_SHORT;
	if (is_signed)
		r.end -= ADVERT_TRAILER_SIZE;
	*frame = (struct frame){family, vrid, is_signed, r};
	return HELLO_OK;
}

enum hello_verdict frame_read_fields(struct reader *fields, unsigned types, unsigned required,
    bool (*read)(void *context, unsigned type, struct reader *value), void *context)
{
	unsigned found = 0;
	while (reader_left(fields)) {
		uint8_t type = read_u8(fields);
		uint16_t size = read_u16(fields);
		const uint8_t *bytes = read_bytes(fields, size);
		if (fields->failed)
			return HELLO_BAD_FIELD;
		if (type < 1 || type >= types)
			continue;
		struct reader value = reader_of(bytes, size);
		if (found >> type & 1 || !read(context, type, &value) || value.failed)
			return HELLO_BAD_FIELD;
		found |= 1U << type;
	}
	return (found & required) == required ? HELLO_OK : HELLO_MISSING_FIELD;
}

struct writer frame_begin(const struct frame *frame, const char magic[static 4], uint8_t *bytes, size_t room)
{
	struct writer w = writer_of(bytes, room < HELLO_SIZE_MAX ? room : HELLO_SIZE_MAX);
	write_bytes(&w, magic, MAGIC_SIZE);
	write_u8(&w, VERSION);
	write_u8(&w, frame->is_signed ? FLAG_SIGNED : 0);
	write_u8(&w, frame->family == AF_INET ? 4 : 6);
	write_u8(&w, frame->vrid);
	return w;
}

size_t frame_end(const struct frame *frame, struct writer *w, const uint8_t *bytes)
{
	static const uint8_t no_trailer[ADVERT_TRAILER_SIZE];
	if (frame->is_signed)
		write_bytes(w, no_trailer, sizeof no_trailer);
	return w->failed ? 0 : (size_t)(w->next - bytes);
}
