/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet socket for ARP. It hears nothing until net_arp_listen(), so a host without IPv4 virtual
 * addresses pays nothing for it; what its filter lets through is an announcement, or an answer to a probe of
 * ours.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/socket.h>

#include "vipd/arp.h"
#include "vipd/net.h"

/* Where they are in an ARP packet. */
#define OPERATION 6
#define SENDER	  14
#define TARGET	  24

#define FORGOTTEN_MAX 4096 /* more than its buffer holds */

/* Sender and target address are the same, or it is a reply to nobody: to who asked from 0.0.0.0. */
static const struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SENDER),
    BPF_STMT(BPF_MISC | BPF_TAX, 0),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TARGET),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, OPERATION),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARP_REPLY, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

int net_open_arp(void)
{
	int one = 1, buffer = 256 * 1024;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
	return fd;
}

bool net_is_arp(int fd)
{
	int domain = 0;
	socklen_t size = sizeof domain;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_PACKET;
}

void net_arp_forget(int fd)
{
	uint8_t byte;
	for (int i = 0; i < FORGOTTEN_MAX && recv(fd, &byte, sizeof byte, MSG_DONTWAIT) >= 0; i++)
		;
}

int net_arp_listen(int fd)
{
	struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_ARP)};
	struct sock_fprog program = {sizeof filter / sizeof filter[0], (struct sock_filter *)filter};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
		return -errno;
	return bind(fd, (struct sockaddr *)&all, sizeof all) < 0 ? -errno : 0;
}

int net_send_arp(int fd, unsigned ifindex, const uint8_t bytes[static ARP_SIZE])
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETHERTYPE_ARP),
	    .sll_ifindex = (int)ifindex,
	    .sll_halen = ETH_ALEN};
	memset(to.sll_addr, 0xff, ETH_ALEN);
	if (fd < 0)
		return fd;
	return sendto(fd, bytes, ARP_SIZE, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
}
