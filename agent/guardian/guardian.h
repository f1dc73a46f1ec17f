/*
 * Inside the guardian.
 */
#pragma once

#include <stdbool.h>
#include <sys/capability.h>
#include <sys/types.h>

#include "vipd/board.h"
#include "vipd/config.h"
#include "vipd/message.h"

enum child_kind { CHILD_ENGINE, CHILD_CONTROL, CHILDREN };

#define DEATHS_MAX 3

struct child {
	pid_t pid;			/* 0: not running */
	int socket;			/* our end, -1 while not running */
	uint64_t ready;			/* generation of the configuration that is in force there */
	struct mono heard;		/* its last sign of life; or when it was started */
	bool killed;			/* because there was none for too long */
	struct mono restart;		/* when to start it again, MONO_NEVER while running */
	unsigned pauses;		/* before each start, one after the other: the next is longer */
	struct mono deaths[DEATHS_MAX]; /* the last ones; the oldest is at deaths[died % DEATHS_MAX] */
	unsigned died;
};

/* The descriptors of a child, by their number in it; -1: none. See inherit.c. */
struct inheritance {
	int fds[FD_END];
};

/* run_as and the groups as numbers: looked up once, because a reload must not depend on a name service. */
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t socket_group;
	char user[CONFIG_NAME_MAX];
};

struct guardian {
	const char *path;
	int lock;
	struct config config;
	struct identity identity;
	struct inheritance inheritance[CHILDREN];
	const struct board *board;
	struct child children[CHILDREN];
	int keys; /* memfd: the keys of adverts as they were when all of them were good */
	uint64_t generation;
	uint64_t fingerprint;
	struct mono next_fingerprint;
	uint64_t announced;  /* generation of which the service manager was told READY=1 */
	bool reload_pending; /* somebody waits for this generation to be in force */
	bool reload_asked;   /* that somebody is control */
	struct mono resigned_at,
	    release_at;	   /* begin and end of a handover in place of the engine, else MONO_NEVER */
	bool anew;	   /* what the engine before held was let go of: the next one adopts nothing */
	struct mono awake; /* the end of the last gap in which this process did not run */
	bool stopping;
	struct mono stop_deadline;
};

/* guardian.c: runs until SIGTERM; returns the exit status. */
int guardian_run(const char *path);

/* configuration.c: what is in force, and who is told of it. */
int configuration_first(struct guardian *guardian); /* 0, or -errno with the error logged */
void configuration_send(struct guardian *guardian, enum child_kind kind);
void configuration_reload(struct guardian *guardian, bool asked_by_control);
/* Looks who has it, and tells whoever waits for that. */
void configuration_in_force(struct guardian *guardian);
void configuration_watch_secrets(struct guardian *guardian, struct mono now);
void log_lines(const char *text);

/* identity.c: returns 0, or -ENOENT with the error logged (who is missing, what to do). */
int identity_lookup(const struct config *config, struct identity *identity);

/* spawn.c: what each child is and may do. */
struct child_plan {
	const char *name; /* for messages */
	char *const words[3];
	int right_count;
	cap_value_t rights[2]; /* ambient; the bounding set has no more */
	bool realtime;
	bool deaf;		/* to what reaches everybody: see become() */
	bool precious;		/* keeps our protection from the out-of-memory killer */
	int64_t silence_max_us; /* without a sign of life for longer it is killed */
	bool configured;	/* gets the configuration, and says when it is in force */
};
extern const struct child_plan child_plans[CHILDREN];

/*
 * Starts a child by executing it anew, with exactly the descriptors and rights it needs. Returns 0 and fills
 * pid, socket and started of it, or -errno.
 */
int child_spawn(struct guardian *guardian, enum child_kind kind);

/* inherit.c: opens what the children are started with, and maps the board. Returns 0 or -errno. */
int inheritance_open(struct guardian *guardian);

/*
 * secrets.c: reads the files that `config` names for this child into a sealed memfd, and notes offset, size
 * and error of each in *config. Returns the descriptor or -errno.
 */
int secrets_read(enum child_kind kind, struct config *config);
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
/* records.c: the directory of capture files, -1: none, or it cannot be opened (logged). */
int records_open(const struct config *config, const struct identity *identity);

/*
 * lock.c: takes the lock of the one agent in this network namespace, if need be after an engine that is still
 * handing over. Returns a descriptor that is kept open, -EADDRINUSE (*owner says whose it is), -EPERM (a
 * process that is no agent has its name) or another -errno.
 */
#define LOCK_OWNER_MAX (CONFIG_PATH_MAX + 64)
int lock_take(char owner[LOCK_OWNER_MAX]);
/* Tells whoever has found it taken. */
void lock_answer(int lock, const char *path);
/* One agent a socket, whatever its namespace: returns a descriptor that is kept open, -EWOULDBLOCK or -errno.
 */
int lock_socket_path(const char *socket_path);

/*
 * notify.c: sd_notify(3): "READY=1", …; nothing happens where no service manager asks for it. false: it could
 * not be told now.
 */
__attribute__((format(printf, 1, 2))) bool notify(const char *format, ...);

/*
 * resign.c: sends priority 0 for every virtual router of which the board says that the engine was Active a
 * moment ago, and returns how long the last of their addresses must stay for a successor, in microseconds;
 * 0: there is none. keys: memfd of secrets_read(CHILD_ENGINE).
 */
int64_t resign_routers(const struct config *config, const struct board *board, int keys);
/* How long those of one router stay, which depends on its interval; both in microseconds. */
int64_t resign_stay(int64_t interval_us);

/*
 * release.c: removes the addresses that a dead vipd left: those with our mark and our flags, and (for kernels
 * without marks) those of `config` with our flags; config may be NULL. Returns how many were removed, or
 * -errno.
 */
int release_addresses(const struct config *config);
/*
 * Removes what the board says is held by routers that have not advertised for so long that the engine itself
 * would let go of it, if it could. `silence_us`: of the whole engine. Returns how many were removed.
 */
unsigned release_late(const struct board *board, int64_t silence_us);
/* And of routers that were resigned for (resign.c) that long ago, when their own time to stay is over. */
unsigned release_resigned(const struct board *board, int64_t since_us);
