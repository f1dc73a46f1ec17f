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

/* Returns its size; 0: nobody asks for messages. */
static socklen_t destination(struct sockaddr_un *to)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (length < 2 || length >= sizeof to->sun_path || (*path != '/' && *path != '@'))
		return 0;
	memcpy(to->sun_path, path, length);
	if (*path == '@') /* an abstract one */
		to->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

bool notify_with(int fd, const char *text)
{
	struct sockaddr_un to;
	socklen_t to_size = destination(&to);
	if (!to_size)
		return true;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof fd)];
	} passed = {
	    .header = {.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec data = {(void *)text, strlen(text)};
	struct msghdr message = {.msg_name = &to, .msg_namelen = to_size, .msg_iov = &data, .msg_iovlen = 1};
	if (fd >= 0) {
		memcpy(CMSG_DATA(&passed.header), &fd, sizeof fd);
		message.msg_control = &passed;
		message.msg_controllen = sizeof passed;
	}
	int out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (out < 0)
		return false;
	bool sent = sendmsg(out, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)data.iov_len;
	close(out);
	return sent;
}

bool notify(const char *format, ...)
{
	char text[512]; /* of a long path in STATUS= the end is missing */
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return size < 0 || notify_with(-1, text);
}
