/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multicast memberships. The kernel charges each to the socket it is made on, up to net.core.optmem_max, and
 * keeps it there when the interface has lost it: when the MTU went below 1280 or IPv6 was switched off, the
 * interface forgets its groups and a second join on the same socket fails. So every join leaves first; and as
 * nothing is heard between the two, only what the kernel does not list is joined anew. Groups of IPv4 stay
 * with their interface, which may have been elsewhere meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vipd/net.h"

/* Solicited-node groups differ in the last three bytes. */
static uint16_t *bucket_of(struct net_groups *groups, unsigned ifindex, const struct address *group)
{
	const uint8_t *last = &group->in6.s6_addr[13];
	return &groups->buckets[(ifindex + last[0] * 31u + last[1] * 256u + last[2]) % NET_GROUP_BUCKETS];
}

static void index_add(struct net_groups *groups, unsigned i)
{
	struct net_membership *m = &groups->members[i];
	uint16_t *bucket = bucket_of(groups, m->ifindex, &m->group);
	m->next = *bucket;
	*bucket = (uint16_t)(i + 1);
}

void net_groups_begin(struct net_groups *groups, unsigned ifindex)
{
	memset(groups->buckets, 0, sizeof groups->buckets);
	groups->at = groups->room = 0; /* the kernel's limit may have been raised */
	groups->error = 0;
	for (unsigned i = 0; i < groups->count; i++) {
		groups->members[i].wanted &= groups->members[i].ifindex != ifindex;
		index_add(groups, i);
	}
}

struct look {
	struct net_groups *groups;
	unsigned ifindex;
	unsigned at; /* in the list of IPv4: the interface that the next groups are of */
};

static void mark_listed(const struct look *look, const struct address *group)
{
	struct net_groups *groups = look->groups;
	for (unsigned i = *bucket_of(groups, look->ifindex, group); i; i = groups->members[i - 1].next) {
		struct net_membership *m = &groups->members[i - 1];
		if (m->ifindex == look->ifindex && address_equal(&m->group, group))
			m->listed = true;
	}
}

/* "index name group users ...", the group as 32 hexadecimal digits. */
static void look_at_ipv6(struct look *look, const char *line)
{
	unsigned index;
	char digits[33];
	struct address group;
	if (sscanf(line, "%u %*s %32s", &index, digits) != 2 || index != look->ifindex ||
	    strlen(digits) != 32)
		return;
	for (unsigned i = 0; i < sizeof group; i++)
		if (sscanf(&digits[2 * i], "%2hhx", &group.in6.s6_addr[i]) != 1)
			return;
	mark_listed(look, &group);
}

/* "index name : ..." and then, behind tabs, "group users ...", the group as one number in network order. */
static void look_at_ipv4(struct look *look, const char *line)
{
	struct in_addr number;
	if (*line != '\t') {
		sscanf(line, "%u", &look->at);
	} else if (look->at == look->ifindex && sscanf(line, "%8x", &number.s_addr) == 1) {
		struct address group = address_of_ipv4(&number);
		mark_listed(look, &group);
	}
}

static void read_list(int list, struct look *look, void (*look_at)(struct look *look, const char *line))
{
	char text[4096];
	size_t kept = 0;
	ssize_t got;
	for (off_t at = 0; (got = pread(list, text + kept, sizeof text - kept - 1, at)) > 0; at += got) {
		char *line = text, *end;
		text[kept + (size_t)got] = '\0';
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			look_at(look, line);
		}
		kept = strlen(line);
		memmove(text, line, kept);
	}
}

void net_groups_look(struct net_groups *groups, unsigned ifindex, const int lists[static VRRP_FAMILIES])
{
	struct look look = {.groups = groups, .ifindex = ifindex};
	for (unsigned i = 0; i < groups->count; i++)
		groups->members[i].listed = false;
	read_list(lists[VRRP_IPV6], &look, look_at_ipv6);
	read_list(lists[VRRP_IPV4], &look, look_at_ipv4);
	for (unsigned i = 0; i < groups->count; i++) {
		struct net_membership *m = &groups->members[i];
		bool unknown = address_is_ipv4(&m->group) && lists[VRRP_IPV4] < 0;
		m->joined &= m->ifindex != ifindex || m->listed || unknown;
	}
}

