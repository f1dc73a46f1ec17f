/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets. The guardian opens and keeps them, so callers wait while control restarts. Ports are
 * shared (SO_REUSEPORT: with root's alone), because a control whose guardian was killed may live a moment
 * longer and they are opened only once.
 */
#include "guardian/guardian.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vipd/hello.h"
#include "vipd/log.h"

#define BACKLOG	    64
#define HELLO_QUEUE (256 * 1024) /* bytes: what may come while control is restarted */

static int unix_socket(const struct config *config, gid_t group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, config->socket, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(config->socket); /* of a dead agent: the lock says that no other is alive */
	mode_t before = umask(0177);
	int result = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
	umask(before);
	if (!result)
		result = identity_give(config->socket, group);
	if (!result && (chmod(config->socket, 0660) < 0 || listen(fd, BACKLOG) < 0))
		result = -errno;
	if (result) {
		close(fd);
		return result;
	}
	return fd;
}

void listen_give(const char *socket_path, gid_t group)
{
	int result = identity_give(socket_path, group);
	if (result && result != -ENOENT) /* it may not be there yet */
		log_error("cannot give %s to group %u: %s", socket_path, group, strerrordesc_np(-result));
}

int listen_http(const struct config *config, const struct identity *identity)
{
	int fd = unix_socket(config, identity->socket_group);
	if (fd < 0)
		log_error("cannot listen on %s: %s; its directory must exist and be writable for root",
		    config->socket, strerrordesc_np(-fd));
	return fd;
}

/* "[::1]" is this machine, which on a kernel without IPv6 is 127.0.0.1. */
static int metrics_socket(struct address *address)
{
	int fd = socket(
	    address_is_ipv4(address) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 || errno != EAFNOSUPPORT || !address_is_loopback(address))
		return fd;
	*address = address_of_bytes((const uint8_t[]){127, 0, 0, 1}, 4);
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int listen_metrics(const struct config *config)
{
	if (config->metrics_address.sin6_family != AF_INET6)
		return -ENOENT;
	struct address address = {config->metrics_address.sin6_addr};
	union endpoint endpoint;
	int one = 1, zero = 0, result = 0;
	int fd = metrics_socket(&address);
	socklen_t size = endpoint_of(&address, ntohs(config->metrics_address.sin6_port), &endpoint);
	if (fd < 0)
		result = -errno;
	if (!result) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one); /* the address may come later */
		if (bind(fd, &endpoint.any, size) < 0 || listen(fd, BACKLOG) < 0)
			result = -errno;
	}
	if (result) {
		log_error("cannot listen on metrics.listen = \"%s\": %s; going on without metrics there "
			  "(`vipctl metrics` works)",
		    config->metrics_listen, strerrordesc_np(-result));
		if (fd >= 0)
			close(fd);
		return result;
	}
	return fd;
}

struct option {
	int level, name, value;
};

#define HELLO_OPTIONS 8
static const struct option hello_options[VRRP_FAMILIES][HELLO_OPTIONS] = {
    [VRRP_IPV6] = {{IPPROTO_IPV6, IPV6_V6ONLY, 1}, {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
	{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1}, {IPPROTO_IPV6, IPV6_UNICAST_HOPS, HELLO_HOP_LIMIT},
	{IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HELLO_HOP_LIMIT}, {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
	{SOL_SOCKET, SO_RCVBUF, HELLO_QUEUE}, {SOL_SOCKET, SO_REUSEPORT, 1}},
    [VRRP_IPV4] = {{IPPROTO_IP, IP_PKTINFO, 1}, {IPPROTO_IP, IP_RECVTTL, 1},
	{IPPROTO_IP, IP_TTL, HELLO_HOP_LIMIT}, {IPPROTO_IP, IP_MULTICAST_TTL, HELLO_HOP_LIMIT},
	{IPPROTO_IP, IP_MULTICAST_LOOP, 0}, {SOL_SOCKET, SO_RCVBUF, HELLO_QUEUE},
	{SOL_SOCKET, SO_REUSEPORT, 1}},
};

static int bind_port(int fd, const struct vrrp_family *family, uint16_t port)
{
	const struct sockaddr_in6 in6 = {
	    .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_ANY_INIT};
	const struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = port};
	int result = family->number == AF_INET ? bind(fd, (const struct sockaddr *)&in4, sizeof in4)
					       : bind(fd, (const struct sockaddr *)&in6, sizeof in6);
	return result < 0 ? -errno : 0;
}

/*
 * Joins no group: the keeper's memberships, without which no advert comes, let hellos in, too (on Linux a
 * socket gets what its host has joined).
 */
int listen_hellos(const struct config *config, const struct vrrp_family *family)
{
	int fd = socket(family->number, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 && errno == EAFNOSUPPORT)
		return -EAFNOSUPPORT; /* who needs it is told by its virtual router */
	int result = fd < 0 ? -errno : 0;
	const struct option *options = hello_options[vrrp_family_index(family)];
	for (size_t i = 0; i < HELLO_OPTIONS && options[i].name && !result; i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			sizeof options[i].value) < 0)
			result = -errno;
	if (!result)
		result = bind_port(fd, family, htons(config->group_port));
	if (!result)
		return fd;
	log_error(
	    "cannot open UDP port %u of IPv%u for hellos (group.port): %s; going on without: status will "
	    "know nothing of the other servers. See who has it: ss -ulpn sport = :%u",
	    config->group_port, family->ip_version, strerrordesc_np(-result), config->group_port);
	if (fd >= 0)
		close(fd);
	return result;
}
