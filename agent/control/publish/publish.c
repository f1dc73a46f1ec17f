/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of control that publishes: four times a second it looks what each target should say, and has a
 * child say it. A target that does not answer is tried again, less and less often, and moves nothing else.
 */
#include "control/publish/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/command.h"
#include "control/control.h"
#include "control/group/group.h"
#include "control/text.h"
#include "vipd/log.h"

#define JOB_LIMIT_US  (20 * USEC_PER_SEC)
#define LOOK_LIMIT_US (5 * USEC_PER_SEC)

/* What was published last, in memory that outlives this process: what is there already is not withdrawn only
 * because a new process has not heard of it. */
struct kept {
	char name[PUBLISH_NAME_MAX]; /* of the target */
	struct publish_set set;
};

struct target {
	struct publish *publish;
	struct config_publish config;
	struct publish_target when;
	struct kept *kept;
	struct command *command;
	struct publish_job job; /* the child's */
	bool running, killed;
	char error[PUBLISH_ERROR_MAX];
	int64_t changed_us, succeeded_us; /* wall clock */
	uint64_t successes, failures;

	struct publish_doubts doubts;
	struct command *look_command;
	struct publish_look look; /* the child's */
};

struct publish {
	struct control *control;
	sd_event_source *timer;
	struct target targets[CONFIG_PUBLISH_MAX];
	struct publish_view views[CONFIG_PUBLISH_MAX];
};

/* Of the virtual router whose holder publishes. */
static const char *router_of(const struct target *target)
{
	return target->publish->control->config->routers[target->config.router].name;
}

static void name_of(const struct config_publish *config, char name[static PUBLISH_NAME_MAX])
{
	if (config->type == PUBLISH_DNS)
		snprintf(name, PUBLISH_NAME_MAX, "dns %s in zone %s at %s", config->name, config->zone,
		    config->server);
	else
		snprintf(name, PUBLISH_NAME_MAX, "%s %s/%s%s at %s", config_publish_type_name(config->type),
		    config->namespace, config->service, config->type == PUBLISH_ENDPOINTSLICE ? "-vipd" : "",
		    config->url);
}

/* ---- what a child has done ---- */

static void failed(struct target *target, const char *why)
{
	char name[PUBLISH_NAME_MAX];
	bool again = target->when.failures && !strcmp(target->error, why);
	publish_target_failed(&target->when, mono_now());
	target->failures++;
	snprintf(target->error, sizeof target->error, "%s", why);
	name_of(&target->config, name);
	if (!again)
		log_router(LOG_LEVEL_WARNING, router_of(target), "cannot publish to %s: %s; still trying",
		    name, target->error);
}

static void succeeded(struct target *target, const char *said)
{
	char name[PUBLISH_NAME_MAX];
	bool news = target->when.failures || !publish_set_equal(&target->job.set, &target->when.published);
	name_of(&target->config, name);
	publish_target_succeeded(&target->when, &target->job.set, mono_now());
	target->kept->set = target->job.set;
	target->successes++;
	target->succeeded_us = realtime_us();
	target->error[0] = '\0';
	if (*said)
		log_router(LOG_LEVEL_NOTICE, router_of(target), "published to %s, and %s", name, said);
	else if (news)
		log_router(LOG_LEVEL_INFO, router_of(target), "published to %s: %u of %u servers are ready",
		    name, target->job.set.ready, target->job.set.count);
}

static void on_done(void *context, const struct command_result *result)
{
	struct target *target = context;
	char said[PUBLISH_ERROR_MAX], how[PUBLISH_ERROR_MAX];
	target->running = false;
	if (target->killed)
		return;
	text_clean(result->output, result->size, said, sizeof said);
	command_describe(result, JOB_LIMIT_US, how, sizeof how);
	if (result->end == COMMAND_EXITED && result->number == 0)
		succeeded(target, said);
	else
		failed(target, result->end == COMMAND_EXITED && *said ? said : how);
}

static int run(const void *context)
{
	const struct publish_job *job = context;
	int result = job->config->type == PUBLISH_DNS ? publish_dns(job) : publish_objects(job);
	fflush(stdout);
	return result;
}

static void begin(struct target *target)
{
	target->job =
	    (struct publish_job){&target->config, &target->publish->control->secrets, target->when.wanted};
	publish_target_tried(&target->when);
	target->killed = false;
	int r = command_call(target->command, run, &target->job, JOB_LIMIT_US);
	target->running = r == 0;
	if (r < 0)
		failed(target, strerrordesc_np(-r));
}

/* ---- servers that are not heard ---- */

static void tick(struct target *target, struct mono since, struct mono now);

