/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of this host, from /proc/net/if_inet6: a request by netlink would wait, before Linux 6.9, for
 * a lock that others may hold for seconds, and a control that waits is taken for hung.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>

#include "vipd/address.h"

struct inet6_entry {
	struct address address;
	char interface[IF_NAMESIZE];
	unsigned prefix; /* length */
	unsigned scope;	 /* 0: global */
	unsigned flags;	 /* the lower eight IFA_F_* */
};

FILE *inet6_open(void);
/* One line of it; false: it is not one. */
bool inet6_parse(const char *line, struct inet6_entry *entry);
