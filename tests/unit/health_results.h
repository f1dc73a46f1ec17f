/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check of the tests, and what may come of it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/checks/health.h"
#include "vipd/mono.h"

#define SECOND USEC_PER_SEC

static struct config_check check_of(const char *name)
{
	struct config_check check = {
	    .type = CHECK_HTTPS, .interval_us = SECOND, .timeout_us = 3 * SECOND, .fall = 2, .rise = 3};
	strcpy(check.name, name);
	strcpy(check.url, "https://[::1]:6443/readyz");
	check.expect_count = 1;
	check.expect[0] = 200;
	return check;
}

static const struct check_result good = {.outcome = CHECK_SUCCESS, .duration_us = 3100};
static const struct check_result bad = {
    .outcome = CHECK_FAILURE, .duration_us = 200, .text = "HTTP status 500"};
static const struct check_result unauthorized = {
    .outcome = CHECK_UNAUTHORIZED, .duration_us = 900, .text = "HTTP status 401: …"};

static const struct check_result nobody_listens = {
    .outcome = CHECK_FAILURE, .refused = true, .text = "connection refused"};

static struct config_check flapping_check(void)
{
	struct config_check check = check_of("apiserver");
	check.rise = 1;
	check.flap_count = 3;
	check.flap_period_us = 60 * SECOND;
	check.flap_delay_us = 10 * SECOND;
	return check;
}

static void step(struct check_health *health, const struct config_check *check, int second, char result)
{
	struct mono now = {second * SECOND};
	health_result(health, check, result == '+' ? &good : &nobody_listens, now, now.us);
}