static void on_looked(void *context, const struct command_result *result)
{
	struct target *target = context;
	bool is_answer = result->end == COMMAND_EXITED && !result->number;
	struct mono now = mono_now();
	tick(target, publish_doubts_end(&target->doubts, result->output, is_answer ? result->size : 0, now),
	    now);
}

static void look(struct target *target, const struct publish_facts *facts, struct mono now)
{
	if (!publish_doubts_begin(&target->doubts, facts, now))
		return;
	target->look = (struct publish_look){target->config.port, target->doubts.asked};
	if (command_call(target->look_command, publish_look, &target->look, LOOK_LIMIT_US) < 0)
		target->doubts.looking = false; /* and nothing is known: there will be another look */
}

/* ---- the clock ---- */

/* since: what is news has been so for as long. */
static void tick(struct target *target, struct mono since, struct mono now)
{
	const struct control *control = target->publish->control;
	const struct config *config = control->config;
	const struct config_router *router = &config->routers[target->config.router];
	const struct group_router *members = group_of(control->parts[PART_GROUP], &router->id);
	bool holder =
	    members && members->ours.vrid && members->ours.state == VRRP_ACTIVE && members->ours.held;
	struct publish_facts facts = {.kept = &target->kept->set,
	    .gone = &target->doubts.gone,
	    .ipv4 = address_is_ipv4(&router->addresses[0])};
	struct publish_set set;
	struct publish_members rivals = {0};
	bool believed = false;
	if (members)
		publish_set_correct(&target->kept->set, &members->roster);
	if (!holder) {
		target->doubts = (struct publish_doubts){.looking = target->doubts.looking};
	} else {
		facts.roster = &members->roster;
		facts.ours = &members->ours;
		publish_rivals_find(&rivals, facts.roster);
		believed = facts.roster->has_heard && !roster_is_young(facts.roster, facts.ours, now);
		if (believed)
			look(target, &facts, now);
		believed &= target->doubts.known;
	}
	if (believed)
		publish_set_make(&set, &facts);
	struct publish_set before = target->when.wanted;
	publish_target_look(&target->when, holder, believed ? &set : NULL, since, now);
	if (!publish_set_equal(&target->when.wanted, &before))
		target->changed_us = realtime_us() - mono_sub(now, since);
	publish_target_rivals(&target->when, &rivals, now);
	if (target->running && !holder) {
		target->killed = true;
		command_kill(target->command);
	}
	if (!target->running &&
	    publish_target_due(&target->when, target->config.settle_us, config->group_interval_us, now))
		begin(target);
}

static int on_timer(sd_event_source *source, uint64_t us, void *context)
{
	(void)us;
	struct publish *publish = context;
	const struct config *config = publish->control->config;
	struct mono now = mono_now();
	for (unsigned i = 0; config && i < config->publish_count; i++)
		tick(&publish->targets[i], now, now);
	if (!config || !config->publish_count)
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return sd_event_source_set_time_relative(source, PUBLISH_TICK_US);
}

/* ---- the part ---- */

static void target_close(struct target *target)
{
	if (!target->publish)
		return;
	command_free(target->command);
	command_free(target->look_command);
	*target = (struct target){0};
}

static struct kept *kept_of(const struct publish *publish, unsigned index)
{
	const struct group *group = publish->control->parts[PART_GROUP];
	_Static_assert(sizeof(struct kept) <= HISTORY_PUBLISH_SIZE, "the group's memory has room for it");
	return (void *)group->history->publish[index].bytes;
}

/* Each target finds its own again, at whatever place it stands now. Whose memory is damaged has none. Where
 * there is nothing nothing is copied: these are many pages. */
static void recall(struct publish *publish)
{
	static struct kept before[CONFIG_PUBLISH_MAX];
	const struct config *config = publish->control->config;
	for (unsigned i = 0; i < CONFIG_PUBLISH_MAX; i++) {
		const struct kept *kept = kept_of(publish, i);
		if (kept->name[0])
			before[i] = *kept;
		else if (before[i].name[0])
			before[i].name[0] = '\0';
	}
	for (unsigned i = 0; i < CONFIG_PUBLISH_MAX; i++) {
		struct kept *kept = kept_of(publish, i);
		if (kept->name[0] || kept->set.count) /* or half of one, of a control that was killed */
			*kept = (struct kept){0};
		if (i < config->publish_count)
			name_of(&config->publish[i], kept->name);
		for (unsigned k = 0; k < CONFIG_PUBLISH_MAX && kept->name[0]; k++)
			if (!strncmp(before[k].name, kept->name, sizeof kept->name) &&
			    before[k].set.count <= PUBLISH_SERVERS_MAX)
				kept->set = before[k].set;
		for (unsigned k = 0; k < kept->set.count; k++)
			kept->set.servers[k].node[HELLO_NODE_MAX - 1] = '\0';
	}
}

