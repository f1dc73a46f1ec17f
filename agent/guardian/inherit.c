/*
 * The descriptors that the children are started with. The guardian opens each once and keeps it for every
 * next start of a child. A new one is a number in message.h and a row here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "guardian/guardian.h"
#include "vipd/log.h"

/* Opens what a row stands for: ends[0], ends[1] or both; an end that stays -1 does not exist. */
typedef int opener(const struct guardian *guardian, int ends[2]);

static int open_pair(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

/* The second end is the same memory, read-only: who gets it cannot write to it. */
static int open_board(const struct guardian *guardian, int ends[2])
{
	(void)guardian;
	char path[64];
	ends[0] = board_create();
	if (ends[0] < 0)
		return ends[0];
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	ends[1] = open(path, O_RDONLY | O_CLOEXEC);
	return ends[1] < 0 ? -errno : 0;
}

static int open_http(const struct guardian *guardian, int ends[2])
{
	int fd = listen_http(&guardian->config, &guardian->identity);
	ends[0] = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

static int open_metrics(const struct guardian *guardian, int ends[2])
{
	ends[0] = listen_metrics(&guardian->config);
	return 0;
}

static int open_records(const struct guardian *guardian, int ends[2])
{
	ends[0] = records_open(&guardian->config, &guardian->identity);
	return 0;
}

static const struct {
	enum child_fd number; /* in the child */
	opener *open;
	enum child_kind gets[2]; /* ends[0], ends[1] */
} inherited[] = {
    {FD_CHANNEL, open_pair, {CHILD_ENGINE, CHILD_CONTROL}},
    {FD_BOARD, open_board, {CHILD_ENGINE, CHILD_CONTROL}},
    {FD_SOCKET, open_http, {CHILD_CONTROL}},
    {FD_METRICS, open_metrics, {CHILD_CONTROL}},
    {FD_RECORDS, open_records, {CHILD_CONTROL}},
};

int inheritance_open(struct guardian *guardian)
{
	for (int kind = 0; kind < CHILDREN; kind++)
		for (int number = 0; number < FD_END; number++)
			guardian->inheritance[kind].fds[number] = -1;
	for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++) {
		int ends[2] = {-1, -1};
		int result = inherited[i].open(guardian, ends);
		if (result)
			return result;
		for (int end = 0; end < 2; end++)
			if (ends[end] >= 0)
				guardian->inheritance[inherited[i].gets[end]].fds[inherited[i].number] =
				    ends[end];
	}
	guardian->board = board_map(guardian->inheritance[CHILD_CONTROL].fds[FD_BOARD]);
	return guardian->board ? 0 : -errno;
}
