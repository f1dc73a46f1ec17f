/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams between the processes, and the sealed memfds that travel with them.
 */
#include "vipd/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

union fd_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
};

static int fd_count(uint32_t type)
{
	return type == MESSAGE_CONFIG ? MESSAGE_FDS : type == MESSAGE_CLIENTS ? 1 : 0;
}

int message_send(int socket, const struct message *message, const int *fds)
{
	struct message out = *message;
	out.layout = vipd_layout;
	struct iovec part = {.iov_base = &out, .iov_len = sizeof out};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	union fd_control control = {0};
	if (fds) {
		size_t size = (size_t)fd_count(message->type) * sizeof(int);
		header.msg_control = control.room;
		header.msg_controllen = CMSG_SPACE(size);
		struct cmsghdr *c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(c), fds, size);
	}
	if (sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

/* Takes the descriptors out of a received message, at most MESSAGE_FDS; closes what is more. */
static int fds_take(struct msghdr *header, int fds[static MESSAGE_FDS])
{
	int count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (int i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + (size_t)i * sizeof fd, sizeof fd);
			if (count < MESSAGE_FDS)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

static void fds_close(int fds[static MESSAGE_FDS])
{
	for (int i = 0; i < MESSAGE_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

int message_receive(int socket, struct message *message, int fds[static MESSAGE_FDS])
{
	struct message in;
	struct iovec part = {.iov_base = &in, .iov_len = sizeof in};
	union fd_control control;
	struct msghdr header = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof control.room};
	for (int i = 0; i < MESSAGE_FDS; i++)
		fds[i] = -1;
	ssize_t size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (size < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	int count = fds_take(&header, fds);
	if (size == 0 && !count)
		return -EPIPE;
	bool whole = size == sizeof in && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
	if (!whole || in.layout != vipd_layout || in.type >= MESSAGE_TYPES || count != fd_count(in.type)) {
		fds_close(fds);
		return -EPROTO;
	}
	*message = in;
	return 0;
}

int memfd_fill(int fd, const void *from, size_t size)
{
	const char *bytes = from;
	static const char zeros[4096];
	for (size_t at = 0; at < size;) {
		size_t part = size - at < sizeof zeros ? size - at : sizeof zeros;
		ssize_t n =
		    memcmp(bytes + at, zeros, part) ? pwrite(fd, bytes + at, part, (off_t)at) : (ssize_t)part;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			at += (size_t)n;
	}
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

int memfd_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int sealed_memfd(const char *name, const void *bytes, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	int result = memfd_fill(fd, bytes, size);
	if (!result)
		result = memfd_seal(fd);
	if (!result)
		return fd;
	close(fd);
	return result;
}

const void *sealed_map(int fd, size_t max, size_t *size)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS); /* once it has them its size does not change */
	if (seals < 0 || (seals & SEALS) != SEALS) {
		errno = EPERM;
		return NULL;
	}
	if (fstat(fd, &st) < 0)
		return NULL;
	if ((uint64_t)st.st_size > max) {
		errno = EFBIG;
		return NULL;
	}
	if (st.st_size == 0) {
		*size = 0;
		return "";
	}
	const void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return NULL;
	*size = (size_t)st.st_size;
	return bytes;
}
