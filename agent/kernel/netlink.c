/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink by libnl: one message is allocated at the start and built anew for each request, and what comes is
 * read into buffers on the stack, so nothing allocates after that.
 *
 * Two sockets. `requests` carries a request and its acknowledgement, or a dump; rtnetlink works inside the
 * call that sends, so the answer is there when it returns. `monitor` carries notifications and may overflow:
 * then the kernel says ENOBUFS, and only a dump tells the truth again.
 */
#include <errno.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/exchange.h"
#include "kernel/messages.h"

#define REQUEST_BYTES  1024
#define ANSWER_BYTES   32768 /* one datagram of a dump */
#define MONITOR_RCVBUF (1 << 20)
#define MONITOR_READS                                                                                        \
	64 /* datagrams a call: a storm of notifications must not keep the loop from its timers */
#define DRAIN_READS 4096 /* thrown away a call after a loss: more than the socket holds */
#define DUMP_TRIES  5
#define REQUEST_WAIT_S                                                                                       \
	5 /* rtnetlink answers inside send(); this only keeps a broken kernel from hanging us */
#define UNRESOLVED_MAX 64 /* more are left to the kernel */
#define ADDRESS_FLAGS  (IFA_F_NODAD | IFA_F_NOPREFIXROUTE)

/* libnl has error numbers of its own and leaves errno as the failed call has set it. */
static int system_error(int result)
{
	return result == -NLE_NOMEM || !errno ? -ENOMEM : -errno;
}

static struct nl_sock *socket_open(int protocol)
{
	struct nl_sock *sock = nl_socket_alloc();
	int result = sock ? nl_connect(sock, protocol) : 0;
	if (sock && !result) {
		nl_socket_disable_auto_ack(sock);
		return sock;
	}
	int error = system_error(result);
	if (sock)
		nl_socket_free(sock);
	errno = -error;
	return NULL;
}

static int monitor_listen(struct nl_sock *sock)
{
	int fd = nl_socket_get_fd(sock), buffer = MONITOR_RCVBUF;
	int result = nl_socket_add_memberships(
	    sock, RTNLGRP_LINK, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_NETCONF, 0);
	if (!result)
		result = nl_socket_set_nonblocking(sock);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	return result ? system_error(result) : 0;
}

int kernel_open_requests(struct kernel *kernel)
{
	return exchange_open(kernel, NETLINK_ROUTE);
}

int exchange_open(struct kernel *kernel, int protocol)
{
	*kernel = (struct kernel){.monitor = -1, .message = nlmsg_alloc_size(REQUEST_BYTES)};
	kernel->requests = kernel->message ? socket_open(protocol) : NULL;
	if (!kernel->requests) {
		int error = errno;
		kernel_close(kernel);
		return -error;
	}
	int one = 1, fd = nl_socket_get_fd(kernel->requests);
	struct timeval wait = {.tv_sec = REQUEST_WAIT_S};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
	return 0;
}

int kernel_open_monitor(struct kernel *kernel)
{
	*kernel = (struct kernel){.monitor = -1, .monitor_socket = socket_open(NETLINK_ROUTE)};
	int result = kernel->monitor_socket ? monitor_listen(kernel->monitor_socket) : -errno;
	if (result)
		kernel_close(kernel);
	else
		kernel->monitor = nl_socket_get_fd(kernel->monitor_socket);
	return result;
}

void kernel_close(struct kernel *kernel)
{
	if (kernel->requests)
		nl_socket_free(kernel->requests);
	if (kernel->monitor_socket)
		nl_socket_free(kernel->monitor_socket);
	nlmsg_free(kernel->message);
	*kernel = (struct kernel){.monitor = -1};
}

/* ---- requests ---- */

/* The message has room for the largest request of this room, so nothing below can fail. */
struct nl_msg *exchange_begin(
    struct kernel *kernel, uint16_t type, int flags, const void *header, size_t size)
{
	struct nl_msg *message = kernel->message;
	nlmsg_hdr(message)->nlmsg_len = NLMSG_HDRLEN;
	nlmsg_put(message, NL_AUTO_PORT, ++kernel->sequence, type, 0, NLM_F_REQUEST | flags);
	nlmsg_append(message, (void *)header, size, NLMSG_ALIGNTO);
	return message;
}

