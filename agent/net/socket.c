/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw sockets and what goes out through them.
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vipd/net.h"

#define TRAFFIC_CLASS 0xc0 /* CS6, network control */

/* What waits while the caller is busy: over 100 ms of a flood of 10,000 packets/s, the adverts among them. */
#define RECEIVE_BUFFER (1024 * 1024)

static int option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int raw_socket(int protocol)
{
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -errno;
	int result = option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, VRRP_HOP_LIMIT);
	if (!result)
		result = option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, VRRP_HOP_LIMIT);
	if (!result)
		result = option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
	if (result) {
		close(fd);
		return result;
	}
	option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	option(fd, IPPROTO_IPV6, IPV6_TCLASS, TRAFFIC_CLASS);
	option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
	option(fd, SOL_SOCKET, SO_PRIORITY, 7); /* TC_PRIO_CONTROL; needs NET_ADMIN, and is not essential */
	return fd;
}

int net_open_vrrp(void)
{
	return raw_socket(VRRP_PROTOCOL);
}

int net_open_icmp(const uint8_t *types, unsigned type_count)
{
	int fd = raw_socket(IPPROTO_ICMPV6);
	if (fd < 0)
		return fd;
	struct icmp6_filter filter;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	for (unsigned i = 0; i < type_count; i++)
		ICMP6_FILTER_SETPASS(types[i], &filter);
	if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

/* One packet, as sendmmsg() wants it. */
struct message {
	struct sockaddr_in6 to;
	struct iovec part;
	/* Up to 36 bytes the kernel needs no memory of the socket for it (net.core.optmem_max). */
	_Alignas(struct cmsghdr) uint8_t source[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void fill(struct message *message, const struct net_outgoing *packet, struct msghdr *header)
{
	struct in6_pktinfo info = {.ipi6_addr = packet->source.in6, .ipi6_ifindex = packet->ifindex};
	struct cmsghdr source = {
	    .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO, .cmsg_len = CMSG_LEN(sizeof info)};
	memcpy(message->source, &source, sizeof source);
	memcpy(message->source + CMSG_LEN(0), &info, sizeof info);
	message->to = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = packet->destination.in6};
	message->part = (struct iovec){(void *)packet->bytes, packet->size};
	*header = (struct msghdr){.msg_name = &message->to,
	    .msg_namelen = sizeof message->to,
	    .msg_iov = &message->part,
	    .msg_iovlen = 1,
	    .msg_control = message->source,
	    .msg_controllen = CMSG_LEN(sizeof info)};
}

int net_send(int fd, const struct net_outgoing *packets, unsigned count)
{
	struct message messages[NET_BATCH];
	struct mmsghdr headers[NET_BATCH];
	count = count < NET_BATCH ? count : NET_BATCH;
	for (unsigned i = 0; i < count; i++)
		fill(&messages[i], &packets[i], &headers[i].msg_hdr);
	int sent = sendmmsg(fd, headers, count, MSG_DONTWAIT);
	return sent < 0 ? -errno : sent;
}

int net_open_route(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

int net_route_source(int fd, const struct address *destination, struct address *source)
{
	struct sockaddr_in6 from,
	    to = {.sin6_family = AF_INET6, .sin6_addr = destination->in6, .sin6_port = 9};
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	socklen_t size = sizeof from;
	int result = connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
			     getsockname(fd, (struct sockaddr *)&from, &size) < 0
			 ? -errno
			 : 0;
	(void)connect(fd, &nowhere, sizeof nowhere); /* or the next one keeps this source */
	if (!result)
		source->in6 = from.sin6_addr;
	return result;
}
