/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock_diag over libnl-3: a request with a filter that the kernel runs for each socket, and its dump. libnl's
 * own idiag module knows no filter. All sockets of a family are in one table: IPv4 clients of a socket that
 * listens on [::] are in that of IPv6, with mapped addresses, which the filter knows as IPv4 ones.
 */
#include "control/clients/walk.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#include "vipd/diag.h"

#define ANSWER_BYTES   32768 /* one datagram of a dump */
#define WAIT_S	       2 /* the kernel answers inside recv(); this only keeps a broken one from hanging us */
#define FILTER_MAX     DIAG_FILTER_MAX(WALK_ADDRESSES_MAX)
#define REQUEST_BYTES  (FILTER_MAX + 256)
#define STATE(state)   (1U << (state))
#define IPV6_ONLY_ATTR 11 /* INET_DIAG_SKV6ONLY */

int walk_open(struct walk *walk)
{
	*walk = (struct walk){
	    .socket = nl_socket_alloc(), .message = nlmsg_alloc_size(NLMSG_HDRLEN + REQUEST_BYTES)};
	if (!walk->socket || !walk->message)
		return -ENOMEM;
	errno = 0;
	if (nl_connect(walk->socket, NETLINK_SOCK_DIAG) < 0)
		return errno ? -errno : -ENOMEM;
	nl_socket_disable_auto_ack(walk->socket);
	struct timeval wait = {.tv_sec = WAIT_S};
	setsockopt(nl_socket_get_fd(walk->socket), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return 0;
}

void walk_close(struct walk *walk)
{
	if (walk->socket)
		nl_socket_free(walk->socket);
	nlmsg_free(walk->message);
	*walk = (struct walk){0};
}

/* ---- a dump ---- */

typedef void socket_handler(void *context, struct nlmsghdr *h, const struct inet_diag_msg *m);

static int ask(struct walk *walk, uint8_t family, uint32_t states, const uint8_t *filter, size_t size)
{
	struct nl_msg *message = walk->message;
	struct inet_diag_req_v2 request = {
	    .sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = states};
	nlmsg_hdr(message)->nlmsg_len = NLMSG_HDRLEN;
	nlmsg_put(
	    message, NL_AUTO_PORT, ++walk->sequence, SOCK_DIAG_BY_FAMILY, 0, NLM_F_REQUEST | NLM_F_DUMP);
	nlmsg_append(message, &request, sizeof request, NLMSG_ALIGNTO);
	if (size)
		nla_put(message, INET_DIAG_REQ_BYTECODE, (int)size, filter);
	errno = 0;
	int result = nl_send_auto(walk->socket, message);
	return result >= 0 ? 0 : errno ? -errno : -ENOMEM;
}

/* Of NLMSG_ERROR and NLMSG_DONE. */
static int error_of(const struct nlmsghdr *h)
{
	int error = 0;
	if (nlmsg_datalen(h) >= (int)sizeof error)
		memcpy(&error, nlmsg_data(h), sizeof error);
	return error < 0 ? error : 0;
}

static int dump(struct walk *walk, uint8_t family, uint32_t states, const uint8_t *filter, size_t size,
    socket_handler *handler, void *context)
{
	_Alignas(struct nlmsghdr) static char answer[ANSWER_BYTES];
	int result = ask(walk, family, states, filter, size);
	while (!result) {
		ssize_t got = recv(nl_socket_get_fd(walk->socket), answer, sizeof answer, MSG_TRUNC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (size_t)got > sizeof answer)
			return got < 0 ? -errno : -EMSGSIZE;
		int left = (int)got;
		for (struct nlmsghdr *h = (struct nlmsghdr *)answer; nlmsg_ok(h, left);
		     h = nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != walk->sequence)
				continue; /* of a walk that was given up */
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				return error_of(h);
			if (nlmsg_valid_hdr(h, sizeof(struct inet_diag_msg)))
				handler(context, h, nlmsg_data(h));
		}
	}
	return result;
}