static struct nl_msg *address_begin(struct kernel *kernel, uint16_t type, int flags, unsigned ifindex,
    const struct address *address, uint8_t prefix)
{
	bool ipv4 = address_is_ipv4(address);
	struct ifaddrmsg m = {.ifa_family = ipv4 ? AF_INET : AF_INET6,
	    .ifa_prefixlen = (uint8_t)(prefix - address_bits_before(address)),
	    .ifa_scope = ipv4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
	    .ifa_index = ifindex};
	struct nl_msg *message = exchange_begin(kernel, type, NLM_F_ACK | flags, &m, sizeof m);
	nla_put(message, IFA_LOCAL, (int)address_size(address), address_bytes(address));
	nla_put(message, IFA_ADDRESS, (int)address_size(address), address_bytes(address));
	return message;
}

static int request_send(struct kernel *kernel)
{
	int result = nl_send_auto(kernel->requests, kernel->message);
	return result < 0 ? system_error(result) : 0;
}

/* One datagram of answers; its size, or -errno. */
static ssize_t answer_receive(struct kernel *kernel, void *answer, size_t size)
{
	for (;;) {
		ssize_t got = recv(nl_socket_get_fd(kernel->requests), answer, size, 0);
		if (got >= 0 || errno != EINTR)
			return got < 0 ? -errno : got;
	}
}

/* NLMSG_ERROR and NLMSG_DONE both begin with it; 0 is an acknowledgement. */
static int error_of(const struct nlmsghdr *h)
{
	int error;
	if (nlmsg_datalen(h) < (int)sizeof error)
		return h->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&error, nlmsg_data(h), sizeof error);
	return error > 0 ? -EBADMSG : error;
}

int exchange_request(struct kernel *kernel)
{
	int result = request_send(kernel);
	if (result)
		return result;
	_Alignas(struct nlmsghdr) char answer[1024];
	for (;;) {
		ssize_t size = answer_receive(kernel, answer, sizeof answer);
		if (size < 0)
			return (int)size;
		struct nlmsghdr *h = (struct nlmsghdr *)answer;
		if (nlmsg_ok(h, (int)size) && h->nlmsg_seq == kernel->sequence &&
		    h->nlmsg_type == NLMSG_ERROR)
			return error_of(h); /* all else is the rest of an earlier exchange */
	}
}

int kernel_address_add(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint32_t lease_s)
{
	struct nl_msg *message =
	    address_begin(kernel, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex, address, ADDRESS_BITS);
	struct ifa_cacheinfo lifetime = {.ifa_prefered = 0, .ifa_valid = lease_s ? lease_s : UINT32_MAX};
	nla_put(message, IFA_CACHEINFO, sizeof lifetime, &lifetime);
	nla_put_u32(message, IFA_FLAGS, ADDRESS_FLAGS);
	nla_put_u8(message, IFA_PROTO, KERNEL_ADDRESS_PROTO);
	return exchange_request(kernel);
}

int kernel_address_remove(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint8_t prefix)
{
	address_begin(kernel, RTM_DELADDR, 0, ifindex, address, prefix);
	return exchange_request(kernel);
}

/* ---- what the kernel says ---- */

struct delivery {
	kernel_handler *handler;
	void *context;
};

static void deliver(struct nlmsghdr *h, void *context)
{
	const struct delivery *to = context;
	struct kernel_event event;
	if (message_event(h, &event))
		to->handler(to->context, &event);
}

static void deliver_all(void *bytes, size_t size, struct delivery *to)
{
	int left = (int)size;
	MESSAGES_EACH(h, bytes, left)
	deliver(h, to);
}

/*
 * The kernel has lost notifications, and drops all others until the queue is empty. What is still in it is
 * older than the loss: it must not be believed after the dump that follows.
 */
static int monitor_drain(struct kernel *kernel)
{
	for (int i = 0; i < DRAIN_READS; i++) {
		if (recv(kernel->monitor, NULL, 0, MSG_TRUNC) >= 0 || errno == ENOBUFS || errno == EINTR)
			continue;
		kernel->lost = false;
		return errno == EAGAIN ? -ENOBUFS : -errno;
	}
	return 0; /* they come as fast as we can throw them away: go on at the next call */
}

