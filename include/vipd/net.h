/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw packets: the one room that sends and receives them, and joins multicast groups.
 *
 * Nothing here allocates. Functions return 0 or -errno unless they say otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/advert.h"
#include "vipd/arp.h"
#include "vipd/auth.h"
#include "vipd/clients.h"
#include "vipd/config.h"
#include "vipd/tickle.h"

#define NET_BATCH      64 /* packets a call */
#define NET_PACKET_MAX (ADVERT_HEADER_SIZE + 16 * ADVERT_ADDRESSES_MAX + ADVERT_TRAILER_SIZE)

/*
 * Raw sockets, close-on-exec and nonblocking. They send with hop limit (TTL) 255 and traffic class CS6 and do
 * not hear themselves. They receive every group that any socket of this network namespace has joined: a
 * socket with memberships of its own could not send once those have used up net.core.optmem_max. Return a
 * descriptor or -errno.
 */
int net_open_vrrp(const struct vrrp_family *family);
int net_open_icmp(const uint8_t *types, unsigned type_count); /* receives ICMPv6 messages of these types */

struct net_outgoing {
	unsigned ifindex;
	struct address source; /* unspecified: the kernel chooses */
	struct address destination;
	size_t size;
	uint8_t bytes[NET_PACKET_MAX]; /* behind the IP header */
};

/* Sends the first packets of these, all of the family of the socket, without waiting. Returns how many (1 ..
 * NET_BATCH), or why the first one was not sent. */
int net_send(int fd, const struct net_outgoing *packets, unsigned count);

/* Makes the advert of a configured router for packet->source and ->destination; sets size and bytes. key
 * NULL: not signed. */
void net_compose(const struct config_router *config, uint8_t priority, const struct auth_key *key,
    uint64_t sequence, struct net_outgoing *packet);

struct net_incoming {
	const uint8_t *bytes; /* behind the IP header; until the taker returns */
	size_t size;
	unsigned ifindex;
	struct advert_envelope envelope; /* source, destination, hop limit; not of ARP */
	int64_t at_ns;			 /* wall clock when the kernel received it; 0: it does not say */
};
typedef void net_taker(void *context, const struct net_incoming *packet);

/* Hands what waits to `taker`. Returns false if more may be waiting: a flood must not keep the caller. */
bool net_receive(int fd, net_taker *taker, void *context);

/* ARP on all interfaces, of which announcements and answers to probes are received. listen: until then it
 * only sends. Each packet is broadcast. */
int net_open_arp(void);
/* Whether it is one, that net_open_arp() may have opened in another process. */
bool net_is_arp(int fd);
/* What it has heard until now is old. */
void net_arp_forget(int fd);
int net_arp_listen(int fd);
int net_send_arp(int fd, unsigned ifindex, const uint8_t bytes[static ARP_SIZE]);

/*
 * Sockets that send tickles; the kernel finds the way. net_send_tickles() is as net_send().
 */
struct net_tickle {
	struct address destination;
	unsigned ifindex; /* where that is link-local */
	size_t size;
	uint8_t bytes[TICKLE_SIZE_MAX]; /* with the IP header */
};
/* net_open_tickle(): -errno, which net_send_tickles() then returns. */
int net_open_tickle(const struct vrrp_family *family);
int net_send_tickles(int fd, struct net_tickle *packets, unsigned count);

/*
 * Memberships. They are on sockets that do nothing else, because the kernel limits the memory for options of
 * a socket. Changes of one interface: begin, look, want each group, end.
 */
#define NET_GROUPS_MAX	  (CONFIG_ROUTERS_MAX * (CONFIG_ADDRESSES_MAX + 2))
#define NET_GROUP_SOCKETS 16 /* of 364 memberships each, where net.core.optmem_max is 20480 */
#define NET_GROUP_CHANGES 32 /* a call: each takes a lock of the kernel, and 4,080 of them 0.1 s */
#define NET_GROUP_BUCKETS 4096

struct net_groups {
	unsigned count;
	unsigned room; /* the first socket that may have room */
	unsigned at;   /* where the next end goes on */
	int error;     /* the first of this end */
	int sockets[NET_GROUP_SOCKETS];
	uint16_t buckets[NET_GROUP_BUCKETS]; /* from begin to end: index + 1 of the first member, 0: none */
	struct net_membership {
		unsigned ifindex;
		struct address group;
		uint16_t next;	/* in its bucket: index + 1 */
		uint8_t socket; /* NET_GROUP_SOCKETS: none */
		bool joined;
		bool wanted;
		bool listed; /* by the kernel, when it was last looked at */
	} members[NET_GROUPS_MAX];
};

void net_groups_begin(struct net_groups *groups, unsigned ifindex);
/* The kernel drops memberships and does not tell the sockets: what is not in its lists is joined anew. lists:
 * of these files; reading them takes no lock that anybody holds for long. Below 0, what was joined in IPv4
 * counts as joined, and nothing in IPv6. */
#define NET_GROUPS_LIST	     "/proc/self/net/igmp6"
#define NET_GROUPS_LIST_IPV4 "/proc/self/net/igmp"
void net_groups_look(struct net_groups *groups, unsigned ifindex, const int lists[static VRRP_FAMILIES]);
void net_groups_want(struct net_groups *groups, unsigned ifindex, const struct address *group);
/* Whether the kernel has joined it there. */
bool net_groups_has(const struct net_groups *groups, unsigned ifindex, const struct address *group);
/* Leaves what is no longer wanted and joins what is missing. Returns -EAGAIN: call it again, or the first
 * error: call it again later. */
int net_groups_end(struct net_groups *groups, unsigned ifindex);
