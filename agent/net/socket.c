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

/* What waits while the caller is busy: over 100 ms of a flood of 10,000 packets/s, the adverts among them. */
#define RECEIVE_BUFFER (1024 * 1024)

struct option {
	int level, name, value;
};

/* Whatever is refused of the first ones makes the socket useless. */
#define REQUIRED 3
#define OPTIONS	 6
static const struct option options[VRRP_FAMILIES][OPTIONS] = {
    [VRRP_IPV6] = {{IPPROTO_IPV6, IPV6_MULTICAST_HOPS, VRRP_HOP_LIMIT},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, VRRP_HOP_LIMIT}, {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1}, {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
	{IPPROTO_IPV6, IPV6_TCLASS, VRRP_TRAFFIC_CLASS}},
    [VRRP_IPV4] = {{IPPROTO_IP, IP_MULTICAST_TTL, VRRP_HOP_LIMIT}, {IPPROTO_IP, IP_TTL, VRRP_HOP_LIMIT},
	{IPPROTO_IP, IP_MULTICAST_LOOP, 0}, {IPPROTO_IP, IP_PKTINFO, 1}, {IPPROTO_IP, IP_RECVTTL, 1},
	{IPPROTO_IP, IP_TOS, VRRP_TRAFFIC_CLASS}},
};

static int set_option(int fd, const struct option *option)
{
	return setsockopt(fd, option->level, option->name, &option->value, sizeof option->value) < 0 ? -errno
												     : 0;
}

/* TC_PRIO_CONTROL needs NET_ADMIN, and is not essential. */
static void set_common_options(int fd)
{
	set_option(fd, &(struct option){SOL_SOCKET, SO_TIMESTAMPNS, 1});
	set_option(fd, &(struct option){SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER});
	set_option(fd, &(struct option){SOL_SOCKET, SO_PRIORITY, 7});
}

static int raw_socket(unsigned family, int protocol)
{
	int fd = socket(vrrp_families[family].number, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -errno;
	for (unsigned i = 0; i < OPTIONS; i++) {
		int result = set_option(fd, &options[family][i]);
		if (!result || i >= REQUIRED)
			continue;
		close(fd);
		return result;
	}
	set_common_options(fd);
	return fd;
}

int net_open_vrrp(const struct vrrp_family *family)
{
	return raw_socket(vrrp_family_index(family), VRRP_PROTOCOL);
}

int net_open_icmp(const uint8_t *types, unsigned type_count)
{
	int fd = raw_socket(VRRP_IPV6, IPPROTO_ICMPV6);
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
	union {
		struct sockaddr_in6 in6;
		struct sockaddr_in in4;
	} to;
	struct iovec part;
	/* Up to 36 bytes the kernel needs no memory of the socket for it (net.core.optmem_max). */
	_Alignas(struct cmsghdr) uint8_t source[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* Says by which interface and from which address; returns the size of the control message. */
static size_t fill_source(uint8_t *control, int level, int type, const void *info, size_t size)
{
	struct cmsghdr head = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};
	memcpy(control, &head, sizeof head);
	memcpy(control + CMSG_LEN(0), info, size);
	return CMSG_LEN(size);
}

static void fill_ipv6(struct message *message, const struct net_outgoing *packet, struct msghdr *header)
{
	struct in6_pktinfo info = {.ipi6_addr = packet->source.in6, .ipi6_ifindex = packet->ifindex};
	message->to.in6 =
	    (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = packet->destination.in6};
	header->msg_namelen = sizeof message->to.in6;
	header->msg_controllen = fill_source(message->source, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static void fill_ipv4(struct message *message, const struct net_outgoing *packet, struct msghdr *header)
{
	struct in_pktinfo info = {.ipi_ifindex = (int)packet->ifindex};
	message->to.in4 = (struct sockaddr_in){.sin_family = AF_INET};
	memcpy(&message->to.in4.sin_addr, address_bytes(&packet->destination), 4);
	if (address_is_ipv4(&packet->source))
		memcpy(&info.ipi_spec_dst, address_bytes(&packet->source), 4);
	header->msg_namelen = sizeof message->to.in4;
	header->msg_controllen = fill_source(message->source, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}

static void fill(struct message *message, const struct net_outgoing *packet, struct msghdr *header)
{
	message->part = (struct iovec){(void *)packet->bytes, packet->size};
	*header = (struct msghdr){.msg_name = &message->to,
	    .msg_iov = &message->part,
	    .msg_iovlen = 1,
	    .msg_control = message->source};
	if (address_is_ipv4(&packet->destination))
		fill_ipv4(message, packet, header);
	else
		fill_ipv6(message, packet, header);
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
