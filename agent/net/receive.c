/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in, with where it came from. The kernel uses up as many headers as it has packets, most of the
 * time one; only these are made anew.
 */
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "vipd/net.h"

#define BATCH	16
#define BATCHES 16 /* a call */

#define CONTROL_SIZE                                                                                         \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +                                  \
	    CMSG_SPACE(sizeof(struct timespec)))

/* Most of the time one packet comes after a long sleep: all that it needs is on few pages of the memory. */
static struct {
	unsigned armed; /* headers that are ready to be used */
	struct mmsghdr headers[BATCH];
	struct {
		struct iovec part;
		union {
			struct sockaddr any;
			struct sockaddr_in6 in6;
			struct sockaddr_in in4;
			struct sockaddr_ll link;
		} from;
		_Alignas(struct cmsghdr) char control[CONTROL_SIZE];
		uint8_t bytes[ADVERT_SIZE_MAX + 1]; /* one more: a longer packet must not look right; an IPv4
						       header and its advert are shorter */
	} packets[BATCH];
} in;

static void arm(unsigned i)
{
	in.packets[i].part = (struct iovec){in.packets[i].bytes, sizeof in.packets[i].bytes};
	in.headers[i].msg_hdr = (struct msghdr){.msg_name = &in.packets[i].from,
	    .msg_namelen = sizeof in.packets[i].from,
	    .msg_iov = &in.packets[i].part,
	    .msg_iovlen = 1,
	    .msg_control = in.packets[i].control,
	    .msg_controllen = sizeof in.packets[i].control};
}

static void read_ipv6(const struct cmsghdr *c, struct net_incoming *packet)
{
	struct in6_pktinfo info;
	int hops;
	if (c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info, CMSG_DATA(c), sizeof info);
		packet->envelope.destination.in6 = info.ipi6_addr;
		packet->ifindex = info.ipi6_ifindex;
	} else if (c->cmsg_type == IPV6_HOPLIMIT) {
		memcpy(&hops, CMSG_DATA(c), sizeof hops);
		packet->envelope.hop_limit = (uint8_t)hops;
	}
}

static void read_ipv4(const struct cmsghdr *c, struct net_incoming *packet)
{
	struct in_pktinfo info;
	int hops;
	if (c->cmsg_type == IP_PKTINFO) {
		memcpy(&info, CMSG_DATA(c), sizeof info);
		packet->envelope.destination = address_of_ipv4(&info.ipi_addr);
		packet->ifindex = (unsigned)info.ipi_ifindex;
	} else if (c->cmsg_type == IP_TTL) {
		memcpy(&hops, CMSG_DATA(c), sizeof hops);
		packet->envelope.hop_limit = (uint8_t)hops;
	}
}

static void read_control(struct msghdr *header, struct net_incoming *packet)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec at;
			memcpy(&at, CMSG_DATA(c), sizeof at);
			packet->at_ns = at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
		} else if (c->cmsg_level == IPPROTO_IPV6) {
			read_ipv6(c, packet);
		} else if (c->cmsg_level == IPPROTO_IP) {
			read_ipv4(c, packet);
		}
	}
}

/* A raw socket of IPv4 receives the header, too. */
static void skip_header(struct net_incoming *packet)
{
	size_t header = packet->size ? (size_t)(packet->bytes[0] & 0xf) * 4 : 0;
	header = header < packet->size ? header : packet->size;
	packet->bytes += header;
	packet->size -= header;
}

static void take(unsigned i, net_taker *taker, void *context)
{
	struct net_incoming packet = {.bytes = in.packets[i].bytes, .size = in.headers[i].msg_len};
	const struct sockaddr *from = &in.packets[i].from.any;
	read_control(&in.headers[i].msg_hdr, &packet);
	if (from->sa_family == AF_PACKET)
		packet.ifindex = (unsigned)in.packets[i].from.link.sll_ifindex;
	else if (address_of_sockaddr(from, &packet.envelope.source) && from->sa_family == AF_INET)
		skip_header(&packet);
	taker(context, &packet);
}

bool net_receive(int fd, net_taker *taker, void *context)
{
	for (int batch = 0; batch < BATCHES; batch++) {
		for (; in.armed < BATCH; in.armed++)
			arm(in.armed);
		int count = recvmmsg(fd, in.headers, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < count; i++) {
			take((unsigned)i, taker, context);
			arm((unsigned)i);
		}
		if (count < BATCH)
			return true;
	}
	return false;
}
