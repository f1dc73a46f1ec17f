/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authentication trailer of adverts (draft-cassen-vrrp-auth-hmac-00, compatible with keepalived 2.4.1
 * and later):
 *
 *	type (1) = 1 | key id (1) | reserved (2) = 0 | sequence (8) | HMAC-SHA256 truncated to 16 bytes
 *
 * Pure: keys come as bytes, time as an argument, and all state is the caller's. Nothing here allocates.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nettle/sha2.h>

#include "vipd/address.h"
#include "vipd/advert.h"
#include "vipd/mono.h"

#define AUTH_KEY_SIZE_MIN 32
#define AUTH_KEY_SIZE_MAX 64 /* one block of SHA-256 */
#define AUTH_DERIVED_SIZE 32
#define AUTH_SOURCES_MAX  16

/*
 * A key, ready for use: the states of SHA-256 after the inner and the outer pad. As secret as the key
 * itself.
 */
struct auth_key {
	uint8_t id;
	struct sha256_ctx inner;
	struct sha256_ctx outer;
};

enum auth_key_error {
	AUTH_KEY_OK,
	AUTH_KEY_EMPTY,
	AUTH_KEY_TOO_SHORT,
	AUTH_KEY_TOO_LONG,
	AUTH_KEY_BAD_HEX,
	AUTH_KEY_ODD_HEX,
	AUTH_KEY_NOT_ASCII,
	AUTH_KEY_ERRORS
};

/* What is wrong with the key file, and what would be right; never a byte of the key. */
const char *auth_key_error_text(enum auth_key_error error);

/*
 * Takes the content of a key file: AUTH_KEY_SIZE_MIN to AUTH_KEY_SIZE_MAX printable ASCII characters, or
 * "hex:" and that many bytes as hexadecimal digits; one newline at the end is not part of the key. *key is
 * written on AUTH_KEY_OK only. The caller wipes `text`.
 */
enum auth_key_error auth_key_parse(uint8_t id, const uint8_t *text, size_t size, struct auth_key *key);

/*
 * A key for another purpose, made from this one: HMAC of the label. Who has it knows nothing of the key, and
 * cannot sign adverts.
 */
void auth_key_derive(
    const struct auth_key *key, const char *label, uint8_t derived[static AUTH_DERIVED_SIZE]);
void auth_key_of(uint8_t id, const uint8_t derived[static AUTH_DERIVED_SIZE], struct auth_key *key);

/* Of hellos: what the guardian hands to control. */
#define AUTH_LABEL_HELLO "vipd hello 1"

/* Overwrites the key so that no compiler leaves it out. */
void auth_key_wipe(struct auth_key *key);

/*
 * A sequence is a point in time in units of 2^-32 s since 1970, modulo 2^64 (136 years): seconds (32
 * bits), 2^-16 s (16), and a counter (16) for those that fall into the same one.
 */
struct auth_sequence {
	bool started;
	uint64_t last;
};

/* The next sequence to sign with: max(wall clock, last + 1). It grows also while the clock goes back. */
uint64_t auth_sequence_next(struct auth_sequence *sequence, int64_t realtime_us);

/*
 * Writes the trailer for `pdu` (8 + 16·n bytes; its checksum counts as zero). The checksum of the packet
 * covers the trailer, so it is made afterwards: advert_build() without trailer, auth_sign(),
 * advert_build() with it.
 */
void auth_sign(const struct auth_key *key, const struct address *source, const uint8_t *pdu, size_t size,
    uint64_t sequence, uint8_t trailer[static ADVERT_TRAILER_SIZE]);

/*
 * What a receiver remembers, one a virtual router: the highest sequence of each source. Only who has a key
 * gets into the table; when it is full, the source that was silent for longest goes. All zero: empty.
 */
struct auth_replay {
	uint64_t uses;
	struct auth_mark {
		struct address source;
		uint64_t sequence;
		uint64_t used; /* value of uses; 0: empty */
	} marks[AUTH_SOURCES_MAX];
};

/* One received advert. */
struct auth_packet {
	const struct address *source;
	const uint8_t *pdu;
	size_t size;		/* of the PDU, at least ADVERT_HEADER_SIZE */
	const uint8_t *trailer; /* ADVERT_TRAILER_SIZE bytes */
};

/* What stands in a trailer in front of the MAC; nothing of it is checked. */
struct auth_trailer {
	uint8_t type;
	uint8_t key_id;
	uint16_t reserved;
	uint64_t sequence;
};

struct auth_trailer auth_trailer_read(const uint8_t bytes[static ADVERT_TRAILER_SIZE]);

/* By how many microseconds the time of a sequence is ahead of this wall clock. */
int64_t auth_sequence_ahead(uint64_t sequence, int64_t realtime_us);

/*
 * How far the time in a trailer may be from the receiver's wall clock: three intervals (of adverts, or of
 * hellos), at least 5 s.
 */
static inline int64_t auth_window(int64_t interval_us)
{
	int64_t least_us = 5 * USEC_PER_SEC, us = 3 * interval_us;
	return us > least_us ? us : least_us;
}

/*
 * Checks the trailer, cheap things first; changes *replay on ADVERT_OK only. realtime_us: wall clock;
 * interval_us: advertisement interval in force. The sequence may differ from the wall clock by
 * auth_window(). Returns ADVERT_OK, ADVERT_AUTH_MALFORMED, _UNKNOWN_KEY, _STALE (outside the
 * window), _REPLAYED (not above the mark of its source) or _BAD_MAC.
 */
enum advert_verdict auth_verify(const struct auth_key *keys, size_t key_count, struct auth_replay *replay,
    const struct auth_packet *packet, int64_t realtime_us, int64_t interval_us);

/* The same trailer behind a hello (vipd/hello.h): any bytes, and the destination is signed, too. */
void auth_sign_hello(const struct auth_key *key, const struct address *source,
    const struct address *destination, const uint8_t *hello, size_t size, uint64_t sequence,
    uint8_t trailer[static ADVERT_TRAILER_SIZE]);
enum advert_verdict auth_verify_hello(const struct auth_key *keys, size_t key_count,
    struct auth_replay *replay, const struct auth_packet *hello, const struct address *destination,
    int64_t realtime_us, int64_t interval_us);