/* ---- connections ---- */

struct finding {
	walk_handler *handler;
	void *context;
};

static struct address address_in(const struct inet_diag_msg *m, const uint32_t bytes[static 4])
{
	return address_of_bytes(bytes, m->idiag_family == AF_INET ? 4 : 16);
}

static void found(void *context, struct nlmsghdr *h, const struct inet_diag_msg *m)
{
	(void)h;
	const struct finding *finding = context;
	struct client client = {.local = address_in(m, m->id.idiag_src),
	    .local_port = ntohs(m->id.idiag_sport),
	    .address = address_in(m, m->id.idiag_dst),
	    .port = ntohs(m->id.idiag_dport)};
	finding->handler(finding->context, &client);
}

static bool any_of_ipv4(const struct address *addresses, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (address_is_ipv4(&addresses[i]))
			return true;
	return false;
}

/* A machine without IPv6, or a kernel without one of the tables, has no connections of that kind. */
static int unless_absent(int result)
{
	return result == -ENOENT || result == -EAFNOSUPPORT ? 0 : result;
}

int walk_clients(
    struct walk *walk, const struct address *addresses, unsigned count, walk_handler *handler, void *context)
{
	uint8_t filter[FILTER_MAX];
	struct finding finding = {handler, context};
	for (unsigned from = 0; from < count; from += WALK_ADDRESSES_MAX) {
		unsigned now = count - from < WALK_ADDRESSES_MAX ? count - from : WALK_ADDRESSES_MAX;
		size_t size = diag_filter(&addresses[from], now, filter);
		int result = unless_absent(
		    dump(walk, AF_INET6, STATE(TCP_ESTABLISHED), filter, size, found, &finding));
		if (!result && any_of_ipv4(&addresses[from], now))
			result = unless_absent(
			    dump(walk, AF_INET, STATE(TCP_ESTABLISHED), filter, size, found, &finding));
		if (result)
			return result;
	}
	return 0;
}

/* ---- listeners ---- */

static void set(uint8_t *ports, uint16_t port)
{
	ports[port / 8] |= (uint8_t)(1U << port % 8);
}

static bool is_ipv6_only(struct nlmsghdr *h)
{
	struct nlattr *attribute = nlmsg_find_attr(h, sizeof(struct inet_diag_msg), IPV6_ONLY_ATTR);
	return attribute && nla_len(attribute) >= 1 && nla_get_u8(attribute);
}

struct hearing {
	const struct config *config;
	struct listeners *listeners;
};

static void found_listener(void *context, struct nlmsghdr *h, const struct inet_diag_msg *m)
{
	const struct hearing *hearing = context;
	struct listeners *listeners = hearing->listeners;
	struct address address = address_in(m, m->id.idiag_src);
	uint16_t port = ntohs(m->id.idiag_sport);
	if (!address_is_unspecified(&address)) {
		if (listeners->bound_count < WALK_BOUND_MAX &&
		    config_has_address(hearing->config, &address)) {
			listeners->bound[listeners->bound_count].address = address;
			listeners->bound[listeners->bound_count++].port = port;
		}
		return;
	}
	bool is_ipv4 = address_is_ipv4(&address);
	if (!is_ipv4)
		set(listeners->any[0], port);
	if (is_ipv4 || !is_ipv6_only(h))
		set(listeners->any[1], port);
}

int walk_listeners(struct walk *walk, const struct config *config, struct listeners *listeners)
{
	static struct listeners now;
	struct hearing hearing = {config, &now};
	memset(&now, 0, sizeof now);
	int result =
	    unless_absent(dump(walk, AF_INET6, STATE(TCP_LISTEN), NULL, 0, found_listener, &hearing));
	if (!result)
		result =
		    unless_absent(dump(walk, AF_INET, STATE(TCP_LISTEN), NULL, 0, found_listener, &hearing));
	if (!result)
		*listeners = now;
	return result;
}
