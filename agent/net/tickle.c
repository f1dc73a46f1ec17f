/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that send whole packets, IP header and all. One of protocol TCP would hear all TCP; these hear that
 * of IPPROTO_RAW, which nobody speaks, and their buffer takes a packet or two of it.
 */
#include <errno.h>
#include <sys/socket.h>

#include "vipd/net.h"

/* Clients that are gone, too, keep their packet here until their neighbour entry has failed. */
#define SEND_BUFFER (4 * CLIENTS_MAX * 1024)

int net_open_tickle(const struct vrrp_family *family)
{
	int buffer = SEND_BUFFER, least = 0;
	int fd = socket(family->number, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer); /* needs NET_ADMIN */
	return fd;
}

int net_send_tickles(int fd, struct net_tickle *packets, unsigned count)
{
	struct mmsghdr headers[NET_BATCH];
	struct iovec parts[NET_BATCH];
	union {
		struct sockaddr_in6 in6;
		struct sockaddr_in in4;
	} to[NET_BATCH];
	if (fd < 0)
		return fd;
	count = count < NET_BATCH ? count : NET_BATCH;
	for (unsigned i = 0; i < count; i++) {
		struct net_tickle *packet = &packets[i];
		bool is_ipv4 = address_is_ipv4(&packet->destination);
		parts[i] = (struct iovec){packet->bytes, packet->size};
		headers[i].msg_hdr = (struct msghdr){.msg_name = &to[i],
		    .msg_namelen = is_ipv4 ? sizeof to[i].in4 : sizeof to[i].in6,
		    .msg_iov = &parts[i],
		    .msg_iovlen = 1};
		if (is_ipv4) {
			to[i].in4 = (struct sockaddr_in){.sin_family = AF_INET};
			memcpy(&to[i].in4.sin_addr, address_bytes(&packet->destination), 4);
		} else {
			to[i].in6 = (struct sockaddr_in6){
			    .sin6_family = AF_INET6, .sin6_addr = packet->destination.in6};
			if (address_is_link_local(&packet->destination))
				to[i].in6.sin6_scope_id = packet->ifindex;
		}
	}
	int sent = sendmmsg(fd, headers, count, MSG_DONTWAIT);
	return sent < 0 ? -errno : sent;
}
