/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From results to states to verdicts.
 *
 * There is a verdict only when it is certain. A control process that has just been restarted does not call a
 * router unhealthy because its checks have not answered yet: the last verdict of its predecessor stays in
 * force at the engine until it expires. A reload that changes a check keeps the check's state. So neither of
 * them moves an address.
 */
#include "control/checks/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vipd/duration.h"
#include "vipd/mono.h"

#define VALID_INTERVALS 3

const int64_t check_duration_bounds_us[BOARD_BUCKETS_MAX] = {
    1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};

const char *check_state_name(enum check_state state)
{
	static const char *const names[CHECK_STATES] = {
	    [CHECK_UNKNOWN] = "unknown",
	    [CHECK_FAILING] = "failing",
	    [CHECK_RECOVERING] = "recovering",
	    [CHECK_PASSING] = "passing",
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

static void result_record(
    struct check_health *health, const struct check_result *result, bool is_good, int64_t now_us)
{
	health->last = result->outcome;
	health->last_us = result->duration_us;
	health->results[result->outcome]++;
	histogram_add(&health->duration, check_duration_bounds_us, result->duration_us);
	snprintf(health->last_error, sizeof health->last_error, "%s", result->text);
	if (is_good)
		health->last_success_us = now_us;
	else
		memcpy(health->failure, health->last_error, sizeof health->failure);
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

int64_t health_penalty_us(
    const struct check_health *health, const struct config_check *config, struct mono now)
{
	if (health->state == CHECK_PASSING || !is_flapping(health, config, now))
		return 0;
	int64_t good_us = health->good ? mono_sub(now, health->good_since) : 0;
	return good_us < config->flap_delay_us ? config->flap_delay_us - good_us : 0;
}

static enum check_state next_state(const struct check_health *health, const struct config_check *config,
    const struct check_result *result, struct mono now)
{
	if (health->state == CHECK_UNKNOWN)
		return health->good ? CHECK_PASSING : CHECK_FAILING;
	/* One that answers now and then takes longer to fall, or it would throw the address around. */
	uint32_t fall = health->state == CHECK_RECOVERING ? 2 * config->fall : config->fall;
	if (health->bad >= fall || (health->bad && result->refused))
		return CHECK_FAILING;
	if (health->good < config->rise)
		return health->state;
	return health_penalty_us(health, config, now) ? CHECK_RECOVERING : CHECK_PASSING;
}

static void past_add(struct check_past *past, int64_t us, struct mono now)
{
	int64_t slot = now.us / CHECK_PAST_SLOT_US + 1;
	for (int64_t i = 0; i < CHECK_PAST_SLOTS && past->last < slot - i; i++)
		past->longest_us[(slot - i) % CHECK_PAST_SLOTS] = -1;
	past->last = slot;
	int64_t *longest_us = &past->longest_us[slot % CHECK_PAST_SLOTS];
	if (us > *longest_us)
		*longest_us = us;
}

int64_t health_past_us(const struct check_health *health, unsigned ago, struct mono now)
{
	const struct check_past *past = &health->past;
	int64_t slot = now.us / CHECK_PAST_SLOT_US + 1 - ago;
	if (!past->last || slot < 1 || slot > past->last || slot <= past->last - CHECK_PAST_SLOTS)
		return -1;
	return past->longest_us[slot % CHECK_PAST_SLOTS];
}

bool health_result(struct check_health *health, const struct config_check *config,
    const struct check_result *result, struct mono now, int64_t now_us)
{
	bool is_good =
	    result->outcome == CHECK_SUCCESS || (result->outcome == CHECK_UNAUTHORIZED && !health->answered);
	result_record(health, result, is_good, now_us);
	past_add(&health->past, result->duration_us, now);
	health->answered |= result->outcome == CHECK_SUCCESS;
	if (is_good && !health->good)
		health->good_since = now;
	health->good = is_good ? health->good + 1 : 0;
	health->bad = is_good ? 0 : health->bad + 1;
	enum check_state next = next_state(health, config, result, now), before = health->state;
	if (next == before)
		return false;
	if (next == CHECK_FAILING && before != CHECK_UNKNOWN)
		health->falls[health->fall_count++ % CONFIG_FLAPS_MAX] = now;
	health->state = next;
	health->since_us = now_us;
	health->since = now;
	return true;
}

bool health_is_blind(const struct check_health *health)
{
	return health->state == CHECK_PASSING && health->last == CHECK_UNAUTHORIZED && !health->answered;
}

void health_restart(struct check_health *health)
{
	health->good = health->bad = 0;
	health->answered = false;
}

bool health_in_doubt(const struct check_health *health, const struct config_check *config)
{
	if (health->state == CHECK_PASSING)
		return health->bad;
	return health->state == CHECK_UNKNOWN || (health->good && health->good < config->rise);
}

/* Where the files are among the secrets, and whether they could be read, are not settings. */
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

void health_trouble(
    const struct check_health *health, const struct config_check *config, char text[static CHECK_TEXT_MAX])
{
	char period[DURATION_TEXT_MAX], delay[DURATION_TEXT_MAX];
	if (health->state == CHECK_RECOVERING)
		snprintf(text, CHECK_TEXT_MAX,
		    "failed %" PRIu32 " times within %s, so it must answer well for %s", config->flap_count,
		    duration_format(config->flap_period_us, period),
		    duration_format(config->flap_delay_us, delay));
	else
		snprintf(text, CHECK_TEXT_MAX, "%s",
		    health->state == CHECK_FAILING ? health->failure : health->last_error);
}

enum vrrp_health health_grade(const struct check_health *health)
{
	return health->state == CHECK_FAILING	   ? VRRP_FAILING
	       : health->state == CHECK_RECOVERING ? VRRP_RECOVERING
						   : VRRP_HEALTHY;
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

/* What is said of one check, or of the two that are one. */
struct saying {
	enum vrrp_health grade;
	bool known;
	unsigned check; /* the one that says it */
};

static struct saying saying_of(const struct config *config, unsigned index, const struct check_health *checks)
{
	unsigned second = config->checks[index].second ? config->checks[index].second - 1U : index;
	unsigned worse = health_grade(&checks[second]) < health_grade(&checks[index]) ? second : index;
	enum vrrp_health grade = health_grade(&checks[worse]);
	bool known = checks[index].state != CHECK_UNKNOWN && checks[second].state != CHECK_UNKNOWN;
	return (struct saying){grade, known || grade == VRRP_FAILING, worse};
}

/* One that passes is enough; else one of which nothing is known yet may. */
static struct saying saying_of_use(
    const struct config *config, const struct config_use *use, const struct check_health *checks)
{
	struct saying best = {.grade = VRRP_HEALTHS};
	for (unsigned i = 0; i < config->written_checks; i++) {
		if (!(use->any >> i & 1))
			continue;
		struct saying one = saying_of(config, i, checks);
		if (one.known && one.grade == VRRP_HEALTHY)
			return one;
		if (best.grade == VRRP_HEALTHS || (best.known && (!one.known || one.grade > best.grade)))
			best = one;
	}
	return best;
}

static void tell_why(struct verdict *verdict, const struct config *config, const struct saying *saying,
    const struct check_health *checks)
{
	const struct config_check *check = &config->checks[saying->check];
	char trouble[CHECK_TEXT_MAX], full[CONFIG_NAME_MAX + CHECK_TEXT_MAX + 64];
	health_trouble(&checks[saying->check], check, trouble);
	snprintf(full, sizeof full, "%s: %s%s", check->name,
	    saying->grade == VRRP_RECOVERING ? "recovering: " : "", trouble);
	snprintf(verdict->text, sizeof verdict->text, "%.*s", (int)sizeof verdict->text - 1, full);
}

bool health_of_router(
    const struct config *config, unsigned index, const struct check_health *checks, struct verdict *verdict)
{
	const struct config_router *router = &config->routers[index];
	struct verdict found = {.router = index, .health = VRRP_HEALTHY, .valid_ms = valid_ms(config, index)};
	unsigned lowered = 0;
	bool known = router->use_count;
	for (unsigned i = 0; i < router->use_count; i++) {
		const struct config_use *use = &router->uses[i];
		struct saying saying = saying_of_use(config, use, checks);
		known &= saying.known;
		if (saying.grade == VRRP_HEALTHY)
			continue;
		if (use->weight ? !found.text[0] : saying.grade < found.health)
			tell_why(&found, config, &saying, checks);
		if (use->weight)
			lowered += use->weight;
		else if (saying.grade < found.health)
			found.health = saying.grade;
	}
	if (!known && found.health != VRRP_FAILING)
		return false;
	found.lowered = (uint8_t)(lowered < UINT8_MAX ? lowered : UINT8_MAX);
	*verdict = found;
	return true;
}
