/*
 * From results to states to verdicts.
 *
 * A verdict is given only when it is certain: a control process that has just been restarted does not call a
 * router unhealthy because its checks have not answered yet; what its predecessor said stays in force at the
 * engine until it expires. Likewise a reload that changes a check keeps the check's state. So neither moves
 * an address.
 */
#include "control/checks/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vipd/mono.h"

#define VALID_INTERVALS 3

const int64_t check_duration_bounds_us[BOARD_BUCKETS_MAX] = {
    1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};

const char *check_state_name(enum check_state state)
{
	static const char *const names[CHECK_STATES] = {
	    [CHECK_UNKNOWN] = "unknown",
	    [CHECK_PASSING] = "passing",
	    [CHECK_FAILING] = "failing",
	};
	return names[state];
}

const char *check_outcome_name(enum check_outcome outcome)
{
	static const char *const names[CHECK_OUTCOMES] = {
	    [CHECK_SUCCESS] = "success",
	    [CHECK_UNAUTHORIZED] = "unauthorized",
	    [CHECK_FAILURE] = "failure",
	};
	return names[outcome];
}

static void result_record(struct check_health *health, const struct check_result *result, int64_t now_us)
{
	health->last = result->outcome;
	health->last_us = result->duration_us;
	health->results[result->outcome]++;
	histogram_add(&health->duration, check_duration_bounds_us, result->duration_us);
	if (result->outcome != CHECK_FAILURE)
		health->last_success_us = now_us;
	snprintf(health->last_error, sizeof health->last_error, "%s", result->text);
	if (certificate_seen(&result->certificate))
		health->certificate = result->certificate;
}

static bool is_flapping(const struct check_health *health, const struct config_check *config, struct mono now)
{
	if (!config->flap_count || health->fall_count < config->flap_count)
		return false;
	unsigned oldest = health->fall_count - config->flap_count;
	return mono_sub(now, health->falls[oldest % CONFIG_FLAPS_MAX]) < config->flap_period_us;
}

int64_t health_flapping_us(
    const struct check_health *health, const struct config_check *config, struct mono now)
{
	if (health->state != CHECK_FAILING || !is_flapping(health, config, now))
		return 0;
	int64_t good_us = health->streak ? mono_sub(now, health->good_since) : 0;
	return good_us < config->flap_delay_us ? config->flap_delay_us - good_us : 0;
}

/* Whether so many results that speak against the state are enough. */
static bool is_convincing(const struct check_health *health, const struct config_check *config,
    const struct check_result *result, struct mono now)
{
	switch (health->state) {
	case CHECK_PASSING: return result->refused || health->streak >= config->fall;
	case CHECK_FAILING: return health->streak >= config->rise && !health_flapping_us(health, config, now);
	default: return true;
	}
}

bool health_result(struct check_health *health, const struct config_check *config,
    const struct check_result *result, struct mono now, int64_t now_us)
{
	result_record(health, result, now_us);
	enum check_state says = result->outcome == CHECK_FAILURE ? CHECK_FAILING : CHECK_PASSING;
	if (says == health->state) {
		health->streak = 0;
		return false;
	}
	if (!health->streak++)
		health->good_since = now;
	if (!is_convincing(health, config, result, now))
		return false;
	if (says == CHECK_FAILING && health->state == CHECK_PASSING)
		health->falls[health->fall_count++ % CONFIG_FLAPS_MAX] = now;
	health->state = says;
	health->streak = 0;
	health->since_us = now_us;
	return true;
}

void health_restart(struct check_health *health)
{
	health->streak = 0;
}

bool health_in_doubt(const struct check_health *health, const struct config_check *config)
{
	uint32_t needed = health->state == CHECK_PASSING ? config->fall : config->rise;
	return health->state == CHECK_UNKNOWN || (health->streak && health->streak < needed);
}

/* Where the files stand among the secrets, and how reading them went, is no setting. */
static void forget_bytes(struct config_secret *secret)
{
	secret->offset = secret->size = 0;
	secret->error = 0;
}

bool health_same_check(const struct config_check *a, const struct config_check *b)
{
	struct config_check both[2];
	memcpy(&both[0], a, sizeof *a);
	memcpy(&both[1], b, sizeof *b);
	for (int i = 0; i < 2; i++) {
		forget_bytes(&both[i].ca);
		forget_bytes(&both[i].cert);
		forget_bytes(&both[i].key);
	}
	return !memcmp(&both[0], &both[1], sizeof both[0]);
}

static bool router_has_check(const struct config *config, unsigned index, unsigned check)
{
	return config->routers[index].checks >> check & 1;
}

uint32_t health_missing(
    const struct config *config, unsigned index, unsigned check, const struct certificate *certificate)
{
	const struct config_router *router = &config->routers[index];
	uint32_t missing = 0;
	for (unsigned i = 0; i < router->address_count && router_has_check(config, index, check); i++) {
		if (!certificate_covers(certificate, &router->addresses[i]))
			missing |= UINT32_C(1) << i;
	}
	return missing;
}

static void failing_text(const struct config_check *config, const struct check_health *health,
    struct mono now, char text[static BOARD_REASON_MAX])
{
	int64_t proving_us = health_flapping_us(health, config, now);
	char full[CONFIG_NAME_MAX + CHECK_TEXT_MAX + 64];
	if (health->last_error[0])
		snprintf(full, sizeof full, "%s: %s", config->name, health->last_error);
	else if (proving_us && health->streak >= config->rise)
		snprintf(full, sizeof full,
		    "%s: failed %" PRIu32
		    " times or more of late, so it must answer well for another %" PRId64 "s",
		    config->name, config->flap_count, (proving_us + USEC_PER_SEC - 1) / USEC_PER_SEC);
	else
		snprintf(full, sizeof full,
		    "%s: recovering, %" PRIu32 " of %" PRIu32 " good answers in a row", config->name,
		    health->streak, config->rise);
	size_t length = strnlen(full, BOARD_REASON_MAX - 1);
	memcpy(text, full, length);
	text[length] = '\0';
}

/* Three times its slowest check's interval and timeout. */
static uint32_t valid_ms(const struct config *config, unsigned index)
{
	int64_t slowest_us = 0;
	for (unsigned i = 0; i < config->check_count; i++) {
		int64_t us = config->checks[i].interval_us + config->checks[i].timeout_us;
		if (router_has_check(config, index, i) && us > slowest_us)
			slowest_us = us;
	}
	return (uint32_t)(VALID_INTERVALS * slowest_us / USEC_PER_MS);
}

bool health_of_router(const struct config *config, unsigned index, const struct check_health *checks,
    struct mono now, struct verdict *verdict)
{
	struct verdict found = {.router = index, .health = VRRP_HEALTHY, .valid_ms = valid_ms(config, index)};
	bool unknown = !config->routers[index].checks;
	for (unsigned i = 0; i < config->check_count; i++) {
		if (!router_has_check(config, index, i))
			continue;
		unknown |= checks[i].state == CHECK_UNKNOWN;
		if (checks[i].state == CHECK_FAILING && found.health == VRRP_HEALTHY) {
			found.health = VRRP_FAILING;
			failing_text(&config->checks[i], &checks[i], now, found.text);
		}
	}
	if (unknown && found.health == VRRP_HEALTHY)
		return false;
	*verdict = found;
	return true;
}
