/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the others say. Everything here may come from an attacker on the link: each datagram is checked, the
 * cheap things first, and counted by the reason why it was refused. A flood gets a fair share of this process
 * and no more; what the kernel cannot keep meanwhile is lost, which costs nobody an address.
 */
#include <string.h>
#include <sys/socket.h>

#include "control/control.h"
#include "control/group/group.h"

#define BATCH	32
#define BATCHES 4 /* a call */

union ancillary {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

struct datagram {
	struct hello_envelope envelope;
	unsigned ifindex;
	const uint8_t *bytes;
	size_t size;
};

static void read_ancillary(struct msghdr *header, struct datagram *datagram)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			datagram->envelope.destination.in6 = info.ipi6_addr;
			datagram->ifindex = info.ipi6_ifindex;
		} else if (c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(
			    &datagram->envelope.hop_limit, CMSG_DATA(c), sizeof datagram->envelope.hop_limit);
		}
	}
}

static struct group_router *router_of(
    struct group *group, const struct datagram *datagram, const struct hello *hello)
{
	for (unsigned i = 0; i < group->count; i++) {
		struct group_router *router = &group->routers[i];
		if (router->ifindex && router->ifindex == datagram->ifindex &&
		    router->id.vrid == hello->vrid && router->id.family == hello->family)
			return router;
	}
	return NULL;
}

static bool is_peer(const struct config_router *config, const struct address *source)
{
	for (unsigned i = 0; i < config->peer_count; i++)
		if (address_equal(&config->peers[i], source))
			return true;
	return false;
}

/* The modes are those of adverts, see engine/auth.c. */
static enum hello_verdict authenticate(const struct group *group, struct group_router *router,
    const struct datagram *datagram, const struct hello *hello, struct mono now)
{
	if (router->mode == AUTH_OFF)
		return hello->is_signed ? HELLO_AUTH_UNEXPECTED : HELLO_OK;
	if (!hello->is_signed)
		return router->mode == AUTH_ENFORCE ? HELLO_AUTH_MISSING : HELLO_OK;
	return hello_verify(router->keys, router->key_count, &router->replay, &datagram->envelope,
	    datagram->bytes, datagram->size, group_clock_us(router, now),
	    group->control->config->group_interval_us);
}

static enum hello_verdict take(struct group *group, const struct datagram *datagram, struct mono now)
{
	struct hello hello;
	struct roster_news news;
	const struct address *source = &datagram->envelope.source;
	enum hello_verdict verdict =
	    hello_parse(datagram->bytes, datagram->size, &datagram->envelope, &hello);
	if (verdict != HELLO_OK)
		return verdict;
	struct group_router *router = router_of(group, datagram, &hello);
	if (!router)
		return HELLO_UNKNOWN_ROUTER;
	unsigned index = (unsigned)(router - group->routers);
	const struct config_router *config = &group->control->config->routers[index];
	if (address_equal(source, &router->source))
		return HELLO_OWN_PACKET;
	if (config->peer_count && !is_peer(config, source))
		return HELLO_UNKNOWN_PEER;
	if (!config->peer_count && !address_is_multicast(&datagram->envelope.destination))
		return HELLO_BAD_DESTINATION;
	verdict = authenticate(group, router, datagram, &hello, now);
	if (verdict == HELLO_OK)
		verdict = roster_hear(&router->roster, source, &hello, now, realtime_us(), &news);
	if (verdict != HELLO_OK)
		return verdict;
	group->changed |= news.changed;
	group_tell(group, index, &news);
	return verdict;
}

static int receive(struct group *group, struct mono now)
{
	static uint8_t bytes[BATCH][HELLO_SIZE_MAX + 1]; /* one more: a longer one must not look right */
	static struct sockaddr_in6 from[BATCH];
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
	int count = recvmmsg(FD_HELLOS, headers, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++) {
		struct datagram datagram = {.bytes = bytes[i],
		    .size = headers[i].msg_len,
		    .envelope = {.source = {from[i].sin6_addr}, .hop_limit = -1}};
		read_ancillary(&headers[i].msg_hdr, &datagram);
		enum hello_verdict verdict = take(group, &datagram, now);
		if (verdict == HELLO_OK)
			group->received++;
		else
			group->refused[verdict]++;
	}
	return count;
}

bool group_hear(struct group *group, struct mono now)
{
	for (int batch = 0; batch < BATCHES; batch++)
		if (receive(group, now) < BATCH)
			return true;
	return false;
}
