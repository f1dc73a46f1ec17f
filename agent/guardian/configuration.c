/*
 * The configuration in the guardian: read and checked here, handed to the children, read again when somebody
 * asks for it, and handed on again when a key or certificate file has changed.
 *
 * A reload that fails changes nothing, and neither does a key file that was spoilt: everything is checked
 * before anything is handed out, and the keys that were good are kept, for an engine that has to start again.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"

#define SECRETS_EVERY_US (2 * USEC_PER_SEC)

void log_lines(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		log_error("%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

/* The secrets of this child as a descriptor of its own; the configuration says where each is in it. */
static int secrets_for(struct guardian *guardian, enum child_kind kind)
{
	return kind == CHILD_ENGINE ? dup(guardian->keys) : secrets_read(kind, &guardian->config);
}

void configuration_send(struct guardian *guardian, enum child_kind kind)
{
	struct child *child = &guardian->children[kind];
	if (!child->pid || !child_plans[kind].configured)
		return;
	int secrets = secrets_for(guardian, kind);
	int sealed =
	    secrets < 0 ? secrets : sealed_memfd("vipd-config", &guardian->config, sizeof guardian->config);
	int result = sealed < 0 ? sealed : 0;
	if (!result) {
		const int fds[MESSAGE_FDS] = {sealed, secrets};
		struct message message = {
		    .type = MESSAGE_CONFIG, .generation = guardian->generation, .anew = guardian->anew};
		result = message_send(child->socket, &message, fds);
		close(sealed);
	}
	if (secrets >= 0)
		close(secrets);
	if (result)
		log_error("cannot hand the configuration to %s: %s", child_plans[kind].name,
		    strerrordesc_np(-result));
}

/* The files were good a moment ago. The fingerprint is taken first: a change from now on is another one. */
static int read_keys(struct guardian *guardian)
{
	uint64_t fingerprint = secrets_fingerprint(&guardian->config);
	int keys = secrets_read(CHILD_ENGINE, &guardian->config);
	if (keys < 0)
		return keys;
	if (guardian->keys >= 0)
		close(guardian->keys);
	guardian->keys = keys;
	guardian->fingerprint = fingerprint;
	guardian->generation++;
	return 0;
}

static void hand_out(struct guardian *guardian)
{
	int result = read_keys(guardian);
	if (result) {
		log_error("cannot read the keys of adverts: %s", strerrordesc_np(-result));
		return;
	}
	for (int kind = 0; kind < CHILDREN; kind++)
		configuration_send(guardian, (enum child_kind)kind);
}

int configuration_first(struct guardian *guardian)
{
	guardian->keys = -1;
	return read_keys(guardian);
}

static void answer_reload(struct guardian *guardian, bool ok, const char *text)
{
	if (!guardian->reload_asked)
		return;
	guardian->reload_asked = false;
	struct message answer = {.type = MESSAGE_RELOADED, .reloaded = {.ok = ok}};
	snprintf(answer.reloaded.text, sizeof answer.reloaded.text, "%s", text);
	message_send(guardian->children[CHILD_CONTROL].socket, &answer, NULL);
}

void configuration_reload(struct guardian *guardian, bool asked_by_control)
{
	static struct config next;
	static struct config_errors errors;
	struct identity identity;
	guardian->reload_asked |= asked_by_control;
	errors = (struct config_errors){0};
	notify("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)mono_now().us);
	int result = config_load(guardian->path, &next, &errors);
	if (!result)
		result = config_check_reload(&guardian->config, &next, &errors);
	if (!result)
		result = secrets_check_keys(&next, &errors);
	if (!result && identity_lookup(&next, &identity) < 0)
		snprintf(errors.text, sizeof errors.text, "%s: a user or group of it does not exist",
		    guardian->path);
	if (result || errors.text[0]) {
		log_lines(errors.text);
		log_error("the configuration was not reloaded; the one before stays in force");
		answer_reload(guardian, false, errors.text);
		notify("READY=1");
		return;
	}
	config_copy(&guardian->config, &next);
	guardian->reload_pending = true;
	hand_out(guardian);
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
	guardian->reload_pending = false;
	log_notice("reloaded %s", guardian->path);
	answer_reload(guardian, true, "");
}

void configuration_watch_secrets(struct guardian *guardian, struct mono now)
{
	static struct config_errors errors;
	if (!mono_reached(now, guardian->next_fingerprint))
		return;
	guardian->next_fingerprint = mono_add(now, SECRETS_EVERY_US);
	uint64_t fingerprint = secrets_fingerprint(&guardian->config);
	if (fingerprint == guardian->fingerprint)
		return;
	errors = (struct config_errors){0};
	if (secrets_check_keys(&guardian->config, &errors) < 0) {
		guardian->fingerprint = fingerprint;
		log_lines(errors.text);
		log_error(
		    "a key of adverts was replaced by something unusable; the one before stays in force");
		return;
	}
	log_info("a certificate or key file has changed: handing it on");
	hand_out(guardian);
}
