/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing and verifying adverts. See vipd/auth.h for the trailer. The HMAC is over, in this order:
 *
 *	{6, 3, vrid, 0, source address}		a pseudo-header: IP version, VRRP version; 16 bytes for
 *						the address, an IPv4 one with zeros behind it
 *	the PDU, its checksum as zero
 *	the first 12 bytes of the trailer, 16 zero bytes
 *
 * For a hello: source and destination address, the hello, the same of the trailer; with another key.
 *
 * HMAC is two runs of SHA-256 that begin with the same block for every packet (RFC 2104 section 4), so the
 * states after that block are kept instead of the key. Nettle's SHA-256 works in the memory of its caller;
 * libcrypto's (EVP_MAC, EVP_Digest) allocates twice a packet, and costs half a megabyte in each process.
 */
#include "vipd/auth.h"

#include <nettle/memops.h>
#include <string.h>

#include "vipd/cursor.h"

#define TRAILER_TYPE   1
#define TRAILER_SIGNED 12 /* bytes in front of the MAC */
#define MAC_SIZE       16

const char *auth_key_error_text(enum auth_key_error error)
{
	static const char *const texts[AUTH_KEY_ERRORS] = {
	    [AUTH_KEY_OK] = "ok",
	    [AUTH_KEY_EMPTY] = "the file is empty; write one line: hex: and 64 to 128 hexadecimal digits",
	    [AUTH_KEY_TOO_SHORT] =
		"the key is shorter than 32 bytes; make a new one: echo hex:$(openssl rand -hex 32)",
	    [AUTH_KEY_TOO_LONG] = "the key is longer than 64 bytes, or the file has more than one line; "
				  "one line with 32 to 64 bytes is right",
	    [AUTH_KEY_BAD_HEX] = "after hex: only 0-9, a-f and A-F may follow, up to the end of the line",
	    [AUTH_KEY_ODD_HEX] = "after hex: the number of digits is odd; two digits make one byte",
	    [AUTH_KEY_NOT_ASCII] =
		"there is a character that is not printable ASCII (a carriage return, a second line?); "
		"write such a key as hex: and hexadecimal digits",
	};
	return error < AUTH_KEY_ERRORS ? texts[error] : "unknown";
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes into `raw`, which has room for AUTH_KEY_SIZE_MAX; the caller has checked the size. */
static enum auth_key_error decode_hex(const uint8_t *digits, size_t count, uint8_t *raw)
{
	for (size_t i = 0; i < count; i++) {
		int value = hex_digit(digits[i]);
		if (value < 0)
			return AUTH_KEY_BAD_HEX;
		raw[i / 2] = (uint8_t)(raw[i / 2] << 4 | value);
	}
	return count % 2 == 0 ? AUTH_KEY_OK : AUTH_KEY_ODD_HEX;
}

static enum auth_key_error decode_ascii(const uint8_t *text, size_t size, uint8_t *raw)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return AUTH_KEY_NOT_ASCII;
		raw[i] = text[i];
	}
	return AUTH_KEY_OK;
}

/* RFC 2104: the state of SHA-256 after one block of key XOR pad. */
static void pad_state(const uint8_t *raw, uint8_t pad, struct sha256_ctx *state)
{
	uint8_t block[AUTH_KEY_SIZE_MAX];
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = raw[i] ^ pad;
	sha256_init(state);
	sha256_update(state, sizeof block, block);
	explicit_bzero(block, sizeof block);
}

static void hmac_end(
    const struct auth_key *key, struct sha256_ctx *sha, uint8_t mac[static SHA256_DIGEST_SIZE])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_digest(sha, sizeof digest, digest);
	*sha = key->outer;
	sha256_update(sha, sizeof digest, digest);
	sha256_digest(sha, SHA256_DIGEST_SIZE, mac);
	explicit_bzero(sha, sizeof *sha);
}

enum auth_key_error auth_key_parse(uint8_t id, const uint8_t *text, size_t size, struct auth_key *key)
{
	if (size > 0 && text[size - 1] == '\n')
		size--;
	if (size == 0)
		return AUTH_KEY_EMPTY;
	bool hex = size >= 4 && memcmp(text, "hex:", 4) == 0;
	if (hex) {
		text += 4;
		size -= 4;
	}
	size_t raw_size = hex ? (size + 1) / 2 : size;
	if (raw_size > AUTH_KEY_SIZE_MAX)
		return AUTH_KEY_TOO_LONG;

