/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interface carries: who answers for an address (Neighbor Solicitation), who is a member of the VRRP
 * group (an echo request to it), and who advertises (everything that passes the interface, seen before any
 * firewall of this machine when it comes in, and behind it when it goes out).
 */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/advert.h"
#include "vipd/config.h"

/* Twice what as many virtual routers as possible need; `lost` tells of more. */
#define SEGMENT_PEERS_MAX    512
#define SEGMENT_ANSWERS_MAX  8192
#define SEGMENT_SPEAKERS_MAX 1024
#define SEGMENT_SAID_MAX     65536
#define SEGMENT_OLD_MAX	     1024

struct segment_answer {
	struct address target;
	uint8_t mac[6];
};

/* Who advertised one virtual router. Two machines may have the same address, and then differ by MAC. */
struct segment_speaker {
	struct address source;
	uint8_t mac[6];
	uint8_t vrid;
	uint8_t priority;    /* this and what follows: of the last advert */
	int64_t interval_us; /* that it advertises */
	unsigned address_count;
	struct address addresses[ADVERT_ADDRESSES_MAX];
	bool outgoing; /* this machine */
	unsigned count;
	bool plain_checksum;
	bool stamped;	 /* its adverts carry an authentication trailer, */
	uint8_t key_id;	 /* which is made with the key of this id */
	int64_t skew_us; /* and whose time was this far ahead of our clock */
};

/* An address in adverts of VRRPv2, which is of IPv4 alone. */
struct segment_old {
	uint8_t vrid;
	struct address address;
};

struct segment_said {
	int64_t at_us;
	uint16_t speaker;
	bool last; /* priority 0: it resigns */
};

/* How those who advertise one VRID follow each other. */
enum speaking {
	SPEAKING_NOBODY,
	SPEAKING_ONE,
	SPEAKING_IN_TURN, /* one after the other: the address has moved */
	SPEAKING_BESIDE,  /* one went on beside another, which a takeover can look like */
	SPEAKING_SEVERAL  /* split brain */
};

struct segment {
	const struct config *config; /* of all virtual routers */
	char interface[IF_NAMESIZE];
	unsigned ifindex;
	bool has_mac;
	uint8_t mac[6];
	int asking_error;    /* -errno: nobody could be asked; 0: everybody was */
	int listening_error; /* -errno: adverts could not be seen */
	int64_t listen_us;   /* how long */
	bool joins;	     /* the group itself while it listens, because no vipd here does */
	bool lost;	     /* more passed than there is room for */
	bool vrids[256];     /* somebody uses it in VRRP, of whatever version and family, right or not */
	unsigned peer_count, answer_count, speaker_count, said_count, old_count;
	unsigned reflected;				    /* adverts from here that came back */
	struct address peers[SEGMENT_PEERS_MAX];	    /* who answered an echo request */
	struct segment_answer answers[SEGMENT_ANSWERS_MAX]; /* distinct */
	struct segment_speaker speakers[SEGMENT_SPEAKERS_MAX];
	struct segment_said said[SEGMENT_SAID_MAX]; /* by time */
	struct segment_old old[SEGMENT_OLD_MAX];    /* distinct */
};

/* Listens long enough for this virtual router. */
void segment_want(struct segment *segment, const struct config_router *router);

/* Asks and listens for listen_us; everything else in *segment is filled anew. Needs CAP_NET_RAW. */
void segment_listen(struct segment *segment);

/* Takes an advert that passed the interface, and the link-layer address it came from. */
void segment_hear(struct segment *segment, const struct address *source, const uint8_t mac[static 6],
    const struct advert *advert, bool outgoing, int64_t at_us);

/* Takes an advert of VRRPv2, of a size that fits its count of addresses. */
void segment_hear_old(struct segment *segment, const uint8_t *bytes, size_t size);

/* Whether it advertises the virtual router: the VRID, in the family. */
static inline bool segment_speaks_for(const struct segment_speaker *speaker, const struct router_id *id)
{
	return speaker->vrid == id->vrid && address_is_ipv4(&speaker->source) == (id->family == AF_INET);
}

enum speaking segment_speaking(const struct segment *segment, const struct router_id *id);

/* Answers as they come; more than there is room for make `lost` true. */
void segment_add_peer(struct segment *segment, const struct address *peer);
void segment_add_answer(struct segment *segment, const struct address *target, const uint8_t mac[static 6]);

/* How many different link-layer addresses answered for `target`; the first `room` of them go to `answers`. */
unsigned segment_answers(const struct segment *segment, const struct address *target,
    const struct segment_answer *answers[], unsigned room);
