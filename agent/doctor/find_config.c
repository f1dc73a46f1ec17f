/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: whether it is right, whether vipd has read it as it is now, and whether only root can
 * change it and read the secrets that it names.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/doctor.h"

enum config_file config_file_look(const json_t *status, char why[static CONFIG_WHY_MAX])
{
	static struct config config;
	static struct config_errors errors;
	const json_t *loaded = json_object_get(status, "config");
	const char *path = member_text(loaded, "path"), *digest = member_text(loaded, "digest");
	char found[20];
	*why = '\0';
	if (!*digest || access(path, R_OK) < 0)
		return CONFIG_FILE_UNKNOWN;
	if (config_load(path, &config, &errors) < 0) {
		snprintf(why, CONFIG_WHY_MAX, "%.*s", (int)strcspn(errors.text, "\n"), errors.text);
		return CONFIG_FILE_WRONG;
	}
	snprintf(found, sizeof found, "%016" PRIx64, config.digest);
	return strcmp(found, digest) == 0 ? CONFIG_FILE_SAME : CONFIG_FILE_CHANGED;
}

/* What vipd has read, and what it would not read. Needs no privilege: everybody may read vipd.conf. */
void find_reload(struct doctor *doctor)
{
	char why[CONFIG_WHY_MAX], at[TIME_TEXT_MAX];
	const json_t *config = json_object_get(doctor->status, "config"),
		     *last = json_object_get(config, "last_reload");
	const char *path = member_text(config, "path"), *error = member_text(last, "error");
	enum config_file file = config_file_look(doctor->status, why);
	if (file == CONFIG_FILE_WRONG) {
		finding_add(doctor, DOCTOR_WARNING, "", NULL,
		    "the file is wrong, and vipd would not start with it: %s", why);
		finding_advise(doctor, "correct it; all errors: vipd -n -c %s", path);
	} else if (json_is_object(last) && !member_true(last, "successful")) {
		finding_add(doctor, DOCTOR_WARNING, "", "try again: vipctl reload",
		    "the last reload was refused on %s: %.*s", time_local(member_text(last, "at"), at),
		    (int)strcspn(error, "\n"), error);
	} else if (file == CONFIG_FILE_CHANGED) {
		finding_add(doctor, DOCTOR_WARNING, "", "take it over: vipctl reload",
		    "%s is right, but has changed since vipd read it", path);
	} else if (file == CONFIG_FILE_SAME) {
		finding_add(doctor, DOCTOR_FINE, "", NULL, "vipd has read %s as it is", path);
	} else if (!doctor->request->agent_only) { /* who runs `check` need not be allowed to read it */
		finding_add(doctor, DOCTOR_UNKNOWN, "", is_root() ? NULL : ADVICE_ROOT,
		    "%s cannot be read, or the agent does not say what it has read", path);
	}
}

void find_configuration(struct doctor *doctor)
{
	if (!doctor->config_readable && access(doctor->config_path, R_OK) < 0 && errno == EACCES) {
		finding_add(
		    doctor, DOCTOR_UNKNOWN, "", ADVICE_ROOT, "you may not read %s", doctor->config_path);
	} else if (!doctor->config_readable) {
		const char *text = doctor->errors.text;
		finding_add(doctor, DOCTOR_FAILURE, "", NULL, "%.*s%s", (int)strcspn(text, "\n"), text,
		    doctor->errors.count > 1 ? " (and more)" : "");
		finding_advise(doctor, "correct it; all errors: vipd -n -c %s", doctor->config_path);
	} else {
		finding_add(doctor, DOCTOR_FINE, "", NULL, "%s is right (%u virtual routers, %u checks)",
		    doctor->config_path, doctor->config.router_count, doctor->config.check_count);
	}
}

/* ---- files ---- */

struct rule {
	mode_t forbidden; /* permissions that nobody may have */
	bool of_root;	  /* must belong to root */
	const char *mode; /* what chmod would make right */
};

static const struct rule unchangeable = {S_IWGRP | S_IWOTH, true, "go-w"},
			 secret = {S_IRWXG | S_IRWXO, true, "600"}, private_key = {S_IRWXO, false, "o="},
			 readable = {0, false, ""};

/* Returns whether it is as the rule wants it; says so if not. */
static bool file_look(struct doctor *doctor, const char *path, const struct rule *rule)
{
	struct stat st;
	if (stat(path, &st) < 0) {
		bool forbidden = errno == EACCES && !is_root();
		finding_add(doctor, forbidden ? DOCTOR_UNKNOWN : DOCTOR_FAILURE, "",
		    forbidden ? ADVICE_ROOT : "vipd needs it: make it, or correct the path in vipd.conf",
		    "%s: %s", path, strerrordesc_np(errno));
	} else if (rule->of_root && st.st_uid != 0) {
		finding_add(doctor, DOCTOR_FAILURE, "", NULL, "%s belongs to uid %u, who can change it", path,
		    (unsigned)st.st_uid);
		finding_advise(doctor, "chown root %s", path);
	} else if (st.st_mode & rule->forbidden) {
		finding_add(doctor, DOCTOR_FAILURE, "", NULL, "%s has mode %04o: others can %s it", path,
		    (unsigned)st.st_mode & 07777, rule->forbidden & S_IROTH ? "read or change" : "change");
		finding_advise(doctor, "chmod %s %s", rule->mode, path);
	} else {
		return true;
	}
	return false;
}

static unsigned keys_look(struct doctor *doctor, bool *well)
{
	unsigned count = 0;
	for (unsigned r = 0; r < doctor->config.router_count; r++) {
		const struct config_router *router = &doctor->config.routers[r];
		for (unsigned k = 0; k < router->key_count; k++, count++)
			*well &= file_look(doctor, router->keys[k].file.path, &secret);
	}
	return count;
}

static unsigned certificates_look(struct doctor *doctor, bool *well)
{
	unsigned count = 0;
	for (unsigned i = 0; i < doctor->config.check_count; i++) {
		const struct config_check *check = &doctor->config.checks[i];
		const struct {
			const char *path;
			const struct rule *rule;
		} files[] = {{check->ca.path, &readable}, {check->cert.path, &readable},
		    {check->key.path, &private_key}};
		for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
			if (!*files[f].path)
				continue;
			*well &= file_look(doctor, files[f].path, files[f].rule);
			count++;
		}
	}
	return count;
}

void find_secrets(struct doctor *doctor)
{
	char directory[CONFIG_PATH_MAX];
	bool well = true;
	if (!doctor->config_readable) {
		finding_add(doctor, DOCTOR_UNKNOWN, "", NULL, "which files it names is not known");
		return;
	}
	snprintf(directory, sizeof directory, "%s", doctor->config_path);
	well &= file_look(doctor, doctor->config_path, &unchangeable);
	well &= file_look(doctor, dirname(directory), &unchangeable);
	unsigned keys = keys_look(doctor, &well), certificates = certificates_look(doctor, &well);
	if (well)
		finding_add(doctor, DOCTOR_FINE, "", NULL,
		    "only root can change the configuration or read its secrets (%u keys, %u certificate "
		    "files)",
		    keys, certificates);
}
