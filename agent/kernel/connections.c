/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections by sock_diag: those to an address are found by the kernel's own filter, and ended.
 *
 * A walk passes all sockets of the machine, so there is one for all addresses: the old form of the request
 * (TCPDIAG_GETSOCK) knows no family, and finds those of both. A connection of an IPv4 client to a socket that
 * listens on [::] has mapped addresses, which the filter knows as IPv4 ones.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "kernel/exchange.h"
#include "vipd/diag.h"

int kernel_open_diag(struct kernel *kernel)
{
	return exchange_open(kernel, NETLINK_SOCK_DIAG);
}

struct walk {
	struct kernel *requests;
	const struct kernel_ending *of;
	struct kernel_ended *ended;
};

static bool is_meant(const struct kernel_ending *of, const struct inet_diag_msg *m)
{
	bool found = !of->port_count;
	for (unsigned i = 0; i < of->port_count && !found; i++)
		found = of->ports[i] == ntohs(m->id.idiag_sport);
	return found;
}

static bool is_ipv4(const struct inet_diag_msg *m)
{
	struct address local = address_of_bytes(m->id.idiag_src, m->idiag_family == AF_INET ? 4 : 16);
	return address_is_ipv4(&local);
}

/*
 * Nothing is under way, and nothing was for a while. What the kernel does not say is not idle. The receive
 * queue is under way only to a server that works: another one will not read it. An answer that is waited for
 * leaves without the address in IPv6; in IPv4 it does not, so a reset now is better. Who spoke last is known
 * by jiffies: in the same one it was the server.
 */
static bool is_due(const struct kernel_ending *of, struct nlmsghdr *h, const struct inet_diag_msg *m)
{
	struct tcp_info info = {0};
	struct nlattr *found = nlmsg_find_attr(h, sizeof *m, INET_DIAG_INFO);
	if (!of->idle_ms)
		return true;
	if (found)
		nla_memcpy(&info, found, sizeof info);
	bool is_awaited =
	    of->server_works && !is_ipv4(m) && info.tcpi_last_data_recv < info.tcpi_last_data_sent;
	uint32_t silent_ms = is_awaited ? of->answer_ms : of->idle_ms;
	return !(of->server_works && m->idiag_rqueue) && !m->idiag_wqueue &&
	       info.tcpi_last_data_sent >= silent_ms && info.tcpi_last_data_recv >= silent_ms;
}

static int end(struct kernel *requests, const struct inet_diag_msg *m)
{
	struct inet_diag_req_v2 request = {
	    .sdiag_family = m->idiag_family, .sdiag_protocol = IPPROTO_TCP, .id = m->id};
	exchange_begin(requests, SOCK_DESTROY, NLM_F_ACK, &request, sizeof request);
	return exchange_request(requests);
}

static void look_at(struct nlmsghdr *h, void *context)
{
	struct walk *walk = context;
	const struct kernel_ending *of = walk->of;
	struct inet_diag_msg m;
	if (!nlmsg_valid_hdr(h, sizeof m))
		return;
	memcpy(&m, nlmsg_data(h), sizeof m);
	if (!is_meant(of, &m))
		return;
	if (!is_due(of, h, &m) || !of->may_end(of->context)) {
		walk->ended->left++;
		return;
	}
	int result = end(walk->requests, &m);
	if (!result)
		walk->ended->count++;
	else if (result != -ENOENT) /* it has ended by itself */
		walk->ended->error = result;
}

void kernel_end_connections(
    struct kernel *dumps, struct kernel *requests, const struct kernel_ending *of, struct kernel_ended *ended)
{
	struct walk walk = {.requests = requests, .of = of, .ended = ended};
	struct inet_diag_req request = {.idiag_ext = 1 << (INET_DIAG_INFO - 1),
	    .idiag_states = 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT};
	uint8_t filter[DIAG_FILTER_MAX(KERNEL_ENDING_MAX)];
	size_t size = diag_filter(of->addresses, of->address_count, filter);
	struct nl_msg *message = exchange_begin(dumps, TCPDIAG_GETSOCK, NLM_F_DUMP, &request, sizeof request);
	nla_put(message, INET_DIAG_REQ_BYTECODE, (int)size, filter);
	int result = exchange_dump(dumps, look_at, &walk);
	if (result && result != -EINTR)
		ended->error = result;
}
