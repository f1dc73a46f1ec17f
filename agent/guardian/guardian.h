/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the guardian.
 */
#pragma once

#include <stdbool.h>
#include <sys/capability.h>
#include <sys/types.h>

#include "vipd/board.h"
#include "vipd/config.h"
#include "vipd/keeper.h"
#include "vipd/message.h"
#include "vipd/timing.h"

enum child_kind { CHILD_KEEPER, CHILD_ENGINE, CHILD_CONTROL, CHILDREN };

#define DEATHS_MAX 3

/* An engine that stops has ended by then: past the longest handover. */
#define ENGINE_STOP_MAX_US (VRRP_HANDOVER_MAX_US + 5 * USEC_PER_SEC)

struct child {
	pid_t pid;			/* 0: not running */
	int socket;			/* our end, -1 while not running */
	uint64_t ready;			/* generation of the configuration that is in force there */
	bool owed;			/* a configuration that could not be handed over */
	struct mono sent;		/* when it was last handed one */
	struct mono heard;		/* its last sign of life; or when it was started */
	bool killed;			/* because there was none for too long */
	bool waits;			/* in the kernel, for as long: that was logged */
	struct mono restart;		/* when to start it again, MONO_NEVER while running */
	unsigned pauses;		/* before each start, one after the other: the next is longer */
	struct mono deaths[DEATHS_MAX]; /* the last ones; the oldest is at deaths[died % DEATHS_MAX] */
	unsigned died;
};

/* The descriptors of a child, by their number in it; -1: none. See inherit.c. */
struct inheritance {
	int fds[FD_END];
};
#define FD_ABOVE 64 /* from here on, descriptors are out of the way of the agreed numbers */

#define IDENTITY_GROUPS_MAX 64

/* run_as and the groups as numbers. A reload cannot change them, so they are looked up until they are known.
 */
struct identity {
	uid_t uid;
	gid_t gid;
	int group_count;		   /* 0: not known yet */
	gid_t groups[IDENTITY_GROUPS_MAX]; /* of run_as */
	bool has_socket_group, has_admin_group;
	gid_t socket_group, admin_group;
};

enum reader_job {
	READ_ALL,     /* the configuration and every secret */
	READ_CHANGES, /* secrets, if a file has changed */
	READ_GROUPS,  /* of the identity */
	READ_RECORDS, /* whether record_dir answers */
	READ_TRIAL,   /* the configuration, and whether this machine has what it names */
};

/* What the reader has found so far, in memory that it shares with the guardian. */
struct reading {
	enum reader_job job;
	_Atomic enum {
		READING_BEGINS,
		READING_KEYS,
		READING_DONE
	} stage;		     /* KEYS: certificates are missing */
	int result;		     /* 0 or -errno */
	struct config_errors errors; /* why */
	struct config_errors warnings;
	struct config config;
	uint64_t fingerprint; /* of the files */
	struct identity identity;
};

struct reader {
	struct reading *reading;
	pid_t pid; /* 0: none runs */
	bool late; /* it was killed and is not dead yet */
	struct mono deadline;
	int keys, certificates; /* memfds that it fills */
};

struct guardian {
	const char *path;
	int lock;
	struct config config;
	struct identity identity;
	struct inheritance inheritance[CHILDREN];
	const struct board *board;
	const struct keeper_page *page;
	struct child children[CHILDREN];
	struct reader reader;
	pid_t remover;		/* 0: none runs */
	int keys, certificates; /* sealed memfds; what config says of places is about these */
	uint64_t generation;
	uint64_t fingerprint;
	struct mono next_look, next_groups;
	struct mono next_reload;
	bool record_dir_hangs;	      /* or could not be asked, before it is opened */
	bool reload_wanted;	      /* when the reader has time for it */
	uint64_t announced;	      /* generation for which READY=1 was sent */
	bool reload_pending;	      /* somebody waits for this generation to be in force */
	struct mono translated_asked; /* when control last had this done */
	bool reload_asked;	      /* that somebody is control */
	struct message reloaded;      /* what came of the last reload; type 0: there was none */
	struct mono resigned_at,
	    release_at;	   /* begin and end of a handover in place of the engine, else MONO_NEVER */
	bool may_adopt;	   /* false: what the last engine held was released, so the next one adopts nothing */
	struct mono awake; /* the end of the last gap in which this process did not run */
	bool stopping;
	struct mono stop_deadline;
};

