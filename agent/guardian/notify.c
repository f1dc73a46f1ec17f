/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the service manager: a datagram to the socket that it names, as sd_notify(3) describes.
 *
 * libsystemd would do the same, but bring four libraries into the privileged processes, and a sixth to the
 * engine's private memory.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guardian/guardian.h"

bool notify(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	if (length < 2 || length >= sizeof to.sun_path || (*path != '/' && *path != '@'))
		return true;
	memcpy(to.sun_path, path, length);
	if (*path == '@') /* an abstract one */
		to.sun_path[0] = '\0';

	char text[512];
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (size < 0)
		return true;
	if ((size_t)size >= sizeof text) /* a long path in STATUS=: its end is missing */
		size = sizeof text - 1;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool sent = sendto(fd, text, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == size;
	close(fd);
	return sent;
}
