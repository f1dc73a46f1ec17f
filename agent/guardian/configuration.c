/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration in the guardian: read by the reader, handed to the children, read again when somebody
 * asks for it, and handed on again when a key or certificate file has changed.
 *
 * A reload that fails changes nothing, and neither does a key file that was spoilt or a file system that
 * hangs: everything is there and checked before anything is handed out. The secrets are kept for children
 * that have to start again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"

#define EXIT_WRONG_CONFIGURATION 2 /* which the unit does not start again */

#define SEND_AGAIN_US	   (5 * USEC_PER_SEC)
#define LOOK_EVERY_US	   (2 * USEC_PER_SEC)
#define LOOK_AFTER_HANG_US (30 * USEC_PER_SEC)
#define GROUPS_EVERY_US	   (10 * USEC_PER_SEC)
#define READ_MAX_US	   (8 * USEC_PER_SEC) /* control waits for 10 */
#define LOOK_MAX_US	   (5 * USEC_PER_SEC)
#define RELOAD_EVERY_US	   (250 * USEC_PER_MS) /* control may be an attacker */
#define GROUPS_MAX_US	   (2 * USEC_PER_SEC)
#define RECORDS_MAX_US	   (2 * USEC_PER_SEC)

/* No more of them than an answer has: a file may have a thousand errors, and somebody may try it again. */
static void log_lines(enum log_level level, const char *all)
{
	char shorter[MESSAGE_TEXT_MAX];
	config_errors_shorten(all, shorter, sizeof shorter);
	const char *text = shorter;
	while (*text) {
		size_t length = strcspn(text, "\n");
		log_line(level, "%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

/* Control shows the last one, whoever asked for it. */
static void tell_reload(struct guardian *guardian)
{
	const struct child *control = &guardian->children[CHILD_CONTROL];
	if (control->pid && guardian->reloaded.type == MESSAGE_RELOADED)
		message_send(control->socket, &guardian->reloaded, NULL);
	guardian->reloaded.reloaded.answer = false;
}

void configuration_send(struct guardian *guardian, enum child_kind kind)
{
	struct child *child = &guardian->children[kind];
	if (!child->pid || !child_plans[kind].configured)
		return;
	int secrets = kind == CHILD_ENGINE ? guardian->keys : guardian->certificates;
	int sealed = sealed_memfd("vipd-config", &guardian->config, sizeof guardian->config);
	int result = sealed < 0 ? sealed : 0;
	if (!result) {
		const int fds[MESSAGE_FDS] = {sealed, secrets};
		struct message message = {.type = MESSAGE_CONFIG,
		    .generation = guardian->generation,
		    .may_adopt = guardian->may_adopt};
		result = message_send(child->socket, &message, fds);
		close(sealed);
	}
	if (result && !child->owed)
		log_error("cannot hand the configuration to %s: %s; %s", child_plans[kind].name,
		    strerrordesc_np(-result), child->ready ? "trying again" : "starting another one");
	child->owed = result != 0;
	child->sent = mono_now();
	if (result && !child->ready)
		child_kill(guardian, child);
	if (kind == CHILD_CONTROL && !child->ready) /* a new one knows nothing */
		tell_reload(guardian);
}

static void hand_out(struct guardian *guardian)
{
	guardian->generation++;
	for (int kind = 0; kind < CHILDREN; kind++)
		configuration_send(guardian, (enum child_kind)kind);
}

static void note_admin_group(struct guardian *guardian)
{
	guardian->config.has_admin_gid = guardian->identity.has_admin_group;
	guardian->config.admin_gid = guardian->identity.admin_group;
}

/* What the reader has found is in force from here on. */
static void take_over(struct guardian *guardian)
{
	struct reader *reader = &guardian->reader;
	if (guardian->generation) {
		close(guardian->keys);
		close(guardian->certificates);
	}
	memfd_seal(guardian->keys = reader->keys);
	memfd_seal(guardian->certificates = reader->certificates);
	reader->keys = reader->certificates = -1;
	config_copy(&guardian->config, &reader->reading->config);
	note_admin_group(guardian);
	guardian->fingerprint = reader->reading->fingerprint;
	if (reader->reading->stage != READING_DONE) /* certificates hang: they are looked at again */
		guardian->fingerprint ^= 1;
	hand_out(guardian);
}

/* ---- a reload ---- */

static void answer_reload(struct guardian *guardian, bool ok, const char *text)
{
	guardian->reloaded = (struct message){.type = MESSAGE_RELOADED,
	    .reloaded = {.ok = ok, .answer = guardian->reload_asked, .at_us = realtime_us()}};
	config_errors_shorten(
	    text, guardian->reloaded.reloaded.text, sizeof guardian->reloaded.reloaded.text);
	guardian->reload_asked = false;
	tell_reload(guardian);
}

void configuration_reload(struct guardian *guardian, bool asked_by_control)
{
	guardian->reload_asked |= asked_by_control;
	guardian->reload_wanted = true;
	notify("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)mono_now().us);
	configuration_tick(guardian, mono_now());
}

static void reload_failed(struct guardian *guardian, const char *text)
{
	log_lines(LOG_LEVEL_ERROR, text);
	log_error("the configuration was not reloaded; the one before stays in force");
	answer_reload(guardian, false, text);
	notify("READY=1");
}

/* Why the result is incomplete. */
static const char *describe_failure(struct guardian *guardian)
{
	struct reading *reading = guardian->reader.reading;
	char *text = reading->errors.text;
	if (!text[0] && guardian->reader.late)
		snprintf(text, sizeof reading->errors.text,
		    "%s: it, or a file that it names, could not be read in time; does a file system hang?\n",
		    guardian->path);
	else if (!text[0])
		snprintf(text, sizeof reading->errors.text,
		    "%s: it, or a file that it names, cannot be read: %s\n", guardian->path,
		    reading->result ? strerrordesc_np(-reading->result) : "its reader has ended early");
	return text;
}

static void reload_read(struct guardian *guardian)
{
	struct reading *reading = guardian->reader.reading;
	if (reading->stage != READING_DONE || reading->result ||
	    config_check_reload(&guardian->config, &reading->config, &reading->errors) < 0) {
		reload_failed(guardian, describe_failure(guardian));
		return;
	}
	guardian->reload_pending = true;
	take_over(guardian);
}

static bool in_force(const struct guardian *guardian, enum child_kind kind)
{
	return !child_plans[kind].configured || guardian->children[kind].ready == guardian->generation;
}

void configuration_in_force(struct guardian *guardian)
{
	/* The service is there when the engine is: a control that cannot start must not end it. */
	if (in_force(guardian, CHILD_ENGINE) && guardian->announced != guardian->generation &&
	    notify(
		"READY=1\nSTATUS=%u virtual routers from %s", guardian->config.router_count, guardian->path))
		guardian->announced = guardian->generation;
	for (int kind = 0; kind < CHILDREN; kind++)
		if (!in_force(guardian, (enum child_kind)kind))
			return;
	if (!guardian->reload_pending)
		return;
	static struct config_errors warnings;
	guardian->reload_pending = false;
	log_notice("reloaded %s", guardian->path);
	config_warn(&guardian->config, &warnings);
	log_lines(LOG_LEVEL_WARNING, warnings.text);
	answer_reload(guardian, true, warnings.text);
}

/* ---- files and groups that change ---- */

static void changes_read(struct guardian *guardian, struct mono now)
{
	static bool hangs, fails;
	struct reading *reading = guardian->reader.reading;
	bool hung = reading->stage != READING_DONE;
	guardian->next_look = mono_add(now, hung ? LOOK_AFTER_HANG_US : LOOK_EVERY_US);
	if (hung && !hangs)
		log_error(
		    "key and certificate files cannot be looked at (does a file system hang?): those that "
		    "were read before stay in force");
	hangs = hung;
	bool failed_before = fails;
	fails = !hung && reading->result && reading->result != -EINVAL;
	if (hung || reading->fingerprint == guardian->fingerprint)
		return;
	if (fails) { /* for want of memory: what was read before stays in force, and this is not forgotten */
		if (!failed_before)
			log_lines(LOG_LEVEL_ERROR, describe_failure(guardian));
		return;
	}
	if (reading->result) {
		guardian->fingerprint = reading->fingerprint;
		log_lines(LOG_LEVEL_ERROR, describe_failure(guardian));
		log_error(
		    "a key of adverts was replaced by something unusable; the one before stays in force");
		return;
	}
	log_info("a certificate or key file has changed: handing it on");
	take_over(guardian);
}

static bool groups_known(const struct identity *identity)
{
	return identity->group_count && identity->has_socket_group && identity->has_admin_group;
}

static void groups_read(struct guardian *guardian, struct mono now)
{
	static bool logged;
	const struct config *config = &guardian->config;
	struct identity before = guardian->identity, *found = &guardian->identity;
	guardian->next_groups = mono_add(now, GROUPS_EVERY_US);
	bool answered = guardian->reader.reading->stage == READING_DONE;
	if (answered)
		*found = guardian->reader.reading->identity;
	if (!groups_known(found) && !logged)
		log_warning(
		    "control.group = \"%s\" and control.admin_group = \"%s\": %s; only root is allowed "
		    "what a missing one is for until it is found",
		    config->group, config->admin_group,
		    answered ? "one of them does not exist (create it with groupadd --system)"
			     : "the name service does not answer");
	logged = true;
	if (found->has_socket_group && !before.has_socket_group)
		listen_give(config->socket, found->socket_group);
	if (found->has_admin_group == before.has_admin_group)
		return;
	note_admin_group(guardian);
	if (guardian->children[CHILD_CONTROL].pid)
		hand_out(guardian);
}

/* ---- the reader ---- */

void configuration_read(struct guardian *guardian)
{
	switch (guardian->reader.reading->job) {
	case READ_ALL: reload_read(guardian); break;
	case READ_CHANGES: changes_read(guardian, mono_now()); break;
	case READ_GROUPS: groups_read(guardian, mono_now()); break;
	case READ_RECORDS:
	case READ_TRIAL: break; /* it was waited for */
	}
}

/* Why no reader can be started. */
static const char *describe_obstacle(const struct guardian *guardian)
{
	if (!guardian->reader.pid)
		return "no process could be started that reads it";
	switch (guardian->reader.reading->job) {
	case READ_ALL:
		return "the last reload still hangs in the kernel: see which file system of the "
		       "configuration "
		       "or of a file that it names does not answer";
	case READ_GROUPS:
		return "a look-up of users and groups still hangs in the kernel: see which file system of "
		       "the "
		       "name service does not answer";
	case READ_RECORDS:
		return "a look at record_dir still hangs in the kernel: see which file system does not "
		       "answer";
	case READ_CHANGES:
	case READ_TRIAL: break;
	}
	return "the last look at key and certificate files still hangs in the kernel: see which file system "
	       "of "
	       "theirs does not answer";
}

void configuration_tick(struct guardian *guardian, struct mono now)
{
	for (int kind = 0; kind < CHILDREN; kind++) {
		struct child *child = &guardian->children[kind];
		bool unheard = !in_force(guardian, (enum child_kind)kind) &&
			       mono_sub(now, child->sent) >= SEND_AGAIN_US; /* it had no memory for it */
		if (child->owed || unheard)
			configuration_send(guardian, (enum child_kind)kind);
	}
	if (reader_is_late(guardian, now))
		configuration_read(guardian);
	if (guardian->reload_wanted && mono_reached(now, guardian->next_reload)) {
		guardian->next_reload = mono_add(now, RELOAD_EVERY_US);
		guardian->reload_wanted = guardian->reader.pid && !guardian->reader.late;
		if (!guardian->reload_wanted && !reader_start(guardian, READ_ALL, READ_MAX_US))
			reload_failed(guardian, describe_obstacle(guardian));
	} else if (!guardian->reader.pid && !groups_known(&guardian->identity) &&
		   mono_reached(now, guardian->next_groups)) {
		reader_start(guardian, READ_GROUPS, GROUPS_MAX_US);
	} else if (!guardian->reader.pid && guardian->fingerprint && mono_reached(now, guardian->next_look)) {
		reader_start(guardian, READ_CHANGES, LOOK_MAX_US);
	}
}

static bool record_dir_answers(struct guardian *guardian)
{
	if (!reader_start(guardian, READ_RECORDS, RECORDS_MAX_US))
		return false;
	reader_wait(guardian);
	return guardian->reader.reading->stage == READING_DONE;
}

int configuration_first(struct guardian *guardian)
{
	if (!reader_start(guardian, READ_ALL, READ_MAX_US))
		return EXIT_FAILURE;
	reader_wait(guardian);
	struct reading *reading = guardian->reader.reading;
	if (reading->result || reading->stage == READING_BEGINS) {
		log_lines(LOG_LEVEL_ERROR, describe_failure(guardian));
		return reading->result == -EINVAL ? EXIT_WRONG_CONFIGURATION : EXIT_FAILURE;
	}
	if (reading->stage != READING_DONE)
		log_error(
		    "certificates of checks could not be read in time (does a file system hang?): going on "
		    "without them");
	guardian->identity = reading->identity;
	take_over(guardian);
	if (reader_start(guardian, READ_GROUPS, GROUPS_MAX_US)) {
		reader_wait(guardian);
		groups_read(guardian, mono_now());
	}
	guardian->record_dir_hangs = guardian->config.record_dir[0] && !record_dir_answers(guardian);
	return 0;
}
