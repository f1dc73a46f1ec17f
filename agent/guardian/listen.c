/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets. The guardian opens and keeps them, so callers wait while control restarts.
 */
#include "guardian/guardian.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vipd/log.h"

#define BACKLOG 64

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
	if (!result && (chown(config->socket, (uid_t)-1, group) < 0 || chmod(config->socket, 0660) < 0 ||
			   listen(fd, BACKLOG) < 0))
		result = -errno;
	if (result) {
		close(fd);
		return result;
	}
	return fd;
}

void listen_give(const char *socket_path, gid_t group)
{
	if (chown(socket_path, (uid_t)-1, group) < 0 && errno != ENOENT) /* it may not be there yet */
		log_error("cannot give %s to group %u: %s", socket_path, group, strerrordesc_np(errno));
}

int listen_http(const struct config *config, const struct identity *identity)
{
	int fd = unix_socket(config, identity->socket_group);
	if (fd < 0)
		log_error("cannot listen on %s: %s; its directory must exist and be writable for root",
		    config->socket, strerrordesc_np(-fd));
	return fd;
}

int listen_metrics(const struct config *config)
{
	if (config->metrics_address.sin6_family != AF_INET6)
		return -1;
	int one = 1, zero = 0, result = 0;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		result = -errno;
	if (!result) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
		setsockopt(
		    fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof one); /* the address may come later */
		if (bind(fd, (const struct sockaddr *)&config->metrics_address,
			sizeof config->metrics_address) < 0 ||
		    listen(fd, BACKLOG) < 0)
			result = -errno;
	}
	if (result) {
		log_error("cannot listen on metrics.listen = \"%s\": %s; going on without metrics there "
			  "(`vipctl metrics` works)",
		    config->metrics_listen, strerrordesc_np(-result));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}
