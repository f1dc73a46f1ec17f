/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a check is asked, and what its result changes.
 */
#include "control/checks/checks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/checks/health.h"
#include "control/checks/pace.h"
#include "control/checks/probe.h"
#include "control/control.h"
#include "control/text.h"
#include "vipd/duration.h"
#include "vipd/log.h"
#include "vipd/mono.h"

#define TIMER_EXACT_US	  1000
#define EXPIRY_WARNING_US (30 * 24 * 3600 * USEC_PER_SEC)

struct check {
	struct checks *checks;
	unsigned index; /* of config->checks */
	sd_event_source *timer;
	struct mono started;
	bool hurried; /* the probe under way, or the next one, was not waited for */
	struct pace pace;
	struct probe *probe;
};

struct checks {
	struct control *control;
	const struct config *config; /* in force for the checks; control->config may be newer */
	struct secrets secrets;
	struct check *items[CONFIG_CHECKS_MAX];
	struct check_health health[CONFIG_CHECKS_MAX];
};

static void judge_router(struct checks *checks, unsigned index)
{
	struct verdict verdict;
	if (health_of_router(checks->config, index, checks->health, &verdict))
		parts_verdict(checks->control, &verdict);
}

static void log_change(
    const struct config_check *config, const struct check_health *health, enum check_state before)
{
	const char *from = check_state_name(before), *to = check_state_name(health->state);
	char delay[DURATION_TEXT_MAX];
	if (health->state == CHECK_FAILING)
		log_warning("check %s: %s -> %s: %s", config->name, from, to, health->failure);
	else if (health->state == CHECK_RECOVERING)
		log_notice("check %s: %s -> %s: it answers, but failed too often of late, so it passes only "
			   "after %s without a failure",
		    config->name, from, to, duration_format(config->flap_delay_us, delay));
	else
		log_notice(
		    "check %s: %s -> %s (%.1fms)", config->name, from, to, (double)health->last_us / 1000.0);
}

static void check_at(struct check *check, struct mono due)
{
	sd_event_source_set_time(check->timer, (uint64_t)due.us);
	sd_event_source_set_enabled(check->timer, SD_EVENT_ONESHOT);
}

/* One interval after the start of the last probe; that may be past. */
static void check_schedule(struct check *check)
{
	const struct config_check *config = &check->checks->config->checks[check->index];
	bool fast = health_in_doubt(&check->checks->health[check->index], config);
	int64_t interval_us = fast ? config->fast_interval_us : config->interval_us;
	bool first = !check->started.us;
	check->hurried = false;
	check_at(check, first ? check->started : mono_add(check->started, interval_us));
}

static bool check_hurry(struct check *check)
{
	struct mono due;
	if (!pace_hurry(&check->pace, mono_now(), &due))
		return false;
	check->hurried = true;
	check_at(check, due);
	return true;
}

/* The server has closed the idle connection: it is dead, or tidy. Another probe shows which. */
static void on_tripped(void *context)
{
	check_hurry(context);
}

static void warn_missing(const struct checks *checks, unsigned check, const struct certificate *certificate)
{
	const struct config *config = checks->config;
	for (unsigned i = 0; i < config->router_count; i++) {
		const struct config_router *router = &config->routers[i];
		uint32_t missing = health_missing(config, i, check, certificate);
		for (unsigned a = 0; a < router->address_count; a++) {
			char text[ADDRESS_TEXT_MAX];
			if (!(missing >> a & 1))
				continue;
			address_format(&router->addresses[a], text);
			log_router(LOG_LEVEL_WARNING, router->name,
			    "check %s: the server's certificate does not name %s: clients that come by it "
			    "will refuse to talk to this server; %s",
			    config->checks[check].name, text, config_add_name(&config->checks[check]));
		}
	}
}

static void warn_certificate(
    const struct checks *checks, unsigned check, const struct certificate *certificate)
{
	int64_t left_us = certificate->expires_us - realtime_us();
	const struct config_check *config = &checks->config->checks[check];
	char time[TEXT_TIME_MAX];
	text_time(certificate->expires_us, time);
	warn_missing(checks, check, certificate);
	if (left_us < 0)
		log_warning("check %s: the server's certificate has expired at %s; %s", config->name, time,
		    config_renew_server(config));
	else if (left_us < EXPIRY_WARNING_US)
		log_warning("check %s: the server's certificate expires at %s; %s", config->name, time,
		    config_renew_server(config));
}

static void take_result(struct check *check, const struct check_result *result)
{
	struct checks *checks = check->checks;
	const struct config_check *config = &checks->config->checks[check->index];
	struct check_health *health = &checks->health[check->index];
	enum check_state before = health->state;
	bool was_blind = health_is_blind(health);

	if (certificate_seen(&result->certificate) &&
	    !certificate_equal(&result->certificate, &health->certificate))
		warn_certificate(checks, check->index, &result->certificate);
	if (health_result(health, config, result, mono_now(), realtime_us()))
		log_change(config, health, before);
	if (health_is_blind(health) && !was_blind)
		log_warning(
		    "check %s counts as passing, but is blind: the server is alive and does not let us "
		    "ask: %s",
		    config->name, result->text);
	for (unsigned i = 0; i < checks->config->router_count; i++) {
		if (checks->config->routers[i].checks >> check->index & 1)
			judge_router(checks, i);
	}
}

