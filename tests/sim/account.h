/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each node remembers of who was Active (account.c), and whether that is right (check_account.c).
 */
#pragma once

#include "check.h"
#include "control/group/witness.h"

#define TRUTHS_MAX 64
#define MOVES_MAX  256		      /* of the board */
#define TOLD_US	   (2 * USEC_PER_SEC) /* who has been Active for so long has said so */

/* From what a node does to what another has taken in, also by its clock. */
#define SAID_US (300 * USEC_PER_MS)

/* One time as Active. */
struct truth {
	int64_t from, until; /* of the world */
	int64_t seen;	     /* others can know of it at least until then */
	bool over, told;
	bool silent;			 /* others could not hear that it ended */
	struct mono own_from, own_until; /* by its own clock, and as its control saw it */
};

struct move {
	struct mono at;
	bool active;
	uint8_t reason;
};

struct account {
	struct timeline timeline;
	uint64_t checked;	       /* so many of its changes */
	int64_t known_from;	       /* memory of before is lost */
	int64_t listens_at;	       /* since when this control has been there */
	int64_t mute_from, mute_until; /* the last time that it could not be heard and heard nothing */
	bool mute;		       /* that goes on */
	bool remembers;		       /* what is known outlives this vipd */
	struct mono looked, away;      /* the last look of this control, and of the one before */
	struct mono state_since;       /* of the engine, as the board has it */
	unsigned truth_count;
	struct truth truths[TRUTHS_MAX];
	unsigned move_count, moves_read; /* ever */
	struct move moves[MOVES_MAX];
};
extern struct account accounts[NODES_MAX];

void accounts_begin(void);
struct witness account_witness(const struct node *node);
void account_moved(const struct node *node);		    /* its engine, to another state */
void account_link_or_control(const struct node *node);	    /* they may have gone, or come */
void account_dies(const struct node *node, bool remembers); /* the whole of vipd */
void account_restarts(struct node *node);		    /* control alone */
void account_starts(struct node *node);
void account_look(const struct node *node);
void account_hear(const struct node *node, const struct address *source, const struct hello *hello);
void account_lose(const struct node *node, const struct address *source);

/* check_account.c: after each change; and in a group that has been quiet for long enough */
void check_account(const struct node *node);
void check_accounts(void);
/* Whether somebody may still have to learn that a holder is not there any more. */
bool accounts_wait(void);
