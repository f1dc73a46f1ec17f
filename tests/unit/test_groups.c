/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multicast memberships with a kernel of our own, whose sockets hold as many as it says.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "vipd/net.h"

#define GROUPS	(3 * NET_GROUP_CHANGES)
#define IFINDEX 7

static struct net_groups groups;
static unsigned used[NET_GROUP_SOCKETS], limit, calls;
static bool looks;
static int lists[VRRP_FAMILIES]; /* like /proc/net/igmp6 and igmp */

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	(void)value, (void)size;
	calls++;
	bool leaves = level == IPPROTO_IP ? option == IP_DROP_MEMBERSHIP : option == IPV6_LEAVE_GROUP;
	bool joins = level == IPPROTO_IP ? option == IP_ADD_MEMBERSHIP : option == IPV6_JOIN_GROUP;
	if (leaves && used[fd])
		used[fd]--;
	else if (!joins || used[fd] >= limit) {
		errno = ENOMEM;
		return -1;
	} else
		used[fd]++;
	return 0;
}

static int prepare(void **state)
{
	(void)state;
	memset(&groups, 0, sizeof groups);
	memset(used, 0, sizeof used);
	for (int i = 0; i < NET_GROUP_SOCKETS; i++)
		groups.sockets[i] = i;
	return 0;
}

static int want(unsigned count)
{
	int result;
	calls = 0;
	net_groups_begin(&groups, IFINDEX);
	if (looks)
		net_groups_look(&groups, IFINDEX, lists);
	for (unsigned i = 0; i < count; i++)
		net_groups_want(&groups, IFINDEX, &(struct address){{{{0xff, 2, [15] = (uint8_t)i}}}});
	for (unsigned tries = 0; (result = net_groups_end(&groups, IFINDEX)) == -EAGAIN; tries++)
		assert_in_range(tries, 0, GROUPS / NET_GROUP_CHANGES);
	return result;
}

static unsigned joined(void)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < NET_GROUP_SOCKETS; i++)
		sum += used[i];
	return sum;
}

/* Every try comes to an end, and asks each socket once. */
static void all_joins_fail(void **state)
{
	(void)state;
	limit = 0;
	assert_int_equal(want(GROUPS), -ENOMEM);
	assert_int_equal(calls, NET_GROUP_SOCKETS);
	limit = 10;
	assert_int_equal(want(GROUPS), 0);
	assert_int_equal(joined(), GROUPS);
}

static void some_joins_fail(void **state)
{
	(void)state;
	limit = 2;
	assert_int_equal(want(GROUPS), -ENOMEM);
	assert_int_equal(joined(), 2 * NET_GROUP_SOCKETS);
	assert_int_equal(want(5), 0);
	assert_int_equal(joined(), 5);
	assert_int_equal(want(0), 0);
	assert_int_equal(joined(), 0);
	assert_int_equal(groups.count, 0);
}

/* What is not in the kernel's list, or only for another interface, and nothing else. */
static void joined_again_after_a_loss(void **state)
{
	(void)state;
	limit = 10;
	assert_int_equal(want(GROUPS), 0);
	lists[VRRP_IPV6] = memfd_create("igmp6", 0);
	for (unsigned i = 0; i < GROUPS; i++)
		dprintf(lists[VRRP_IPV6], "%-4d %-15s ff0200000000000000000000000000%02x %5d %08X %ld\n",
		    i == 40 ? IFINDEX + 1 : IFINDEX, "eth0", i, 1, 0, 0L);
	looks = true;
	assert_int_equal(want(GROUPS), 0);
	assert_in_range(calls, 2, 1 + NET_GROUP_SOCKETS); /* it looks for a socket with room */
	assert_int_equal(ftruncate(lists[VRRP_IPV6], 0), 0);
	assert_int_equal(want(GROUPS), 0);
	looks = false;
	assert_int_equal(joined(), GROUPS);
	assert_in_range(calls, 2 * GROUPS, 2 * GROUPS + NET_GROUP_SOCKETS);
	close(lists[VRRP_IPV6]);
}

static const uint8_t vrrp_ipv4[] = {224, 0, 0, 18};

/* Returns how many system calls that took. */
static unsigned want_ipv4(bool wanted)
{
	struct address group = address_of_bytes(vrrp_ipv4, sizeof vrrp_ipv4);
	calls = 0;
	net_groups_begin(&groups, IFINDEX);
	net_groups_look(&groups, IFINDEX, lists);
	if (wanted)
		net_groups_want(&groups, IFINDEX, &group);
	assert_int_equal(net_groups_end(&groups, IFINDEX), 0);
	assert_int_equal(joined(), wanted);
	assert_int_equal(net_groups_has(&groups, IFINDEX, &group), wanted);
	return calls;
}

/* A group of IPv4 is joined with an option of its own, and the kernel's list of IPv6 says nothing of it. */
static void ipv4(void **state)
{
	(void)state;
	limit = 1;
	lists[VRRP_IPV6] = memfd_create("igmp6", 0);
	lists[VRRP_IPV4] = -1;
	assert_int_equal(want_ipv4(true), 1);
	assert_int_equal(want_ipv4(true), 0);
	assert_int_equal(want_ipv4(false), 1);
	close(lists[VRRP_IPV6]);
}

/* Of an interface that was in another namespace meanwhile, and has its old index. */
static void ipv4_joined_again_after_a_loss(void **state)
{
	(void)state;
	uint32_t number;
	memcpy(&number, vrrp_ipv4, sizeof number);
	limit = 1;
	lists[VRRP_IPV6] = -1;
	lists[VRRP_IPV4] = memfd_create("igmp", 0);
	assert_int_equal(want_ipv4(true), 1);
	dprintf(lists[VRRP_IPV4],
	    "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n%d\teth0      :     1      V3\n"
	    "\t\t\t\t%08X     1 0:00000000\t\t0\n",
	    IFINDEX, number);
	assert_int_equal(want_ipv4(true), 0);
	assert_int_equal(ftruncate(lists[VRRP_IPV4], 0), 0);
	assert_int_equal(lseek(lists[VRRP_IPV4], 0, SEEK_SET), 0);
	dprintf(lists[VRRP_IPV4], "%d\teth1      :     1      V3\n\t\t\t\t%08X     1 0:00000000\t\t0\n",
	    IFINDEX + 1, number);
	assert_int_equal(want_ipv4(true), 2); /* it leaves first */
	assert_int_equal(want_ipv4(false), 1);
	close(lists[VRRP_IPV4]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(ipv4, prepare),
	    cmocka_unit_test_setup(ipv4_joined_again_after_a_loss, prepare),
	    cmocka_unit_test_setup(all_joins_fail, prepare), cmocka_unit_test_setup(some_joins_fail, prepare),
	    cmocka_unit_test_setup(joined_again_after_a_loss, prepare)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
