/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else is in the group of one virtual router, from their hellos. Pure: time comes in with the call.
 *
 * A member is known by the address that its hellos, and its adverts, come from; names are for people only.
 * Who is silent for three of its intervals is lost. People see who is missing: lost ones are kept until
 * somebody forgets them, those that said that they stop for an hour.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vipd/hello.h"
#include "vipd/mono.h"

#define ROSTER_MEMBERS_MAX   64
#define ROSTER_STRANGERS_MAX 8
#define ROSTER_SELF	     (-1)
#define ROSTER_NOBODY	     (-2)

enum roster_presence { ROSTER_HERE, ROSTER_LOST, ROSTER_STOPPED, ROSTER_PRESENCES };

/* "here", "lost", "stopped" */
const char *roster_presence_name(enum roster_presence presence);

struct roster_member {
	struct address source;
	struct hello hello; /* the last one */
	enum roster_presence presence;
	struct mono heard; /* when that came */
	int64_t since_us;  /* wall clock: of the presence */
	unsigned differed; /* what was told of its settings last, see roster_differences() */
};

/* A router that advertises as Active and sends no hello. */
struct roster_stranger {
	struct address source;
	struct mono since, seen;
};

/* All zeros is an empty one. */
struct roster {
	struct mono since;  /* it has been listening without a gap */
	struct mono looked; /* roster_expire() */
	bool has_heard;	    /* anybody: members may be recalled ones */
	unsigned count;
	struct roster_member members[ROSTER_MEMBERS_MAX]; /* in the order of their sources */
	unsigned stranger_count;
	struct roster_stranger strangers[ROSTER_STRANGERS_MAX];
};

enum roster_event {
	ROSTER_QUIET,
	ROSTER_JOINED,
	ROSTER_IS_LOST,
	ROSTER_IS_BACK,
	ROSTER_HAS_STOPPED,
	ROSTER_EVENTS
};

/* "quiet", "joined", "lost", "back", "stopped" */
const char *roster_event_name(enum roster_event event);

/* What there is to tell people. */
struct roster_news {
	enum roster_event event;
	struct address source;
	char node[HELLO_NODE_MAX];
	bool rebooted;	  /* IS_BACK: its boot id is another */
	bool changed;	  /* who is next may be another now */
	int64_t after_us; /* IS_BACK: it was away for so long */
};

/*
 * Takes in a hello that was verified. Returns HELLO_OK and fills *news; or HELLO_UNSIGNED (the member signs
 * its hellos: nothing of this one is believed), HELLO_OLD or HELLO_ROSTER_FULL. When it is full, the one that
 * has been away longest goes.
 */
enum hello_verdict roster_hear(struct roster *roster, const struct address *source, const struct hello *hello,
    struct mono now, int64_t now_us, struct roster_news *news);

/*
 * To be called at least once a second, with the hellos that have come taken in before. Finds one that is
 * lost, and returns true while there is news. Time in which it was not called counts for nobody's silence.
 */
bool roster_expire(struct roster *roster, struct mono now, int64_t now_us, struct roster_news *news);

/* When it will have news, if nothing is heard; MONO_NEVER: never. */
struct mono roster_deadline(const struct roster *roster);

/* The Active is at `source` (not this node): remembered as a stranger if it sends no hello for long enough.
 */
void roster_active(struct roster *roster, const struct address *source, struct mono now);
/* Whether this one sends no hello although it has had the time. */
bool roster_is_stranger(const struct roster *roster, const struct roster_stranger *stranger);

/* One that was lost when the process before this one ended. */
void roster_recall(struct roster *roster, const struct address *source, const struct hello *hello,
    struct mono heard, int64_t since_us);

/* Forgets members of that name or address that are not here, and the stranger at that address (NULL: the name
 * is no address). Returns how many there were. */
unsigned roster_forget(struct roster *roster, const char *node, const struct address *address);

/* The member at that address, or NULL. */
const struct roster_member *roster_find(const struct roster *roster, const struct address *source);

/* Whether it could be the next holder: here, healthy, a candidate, and not Active. */
bool roster_can_take_over(const struct hello *hello);

/* How many of the group can; `ours` is what this node says of itself. */
unsigned roster_candidates(const struct roster *roster, const struct hello *ours);

/*
 * Who takes over when the Active goes, in the order of the election: an index of members, ROSTER_SELF, or
 * ROSTER_NOBODY. It need not be healthy. source: of our adverts.
 */
int roster_next(const struct roster *roster, const struct hello *ours, const struct address *source);

/* It has listened for less than the time after which somebody is lost: others may be there. */
bool roster_is_young(const struct roster *roster, const struct hello *ours, struct mono now);

/*
 * Until when this node, a Backup, may rely on being the next: it is healthy and better than every other
 * candidate, all were heard within two of their intervals, and nothing speaks against it. MONO_PAST: it is
 * not, or nobody knows: a router that sends no hello was heard, a member has been lost for less than ten
 * intervals, more than one is Active, or the roster is young.
 */
struct mono roster_hint(
    const struct roster *roster, const struct hello *ours, const struct address *source, struct mono now);

/* Settings that must be equal in a group; bits, in the order of roster_setting_name(). */
enum { ROSTER_ADDRESSES = 1, ROSTER_INTERVAL = 2, ROSTER_PREEMPT = 4, ROSTER_AUTH = 8 };
#define ROSTER_SETTINGS 4
/* "addresses", "advert_interval", "preempt", "auth": keys of the configuration */
const char *roster_setting_name(unsigned bit);

/* Of the member at `source`: stores which settings differ now, and returns what has changed in that since the
 * last call. */
unsigned roster_compare(struct roster *roster, const struct hello *ours, const struct address *source);

/* Which of them differ. */
unsigned roster_differences(const struct hello *ours, const struct hello *theirs);
