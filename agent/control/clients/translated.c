/* SPDX-License-Identifier: Apache-2.0 */
/* See translated.h. */
#include "control/clients/translated.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vipd/message.h"

#define ANSWER_BYTES 32768
#define READS	     16 /* a turn */
#define EVERY_US     USEC_PER_SEC
#define TIMEOUT_US   (5 * USEC_PER_SEC)
#define COST_SHARE   100 /* at most this part of the time */
#define WAIT_MOST_US (30 * USEC_PER_SEC)
#define UNANSWERED_S 300 /* see nf_conntrack_tcp_timeout_unacknowledged */

/* ---- one connection ---- */

static struct nla_policy tuple_policy[CTA_TUPLE_MAX + 1] = {
    [CTA_TUPLE_IP] = {.type = NLA_NESTED}, [CTA_TUPLE_PROTO] = {.type = NLA_NESTED}};
static struct nla_policy ip_policy[CTA_IP_MAX + 1] = {[CTA_IP_V4_SRC] = {.minlen = 4},
    [CTA_IP_V4_DST] = {.minlen = 4},
    [CTA_IP_V6_SRC] = {.minlen = 16},
    [CTA_IP_V6_DST] = {.minlen = 16}};
static struct nla_policy proto_policy[CTA_PROTO_MAX + 1] = {[CTA_PROTO_NUM] = {.type = NLA_U8},
    [CTA_PROTO_SRC_PORT] = {.type = NLA_U16},
    [CTA_PROTO_DST_PORT] = {.type = NLA_U16}};
static struct nla_policy info_policy[CTA_PROTOINFO_MAX + 1] = {[CTA_PROTOINFO_TCP] = {.type = NLA_NESTED}};
static struct nla_policy tcp_policy[CTA_PROTOINFO_TCP_MAX + 1] = {
    [CTA_PROTOINFO_TCP_STATE] = {.type = NLA_U8}};
static struct nla_policy policy[CTA_MAX + 1] = {[CTA_TUPLE_ORIG] = {.type = NLA_NESTED},
    [CTA_STATUS] = {.type = NLA_U32},
    [CTA_TIMEOUT] = {.type = NLA_U32},
    [CTA_PROTOINFO] = {.type = NLA_NESTED}};

static bool read_tuple(struct nlattr *nested, struct client *client)
{
	struct nlattr *tuple[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
	if (!nested || nla_parse_nested(tuple, CTA_TUPLE_MAX, nested, tuple_policy) < 0 ||
	    !tuple[CTA_TUPLE_IP] || !tuple[CTA_TUPLE_PROTO] ||
	    nla_parse_nested(ip, CTA_IP_MAX, tuple[CTA_TUPLE_IP], ip_policy) < 0 ||
	    nla_parse_nested(proto, CTA_PROTO_MAX, tuple[CTA_TUPLE_PROTO], proto_policy) < 0 ||
	    !proto[CTA_PROTO_NUM] || nla_get_u8(proto[CTA_PROTO_NUM]) != IPPROTO_TCP ||
	    !proto[CTA_PROTO_SRC_PORT] || !proto[CTA_PROTO_DST_PORT])
		return false;
	struct nlattr *source = ip[CTA_IP_V4_SRC] ? ip[CTA_IP_V4_SRC] : ip[CTA_IP_V6_SRC];
	struct nlattr *destination = ip[CTA_IP_V4_SRC] ? ip[CTA_IP_V4_DST] : ip[CTA_IP_V6_DST];
	if (!source || !destination)
		return false;
	unsigned size = ip[CTA_IP_V4_SRC] ? 4 : 16;
	client->address = address_of_bytes(nla_data(source), size);
	client->local = address_of_bytes(nla_data(destination), size);
	client->port = ntohs(nla_get_u16(proto[CTA_PROTO_SRC_PORT]));
	client->local_port = ntohs(nla_get_u16(proto[CTA_PROTO_DST_PORT]));
	return true;
}

static bool is_established(struct nlattr *nested)
{
	struct nlattr *info[CTA_PROTOINFO_MAX + 1], *tcp[CTA_PROTOINFO_TCP_MAX + 1];
	return nested && nla_parse_nested(info, CTA_PROTOINFO_MAX, nested, info_policy) == 0 &&
	       info[CTA_PROTOINFO_TCP] &&
	       nla_parse_nested(tcp, CTA_PROTOINFO_TCP_MAX, info[CTA_PROTOINFO_TCP], tcp_policy) == 0 &&
	       tcp[CTA_PROTOINFO_TCP_STATE] &&
	       nla_get_u8(tcp[CTA_PROTOINFO_TCP_STATE]) == TCP_CONNTRACK_ESTABLISHED;
}

/* At least so long: it ends after established_s, or, with data that nobody acknowledges, after UNANSWERED_S.
 */
static int64_t silent_us(const struct translated *translated, struct nlattr *timeout)
{
	int64_t left_s = timeout ? ntohl(nla_get_u32(timeout)) : 0;
	int64_t silent_s = translated->established_s - left_s - 1; /* seconds are rounded down */
	return left_s <= UNANSWERED_S || silent_s < 0 ? 0 : silent_s * USEC_PER_SEC;
}

static void take(struct translated *translated, struct nlmsghdr *h)
{
	struct nlattr *of[CTA_MAX + 1];
	struct client client;
	int router;
	if (h->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) &&
	    nlmsg_parse(h, sizeof(struct nfgenmsg), of, CTA_MAX, policy) == 0 && of[CTA_STATUS] &&
	    ntohl(nla_get_u32(of[CTA_STATUS])) & IPS_DST_NAT && is_established(of[CTA_PROTOINFO]) &&
	    read_tuple(of[CTA_TUPLE_ORIG], &client) &&
	    (router = translated->router_of(
		 translated->context, &client.local, silent_us(translated, of[CTA_TIMEOUT]))) >= 0 &&
	    !list_add(&translated->found, &client))
		translated->found_more[router]++;
}

