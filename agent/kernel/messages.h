/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside kernel: one message of rtnetlink.
 */
#pragma once

#include <linux/if_addr.h>
#include <linux/netlink.h>

#include "vipd/kernel.h"

#ifndef IFA_PROTO /* since Linux 5.18 */
#define IFA_PROTO 11
#endif

/* Whether *h says something that vipd wants to know; then *event is it. */
bool message_event(struct nlmsghdr *h, struct kernel_event *event);

/* The address of a neighbour on this link that has not answered yet. */
bool message_unresolved(struct nlmsghdr *h, unsigned ifindex, struct address *address);

/* The whole messages of a datagram, one after the other. */
/* NOLINTBEGIN(bugprone-macro-parentheses): h is declared */
#define MESSAGES_EACH(h, bytes, left)                                                                        \
	for (struct nlmsghdr *h = (bytes); (left) > 0 && nlmsg_ok(h, (left)); h = nlmsg_next(h, &(left)))
/* NOLINTEND(bugprone-macro-parentheses) */
