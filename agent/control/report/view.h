/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one answer is made from: the board, the kernel's addresses, the configuration and the checks, taken at
 * once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/checks/health.h"
#include "control/inet6.h"
#include "control/records/recorder.h"
#include "vipd/board.h"
#include "vipd/config.h"
#include "vipd/message.h"

struct client_lists;
struct group;

struct view {
	const struct config *config;
	const struct check_health *checks; /* parallel to config->checks */
	struct mono now;
	int64_t started_us;		       /* wall clock: vipd's start */
	struct mono created;		       /* the same */
	const struct message *reloaded;	       /* the last reload; NULL: there was none */
	pid_t pid;			       /* of vipd */
	const struct recorder_state *recorder; /* NULL: not asked */
	const struct group *group;	       /* the same */
	const struct publish_view *publish;    /* the same */
	const struct client_lists *clients;    /* the same */
	bool engine_up;
	int64_t heartbeat_age_us; /* -1: no engine has ever run */
	struct board_engine engine;
	unsigned router_count;
	struct board_router *routers;
	unsigned link_count;
	struct board_link *links;
	bool kernel_known;	    /* it has said all */
	struct inet6_entry *kernel; /* what is on all interfaces */
	unsigned kernel_count;
};

/*
 * Reads the board and asks the kernel; before the engine has published a router, those of the configuration
 * stand in, in Initialize. Strings are terminated, whatever stands on the board. Returns 0 or -ENOMEM; free
 * with view_free().
 */
int view_take(struct view *view, const struct board *board, const struct config *config,
    const struct check_health *checks, struct mono now);
void view_free(struct view *view);

enum held { HELD_ABSENT, HELD_PRESENT, HELD_ELSEWHERE, HELD_UNKNOWN };

/* "absent", "present", "other_interface", "unknown" */
const char *view_held_name(enum held held);

/*
 * Where the kernel has `address`: HELD_PRESENT if it is on `interface`, even if others have it too.
 * HELD_ELSEWHERE: `other` (which may be NULL) points to the name of the first interface that has it.
 */
enum held view_held(
    const struct view *view, const struct address *address, const char *interface, const char **other);

/* The settings of a router on the board; NULL if it is not configured any more. */
const struct config_router *view_config_of(const struct view *view, const struct board_router *router);
