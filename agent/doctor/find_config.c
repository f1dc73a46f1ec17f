/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: whether it is right, whether vipd has read it as it is now, and whether only root can
 * change it and read the secrets that it names.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "vipd/mono.h"

#define NEWER_MS 1000 /* file times and our clock are not compared more closely than this */

static bool changed_since_loaded(const struct doctor *doctor)
{
	struct stat st;
	const char *loaded_path = member_text(json_object_get(doctor->status, "config"), "path");
	int64_t loaded = time_parse(member_text(json_object_get(doctor->status, "config"), "loaded"));
	if (loaded < 0 || strcmp(loaded_path, doctor->config_path) != 0 || stat(loaded_path, &st) < 0)
		return false;
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 > loaded + NEWER_MS;
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
	} else if (changed_since_loaded(doctor)) {
		finding_add(doctor, DOCTOR_WARNING, "", "take it over: vipctl reload",
		    "%s is right, but has changed since vipd read it", doctor->config_path);
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