int kernel_read(struct kernel *kernel, kernel_handler *handler, void *context)
{
	struct delivery to = {handler, context};
	_Alignas(struct nlmsghdr) char buffer[ANSWER_BYTES];
	for (int i = 0; i < MONITOR_READS && !kernel->lost; i++) {
		ssize_t size = recv(kernel->monitor, buffer, sizeof buffer, 0);
		if (size >= 0)
			deliver_all(buffer, (size_t)size, &to);
		else if (errno == ENOBUFS)
			kernel->lost = true;
		else
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	return kernel->lost ? monitor_drain(kernel) : 0;
}

/* Asks for everything of one type. The family is the first byte of each of the headers; unspecified: all. */
static void dump_begin(struct kernel *kernel, uint16_t type)
{
	uint8_t header[sizeof(struct ifinfomsg)] = {type == RTM_GETNETCONF ? AF_INET6 : AF_UNSPEC};
	size_t size = type == RTM_GETLINK    ? sizeof(struct ifinfomsg)
		      : type == RTM_GETADDR  ? sizeof(struct ifaddrmsg)
		      : type == RTM_GETNEIGH ? sizeof(struct ndmsg)
					     : sizeof(struct netconfmsg);
	exchange_begin(kernel, type, NLM_F_DUMP, header, size);
}

int exchange_dump(struct kernel *kernel, exchange_handler *each, void *context)
{
	_Alignas(struct nlmsghdr) char buffer[ANSWER_BYTES];
	bool interrupted = false;
	int result = request_send(kernel);
	while (!result) {
		ssize_t size = answer_receive(kernel, buffer, sizeof buffer);
		if (size < 0)
			return (int)size;
		int left = (int)size;
		MESSAGES_EACH(h, (void *)buffer, left)
		{
			if (h->nlmsg_seq != kernel->sequence)
				continue;
			interrupted |= h->nlmsg_flags & NLM_F_DUMP_INTR;
			if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
				result = error_of(h);
				return result || !interrupted ? result : -EINTR;
			}
			each(h, context);
		}
	}
	return result;
}

static int dump(struct kernel *kernel, uint16_t type, exchange_handler *each, void *context)
{
	dump_begin(kernel, type);
	return exchange_dump(kernel, each, context);
}

/* A dump that was interrupted is repeated. One that always is has failed: what it lacks would look lost. */
static int dump_consistent(struct kernel *kernel, uint16_t type, struct delivery *to, uint32_t *count)
{
	int result = -EINTR;
	uint32_t before = count ? *count : 0;
	for (int i = 0; i < DUMP_TRIES && result == -EINTR; i++) {
		if (count)
			*count = before;
		result = dump(kernel, type, deliver, to);
	}
	return result;
}

int kernel_dump(struct kernel *kernel, kernel_handler *handler, void *context, uint32_t *count)
{
	struct delivery to = {handler, context};
	int result = dump_consistent(kernel, RTM_GETLINK, &to, count);
	if (!result)
		result = dump_consistent(kernel, RTM_GETNETCONF, &to, count);
	if (result == -EOPNOTSUPP) /* a kernel without IPv6 */
		result = 0;
	return result ? result : dump_consistent(kernel, RTM_GETADDR, &to, count);
}

/* ---- neighbours ---- */

struct unresolved {
	void (*between)(void *context);
	void *context;
	unsigned ifindex, count;
	struct address of[UNRESOLVED_MAX];
};

static void collect_unresolved(struct nlmsghdr *h, void *context)
{
	struct unresolved *found = context;
	found->between(found->context);
	if (found->count < UNRESOLVED_MAX && message_unresolved(h, found->ifindex, &found->of[found->count]))
		found->count++;
}

int kernel_forget_unresolved(
    struct kernel *kernel, unsigned ifindex, void (*between)(void *context), void *context)
{
	struct unresolved found = {.between = between, .context = context, .ifindex = ifindex};
	int result = dump(kernel, RTM_GETNEIGH, collect_unresolved, &found);
	for (unsigned i = 0; i < found.count; i++) {
		const struct address *address = &found.of[i];
		struct ndmsg m = {
		    .ndm_family = address_is_ipv4(address) ? AF_INET : AF_INET6, .ndm_ifindex = (int)ifindex};
		between(context);
		struct nl_msg *message = exchange_begin(kernel, RTM_DELNEIGH, NLM_F_ACK, &m, sizeof m);
		nla_put(message, NDA_DST, (int)address_size(address), address_bytes(address));
		exchange_request(kernel); /* not there any more is as good */
	}
	return result == -EINTR ? 0 : result; /* those that it shows are not resolved, whatever it lacks */
}

bool kernel_address_usable(const struct kernel_event *event)
{
	uint32_t kept = address_is_ipv4(&event->address.address) ? IFA_F_NOPREFIXROUTE : ADDRESS_FLAGS;
	return event->address.prefix == ADDRESS_BITS &&
	       !(event->address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) &&
	       (event->address.flags & kept) == kept && (event->address.flags & IFA_F_DEPRECATED);
}
