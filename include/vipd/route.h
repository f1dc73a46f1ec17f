/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the kernel's routes that wait for nothing, not even for the lock that changes of them hold: a
 * socket is connected, which sends nothing, and asked for its own address.
 */
#pragma once

#include "vipd/address.h"

/* family: AF_INET or AF_INET6. Returns a socket or -errno. */
int route_open(int family);

/* The address that packets to `destination`, if that is link-local on link `ifindex`, would be sent from;
 * that is the very one if it is this host's. fd: of route_open() of its family. Returns 0 or -errno. */
int route_source(int fd, const struct address *destination, unsigned ifindex, struct address *source);
