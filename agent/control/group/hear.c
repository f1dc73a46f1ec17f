/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the others say. Everything here may come from an attacker on the link: each datagram is checked, the
 * cheap things first, and counted by the reason why it was refused. A flood gets a fair share of this process
 * and no more; what the kernel cannot keep meanwhile is lost, which costs nobody an address.
 */
#include "control/control.h"
#include "control/group/datagram.h"
#include "control/group/group.h"

/* Of which virtual router a datagram speaks, and whether it is signed. */
struct subject {
	uint8_t family, vrid;
	bool is_signed;
};

/* NULL: we have none like it; a hello in the other family than that of the election is for others, see
 * look_for_rivals(). */
static struct group_router *router_of(
    struct group *group, const struct datagram *datagram, const struct subject *subject)
{
	if (address_is_ipv4(&datagram->envelope.source) != (subject->family == AF_INET))
		return NULL;
	for (unsigned i = 0; i < group->count; i++) {
		struct group_router *router = &group->routers[i];
		if (router->ifindex && router->ifindex == datagram->ifindex &&
		    router->id.vrid == subject->vrid && router->id.family == subject->family)
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
static enum hello_verdict authenticate(const struct group *group, const struct group_router *router,
    struct auth_replay *replay, const struct datagram *datagram, bool is_signed, struct mono now)
{
	if (router->mode == AUTH_OFF)
		return is_signed ? HELLO_AUTH_UNEXPECTED : HELLO_OK;
	if (!is_signed)
		return router->mode == AUTH_ENFORCE ? HELLO_AUTH_MISSING : HELLO_OK;
	return hello_verify(router->keys, router->key_count, replay, &datagram->envelope, datagram->bytes,
	    datagram->size, group_clock_us(router, now), group->control->config->group_interval_us);
}

/*
 * A hello of a virtual router that is not ours: an address of ours has no business there. It is sent in both
 * families for this. The sequences of one sender's routers are not in one order, so a repeated one is
 * believed.
 */
static bool look_for_rivals(
    struct group *group, const struct datagram *datagram, const struct hello *hello, struct mono now)
{
	const struct address *source = &datagram->envelope.source;
	bool found = false;
	for (unsigned i = 0; i < group->count; i++) {
		struct group_router *router = &group->routers[i];
		const struct config_router *config = &group->control->config->routers[i];
		struct auth_replay replay = {0};
		if (router->ifindex != datagram->ifindex || address_equal(source, &router->source) ||
		    (config->peer_count && !is_peer(config, source)) ||
		    !rivals_concern(&router->rivals, hello, &router->ours) ||
		    authenticate(group, router, &replay, datagram, hello->is_signed, now) != HELLO_OK)
			continue;
		group_tell_rival(group, i, rivals_hear(&router->rivals, source, hello, &router->ours, now));
		found = true;
	}
	return found;
}

/* Whether a datagram may come from that sender. */
static enum hello_verdict admit(struct group *group, struct group_router *router,
    const struct datagram *datagram, bool is_signed, struct mono now)
{
	const struct address *source = &datagram->envelope.source;
	const struct config_router *config = &group->control->config->routers[router - group->routers];
	if (address_equal(source, &router->source))
		return HELLO_OWN_PACKET;
	if (config->peer_count && !is_peer(config, source))
		return HELLO_UNKNOWN_PEER;
	if (!config->peer_count && !address_is_multicast(&datagram->envelope.destination))
		return HELLO_BAD_DESTINATION;
	return authenticate(group, router, &router->replay, datagram, is_signed, now);
}

static enum hello_verdict take_hello(struct group *group, const struct datagram *datagram, struct mono now)
{
	struct hello hello;
	struct roster_news news;
	const struct address *source = &datagram->envelope.source;
	enum hello_verdict verdict =
	    hello_parse(datagram->bytes, datagram->size, &datagram->envelope, &hello);
	if (verdict != HELLO_OK)
		return verdict;
	bool is_copy = address_is_ipv4(source) != (hello.family == AF_INET);
	const struct subject subject = {hello.family, hello.vrid, hello.is_signed};
	struct group_router *router = router_of(group, datagram, &subject);
	if (!router)
		return look_for_rivals(group, datagram, &hello, now) || is_copy ? HELLO_OK
										: HELLO_UNKNOWN_ROUTER;
	verdict = admit(group, router, datagram, hello.is_signed, now);
	if (verdict == HELLO_OK)
		verdict = roster_hear(&router->roster, source, &hello, now, realtime_us(), &news);
	if (verdict != HELLO_OK)
		return verdict;
	unsigned index = (unsigned)(router - group->routers);
	group->changed |= news.changed;
	if (hello.state == VRRP_ACTIVE && !hello.leaving)
		group_follow(group, router, &hello, now);
	group_tell(group, index, &news);
	group_compare(group, index, source);
	history_hear(group, index, source, &hello, now);
	return verdict;
}

/* Only of members, which have said before who they are and whether they sign. */
static enum hello_verdict take_connections(
    struct group *group, const struct datagram *datagram, struct mono now)
{
	struct connections connections;
	const struct address *source = &datagram->envelope.source;
	enum hello_verdict verdict =
	    connections_parse(datagram->bytes, datagram->size, &datagram->envelope, &connections);
	if (verdict != HELLO_OK)
		return verdict;
	const struct subject subject = {connections.family, connections.vrid, connections.is_signed};
	struct group_router *router = router_of(group, datagram, &subject);
	if (!router)
		return HELLO_UNKNOWN_ROUTER;
	verdict = admit(group, router, datagram, connections.is_signed, now);
	if (verdict != HELLO_OK)
		return verdict;
	const struct roster_member *member = roster_find(&router->roster, source);
	if (!member)
		return HELLO_NOT_MEMBER;
	if (member->hello.is_signed && !connections.is_signed)
		return HELLO_UNSIGNED;
	return group->on_connections ? group->on_connections(group->connections_context,
					   (unsigned)(router - group->routers), source, &connections)
				     : HELLO_OK;
}

static enum hello_verdict take(struct group *group, const struct datagram *datagram, struct mono now)
{
	return connections_are_in(datagram->bytes, datagram->size) ? take_connections(group, datagram, now)
								   : take_hello(group, datagram, now);
}

static void take_and_count(void *context, const struct datagram *datagram)
{
	struct group *group = context;
	enum hello_verdict verdict = take(group, datagram, mono_now());
	if (verdict == HELLO_OK)
		group->received++;
	else
		group->refused[verdict]++;
}

bool group_hear(struct group *group, const struct vrrp_family *family)
{
	return datagram_receive(datagram_socket(family), take_and_count, group);
}
