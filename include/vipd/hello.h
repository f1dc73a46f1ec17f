/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hellos: what each vipd says of a virtual router, once a second and when something changes. VRRP's Backups
 * are silent; from hellos the others know who is there and who can take over. No election needs them.
 *
 *	"vipd" | version (1) = 1 | flags (1): 1 = signed | family (1): 4 or 6 | VRID (1)
 *	fields: type (1) | size (2) | value
 *	if signed: the trailer of auth.h
 *
 * A field of an unknown type is skipped, so vipds of different versions understand each other; the version
 * changes only if that is no longer so. Pure: no I/O, no state, no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/auth.h"
#include "vipd/interval.h"

#define HELLO_PORT	    9752
#define HELLO_HOP_LIMIT	    255
#define HELLO_SIZE_MAX	    1232 /* fits the smallest MTU of IPv6, RFC 8200 section 5 */
#define HELLO_NODE_MAX	    64
#define HELLO_VERSION_MAX   32
#define HELLO_REASON_MAX    96
#define HELLO_CAUSE_MAX	    96
#define HELLO_BOOT_SIZE	    16
#define HELLO_ADDRESSES_MAX 16
#define HELLO_KEYS_MAX	    4
#define HELLO_STATES	    4 /* values of enum vrrp_state, vrrp_health and config_auth: no more in this version */
#define HELLO_HEALTHS	    3
#define HELLO_AUTHS	    4

/* Why a hello was refused: the `reason` label of the metric. Cheap checks come first. */
enum hello_verdict {
	HELLO_OK,
	HELLO_BAD_HOP_LIMIT,
	HELLO_BAD_DESTINATION, /* a group that is not ours, or of another family than the source */
	HELLO_BAD_SOURCE,      /* to the group, and not link-local */
	HELLO_TOO_LONG,
	HELLO_TOO_SHORT,
	HELLO_BAD_MAGIC,
	HELLO_BAD_VERSION,
	HELLO_BAD_FAMILY,
	HELLO_BAD_FIELD,      /* runs past the end, of a wrong size, an impossible value, or there twice */
	HELLO_MISSING_FIELD,  /* node, status or settings */
	HELLO_UNKNOWN_ROUTER, /* from here on found by control: no such virtual router on that interface */
	HELLO_OWN_PACKET,
	HELLO_UNKNOWN_PEER,
	HELLO_AUTH_UNEXPECTED, /* in the order of ADVERT_AUTH_UNEXPECTED … ADVERT_AUTH_REPLAYED */
	HELLO_AUTH_MISSING,
	HELLO_AUTH_MALFORMED,
	HELLO_AUTH_UNKNOWN_KEY,
	HELLO_AUTH_BAD_MAC,
	HELLO_AUTH_STALE,
	HELLO_AUTH_REPLAYED,
	HELLO_UNSIGNED, /* of a member that signs */
	HELLO_OLD,	/* one with a greater number came before */
	HELLO_ROSTER_FULL,
	HELLO_NOT_MEMBER, /* a list of connections of somebody who sends no hello */
	HELLO_NOT_ACTIVE, /* or who is not the Active that is followed here */
	HELLO_VERDICTS
};

/* "bad_hop_limit", … */
const char *hello_verdict_name(enum hello_verdict verdict);

struct hello {
	uint8_t family; /* AF_INET or AF_INET6: of the election */
	uint8_t vrid;
	bool is_signed;

	char node[HELLO_NODE_MAX];
	char version[HELLO_VERSION_MAX]; /* of vipd */
	uint8_t boot[HELLO_BOOT_SIZE];	 /* the kernel's boot id; zeros: not said */
	uint64_t number;		 /* grows with each hello of a boot */
	uint32_t interval_ms;		 /* of hellos */
	struct address address;		 /* that others should use for the node; unspecified: it has none */

	uint8_t state;	/* enum vrrp_state */
	uint8_t health; /* enum vrrp_health */
	uint8_t priority;
	uint8_t effective_priority;
	bool drained;
	bool candidate;			     /* takes part in the election */
	bool held;			     /* its kernel has the addresses */
	bool leaving;			     /* vipd stops: the last hello */
	char reason[HELLO_REASON_MAX];	     /* why it is not healthy; "" if it is */
	uint8_t lowered;		     /* by so much its priority is lower, by checks with a weight */
	char lowered_text[HELLO_REASON_MAX]; /* the first of these; "" if it is not healthy */
	uint8_t cause; /* enum vrrp_reason, or one of a later version: why it is in its state; 0: not said */
	uint32_t state_ms;		  /* for how long, if there is a cause */
	char cause_text[HELLO_CAUSE_MAX]; /* the same in words */

	/* what must be equal in the group */
	uint32_t advert_interval_ms;
	bool preempt;
	uint8_t auth; /* enum config_auth */
	uint8_t key_count;
	uint8_t keys[HELLO_KEYS_MAX]; /* their ids */
	uint8_t address_count;
	struct address addresses[HELLO_ADDRESSES_MAX];
};

/* Who has sent none for so long is lost: three of its intervals. */
static inline int64_t hello_silence_limit(const struct hello *hello)
{
	return 3 * hello->interval_ms * USEC_PER_MS;
}

/* What the datagram came with. */
struct hello_envelope {
	struct address source;
	struct address destination;
	int hop_limit; /* or TTL */
};

/*
 * Decodes and checks everything that needs no knowledge of the configuration. Texts are made printable.
 * Returns HELLO_OK and fills *hello, or the reason with *hello untouched.
 */
enum hello_verdict hello_parse(
    const uint8_t *bytes, size_t size, const struct hello_envelope *envelope, struct hello *hello);

/*
 * Encodes *hello; if it is_signed the last ADVERT_TRAILER_SIZE bytes are left for hello_sign(). Returns the
 * size, 0 if `room` is too small or something does not fit the format.
 */
size_t hello_build(const struct hello *hello, uint8_t *bytes, size_t room);

/* Fills in the trailer of what hello_build() made. key: of auth_key_derive(). */
void hello_sign(const struct auth_key *key, const struct address *source, const struct address *destination,
    uint64_t sequence, uint8_t *bytes, size_t size);

/*
 * Checks the trailer of a signed hello that hello_parse() has accepted, as auth_verify() that of an advert.
 * interval_us: of hellos. Changes *replay on HELLO_OK only.
 */
enum hello_verdict hello_verify(const struct auth_key *keys, size_t key_count, struct auth_replay *replay,
    const struct hello_envelope *envelope, const uint8_t *bytes, size_t size, int64_t realtime_us,
    int64_t interval_us);
