/*
 * Inside the guardian.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vipd/board.h"
#include "vipd/config.h"
#include "vipd/message.h"

enum child_kind { CHILD_ENGINE, CHILD_CONTROL, CHILDREN };

struct child {
	const char *name;
	pid_t pid;	/* 0: not running */
	int socket;	/* our end, -1 while not running */
	uint64_t ready; /* generation of the configuration that is in force there */
	struct mono started;
	struct mono restart; /* when to start it again, MONO_NEVER while running */
	unsigned failures;   /* deaths in a row, each soon after the one before */
};

/* Descriptors that the children are started with; -1: none. The guardian keeps its own copies for the next
 * start. */
struct inheritance {
	int channel[CHILDREN]; /* the two ends of the pair between engine and control */
	int board_writable;
	int board;
	int http;
	int metrics;
};

/* Numeric identity of run_as and the groups. Looked up once, because a reload must not depend on a name
 * service. */
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t socket_group;
	char user[CONFIG_NAME_MAX];
};

/* guardian.c: runs until SIGTERM; returns the exit status. */
int guardian_run(const char *path);

/* identity.c: returns 0, or -ENOENT with the error logged (who is missing, what to do). */
int identity_lookup(const struct config *config, struct identity *identity);

/*
 * spawn.c: starts a child by executing it anew, with exactly the descriptors and rights it needs. Returns 0
 * and fills pid, socket and started, or -errno.
 */
int child_spawn(enum child_kind kind, const struct inheritance *inheritance, const struct identity *identity,
    struct child *child);

/*
 * secrets.c: reads the files that `image` names into sealed memfds, notes offset, size and error of each in
 * the image, and seals the image too. fds: image and secrets, for MESSAGE_CONFIG; the caller closes them.
 * Returns 0 or -errno.
 */
int secrets_seal(enum child_kind kind, struct config *image, int fds[static MESSAGE_FDS]);
/*
 * Whether every key file of adverts is private (a regular file of root that nobody else can read) and holds a
 * key. Adds one error each to *errors and returns -EINVAL, or 0.
 */
int secrets_check_keys(const struct config *config, struct config_errors *errors);
/* A number that changes when one of the files is replaced, appears, or vanishes. */
uint64_t secrets_fingerprint(const struct config *config);

/* listen.c: return a descriptor, or -errno with the error logged. */
int listen_http(const struct config *config, const struct identity *identity);
int listen_metrics(const struct config *config);
/* One agent a socket: returns a locked descriptor that is kept open, or -EWOULDBLOCK if another one runs. */
int agent_lock(const char *socket_path);

/*
 * release.c: removes the addresses that a dead vipd left: those with our mark and our flags, and (for kernels
 * without marks) those of `config` with our flags; config may be NULL. Returns how many were removed, or
 * -errno.
 */
int release_addresses(const struct config *config);
