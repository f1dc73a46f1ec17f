/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of connections: bytes <-> struct connections. See vipd/connections.h for the frame; the fields are
 *
 *	1 list		kind (1), number of the list (8), generation (8), known (4), part (2), parts (2)
 *	2 added		virtual address (16), port (2), client (16), its port (2); of each
 *	3 removed	the same
 *
 * The first may be longer than what is known of it: a later version may have added to its end.
 */
#include "vipd/connections.h"

#include "vipd/cursor.h"
#include "wire/frame.h"

#define ENTRY_SIZE 36

enum field { FIELD_LIST = 1, FIELD_ADDED, FIELD_REMOVED, FIELDS };

bool connections_are_in(const uint8_t *bytes, size_t size)
{
	return size >= 4 && memcmp(bytes, FRAME_CONNECTIONS, 4) == 0;
}

int client_compare(const struct client *a, const struct client *b)
{
	int order = address_compare(&a->local, &b->local);
	if (!order)
		order = (int)a->local_port - b->local_port;
	if (!order)
		order = address_compare(&a->address, &b->address);
	return order ? order : (int)a->port - b->port;
}

/* ---- reading ---- */

static uint64_t read_u64(struct reader *r)
{
	uint64_t high = read_u32(r);
	return high << 32 | read_u32(r);
}

static bool read_list(struct reader *r, struct connections *c)
{
	c->kind = read_u8(r);
	c->list = read_u64(r);
	c->generation = read_u64(r);
	c->known = read_u32(r);
	c->part = read_u16(r);
	c->parts = read_u16(r);
	return c->kind >= CONNECTIONS_CHANGES && c->kind < CONNECTIONS_KINDS &&
	       (c->kind == CONNECTIONS_PART ? c->part < c->parts : !c->part && !c->parts);
}

static bool read_clients(struct reader *r, struct connections *c, unsigned *count)
{
	size_t clients = reader_left(r) / ENTRY_SIZE;
	if (reader_left(r) % ENTRY_SIZE || clients > CONNECTIONS_DATAGRAM - c->added - c->removed)
		return false;
	for (size_t i = 0; i < clients; i++) {
		struct client *of = &c->of[c->added + c->removed];
		memcpy(&of->local, read_bytes(r, sizeof of->local), sizeof of->local);
		of->local_port = read_u16(r);
		memcpy(&of->address, read_bytes(r, sizeof of->address), sizeof of->address);
		of->port = read_u16(r);
		++*count;
	}
	return true;
}

static bool read_field(void *context, unsigned type, struct reader *r)
{
	struct connections *c = context;
	switch ((enum field)type) {
	case FIELD_LIST: return read_list(r, c);
	case FIELD_ADDED: return !c->removed && read_clients(r, c, &c->added);
	case FIELD_REMOVED: return read_clients(r, c, &c->removed);
	case FIELDS: break;
	}
	return false;
}

/* Only changes remove, and who asks says nothing else. */
static bool fits_kind(const struct connections *c)
{
	return c->kind == CONNECTIONS_CHANGES || (!c->removed && (c->kind == CONNECTIONS_PART || !c->added));
}

enum hello_verdict connections_parse(
    const uint8_t *bytes, size_t size, const struct hello_envelope *envelope, struct connections *connections)
{
	struct frame frame;
	enum hello_verdict verdict = frame_parse(bytes, size, envelope, FRAME_CONNECTIONS, &frame);
	if (verdict != HELLO_OK)
		return verdict;
	struct connections c = {.family = frame.family, .vrid = frame.vrid, .is_signed = frame.is_signed};
	verdict = frame_read_fields(&frame.fields, FIELDS, 1U << FIELD_LIST, read_field, &c);
	if (verdict == HELLO_OK && !fits_kind(&c))
		verdict = HELLO_BAD_FIELD;
	if (verdict == HELLO_OK)
		*connections = c;
	return verdict;
}

/* ---- writing ---- */

static void write_u64(struct writer *w, uint64_t value)
{
	write_u32(w, (uint32_t)(value >> 32));
	write_u32(w, (uint32_t)value);
}

static void write_clients(struct writer *w, enum field type, const struct client *clients, unsigned count)
{
	if (!count)
		return;
	write_u8(w, (uint8_t)type);
	write_u16(w, (uint16_t)(count * ENTRY_SIZE));
	for (unsigned i = 0; i < count; i++) {
		write_bytes(w, &clients[i].local, sizeof clients[i].local);
		write_u16(w, clients[i].local_port);
		write_bytes(w, &clients[i].address, sizeof clients[i].address);
		write_u16(w, clients[i].port);
	}
}

size_t connections_build(const struct connections *connections, uint8_t *bytes, size_t room)
{
	const struct connections *c = connections;
	const struct frame frame = {.family = c->family, .vrid = c->vrid, .is_signed = c->is_signed};
	if (c->added + c->removed > CONNECTIONS_DATAGRAM)
		return 0;
	struct writer w = frame_begin(&frame, FRAME_CONNECTIONS, bytes, room);
	write_u8(&w, FIELD_LIST);
	write_u16(&w, 25);
	write_u8(&w, (uint8_t)c->kind);
	write_u64(&w, c->list);
	write_u64(&w, c->generation);
	write_u32(&w, c->known);
	write_u16(&w, c->part);
	write_u16(&w, c->parts);
	write_clients(&w, FIELD_ADDED, c->of, c->added);
	write_clients(&w, FIELD_REMOVED, c->of + c->added, c->removed);
	return frame_end(&frame, &w, bytes);
}