/* guardian.c: runs until SIGTERM; returns the exit status. */
int guardian_run(const char *path);

/* configuration.c: what is in force, and who gets it. */
int configuration_first(struct guardian *guardian); /* 0, or the exit status with the error logged */
void configuration_send(struct guardian *guardian, enum child_kind kind);
void configuration_reload(struct guardian *guardian, bool asked_by_control);
/* Looks who has it, and tells whoever waits for that. */
void configuration_in_force(struct guardian *guardian);
/* The reader has ended by itself. */
void configuration_read(struct guardian *guardian);
/* Gives the reader work, and notices when it takes too long. */
void configuration_tick(struct guardian *guardian, struct mono now);

/* reader.c: false: the one before has not ended, or there can be none. */
bool reader_start(struct guardian *guardian, enum reader_job job, int64_t limit_us);
/* Whether this child that has ended was the reader. */
bool reader_ended(struct guardian *guardian, pid_t pid);
/* Whether its time is over, once; it is killed then, and what it has found so far is all there is. */
bool reader_is_late(struct guardian *guardian, struct mono now);
/* Until one or the other. */
void reader_wait(struct guardian *guardian);

/* trial.c: `vipd -n`, and in the reader what that looks at. Returns the exit status. */
int trial_run(const char *path, bool print);
void trial_look(struct reading *reading, const char *path);

/* identity.c, in the reader: 0, or -ENOENT with the error in *errors. */
int identity_user(const struct config *config, struct identity *identity, struct config_errors *errors);
void identity_groups(const struct config *config, struct identity *identity);
/* In the guardian: a file of root gets another group, without CAP_CHOWN. Returns 0 or -errno. */
int identity_give(const char *path, gid_t group);

