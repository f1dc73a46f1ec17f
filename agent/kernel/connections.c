/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections by sock_diag: those to an address are found by the kernel's own filter, and ended.
 *
 * A connection of an IPv4 client to a socket that listens on [::] is in the table of IPv6, with mapped
 * addresses, which the filter knows as IPv4 ones.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "kernel/exchange.h"

#define FILTER_MAX (sizeof(struct inet_diag_bc_op) + sizeof(struct inet_diag_hostcond) + 16)

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

/* Nothing is under way, and nothing was for a while. What the kernel does not say is not idle. */
static bool is_idle(struct nlmsghdr *h, const struct inet_diag_msg *m, uint32_t idle_ms)
{
	struct tcp_info info = {0};
	struct nlattr *found = nlmsg_find_attr(h, sizeof *m, INET_DIAG_INFO);
	if (found)
		nla_memcpy(&info, found, sizeof info);
	return !m->idiag_rqueue && !m->idiag_wqueue && info.tcpi_last_data_sent >= idle_ms &&
	       info.tcpi_last_data_recv >= idle_ms;
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
	if (!is_idle(h, &m, of->idle_ms) || !of->may_end(of->context)) {
		walk->ended->left++;
		return;
	}
	int result = end(walk->requests, &m);
	if (!result)
		walk->ended->count++;
	else if (result != -ENOENT) /* it has ended by itself */
		walk->ended->error = result;
}

/* "The local address is this": one condition. To its end means yes, beyond it no. Returns its size. */
static uint8_t build_filter(const struct address *address, uint8_t filter[static FILTER_MAX])
{
	unsigned size = address_size(address);
	struct inet_diag_hostcond condition = {
	    .family = size == 4 ? AF_INET : AF_INET6, .prefix_len = (uint8_t)(8 * size), .port = -1};
	struct inet_diag_bc_op op = {
	    .code = INET_DIAG_BC_S_COND, .yes = (uint8_t)(sizeof op + sizeof condition + size)};
	op.no = (uint16_t)(op.yes + sizeof op);
	memcpy(filter, &op, sizeof op);
	memcpy(filter + sizeof op, &condition, sizeof condition);
	memcpy(filter + sizeof op + sizeof condition, address_bytes(address), size);
	return op.yes;
}

static int walk_family(struct kernel *dumps, uint8_t family, struct walk *walk)
{
	uint8_t filter[FILTER_MAX];
	uint8_t length = build_filter(walk->of->address, filter);
	struct inet_diag_req_v2 request = {.sdiag_family = family,
	    .sdiag_protocol = IPPROTO_TCP,
	    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
	    .idiag_states = 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT};
	struct nl_msg *message =
	    exchange_begin(dumps, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request);
	nla_put(message, INET_DIAG_REQ_BYTECODE, length, filter);
	int result = exchange_dump(dumps, look_at, walk);
	return result == -ENOENT || result == -EAFNOSUPPORT || result == -EINTR ? 0 : result;
}

void kernel_end_connections(
    struct kernel *dumps, struct kernel *requests, const struct kernel_ending *of, struct kernel_ended *ended)
{
	struct walk walk = {.requests = requests, .of = of, .ended = ended};
	int result = walk_family(dumps, AF_INET6, &walk);
	if (!result && address_is_ipv4(of->address))
		result = walk_family(dumps, AF_INET, &walk);
	if (result)
		ended->error = result;
}
