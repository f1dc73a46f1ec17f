/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections whose destination the kernel has translated (conntrack). Asking needs NET_ADMIN in whoever
 * opens the socket and in whoever sends; reading the answer needs nothing. So the guardian asks, and control,
 * which holds the same socket, reads and parses.
 */
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "vipd/kernel.h"

#define REQUEST_BYTES 128

int kernel_translated_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	return fd < 0 ? -errno : fd;
}

/* By their status: the kernel's filter for addresses passes the others in IPv6 (seen in 6.18). */
int kernel_translated_ask(int socket)
{
	const struct nfgenmsg header = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
	struct nl_msg *message = nlmsg_alloc_size(NLMSG_HDRLEN + REQUEST_BYTES);
	if (!message)
		return -ENOMEM;
	nlmsg_put(
	    message, 0, 0, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0, NLM_F_REQUEST | NLM_F_DUMP);
	nlmsg_append(message, (void *)&header, sizeof header, NLMSG_ALIGNTO);
	nla_put_u32(message, CTA_STATUS, htonl(IPS_DST_NAT));
	nla_put_u32(message, CTA_STATUS_MASK, htonl(IPS_DST_NAT));
	const struct nlmsghdr *h = nlmsg_hdr(message);
	int result = send(socket, h, h->nlmsg_len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
	nlmsg_free(message);
	return result;
}
