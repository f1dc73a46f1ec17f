/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer by HTTP means, and in which words. Pure: no I/O, no clock.
 */
#pragma once

#include "control/checks/health.h"
#include "vipd/config.h"

struct answer {
	long status;	  /* HTTP */
	const char *body; /* its beginning */
	size_t size;
	int64_t client_expired_us; /* wall clock: our certificate has expired at this time; 0: it has not */
};

/* Fills outcome and text. */
void judge_answer(
    const struct config_check *config, const struct answer *answer, struct check_result *result);

/* The same for one that did not come: outcome and text. */
void judge_say(struct check_result *result, enum check_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says that this is for our certificate, which expired at client_expired_us. what: "TLS". */
void judge_expired(const struct config_check *config, int64_t client_expired_us, const char *what,
    enum check_outcome outcome, struct check_result *result);