void net_groups_want(struct net_groups *groups, unsigned ifindex, const struct address *group)
{
	for (unsigned i = *bucket_of(groups, ifindex, group); i; i = groups->members[i - 1].next) {
		struct net_membership *m = &groups->members[i - 1];
		if (m->ifindex == ifindex && address_equal(&m->group, group)) {
			m->wanted = true;
			return;
		}
	}
	if (groups->count == NET_GROUPS_MAX) {
		groups->error = -ENOSPC;
		return;
	}
	groups->members[groups->count] = (struct net_membership){
	    .ifindex = ifindex, .group = *group, .socket = NET_GROUP_SOCKETS, .wanted = true};
	index_add(groups, groups->count++);
}

bool net_groups_has(const struct net_groups *groups, unsigned ifindex, const struct address *group)
{
	bool found = false;
	for (unsigned i = 0; i < groups->count && !found; i++) {
		const struct net_membership *m = &groups->members[i];
		found = m->joined && m->ifindex == ifindex && address_equal(&m->group, group);
	}
	return found;
}

/* A socket of IPv6 takes options of IPv4, too. */
static int change_ipv4(int fd, const struct net_membership *m, int option)
{
	struct ip_mreqn request = {.imr_ifindex = (int)m->ifindex};
	memcpy(&request.imr_multiaddr, address_bytes(&m->group), 4);
	return setsockopt(fd, IPPROTO_IP, option, &request, sizeof request) < 0 ? -errno : 0;
}

static int change(const struct net_groups *groups, const struct net_membership *m, bool join)
{
	if (address_is_ipv4(&m->group))
		return change_ipv4(
		    groups->sockets[m->socket], m, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP);
	int option = join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP;
	struct ipv6_mreq request = {.ipv6mr_multiaddr = m->group.in6, .ipv6mr_interface = m->ifindex};
	return setsockopt(groups->sockets[m->socket], IPPROTO_IPV6, option, &request, sizeof request) < 0
		   ? -errno
		   : 0;
}

static void leave(struct net_groups *groups, struct net_membership *m)
{
	if (m->socket == NET_GROUP_SOCKETS)
		return;
	change(groups, m, false);
	if (m->socket < groups->room)
		groups->room = m->socket;
}

static int join(struct net_groups *groups, struct net_membership *m)
{
	int result = -ENOMEM;
	leave(groups, m);
	for (; groups->room < NET_GROUP_SOCKETS; groups->room++) {
		m->socket = (uint8_t)groups->room;
		result = change(groups, m, true);
		if (result == -EADDRINUSE) { /* a keeper was killed before it had noted that */
			change(groups, m, false);
			result = change(groups, m, true);
		}
		m->joined = !result;
		if (result != -ENOMEM && result != -ENOBUFS) /* else this socket is full */
			break;
	}
	if (!m->joined)
		m->socket = NET_GROUP_SOCKETS;
	return result;
}

int net_groups_end(struct net_groups *groups, unsigned ifindex)
{
	unsigned changes = 0;
	while (groups->at < groups->count) {
		struct net_membership *m = &groups->members[groups->at];
		if (m->ifindex != ifindex || (m->wanted && m->joined)) {
			groups->at++;
			continue;
		}
		if (changes++ == NET_GROUP_CHANGES)
			return -EAGAIN;
		if (!m->wanted) {
			leave(groups, m);
			*m = groups->members[--groups->count];
			continue;
		}
		int result = join(groups, m);
		if (!groups->error)
			groups->error = result;
		groups->at++;
	}
	return groups->error;
}