static int target_open(struct publish *publish, unsigned index)
{
	struct target *target = &publish->targets[index];
	target->publish = publish;
	target->config = publish->control->config->publish[index];
	target->kept = kept_of(publish, index);
	target->command = command_new(publish->control->event, on_done, target);
	target->look_command = command_new(publish->control->event, on_looked, target);
	return target->command && target->look_command ? 0 : -ENOMEM;
}

/* A target that is as it was goes on, and says everything again: its key file may be another one. */
static void publish_configure(void *part)
{
	struct publish *publish = part;
	const struct config *config = publish->control->config;
	recall(publish);
	for (unsigned i = 0; i < CONFIG_PUBLISH_MAX; i++) {
		struct target *target = &publish->targets[i];
		bool wanted = i < config->publish_count;
		if (wanted && target->publish &&
		    !memcmp(&target->config, &config->publish[i], sizeof target->config)) {
			publish_target_again(&target->when, mono_now());
			continue;
		}
		target_close(target);
		if (wanted && target_open(publish, i) < 0) {
			log_error("no memory for publish[%u]", i);
			sd_event_exit(publish->control->event, EXIT_FAILURE);
			return;
		}
	}
	sd_event_source_set_time_relative(publish->timer, PUBLISH_TICK_US);
	sd_event_source_set_enabled(publish->timer, config->publish_count ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int publish_open(void *part, struct control *control)
{
	struct publish *publish = part;
	publish->control = control;
	int r = sd_event_add_time_relative(
	    control->event, &publish->timer, CLOCK_MONOTONIC, PUBLISH_TICK_US, 0, on_timer, publish);
	return r < 0 ? r : sd_event_source_set_enabled(publish->timer, SD_EVENT_OFF);
}

static void publish_close(void *part)
{
	struct publish *publish = part;
	for (unsigned i = 0; i < CONFIG_PUBLISH_MAX; i++)
		target_close(&publish->targets[i]);
	sd_event_source_disable_unref(publish->timer);
}

const struct part part_publish = {.size = sizeof(struct publish),
    .open = publish_open,
    .configure = publish_configure,
    .close = publish_close};

/* ---- for people ---- */

static enum publish_state state_of(const struct publish_target *when)
{
	if (!when->holder)
		return PUBLISH_OFF;
	if (when->failures)
		return PUBLISH_FAILING;
	return when->successes && publish_set_equal(&when->wanted, &when->published) ? PUBLISH_DONE
										     : PUBLISH_WAITING;
}

const struct publish_view *publish_views(struct publish *publish)
{
	const struct config *config = publish->control->config;
	for (unsigned i = 0; config && i < config->publish_count; i++) {
		const struct target *target = &publish->targets[i];
		struct publish_view *view = &publish->views[i];
		name_of(&config->publish[i], view->name);
		view->state = state_of(&target->when);
		view->published = &target->when.published;
		view->changed_us = target->when.holder ? target->changed_us : 0;
		view->succeeded_us = target->succeeded_us;
		view->successes = target->successes;
		view->failures = target->failures;
		view->error = target->when.failures ? target->error : "";
	}
	return publish->views;
}

bool publish_forget(struct publish *publish, const char *node)
{
	struct address address;
	const struct address *of = address_parse(node, &address) ? &address : NULL;
	bool found = false;
	for (unsigned i = 0; i < CONFIG_PUBLISH_MAX; i++) {
		struct target *target = &publish->targets[i];
		if (!target->publish)
			continue;
		found |= publish_set_forget(&target->kept->set, node, of);
		publish_set_forget(&target->job.set, node, of); /* it may be under way */
	}
	return found;
}

void publish_show(const struct publish *publish, FILE *out)
{
	const struct control *control = publish->control;
	for (unsigned i = 0; control->config && i < control->config->publish_count; i++) {
		const struct target *target = &publish->targets[i];
		const struct config_publish *config = &control->config->publish[i];
		struct publish_job job = {config, &control->secrets, target->when.wanted};
		char name[PUBLISH_NAME_MAX];
		name_of(config, name);
		fprintf(out, "# %s\n", name);
		if (!target->when.holder)
			fprintf(out, "# nothing: only the holder publishes\n");
		else if (!job.set.count)
			fprintf(out, "# nothing: the group is not known yet\n");
		else if (config->type == PUBLISH_DNS)
			publish_dns_show(&job, out);
		else
			publish_objects_show(&job, out);
	}
}