	uint8_t raw[AUTH_KEY_SIZE_MAX] = {0};
	enum auth_key_error error = hex ? decode_hex(text, size, raw) : decode_ascii(text, size, raw);
	if (error == AUTH_KEY_OK && raw_size < AUTH_KEY_SIZE_MIN)
		error = AUTH_KEY_TOO_SHORT;
	if (error == AUTH_KEY_OK) {
		key->id = id;
		pad_state(raw, 0x36, &key->inner);
		pad_state(raw, 0x5c, &key->outer);
	}
	explicit_bzero(raw, sizeof raw);
	return error;
}

void auth_key_derive(const struct auth_key *key, const char *label, uint8_t derived[static AUTH_DERIVED_SIZE])
{
	struct sha256_ctx sha = key->inner;
	sha256_update(&sha, strlen(label), (const uint8_t *)label);
	hmac_end(key, &sha, derived);
}

void auth_key_of(uint8_t id, const uint8_t derived[static AUTH_DERIVED_SIZE], struct auth_key *key)
{
	uint8_t raw[AUTH_KEY_SIZE_MAX] = {0};
	memcpy(raw, derived, AUTH_DERIVED_SIZE);
	key->id = id;
	pad_state(raw, 0x36, &key->inner);
	pad_state(raw, 0x5c, &key->outer);
	explicit_bzero(raw, sizeof raw);
}

void auth_key_wipe(struct auth_key *key)
{
	explicit_bzero(key, sizeof *key);
}

/* RFC 1982 section 3.2 with 64 bits: a comes after b. Two that are half the circle apart are not in order. */
static bool sequence_after(uint64_t a, uint64_t b)
{
	return a != b && a - b < UINT64_C(1) << 63;
}

/* One whole turn of the circle is added, so that also a clock before 1970 counts upwards. */
static uint64_t sequence_at(int64_t realtime_us)
{
	uint64_t us = (uint64_t)realtime_us + (UINT64_C(1) << 32) * USEC_PER_SEC;
	uint64_t seconds = us / USEC_PER_SEC;
	uint64_t fraction = us % USEC_PER_SEC;
	return seconds << 32 | ((fraction << 16) / USEC_PER_SEC) << 16;
}

uint64_t auth_sequence_next(struct auth_sequence *sequence, int64_t realtime_us)
{
	uint64_t next = sequence_at(realtime_us);
	if (sequence->started && !sequence_after(next, sequence->last))
		next = sequence->last + 1;
	sequence->started = true;
	sequence->last = next;
	return next;
}

/* What is signed in front of the trailer: two pieces. */
struct signed_bytes {
	const uint8_t *head;
	size_t head_size;
	const uint8_t *rest;
	size_t rest_size;
};

static void mac_compute(const struct auth_key *key, const struct signed_bytes *bytes, const uint8_t *trailer,
    uint8_t mac[static SHA256_DIGEST_SIZE])
{
	uint8_t tail[TRAILER_SIGNED + MAC_SIZE] = {0};
	memcpy(tail, trailer, TRAILER_SIGNED);
	struct sha256_ctx sha = key->inner;
	sha256_update(&sha, bytes->head_size, bytes->head);
	sha256_update(&sha, bytes->rest_size, bytes->rest);
	sha256_update(&sha, sizeof tail, tail);
	hmac_end(key, &sha, mac);
}

static void trailer_write(
    const struct auth_key *key, const struct signed_bytes *bytes, uint64_t sequence, uint8_t *trailer)
{
	uint8_t mac[SHA256_DIGEST_SIZE];
	struct writer w = writer_of(trailer, ADVERT_TRAILER_SIZE);
	write_u8(&w, TRAILER_TYPE);
	write_u8(&w, key->id);
	write_u16(&w, 0);
	write_u32(&w, (uint32_t)(sequence >> 32));
	write_u32(&w, (uint32_t)sequence);
	mac_compute(key, bytes, trailer, mac);
	write_bytes(&w, mac, MAC_SIZE);
}

#define ADVERT_HEAD_SIZE (20 + ADVERT_HEADER_SIZE)
#define HELLO_HEAD_SIZE	 (2 * sizeof(struct address))

static struct signed_bytes advert_bytes(
    uint8_t head[static ADVERT_HEAD_SIZE], const struct address *source, const uint8_t *pdu, size_t size)
{
	memset(head, 0, ADVERT_HEAD_SIZE);
	memcpy(head, (const uint8_t[]){vrrp_family_of(source)->ip_version, 3, pdu[1]}, 3);
	memcpy(head + 4, address_bytes(source), address_size(source));
	memcpy(head + 20, pdu, 6); /* up to the checksum */
	return (struct signed_bytes){
	    head, ADVERT_HEAD_SIZE, pdu + ADVERT_HEADER_SIZE, size - ADVERT_HEADER_SIZE};
}

