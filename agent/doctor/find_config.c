/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: whether it is right, whether vipd has read it as it is now, and whether only root can
 * change it, with what it includes, and read the secrets that it names.
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
			 advert_key = {S_IRWXG | S_IRWXO, true, "600"}, secret = {S_IRWXO, false, "o="},
			 public = {S_IWOTH, false, "o-w"};

/* What vipd reads; NULL: that is not read as root, or `vipd -n` looks at it. */
static const struct rule *rule_of(const struct config_path *named)
{
	switch (named->use) {
	case PATH_ADVERT_KEY: return &advert_key;
	case PATH_CA:
	case PATH_CERTIFICATE: return &public;
	case PATH_PRIVATE_KEY:
	case PATH_TOKEN:
	case PATH_TSIG_KEY: return &secret;
	default: return NULL;
	}
}

struct look {
	struct doctor *doctor;
	bool well;
	unsigned files, secrets;
	char directory[CONFIG_PATH_MAX]; /* the last one */
};

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

/* Who may write to its directory can replace it. */
static void look_at_file(const char *file, void *context)
{
	struct look *look = context;
	char path[CONFIG_PATH_MAX];
	snprintf(path, sizeof path, "%s", file);
	const char *directory = dirname(path);
	look->files++;
	look->well &= file_look(look->doctor, file, &unchangeable);
	if (strcmp(directory, look->directory) == 0)
		return;
	snprintf(look->directory, sizeof look->directory, "%s", directory);
	look->well &= file_look(look->doctor, directory, &unchangeable);
}

static void look_at_secret(const struct config_path *named, void *context)
{
	struct look *look = context;
	const struct rule *rule = rule_of(named);
	if (!rule || named->repeated)
		return;
	look->secrets++;
	look->well &= file_look(look->doctor, named->path, rule);
}

void find_secrets(struct doctor *doctor)
{
	struct look look = {.doctor = doctor, .well = true};
	config_files(doctor->config_path, look_at_file, &look);
	config_paths(&doctor->config, look_at_secret, &look);
	if (look.well)
		finding_add(doctor, DOCTOR_FINE, "", NULL,
		    "only root can change the configuration (files: %u) or read its secrets (keys, tokens "
		    "and "
		    "certificates: %u)",
		    look.files, look.secrets);
}
