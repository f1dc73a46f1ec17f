/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside kernel: a request over netlink and its answers. A struct kernel has one at a time.
 */
#pragma once

#include <linux/netlink.h>

#include "vipd/kernel.h"

/* protocol: NETLINK_ROUTE, … Returns 0 or -errno. */
int exchange_open(struct kernel *kernel, int protocol);

/* Builds the one message anew, with a header of the protocol. */
struct nl_msg *exchange_begin(
    struct kernel *kernel, uint16_t type, int flags, const void *header, size_t size);

/* Sends the message, which has NLM_F_ACK, and reads its acknowledgement. Returns 0 or -errno. */
int exchange_request(struct kernel *kernel);

/* Sends the message, which has NLM_F_DUMP, and hands every answer to `each`. Returns 0, -EINTR (things
 * changed meanwhile: half of the truth), or another -errno. */
typedef void exchange_handler(struct nlmsghdr *h, void *context);
int exchange_dump(struct kernel *kernel, exchange_handler *each, void *context);