/*
 * A connection that was cut is not an answer. The server may be dying, so another probe follows at once: that
 * one is refused then. It does not count as another failure, or two resets in a millisecond would reach
 * `fall`.
 */
static void on_result(void *context, const struct check_result *result)
{
	struct check *check = context;
	if (check->hurried && result->cut && check_hurry(check))
		return;
	take_result(check, result);
	bool passing = check->checks->health[check->index].state == CHECK_PASSING;
	if (!(result->cut && passing && check_hurry(check)))
		check_schedule(check);
}

static int on_due(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	struct check *check = context;
	check->started = mono_now();
	probe_start(check->probe);
	return 0;
}

static void check_free(struct check *check)
{
	if (!check)
		return;
	probe_close(check->probe);
	sd_event_source_disable_unref(check->timer);
	free(check);
}

/* Asks at once. */
static struct check *check_new(struct checks *checks, unsigned index)
{
	struct check *check = calloc(1, sizeof *check);
	if (!check)
		return NULL;
	const struct config_check *config = &checks->config->checks[index];
	if (config->distribution != DISTRIBUTION_AUTO && config->port && !config->is_second)
		log_info("check %s: the API server of %s on port %u", config->name,
		    config_distribution_name(config->distribution), config->port);
	check->checks = checks;
	check->index = index;
	check->probe = probe_open(
	    checks->control->event, config, &checks->control->secrets, on_result, on_tripped, check);
	if (check->probe && sd_event_add_time(checks->control->event, &check->timer, CLOCK_BOOTTIME, 0,
				TIMER_EXACT_US, on_due, check) >= 0)
		return check;
	check_free(check);
	return NULL;
}

/* What the checks were before a configuration. */
struct former {
	const struct config *config;
	struct secrets secrets;
	unsigned count;
	struct check *items[CONFIG_CHECKS_MAX];
	struct check_health health[CONFIG_CHECKS_MAX];
};

/*
 * A check that has not changed goes on as it is. One whose settings changed keeps its state until new results
 * speak against it. One whose secrets changed connects anew.
 */
static struct check *check_take_over(struct checks *checks, struct former *former, unsigned index)
{
	const struct secrets *old = &former->secrets, *new = &checks->control->secrets;
	const struct config_check *after = &checks->config->checks[index];
	for (unsigned i = 0; i < former->count; i++) {
		struct check *check = former->items[i];
		if (!check || strcmp(former->config->checks[i].name, after->name))
			continue;
		const struct config_check *before = &former->config->checks[i];
		bool same = health_same_check(before, after);
		checks->health[index] = former->health[i];
		if (same && secrets_equal(old, &before->ca, new, &after->ca) &&
		    secrets_equal(old, &before->cert, new, &after->cert) &&
		    secrets_equal(old, &before->key, new, &after->key)) {
			former->items[i] = NULL;
			check->index = index;
			return check;
		}
		if (!same)
			health_restart(&checks->health[index]);
		log_info(
		    "check %s: %s", after->name, same ? "new certificates, connecting anew" : "new settings");
	}
	return check_new(checks, index);
}

static void checks_configure(void *part)
{
	struct checks *checks = part;
	static struct former former; /* too large for the stack, of which each page would be touched */
	former.config = checks->config;
	former.secrets = checks->secrets;
	former.count = checks->config ? checks->config->check_count : 0;
	memcpy(former.items, checks->items, sizeof former.items);
	memcpy(former.health, checks->health, former.count * sizeof former.health[0]);
	memset(checks->items, 0, sizeof checks->items);
	memset(checks->health, 0, former.count * sizeof checks->health[0]);
	checks->config = checks->control->config;
	checks->secrets = checks->control->secrets;
	for (unsigned i = 0; i < checks->config->check_count; i++) {
		checks->items[i] = check_take_over(checks, &former, i);
		if (checks->items[i])
			continue;
		log_error("check %s does not run: out of memory; control ends, to be started again",
		    checks->config->checks[i].name);
		sd_event_exit(checks->control->event, EXIT_FAILURE);
	}
	for (unsigned i = 0; i < CONFIG_CHECKS_MAX; i++)
		check_free(former.items[i]);
	for (unsigned i = 0; i < checks->config->check_count; i++) {
		if (checks->items[i] && !checks->items[i]->started.us)
			check_schedule(checks->items[i]);
	}
	for (unsigned i = 0; i < checks->config->router_count; i++)
		judge_router(checks, i);
}

static void checks_close(void *part)
{
	struct checks *checks = part;
	for (unsigned i = 0; i < CONFIG_CHECKS_MAX; i++)
		check_free(checks->items[i]);
}

const struct check_health *checks_health(const struct checks *checks)
{
	return checks->health;
}

static int checks_open(void *part, struct control *control)
{
	((struct checks *)part)->control = control;
	return 0;
}

const struct part part_checks = {
    .size = sizeof(struct checks), .open = checks_open, .configure = checks_configure, .close = checks_close};
