/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in, with where it came from. The kernel uses up as many headers as it has packets, most of the
 * time one; only these are made anew.
 */
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "vipd/net.h"

#define BATCH	16
#define BATCHES 16 /* a call */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +
		  CMSG_SPACE(sizeof(struct timespec))];
};

static struct {
	uint8_t bytes[BATCH][ADVERT_SIZE_MAX + 1]; /* one more: a longer packet must not look right */
	struct sockaddr_in6 from[BATCH];
	union control control[BATCH];
	struct iovec part[BATCH];
	struct mmsghdr headers[BATCH];
	unsigned armed; /* headers that are ready to be used */
} in;

static void arm(unsigned i)
{
	in.part[i] = (struct iovec){in.bytes[i], sizeof in.bytes[i]};
	in.headers[i].msg_hdr = (struct msghdr){.msg_name = &in.from[i],
	    .msg_namelen = sizeof in.from[i],
	    .msg_iov = &in.part[i],
	    .msg_iovlen = 1,
	    .msg_control = in.control[i].room,
	    .msg_controllen = sizeof in.control[i].room};
}

static void read_control(struct msghdr *header, struct net_incoming *packet)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec at;
			memcpy(&at, CMSG_DATA(c), sizeof at);
			packet->at_ns = at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			packet->envelope.destination.in6 = info.ipi6_addr;
			packet->ifindex = info.ipi6_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
			int hops;
			memcpy(&hops, CMSG_DATA(c), sizeof hops);
			packet->envelope.hop_limit = (uint8_t)hops;
		}
	}
}

bool net_receive(int fd, net_taker *taker, void *context)
{
	for (int batch = 0; batch < BATCHES; batch++) {
		for (; in.armed < BATCH; in.armed++)
			arm(in.armed);
		int count = recvmmsg(fd, in.headers, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < count; i++) {
			struct net_incoming packet = {.bytes = in.bytes[i],
			    .size = in.headers[i].msg_len,
			    .envelope.source = {in.from[i].sin6_addr}};
			read_control(&in.headers[i].msg_hdr, &packet);
			taker(context, &packet);
			arm((unsigned)i);
		}
		if (count < BATCH)
			return true;
	}
	return false;
}
