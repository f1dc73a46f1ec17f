/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hellos: bytes <-> struct hello. See vipd/hello.h for the frame; the fields are
 *
 *	1 node		text
 *	2 version	text
 *	3 boot		boot id (16), number (8), interval of hellos in ms (4)
 *	4 address	(16)
 *	5 status	state, health, priority, effective priority (1 each), flags (1)
 *	6 reason	text
 *	7 settings	interval of adverts in ms (4), preempt, auth mode, count of keys, their ids (1 each)
 *	8 addresses	virtual ones (16 each)
 *	9 cause		reason of its state (1), age of that in ms (4), text
 *	10 lowered	by so much is the priority lower (1), text
 *
 * A value may be longer than what is known of it: a later version may have added to its end.
 */
#include "vipd/hello.h"

#include "vipd/advert.h"
#include "wire/frame.h"

enum field {
	FIELD_NODE = 1,
	FIELD_VERSION,
	FIELD_BOOT,
	FIELD_ADDRESS,
	FIELD_STATUS,
	FIELD_REASON,
	FIELD_SETTINGS,
	FIELD_ADDRESSES,
	FIELD_CAUSE,
	FIELD_LOWERED,
	FIELDS
};
#define REQUIRED (1U << FIELD_NODE | 1U << FIELD_BOOT | 1U << FIELD_STATUS | 1U << FIELD_SETTINGS)

enum { STATUS_DRAINED = 1, STATUS_CANDIDATE = 2, STATUS_HELD = 4, STATUS_LEAVING = 8 };

/* ---- reading ---- */

/* Names and reasons are shown to people: whatever could trick a terminal or a log becomes '?'. */
static bool read_text(struct reader *r, char *text, size_t room)
{
	size_t size = reader_left(r), kept = size < room ? size : room - 1;
	const uint8_t *bytes = read_bytes(r, size);
	if (!bytes)
		return false;
	for (size_t i = 0; i < kept; i++)
		text[i] = (char)(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '?');
	text[kept] = '\0';
	return true;
}

static void read_address(struct reader *r, struct address *address)
{
	const uint8_t *bytes = read_bytes(r, sizeof *address);
	if (bytes)
		memcpy(address, bytes, sizeof *address);
}

static bool read_boot(struct reader *r, struct hello *hello)
{
	const uint8_t *boot = read_bytes(r, HELLO_BOOT_SIZE);
	if (boot)
		memcpy(hello->boot, boot, HELLO_BOOT_SIZE);
	hello->number = (uint64_t)read_u32(r) << 32;
	hello->number |= read_u32(r);
	hello->interval_ms = read_u32(r);
	return hello->interval_ms >= HELLO_INTERVAL_MIN && hello->interval_ms <= HELLO_INTERVAL_MAX;
}

static bool read_status(struct reader *r, struct hello *hello)
{
	hello->state = read_u8(r);
	hello->health = read_u8(r);
	hello->priority = read_u8(r);
	hello->effective_priority = read_u8(r);
	uint8_t flags = read_u8(r);
	hello->drained = flags & STATUS_DRAINED;
	hello->candidate = flags & STATUS_CANDIDATE;
	hello->held = flags & STATUS_HELD;
	hello->leaving = flags & STATUS_LEAVING;
	return hello->state < HELLO_STATES && hello->health < HELLO_HEALTHS;
}

static bool read_settings(struct reader *r, struct hello *hello)
{
	hello->advert_interval_ms = read_u32(r);
	hello->preempt = read_u8(r);
	hello->auth = read_u8(r);
	hello->key_count = read_u8(r);
	for (unsigned i = 0; i < hello->key_count && i < HELLO_KEYS_MAX; i++)
		hello->keys[i] = read_u8(r);
	return hello->auth < HELLO_AUTHS && hello->key_count <= HELLO_KEYS_MAX && hello->advert_interval_ms;
}

