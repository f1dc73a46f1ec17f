/* SPDX-License-Identifier: Apache-2.0 */
/* See datagram.h. */
#include "control/group/datagram.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vipd/message.h"

#define BATCH	32
#define BATCHES 4 /* a call */

int datagram_socket(const struct vrrp_family *family)
{
	return family->number == AF_INET ? FD_HELLOS_IPV4 : FD_HELLOS;
}

/* ---- sending ---- */

union ancillary {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

static void fill_source(
    struct msghdr *header, union ancillary *ancillary, int level, int type, const void *info, size_t size)
{
	ancillary->header =
	    (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};
	memcpy(CMSG_DATA(&ancillary->header), info, size);
	header->msg_control = ancillary->room;
	header->msg_controllen = CMSG_SPACE(size);
}

static socklen_t where_of(const struct address *to, unsigned ifindex, uint16_t port, union endpoint *where)
{
	socklen_t size = endpoint_of(to, port, where);
	if (where->any.sa_family == AF_INET6 && (address_is_link_local(to) || address_is_multicast(to)))
		where->in6.sin6_scope_id = ifindex;
	return size;
}

int datagram_send(const struct address *source, unsigned ifindex, const struct address *to, uint16_t port,
    const void *bytes, size_t size)
{
	union endpoint where;
	union ancillary ancillary;
	struct iovec part = {(void *)bytes, size};
	struct msghdr header = {.msg_name = &where, .msg_iov = &part, .msg_iovlen = 1};
	header.msg_namelen = where_of(to, ifindex, port, &where);
	if (address_is_ipv4(to)) {
		struct in_pktinfo info = {.ipi_ifindex = (int)ifindex};
		memcpy(&info.ipi_spec_dst, address_bytes(source), sizeof info.ipi_spec_dst);
		fill_source(&header, &ancillary, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
	} else {
		struct in6_pktinfo info = {.ipi6_addr = source->in6, .ipi6_ifindex = ifindex};
		fill_source(&header, &ancillary, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
	}
	int socket = datagram_socket(vrrp_family_of(to));
	return sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The kernel's choice, which takes no lock: a list of all addresses would. */
int datagram_source(const struct vrrp_family *family, unsigned ifindex, struct address *source)
{
	const struct ip_mreqn by = {.imr_ifindex = (int)ifindex};
	union endpoint where;
	socklen_t size = sizeof where, to_size = where_of(&family->group, ifindex, HELLO_PORT, &where);
	int fd = socket(family->number, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	bool chosen = family->number == AF_INET
			  ? setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by) == 0
			  : true;
	chosen = chosen && connect(fd, &where.any, to_size) == 0 && getsockname(fd, &where.any, &size) == 0 &&
		 address_of_sockaddr(&where.any, source);
	int result = chosen ? 0 : -errno;
	close(fd);
	return result;
}

/* ---- receiving ---- */

static void read_ipv6(const struct cmsghdr *c, struct datagram *datagram)
{
	struct in6_pktinfo info;
	if (c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info, CMSG_DATA(c), sizeof info);
		datagram->envelope.destination.in6 = info.ipi6_addr;
		datagram->ifindex = info.ipi6_ifindex;
	} else if (c->cmsg_type == IPV6_HOPLIMIT) {
		memcpy(&datagram->envelope.hop_limit, CMSG_DATA(c), sizeof datagram->envelope.hop_limit);
	}
}

static void read_ipv4(const struct cmsghdr *c, struct datagram *datagram)
{
	struct in_pktinfo info;
	if (c->cmsg_type == IP_PKTINFO) {
		memcpy(&info, CMSG_DATA(c), sizeof info);
		datagram->envelope.destination = address_of_ipv4(&info.ipi_addr);
		datagram->ifindex = (unsigned)info.ipi_ifindex;
	} else if (c->cmsg_type == IP_TTL) {
		memcpy(&datagram->envelope.hop_limit, CMSG_DATA(c), sizeof datagram->envelope.hop_limit);
	}
}

static void read_ancillary(struct msghdr *header, struct datagram *datagram)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_IPV6)
			read_ipv6(c, datagram);
		else if (c->cmsg_level == IPPROTO_IP)
			read_ipv4(c, datagram);
	}
}

static int receive(int socket, datagram_taker *taker, void *context)
{
	static uint8_t bytes[BATCH][HELLO_SIZE_MAX + 1]; /* one more: a longer one must not look right */
	static union endpoint from[BATCH];
	static union ancillary ancillary[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr headers[BATCH];
	for (unsigned i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
		headers[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
		    .msg_namelen = sizeof from[i],
		    .msg_iov = &parts[i],
		    .msg_iovlen = 1,
		    .msg_control = ancillary[i].room,
		    .msg_controllen = sizeof ancillary[i].room};
	}
	int count = recvmmsg(socket, headers, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++) {
		struct datagram datagram = {
		    .bytes = bytes[i], .size = headers[i].msg_len, .envelope = {.hop_limit = -1}};
		read_ancillary(&headers[i].msg_hdr, &datagram);
		if (address_of_sockaddr(&from[i].any, &datagram.envelope.source))
			taker(context, &datagram);
	}
	return count;
}

bool datagram_receive(int socket, datagram_taker *taker, void *context)
{
	for (int batch = 0; batch < BATCHES; batch++)
		if (receive(socket, taker, context) < BATCH)
			return true;
	return false;
}
