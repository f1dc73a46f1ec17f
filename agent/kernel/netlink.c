/*
 * Netlink by libmnl: messages are built and read in buffers on the stack, so nothing allocates.
 *
 * Two sockets. `requests` carries a request and its acknowledgement, or a dump; rtnetlink works inside the
 * call that sends, so the answer is there when it returns. `monitor` carries notifications and may overflow:
 * then the kernel says ENOBUFS, and only a dump tells the truth again.
 */
#include "vipd/kernel.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IFA_PROTO /* since Linux 5.18 */
#define IFA_PROTO 11
#endif

#define REQUEST_BYTES  256
#define ANSWER_BYTES   32768 /* one datagram of a dump */
#define MONITOR_RCVBUF (1 << 20)
#define MONITOR_READS                                                                                        \
	64 /* datagrams a call: a storm of notifications must not keep the loop from its timers */
#define DUMP_TRIES 5
#define REQUEST_WAIT_S                                                                                       \
	5 /* rtnetlink answers inside send(); this only keeps a broken kernel from hanging us */
#define UNRESOLVED_MAX 64 /* more are left to the kernel */
#define ADDRESS_FLAGS  (IFA_F_NODAD | IFA_F_NOPREFIXROUTE)

static int socket_open(uint32_t groups, bool nonblocking)
{
	int type = SOCK_RAW | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
	int fd = socket(AF_NETLINK, type, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	struct sockaddr_nl local = {.nl_family = AF_NETLINK, .nl_groups = groups};
	if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int kernel_open(struct kernel *kernel)
{
	int requests = socket_open(0, false);
	if (requests < 0)
		return requests;
	int monitor = socket_open(RTMGRP_LINK | RTMGRP_IPV6_IFADDR, true);
	if (monitor < 0) {
		close(requests);
		return monitor;
	}
	int one = 1, group = RTNLGRP_IPV6_NETCONF, buffer = MONITOR_RCVBUF;
	struct timeval wait = {.tv_sec = REQUEST_WAIT_S};
	setsockopt(requests, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(requests, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
	setsockopt(monitor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
	if (setsockopt(monitor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
		setsockopt(monitor, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	*kernel = (struct kernel){.requests = requests, .monitor = monitor};
	return 0;
}

void kernel_close(struct kernel *kernel)
{
	close(kernel->requests);
	close(kernel->monitor);
}

/* ---- requests ---- */

static struct nlmsghdr *request_begin(struct kernel *kernel, void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++kernel->sequence;
	return h;
}

static void put_address(struct nlmsghdr *h, unsigned ifindex, const struct in6_addr *address, uint8_t prefix)
{
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	m->ifa_family = AF_INET6;
	m->ifa_prefixlen = prefix;
	m->ifa_scope = RT_SCOPE_UNIVERSE;
	m->ifa_index = ifindex;
	mnl_attr_put(h, IFA_LOCAL, sizeof *address, address);
	mnl_attr_put(h, IFA_ADDRESS, sizeof *address, address);
}

/* Whether a whole message is there. libmnl takes the length as signed, so a huge one would pass. */
static bool is_whole(const struct nlmsghdr *h, int left)
{
	return mnl_nlmsg_ok(h, left) && h->nlmsg_len <= (unsigned)left;
}

/* What NLMSG_ERROR says: 0 is an acknowledgement. */
static int error_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *result = mnl_nlmsg_get_payload(h);
	return mnl_nlmsg_get_payload_len(h) >= sizeof result->error ? result->error : -EBADMSG;
}

/* Sends a request and reads its acknowledgement. */
static int request(struct kernel *kernel, const struct nlmsghdr *h)
{
	if (send(kernel->requests, h, h->nlmsg_len, 0) < 0)
		return -errno;
	_Alignas(struct nlmsghdr) char answer[1024];
	for (;;) {
		ssize_t size = recv(kernel->requests, answer, sizeof answer, 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		const struct nlmsghdr *a = (const struct nlmsghdr *)answer;
		if (!is_whole(a, (int)size) || a->nlmsg_seq != h->nlmsg_seq || a->nlmsg_type != NLMSG_ERROR)
			continue; /* the rest of an earlier exchange */
		return error_of(a);
	}
}

int kernel_address_add(
    struct kernel *kernel, unsigned ifindex, const struct in6_addr *address, uint32_t lease_s)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_BYTES];
	struct nlmsghdr *h =
	    request_begin(kernel, buffer, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	put_address(h, ifindex, address, 128);
	struct ifa_cacheinfo lifetime = {.ifa_prefered = 0, .ifa_valid = lease_s ? lease_s : UINT32_MAX};
	mnl_attr_put(h, IFA_CACHEINFO, sizeof lifetime, &lifetime);
	mnl_attr_put_u32(h, IFA_FLAGS, ADDRESS_FLAGS);
	mnl_attr_put_u8(h, IFA_PROTO, KERNEL_ADDRESS_PROTO);
	return request(kernel, h);
}

int kernel_address_remove(
    struct kernel *kernel, unsigned ifindex, const struct in6_addr *address, uint8_t prefix)
{
	_Alignas(struct nlmsghdr) char buffer[REQUEST_BYTES];
	struct nlmsghdr *h = request_begin(kernel, buffer, RTM_DELADDR, NLM_F_ACK);
	put_address(h, ifindex, address, prefix);
	return request(kernel, h);
}

/* ---- what the kernel says ---- */

struct attributes {
	const struct nlattr *of[64];
};

static int attribute(const struct nlattr *a, void *data)
{
	struct attributes *attributes = data;
	uint16_t type = mnl_attr_get_type(a);
	if (type < sizeof attributes->of / sizeof attributes->of[0])
		attributes->of[type] = a;
	return MNL_CB_OK;
}

/* The message behind the header and its attributes; NULL: too short to be one. */
static const void *message_of(const struct nlmsghdr *h, size_t size, struct attributes *attributes)
{
	if (mnl_nlmsg_get_payload_len(h) < size)
		return NULL;
	*attributes = (struct attributes){0};
	mnl_attr_parse(h, (unsigned)size, attribute, attributes);
	return mnl_nlmsg_get_payload(h);
}

/* The value of an attribute that is at least so long; NULL: there is none. */
static const void *value_of(const struct attributes *attributes, uint16_t type, size_t size)
{
	const struct nlattr *a = attributes->of[type];
	return a && mnl_attr_get_payload_len(a) >= size ? mnl_attr_get_payload(a) : NULL;
}

static uint32_t number_of(const struct attributes *attributes, uint16_t type, uint32_t otherwise)
{
	const void *value = value_of(attributes, type, sizeof otherwise);
	if (value)
		memcpy(&otherwise, value, sizeof otherwise);
	return otherwise;
}

static bool link_event(const struct nlmsghdr *h, struct kernel_event *event)
{
	struct attributes attributes;
	const struct ifinfomsg *m = message_of(h, sizeof *m, &attributes);
	if (!m || m->ifi_family != AF_UNSPEC) /* AF_BRIDGE tells of ports, not of links */
		return false;
	const char *name = value_of(&attributes, IFLA_IFNAME, 1);
	const void *mac = value_of(&attributes, IFLA_ADDRESS, sizeof event->link.mac);
	if (!name)
		return false;
	event->type = h->nlmsg_type == RTM_NEWLINK ? KERNEL_LINK : KERNEL_LINK_GONE;
	event->ifindex = (unsigned)m->ifi_index;
	size_t room = mnl_attr_get_payload_len(attributes.of[IFLA_IFNAME]);
	memcpy(event->link.name, name,
	    strnlen(name, room < sizeof event->link.name ? room : sizeof event->link.name - 1));
	event->link.admin_up = m->ifi_flags & IFF_UP;
	event->link.running = m->ifi_flags & IFF_RUNNING;
	event->link.has_mac =
	    mac && mnl_attr_get_payload_len(attributes.of[IFLA_ADDRESS]) == sizeof event->link.mac;
	if (event->link.has_mac)
		memcpy(event->link.mac, mac, sizeof event->link.mac);
	return true;
}

static bool address_event(const struct nlmsghdr *h, struct kernel_event *event)
{
	struct attributes attributes;
	const struct ifaddrmsg *m = message_of(h, sizeof *m, &attributes);
	if (!m || m->ifa_family != AF_INET6)
		return false;
	const void *local = value_of(&attributes, IFA_LOCAL, sizeof event->address.address);
	const uint8_t *proto = value_of(&attributes, IFA_PROTO, sizeof *proto);
	if (!local) /* a point-to-point address has both, and IFA_ADDRESS is the peer's */
		local = value_of(&attributes, IFA_ADDRESS, sizeof event->address.address);
	if (!local)
		return false;
	event->type = h->nlmsg_type == RTM_NEWADDR ? KERNEL_ADDRESS : KERNEL_ADDRESS_GONE;
	event->ifindex = m->ifa_index;
	memcpy(&event->address.address, local, sizeof event->address.address);
	event->address.prefix = m->ifa_prefixlen;
	event->address.flags = number_of(&attributes, IFA_FLAGS, m->ifa_flags);
	event->address.proto = proto ? *proto : 0;
	return true;
}

static bool forwarding_event(const struct nlmsghdr *h, struct kernel_event *event)
{
	struct attributes attributes;
	const struct netconfmsg *m = message_of(h, sizeof *m, &attributes);
	if (!m || m->ncm_family != AF_INET6 || !value_of(&attributes, NETCONFA_FORWARDING, sizeof(uint32_t)))
		return false;
	event->type = KERNEL_FORWARDING;
	event->ifindex = number_of(&attributes, NETCONFA_IFINDEX, 0);
	event->forwarding = number_of(&attributes, NETCONFA_FORWARDING, 0) != 0;
	return (int)event->ifindex > 0; /* below are those that stand for all links, and for new ones */
}

struct delivery {
	kernel_handler *handler;
	void *context;
};

static void deliver(const struct nlmsghdr *h, void *context)
{
	const struct delivery *to = context;
	struct kernel_event event = {0};
	bool known = false;
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK: known = link_event(h, &event); break;
	case RTM_NEWADDR:
	case RTM_DELADDR: known = address_event(h, &event); break;
	case RTM_NEWNETCONF: known = forwarding_event(h, &event); break;
	default: break;
	}
	if (known)
		to->handler(to->context, &event);
}

static void deliver_all(const void *bytes, size_t size, struct delivery *to)
{
	int left = (int)size;
	for (const struct nlmsghdr *h = bytes; is_whole(h, left); h = mnl_nlmsg_next(h, &left))
		deliver(h, to);
}

int kernel_read(struct kernel *kernel, kernel_handler *handler, void *context)
{
	struct delivery to = {handler, context};
	_Alignas(struct nlmsghdr) char buffer[ANSWER_BYTES];
	for (int i = 0; i < MONITOR_READS; i++) {
		ssize_t size = recv(kernel->monitor, buffer, sizeof buffer, 0);
		if (size < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		deliver_all(buffer, (size_t)size, &to);
	}
	return 0;
}

typedef void dump_handler(const struct nlmsghdr *h, void *context);

static int dump(struct kernel *kernel, uint16_t type, dump_handler *each, void *context)
{
	_Alignas(struct nlmsghdr) char buffer[ANSWER_BYTES];
	struct nlmsghdr *h = request_begin(kernel, buffer, type, NLM_F_DUMP);
	size_t header = type == RTM_GETLINK    ? sizeof(struct ifinfomsg)
			: type == RTM_GETADDR  ? sizeof(struct ifaddrmsg)
			: type == RTM_GETNEIGH ? sizeof(struct ndmsg)
					       : sizeof(struct netconfmsg);
	uint8_t *family = mnl_nlmsg_put_extra_header(h, header); /* the first byte of each of them */
	*family = type == RTM_GETLINK ? AF_UNSPEC : AF_INET6;
	uint32_t sequence = h->nlmsg_seq;
	if (send(kernel->requests, h, h->nlmsg_len, 0) < 0)
		return -errno;
	bool interrupted = false;
	for (;;) {
		ssize_t size = recv(kernel->requests, buffer, sizeof buffer, 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		int left = (int)size;
		for (h = (void *)buffer; is_whole(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != sequence)
				continue;
			interrupted |= h->nlmsg_flags & NLM_F_DUMP_INTR;
			if (h->nlmsg_type == NLMSG_DONE)
				return interrupted ? -EINTR : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return error_of(h);
			each(h, context);
		}
	}
}

/* A dump that was changed while it ran is repeated: half of the truth would look like losses. */
static int dump_consistent(struct kernel *kernel, uint16_t type, struct delivery *to)
{
	int result = -EINTR;
	for (int i = 0; i < DUMP_TRIES && result == -EINTR; i++)
		result = dump(kernel, type, deliver, to);
	return result == -EINTR ? 0 : result;
}

int kernel_dump(struct kernel *kernel, kernel_handler *handler, void *context)
{
	struct delivery to = {handler, context};
	int result = dump_consistent(kernel, RTM_GETLINK, &to);
	if (!result)
		result = dump_consistent(kernel, RTM_GETNETCONF, &to);
	return result ? result : dump_consistent(kernel, RTM_GETADDR, &to);
}

/* ---- neighbours ---- */

struct unresolved {
	unsigned ifindex, count;
	struct in6_addr of[UNRESOLVED_MAX];
};

static void collect_unresolved(const struct nlmsghdr *h, void *context)
{
	struct unresolved *unresolved = context;
	struct attributes attributes;
	const struct ndmsg *m = h->nlmsg_type == RTM_NEWNEIGH ? message_of(h, sizeof *m, &attributes) : NULL;
	if (!m || m->ndm_family != AF_INET6 || (unsigned)m->ndm_ifindex != unresolved->ifindex)
		return;
	const void *address = value_of(&attributes, NDA_DST, sizeof unresolved->of[0]);
	if (address && m->ndm_state & NUD_INCOMPLETE && unresolved->count < UNRESOLVED_MAX)
		memcpy(&unresolved->of[unresolved->count++], address, sizeof unresolved->of[0]);
}

int kernel_forget_unresolved(struct kernel *kernel, unsigned ifindex)
{
	struct unresolved unresolved = {.ifindex = ifindex};
	int result = dump(kernel, RTM_GETNEIGH, collect_unresolved, &unresolved);
	for (unsigned i = 0; i < unresolved.count; i++) {
		_Alignas(struct nlmsghdr) char buffer[REQUEST_BYTES];
		struct nlmsghdr *h = request_begin(kernel, buffer, RTM_DELNEIGH, NLM_F_ACK);
		struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
		m->ndm_family = AF_INET6;
		m->ndm_ifindex = (int)ifindex;
		mnl_attr_put(h, NDA_DST, sizeof unresolved.of[i], &unresolved.of[i]);
		request(kernel, h); /* not there any more is as good */
	}
	return result == -EINTR ? 0 : result;
}

bool kernel_address_usable(const struct kernel_event *event)
{
	return event->address.prefix == 128 &&
	       !(event->address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) &&
	       (event->address.flags & ADDRESS_FLAGS) == ADDRESS_FLAGS &&
	       (event->address.flags & IFA_F_DEPRECATED);
}