static bool read_addresses(struct reader *r, struct hello *hello)
{
	size_t count = reader_left(r) / sizeof(struct address);
	if (reader_left(r) % sizeof(struct address) || count > HELLO_ADDRESSES_MAX)
		return false;
	hello->address_count = (uint8_t)count;
	for (size_t i = 0; i < count; i++)
		read_address(r, &hello->addresses[i]);
	return true;
}

static bool read_cause(struct reader *r, struct hello *hello)
{
	hello->cause = read_u8(r);
	hello->state_ms = read_u32(r);
	return hello->cause && read_text(r, hello->cause_text, sizeof hello->cause_text);
}

static bool read_lowered(struct reader *r, struct hello *hello)
{
	hello->lowered = read_u8(r);
	return hello->lowered && read_text(r, hello->lowered_text, sizeof hello->lowered_text);
}

static bool read_field(void *context, unsigned type, struct reader *r)
{
	struct hello *hello = context;
	switch ((enum field)type) {
	case FIELD_NODE: return reader_left(r) && read_text(r, hello->node, sizeof hello->node);
	case FIELD_VERSION: return read_text(r, hello->version, sizeof hello->version);
	case FIELD_BOOT: return read_boot(r, hello);
	case FIELD_ADDRESS:
		read_address(r, &hello->address);
		if (address_is_unspecified(&hello->address)) /* of either family */
			hello->address = (struct address){0};
		return true;
	case FIELD_STATUS: return read_status(r, hello);
	case FIELD_REASON: return read_text(r, hello->reason, sizeof hello->reason);
	case FIELD_SETTINGS: return read_settings(r, hello);
	case FIELD_ADDRESSES: return read_addresses(r, hello);
	case FIELD_CAUSE: return read_cause(r, hello);
	case FIELD_LOWERED: return read_lowered(r, hello);
	case FIELDS: break;
	}
	return true;
}

enum hello_verdict hello_parse(
    const uint8_t *bytes, size_t size, const struct hello_envelope *envelope, struct hello *hello)
{
	struct frame frame;
	enum hello_verdict verdict = frame_parse(bytes, size, envelope, FRAME_HELLO, &frame);
	if (verdict != HELLO_OK)
		return verdict;
	struct hello h = {.family = frame.family, .vrid = frame.vrid, .is_signed = frame.is_signed};
	verdict = frame_read_fields(&frame.fields, FIELDS, REQUIRED, read_field, &h);
	if (verdict == HELLO_OK)
		*hello = h;
	return verdict;
}

/* ---- writing ---- */

static void write_text(struct writer *w, enum field type, const char *text)
{
	size_t size = strlen(text);
	if (!size)
		return;
	write_u8(w, (uint8_t)type);
	write_u16(w, (uint16_t)size);
	write_bytes(w, text, size);
}

static void write_boot(struct writer *w, const struct hello *hello)
{
	write_u8(w, FIELD_BOOT);
	write_u16(w, HELLO_BOOT_SIZE + 12);
	write_bytes(w, hello->boot, HELLO_BOOT_SIZE);
	write_u32(w, (uint32_t)(hello->number >> 32));
	write_u32(w, (uint32_t)hello->number);
	write_u32(w, hello->interval_ms);
}

static void write_status(struct writer *w, const struct hello *hello)
{
	write_u8(w, FIELD_STATUS);
	write_u16(w, 5);
	write_u8(w, hello->state);
	write_u8(w, hello->health);
	write_u8(w, hello->priority);
	write_u8(w, hello->effective_priority);
	write_u8(
	    w, (uint8_t)((hello->drained ? STATUS_DRAINED : 0) | (hello->candidate ? STATUS_CANDIDATE : 0) |
			 (hello->held ? STATUS_HELD : 0) | (hello->leaving ? STATUS_LEAVING : 0)));
}