/* spawn.c: what each child is and may do. */
struct child_plan {
	const char *name; /* for messages */
	char *const words[3];
	int right_count;
	cap_value_t rights[2];	/* ambient; the bounding set has no more */
	int realtime;		/* priority of SCHED_FIFO; 0: it shares the processor with everybody */
	bool threaded;		/* its threads are realtime, too; it starts no process */
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
/* By SIGKILL, and without CAP_KILL: as the user that it runs as. */
void child_kill(const struct guardian *guardian, const struct child *child);

/* inherit.c: opens what the children are started with, and maps the board. Returns 0 or -errno. */
int inheritance_open(struct guardian *guardian);

/*
 * secrets.c, in the reader: read the files that `config` names into a memfd, and note in *config where each
 * is.
 *
 * Key files of adverts must be private (regular files of root that nobody else can read) and hold a key: adds
 * one error each to *errors and returns -EINVAL, or 0, or another -errno: a shortage. The keys of hellos that
 * are made from them go to `control_fd`. fd -1: they are only checked.
 */
int secrets_read_keys(struct config *config, int fd, int control_fd, struct config_errors *errors);
/* Appends to what is in `fd`, notes the errors of files that cannot be read, and returns 0 or -errno, also
 * that of a shortage for which one could not. fd -1: as above. */
int secrets_read_certificates(struct config *config, int fd);
/* Until they have been read: ETIMEDOUT for each. */
void secrets_expect(struct config *config);
/* A number that changes when one of the files is replaced, appears, or vanishes; 0: it names no file. */
uint64_t secrets_fingerprint(struct config *config);

/* listen.c: return a descriptor, or -errno with the error logged; without one, -ENOENT or -EAFNOSUPPORT,
 * there is nothing to say. */
int listen_http(const struct config *config, const struct identity *identity);
int listen_metrics(const struct config *config);
int listen_hellos(const struct config *config, const struct vrrp_family *family);
/* Its group, which was not known when it was opened. */
void listen_give(const char *socket_path, gid_t group);
/* records.c: the directory of capture files, -1: none, or it cannot be opened (logged). */
int records_open(const struct config *config, const struct identity *identity);

/*
 * lock.c: takes the lock of the one agent in this network namespace, if need be after an engine that is still
 * handing over. Returns a descriptor that is kept open, -EADDRINUSE (*owner says whose it is), -EPERM (a
 * process that is not an agent has its name) or another -errno.
 */
#define LOCK_OWNER_MAX (CONFIG_PATH_MAX + 64)
int lock_take(char owner[LOCK_OWNER_MAX]);
/* Tells whoever has found it taken. */
void lock_answer(int lock, const char *path);
/* One agent a socket, whatever its namespace: returns a descriptor that is kept open, -EWOULDBLOCK or -errno.
 */
int lock_socket_path(const char *socket_path);
/* Both, for as long as the guardian runs. Returns 0, or -errno with the error logged. */
int lock_guardian(struct guardian *guardian);

/*
 * notify.c: sd_notify(3): "READY=1", …; nothing happens where no service manager asks for it. false: it
 * does not listen now.
 */
__attribute__((format(printf, 1, 2))) bool notify(const char *format, ...);
/* The same with a descriptor, -1: none. */
bool notify_with(int fd, const char *text);

/* store.c: `vipd --arp-socket`, which returns the exit status, and what it has left for us; -1: nothing. */
int store_arp(void);
int store_take_arp(void);

/*
 * resign.c: sends priority 0 for every virtual router of which the board says that the engine was Active a
 * moment ago, and returns how long the last of their addresses must stay for a successor, in microseconds;
 * 0: there is none. keys: memfd of secrets_read(CHILD_ENGINE).
 */
int64_t resign_routers(const struct config *config, const struct board *board, int keys);

/*
 * release.c: removes the addresses that a dead vipd left: those with our mark and our flags, and (for kernels
 * without marks) those of `config` with our flags; config may be NULL. Returns how many were removed, or
 * -errno.
 */
int release_addresses(const struct config *config);
/*
 * Removes what the board says is held by routers that have not advertised for so long that the engine itself
 * would remove it, if it could. Returns how many were removed.
 */
unsigned release_late(const struct board *board);
/* And of routers that were resigned for (resign.c) at that time, when their own time to stay is over. */
unsigned release_resigned(const struct board *board, struct mono resigned_at);

/*
 * remover.c: has a child do one of these, and waits for a moment. false: the one before still waits for the
 * kernel.
 */
enum remover_job { REMOVE_ALL, REMOVE_RESIGNED, REMOVE_LATE };
bool remover_run(struct guardian *guardian, enum remover_job job);
/* Whether this child that has ended was the remover. */
bool remover_ended(struct guardian *guardian, pid_t pid);

/* saved.c: a file beside the socket, for the next life of vipd. Writes it anew (of no bytes: removes it); 0
 * or -errno. Opens it, if root has written it and nobody else can; a descriptor, or -1. */
#define SAVED_PATH_MAX (CONFIG_SOCKET_MAX + 16)
const char *saved_path(const struct guardian *guardian, const char *name, char out[static SAVED_PATH_MAX]);
int saved_write(const struct guardian *guardian, const char *name, const void *bytes, size_t size);
int saved_open(const struct guardian *guardian, const char *name);

/* timeline.c: the memory of control's timeline (a descriptor, or -errno), from the life before and for the
 * next. */
int timeline_open(const struct guardian *guardian);
void timeline_save(const struct guardian *guardian);

/* drains.c: what was drained, for the next life of vipd, and from the one before. load: 0, or -errno of a
 * shortage: there may be some, which cannot be read now. */
int drains_load(const struct guardian *guardian);
void drains_save(const struct guardian *guardian);

/* watch.c */
void watch_children(struct guardian *guardian, struct mono now);
/* After a suspend, or when this process was stopped: the others had no time to give a sign of life either. */
void watch_gap(struct guardian *guardian, struct mono now);
