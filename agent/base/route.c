/* SPDX-License-Identifier: Apache-2.0 */
/* See route.h. */
#include "vipd/route.h"

#include <errno.h>

#define PORT 9 /* of nobody */

int route_open(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

int route_source(int fd, const struct address *destination, unsigned ifindex, struct address *source)
{
	union endpoint from, to;
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	socklen_t size = sizeof from, to_size = endpoint_of(destination, PORT, &to);
	if (address_is_link_local(destination))
		to.in6.sin6_scope_id = ifindex;
	int result = connect(fd, &to.any, to_size) < 0 || getsockname(fd, &from.any, &size) < 0 ? -errno : 0;
	(void)connect(fd, &nowhere, sizeof nowhere); /* or the next one keeps this source */
	if (!result)
		address_of_sockaddr(&from.any, source);
	return result;
}
