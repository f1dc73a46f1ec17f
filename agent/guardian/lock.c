/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One agent in a network namespace, whatever its paths: they would remove each other's addresses.
 *
 * The lock is an abstract Unix socket, which every process of the namespace sees, in containers too. Guardian
 * and engine have it open, so it also stands for an engine that is still handing over when its guardian has
 * died. Whoever finds it taken connects: the guardian answers with its configuration, the kernel says whose
 * process it is. Anybody may take such a name, but a process that is not root's is not an agent.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"

#define BACKLOG	       16
#define ANSWERS_A_TURN 4
#define ANSWER_WAIT_MS 1000
#define TRY_EVERY_US   (20 * USEC_PER_MS)

enum holder {
	HOLDER_AGENT,	/* it has answered */
	HOLDER_SILENT,	/* its guardian is dead, or hangs */
	HOLDER_FOREIGN, /* not root's */
};

static const struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0vipd"};
static const socklen_t name_size = offsetof(struct sockaddr_un, sun_path) + sizeof "\0vipd" - 1;

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

static int try_lock(void)
{
	int fd = open_socket();
	if (fd >= 0 && (bind(fd, (const struct sockaddr *)&name, name_size) < 0 || listen(fd, BACKLOG) < 0)) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

/* Fills in owner: "pid 123, /etc/vipd/vipd.conf". */
static enum holder look_at_holder(int fd, char owner[LOCK_OWNER_MAX])
{
	char path[CONFIG_PATH_MAX] = "", number[32] = "in another container";
	struct ucred peer = {0};
	socklen_t size = sizeof peer;
	if (connect(fd, (const struct sockaddr *)&name, name_size) < 0)
		return errno == EAGAIN ? HOLDER_SILENT : HOLDER_FOREIGN; /* EAGAIN: nobody accepts any more */
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	if (peer.uid != 0)
		return HOLDER_FOREIGN;
	if (peer.pid)
		snprintf(number, sizeof number, "pid %d", peer.pid);
	struct pollfd answer = {.fd = fd, .events = POLLIN};
	bool answered =
	    poll(&answer, 1, ANSWER_WAIT_MS) == 1 && recv(fd, path, sizeof path - 1, 0) > 0 && path[0];
	snprintf(owner, LOCK_OWNER_MAX, "%s, %s", number, answered ? path : "which does not answer");
	return answered ? HOLDER_AGENT : HOLDER_SILENT;
}

int lock_take(char owner[LOCK_OWNER_MAX])
{
	struct mono end = mono_add(mono_now(), ENGINE_STOP_MAX_US);
	snprintf(owner, LOCK_OWNER_MAX, "its process is unknown");
	for (bool logged = false;; logged = true) {
		int lock = try_lock(), fd = lock == -EADDRINUSE ? open_socket() : -1;
		if (fd < 0)
			return lock;
		enum holder holder = look_at_holder(fd, owner);
		close(fd);
		bool late = mono_reached(mono_now(), end);
		if (holder == HOLDER_AGENT || (holder == HOLDER_SILENT && late))
			return -EADDRINUSE;
		if (holder == HOLDER_FOREIGN && logged)
			return -EPERM;
		if (!logged)
			log_notice("waiting for the engine of a vipd that has ended (%s)", owner);
		nanosleep(&(struct timespec){.tv_nsec = TRY_EVERY_US * 1000}, NULL);
	}
}

void lock_answer(int lock, const char *path)
{
	for (int i = 0, fd; i < ANSWERS_A_TURN && (fd = accept4(lock, NULL, NULL, SOCK_CLOEXEC)) >= 0; i++) {
		send(fd, path, strlen(path), MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
	}
}

int lock_socket_path(const char *socket_path)
{
	char path[CONFIG_SOCKET_MAX + 8], directory[CONFIG_SOCKET_MAX];
	snprintf(directory, sizeof directory, "%s", socket_path);
	mkdir(dirname(directory), 0755); /* systemd's RuntimeDirectory= does it; by hand nobody else would */
	snprintf(path, sizeof path, "%s.lock", socket_path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int lock_guardian(struct guardian *guardian)
{
	char owner[LOCK_OWNER_MAX];
	guardian->lock = lock_take(owner);
	if (guardian->lock == -EPERM)
		log_warning("a process that is not vipd has the abstract socket @vipd: going on without it, "
			    "so nothing "
			    "prevents a second vipd");
	else if (guardian->lock < 0)
		log_error(
		    "cannot start beside another vipd in this network namespace (%s): stop that one first",
		    guardian->lock == -EADDRINUSE ? owner : strerrordesc_np(-guardian->lock));
	if (guardian->lock < 0 && guardian->lock != -EPERM)
		return guardian->lock;
	int lock = lock_socket_path(guardian->config.socket);
	if (lock < 0)
		log_error("cannot lock %s: %s", guardian->config.socket,
		    lock == -EWOULDBLOCK
			? "a vipd in another network namespace uses this socket; give one of them "
			  "another control.socket"
			: strerrordesc_np(-lock));
	return lock < 0 ? lock : 0;
}