/* ---- a dump ---- */

static void end(struct translated *translated, int error)
{
	struct mono now = mono_now();
	translated->running = false;
	translated->error = error;
	translated->cost_us = mono_sub(now, translated->asked);
	/* The time on the clock, which may be that of a pause of this process, so it has a bound. */
	int64_t wait_us = translated->cost_us * COST_SHARE;
	wait_us = wait_us > EVERY_US ? wait_us : EVERY_US;
	translated->next = mono_add(now, wait_us < WAIT_MOST_US ? wait_us : WAIT_MOST_US);
	if (error == -ETIMEDOUT) /* who was there probably still is */
		return;
	translated->list.count = 0;
	memset(translated->more, 0, sizeof translated->more);
	if (error)
		return;
	translated->list = translated->found;
	memcpy(translated->more, translated->found_more, sizeof translated->more);
}

/* Returns whether that was the last of it. */
static bool take_all(struct translated *translated, void *bytes, size_t size)
{
	int left = (int)size;
	for (struct nlmsghdr *h = bytes; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
		int error = 0;
		if (h->nlmsg_type != NLMSG_DONE && h->nlmsg_type != NLMSG_ERROR) {
			take(translated, h);
			continue;
		}
		if (nlmsg_datalen(h) >= (int)sizeof error)
			memcpy(&error, nlmsg_data(h), sizeof error);
		end(translated, error < 0 ? error : 0);
		return true;
	}
	return false;
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)events;
	struct translated *translated = context;
	_Alignas(struct nlmsghdr) static char bytes[ANSWER_BYTES];
	for (int i = 0; i < READS; i++) {
		ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (size < 0 && errno != EAGAIN && errno != EINTR && translated->running)
			end(translated, -errno);
		if (size < 0)
			break;
		if (translated->running && take_all(translated, bytes, (size_t)size))
			break; /* what nobody has asked for is thrown away */
	}
	return 0;
}

/* 0: there is no such file, or it cannot be read. */
static int read_number(const char *path)
{
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	int number = read(fd, text, sizeof text - 1) > 0 ? atoi(text) : 0;
	close(fd);
	return number;
}

/* Without conntrack there is nothing to ask: asking would load it. */
static bool any_followed(void)
{
	return read_number("/proc/sys/net/netfilter/nf_conntrack_count") > 0;
}

void translated_look(struct translated *translated, struct mono now)
{
	if (translated->running && mono_sub(now, translated->asked) >= TIMEOUT_US)
		end(translated, -ETIMEDOUT);
	if (!translated->open || translated->running || !mono_reached(now, translated->next))
		return;
	translated->found.count = 0;
	memset(translated->found_more, 0, sizeof translated->found_more);
	translated->established_s =
	    read_number("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established");
	translated->asked = now;
	if (!any_followed()) {
		end(translated, 0);
		return;
	}
	const struct message message = {.type = MESSAGE_TRANSLATED};
	translated->running = message_send(FD_GUARDIAN, &message, NULL) == 0;
}

int translated_open(struct translated *translated, sd_event *event)
{
	return translated->open
		   ? sd_event_add_io(event, &translated->io, FD_TRANSLATED, EPOLLIN, on_answer, translated)
		   : 0;
}

void translated_close(struct translated *translated)
{
	sd_event_source_disable_unref(translated->io);
}