static struct signed_bytes hello_bytes(uint8_t head[static HELLO_HEAD_SIZE], const struct address *source,
    const struct address *destination, const uint8_t *bytes, size_t size)
{
	memcpy(head, source, sizeof *source);
	memcpy(head + sizeof *source, destination, sizeof *destination);
	return (struct signed_bytes){head, HELLO_HEAD_SIZE, bytes, size};
}

void auth_sign(const struct auth_key *key, const struct address *source, const uint8_t *pdu, size_t size,
    uint64_t sequence, uint8_t trailer[static ADVERT_TRAILER_SIZE])
{
	uint8_t head[ADVERT_HEAD_SIZE];
	struct signed_bytes bytes = advert_bytes(head, source, pdu, size);
	trailer_write(key, &bytes, sequence, trailer);
}

void auth_sign_hello(const struct auth_key *key, const struct address *source,
    const struct address *destination, const uint8_t *hello, size_t size, uint64_t sequence,
    uint8_t trailer[static ADVERT_TRAILER_SIZE])
{
	uint8_t head[HELLO_HEAD_SIZE];
	struct signed_bytes bytes = hello_bytes(head, source, destination, hello, size);
	trailer_write(key, &bytes, sequence, trailer);
}

static const struct auth_key *key_find(const struct auth_key *keys, size_t key_count, uint8_t id)
{
	for (size_t i = 0; i < key_count; i++) {
		if (keys[i].id == id)
			return &keys[i];
	}
	return NULL;
}

static struct auth_mark *mark_find(struct auth_replay *replay, const struct address *source)
{
	for (size_t i = 0; i < AUTH_SOURCES_MAX; i++) {
		struct auth_mark *mark = &replay->marks[i];
		if (mark->used && address_equal(&mark->source, source))
			return mark;
	}
	return NULL;
}

static struct auth_mark *mark_oldest(struct auth_replay *replay)
{
	struct auth_mark *oldest = &replay->marks[0];
	for (size_t i = 1; i < AUTH_SOURCES_MAX; i++) {
		if (replay->marks[i].used < oldest->used)
			oldest = &replay->marks[i];
	}
	return oldest;
}

static bool within_window(uint64_t sequence, int64_t realtime_us, int64_t interval_us)
{
	int64_t window_us = auth_window(interval_us);
	uint64_t earliest = sequence_at(realtime_us - window_us);
	uint64_t latest = sequence_at(realtime_us + window_us);
	return !sequence_after(earliest, sequence) && !sequence_after(sequence, latest);
}

static enum advert_verdict trailer_verify(const struct auth_key *keys, size_t key_count,
    struct auth_replay *replay, const struct address *source, const struct signed_bytes *bytes,
    const uint8_t *trailer, int64_t realtime_us, int64_t interval_us)
{
	const struct auth_trailer said = auth_trailer_read(trailer);
	if (said.type != TRAILER_TYPE || said.reserved != 0)
		return ADVERT_AUTH_MALFORMED;
	const struct auth_key *key = key_find(keys, key_count, said.key_id);
	if (!key)
		return ADVERT_AUTH_UNKNOWN_KEY;
	if (!within_window(said.sequence, realtime_us, interval_us))
		return ADVERT_AUTH_STALE;
	struct auth_mark *mark = mark_find(replay, source);
	if (mark && !sequence_after(said.sequence, mark->sequence))
		return ADVERT_AUTH_REPLAYED;

	uint8_t mac[SHA256_DIGEST_SIZE];
	mac_compute(key, bytes, trailer, mac);
	if (!memeql_sec(mac, trailer + TRAILER_SIGNED, MAC_SIZE))
		return ADVERT_AUTH_BAD_MAC;

	if (!mark)
		mark = mark_oldest(replay);
	*mark = (struct auth_mark){.source = *source, .sequence = said.sequence, .used = ++replay->uses};
	return ADVERT_OK;
}

enum advert_verdict auth_verify(const struct auth_key *keys, size_t key_count, struct auth_replay *replay,
    const struct auth_packet *packet, int64_t realtime_us, int64_t interval_us)
{
	uint8_t head[ADVERT_HEAD_SIZE];
	struct signed_bytes bytes = advert_bytes(head, packet->source, packet->pdu, packet->size);
	return trailer_verify(
	    keys, key_count, replay, packet->source, &bytes, packet->trailer, realtime_us, interval_us);
}

enum advert_verdict auth_verify_hello(const struct auth_key *keys, size_t key_count,
    struct auth_replay *replay, const struct auth_packet *hello, const struct address *destination,
    int64_t realtime_us, int64_t interval_us)
{
	uint8_t head[HELLO_HEAD_SIZE];
	struct signed_bytes bytes = hello_bytes(head, hello->source, destination, hello->pdu, hello->size);
	return trailer_verify(
	    keys, key_count, replay, hello->source, &bytes, hello->trailer, realtime_us, interval_us);
}