static void write_settings(struct writer *w, const struct hello *hello)
{
	write_u8(w, FIELD_SETTINGS);
	write_u16(w, (uint16_t)(7 + hello->key_count));
	write_u32(w, hello->advert_interval_ms);
	write_u8(w, hello->preempt);
	write_u8(w, hello->auth);
	write_u8(w, hello->key_count);
	write_bytes(w, hello->keys, hello->key_count);
}

static void write_addresses(
    struct writer *w, enum field type, const struct address *addresses, unsigned count)
{
	if (!count)
		return;
	write_u8(w, (uint8_t)type);
	write_u16(w, (uint16_t)(count * sizeof *addresses));
	write_bytes(w, addresses, count * sizeof *addresses);
}

static void write_cause(struct writer *w, const struct hello *hello)
{
	size_t size = strlen(hello->cause_text);
	if (!hello->cause)
		return;
	write_u8(w, FIELD_CAUSE);
	write_u16(w, (uint16_t)(5 + size));
	write_u8(w, hello->cause);
	write_u32(w, hello->state_ms);
	write_bytes(w, hello->cause_text, size);
}

static void write_lowered(struct writer *w, const struct hello *hello)
{
	size_t size = strlen(hello->lowered_text);
	if (!hello->lowered)
		return;
	write_u8(w, FIELD_LOWERED);
	write_u16(w, (uint16_t)(1 + size));
	write_u8(w, hello->lowered);
	write_bytes(w, hello->lowered_text, size);
}

size_t hello_build(const struct hello *hello, uint8_t *bytes, size_t room)
{
	if (hello->address_count > HELLO_ADDRESSES_MAX || hello->key_count > HELLO_KEYS_MAX)
		return 0;
	const struct frame frame = {
	    .family = hello->family, .vrid = hello->vrid, .is_signed = hello->is_signed};
	struct writer w = frame_begin(&frame, FRAME_HELLO, bytes, room);
	write_text(&w, FIELD_NODE, hello->node);
	write_text(&w, FIELD_VERSION, hello->version);
	write_boot(&w, hello);
	write_addresses(&w, FIELD_ADDRESS, &hello->address, address_is_unspecified(&hello->address) ? 0 : 1);
	write_status(&w, hello);
	write_text(&w, FIELD_REASON, hello->reason);
	write_settings(&w, hello);
	write_addresses(&w, FIELD_ADDRESSES, hello->addresses, hello->address_count);
	write_cause(&w, hello);
	write_lowered(&w, hello);
	return frame_end(&frame, &w, bytes);
}

/* ---- authentication ---- */

void hello_sign(const struct auth_key *key, const struct address *source, const struct address *destination,
    uint64_t sequence, uint8_t *bytes, size_t size)
{
	size_t signed_size = size - ADVERT_TRAILER_SIZE;
	auth_sign_hello(key, source, destination, bytes, signed_size, sequence, bytes + signed_size);
}

enum hello_verdict hello_verify(const struct auth_key *keys, size_t key_count, struct auth_replay *replay,
    const struct hello_envelope *envelope, const uint8_t *bytes, size_t size, int64_t realtime_us,
    int64_t interval_us)
{
	_Static_assert(HELLO_AUTH_REPLAYED - HELLO_AUTH_UNEXPECTED ==
			   (int)ADVERT_AUTH_REPLAYED - (int)ADVERT_AUTH_UNEXPECTED,
	    "the same reasons in the same order");
	size_t signed_size = size - ADVERT_TRAILER_SIZE;
	const struct auth_packet packet = {&envelope->source, bytes, signed_size, bytes + signed_size};
	enum advert_verdict verdict = auth_verify_hello(
	    keys, key_count, replay, &packet, &envelope->destination, realtime_us, interval_us);
	return verdict == ADVERT_OK ? HELLO_OK
				    : (enum hello_verdict)(HELLO_AUTH_UNEXPECTED +
							   ((int)verdict - (int)ADVERT_AUTH_UNEXPECTED));
}
