/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks found, and what follows for the virtual routers. Pure: no I/O, no clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/checks/certificate.h"
#include "control/verdict.h"
#include "vipd/board.h"
#include "vipd/config.h"
#include "vipd/mono.h"

#define CHECK_TEXT_MAX 256

/* RECOVERING: it answers again, but is not trusted yet, because it failed too often of late. */
enum check_state { CHECK_UNKNOWN, CHECK_FAILING, CHECK_RECOVERING, CHECK_PASSING, CHECK_STATES };

/* "unknown", "failing", "recovering", "passing" */
const char *check_state_name(enum check_state state);

enum check_outcome {
	CHECK_SUCCESS,
	CHECK_UNAUTHORIZED, /* 401 or 403: alive, but it does not let us ask */
	CHECK_FAILURE,
	CHECK_OUTCOMES
};

/* "success", "unauthorized", "failure": the label of the metric */
const char *check_outcome_name(enum check_outcome outcome);

/* One probe's result. */
struct check_result {
	enum check_outcome outcome;
	bool refused; /* nobody listens: no need to wait for `fall` */
	bool cut;     /* the connection ended before the answer: the server may be dying */
	int64_t duration_us;
	char text[CHECK_TEXT_MAX];	/* why, "" with CHECK_SUCCESS */
	struct certificate certificate; /* of the server, if a new connection was made */
};

/* Upper bounds of check_health.duration, 1 ms .. 10 s. */
extern const int64_t check_duration_bounds_us[BOARD_BUCKETS_MAX];

/* The longest probe of each slot: what a graph of the last five minutes needs. */
#define CHECK_PAST_SLOTS   60
#define CHECK_PAST_SLOT_US (5 * USEC_PER_SEC)
struct check_past {
	int64_t last; /* slot of the last probe; 0: there was none */
	int64_t
	    longest_us[CHECK_PAST_SLOTS]; /* of slot i: at i % CHECK_PAST_SLOTS; -1: no probe ended in it */
};

/* One check since it was first configured; all zeros is a check that has no result yet. */
struct check_health {
	enum check_state state;
	enum check_outcome last;	 /* valid unless the state is CHECK_UNKNOWN */
	bool answered;			 /* with success, since it was configured */
	uint32_t good, bad;		 /* results in a row until now; one of them is 0 */
	struct mono good_since;		 /* of the first of the good ones */
	int64_t since_us;		 /* wall clock: of the state, 0 while unknown */
	struct mono since;		 /* the same */
	int64_t last_us;		 /* duration of the last probe */
	int64_t last_success_us;	 /* wall clock, 0: never */
	char last_error[CHECK_TEXT_MAX]; /* of the last probe, "" if there was none */
	char failure[CHECK_TEXT_MAX];	 /* of the last probe that failed */
	uint64_t results[CHECK_OUTCOMES];
	struct board_histogram duration;
	struct check_past past;
	struct certificate certificate;	     /* the last that was seen */
	unsigned fall_count;		     /* times it became failing, ever */
	struct mono falls[CONFIG_FLAPS_MAX]; /* the last of them, at fall_count modulo that */
};

/*
 * Takes in a result at the time `now`, which the wall clock calls now_us. Returns whether the state changed.
 *
 * The first result ever decides at once, and so does a refused connection. Otherwise `fall` failures in a row
 * make it failing (twice as many while it recovers), and `rise` successes passing, or recovering while it has
 * a penalty to wait for.
 *
 * 401 and 403 pass while there has been no success since the check was configured: it is blind then, and the
 * server alive. After that they are failures: an API server that starts answers 403 until it is ready.
 */
bool health_result(struct check_health *health, const struct config_check *config,
    const struct check_result *result, struct mono now, int64_t now_us);

/* The longest probe of the slot that was `ago` slots (0 .. CHECK_PAST_SLOTS - 1) before now, in
 * microseconds; -1: none. */
int64_t health_past_us(const struct check_health *health, unsigned ago, struct mono now);

/* What the check says of a router; healthy while there is no result. */
enum vrrp_health health_grade(const struct check_health *health);

/*
 * What is wrong with it: why it fails, what it recovers from, why it passes although it is blind; "" if
 * nothing is. Does not change with every result: each change wakes the engine.
 */
void health_trouble(
    const struct check_health *health, const struct config_check *config, char text[static CHECK_TEXT_MAX]);

/* Whether it passes only because the server is alive. */
bool health_is_blind(const struct check_health *health);

/*
 * The penalty: a check that became failing flap_count times within flap_period must answer well for
 * flap_delay before it passes again. Returns how long it still must, in microseconds; 0 if it need not.
 */
int64_t health_penalty_us(
    const struct check_health *health, const struct config_check *config, struct mono now);

/* The check's settings changed: its counts start over, its state stays until new results speak against it. */
void health_restart(struct check_health *health);

/* Whether results speak against the state, or there is none yet: then it is asked at fast_interval. */
bool health_in_doubt(const struct check_health *health, const struct config_check *config);

/* Whether two checks ask the same; new bytes in the same secret files are no difference. */
bool health_same_check(const struct config_check *a, const struct config_check *b);

/*
 * Which addresses of router `index` this certificate lacks, which check `check` has seen: bit i is
 * addresses[i]. None if the router does not use the check.
 */
uint32_t health_missing(
    const struct config *config, unsigned index, unsigned check, const struct certificate *certificate);

/*
 * Router `index` of `config` is as healthy as the worst of its checks without a weight, and lowered by those
 * with one; `checks` are parallel to config->checks. False, with *verdict untouched, if a check has no result
 * yet and none fails: then what was said before stays.
 */
bool health_of_router(
    const struct config *config, unsigned index, const struct check_health *checks, struct verdict *verdict);
