/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: whether it is right, whether vipd has read it as it is now, and whether only root can
 * change it, with what it includes, and read the secrets that it names.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "doctor/tool.h"

enum config_file config_file_look(const json_t *status, char why[static CONFIG_WHY_MAX])
{
	static struct config config;
	static struct config_errors errors;
	const json_t *loaded = json_object_get(status, "config");
	const char *path = member_text(loaded, "path"), *digest = member_text(loaded, "digest");
	char found[20];
	*why = '\0';
	if (!*digest || *path != '/' || (access(path, R_OK) < 0 && errno != ENOENT))
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

/* It stands beside vipctl, or in the sbin to its bin. */
static bool vipd_find(char path[static CONFIG_PATH_MAX])
{
	static const char *const places[] = {"vipd", "../sbin/vipd"};
	char self[CONFIG_PATH_MAX] = "";
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return false;
	const char *directory = dirname(self);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		int length = snprintf(path, CONFIG_PATH_MAX, "%s/%s", directory, places[i]);
		if (length < CONFIG_PATH_MAX && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/*
 * Why vipd would not start with it on this machine, as it says itself: a user that is missing, a socket that
 * cannot be made. The caller's to free; NULL: nothing, or that cannot be known.
 */
static char *trial_errors(const struct doctor *doctor)
{
	static const char refused[] = "ended with 2\n";
	char vipd[CONFIG_PATH_MAX];
	if (!is_root() || !vipd_find(vipd))
		return NULL;
	setenv("VIPD_PROGRAM", vipd, 1); /* so the shell takes nothing in them for its own */
	setenv("VIPD_TRIED", doctor->config_path, 1);
	char *said = tool_run("sh -c '\"$VIPD_PROGRAM\" -n -c \"$VIPD_TRIED\" 2>&1 >/dev/null; "
			      "echo ended with $?'");
	size_t length = said ? strlen(said) : 0, end = strlen(refused);
	if (length > end && strcmp(said + length - end, refused) == 0)
		return said;
	free(said);
	return NULL;
}

void find_configuration(struct doctor *doctor)
{
	char *refusal = NULL;
	if (!doctor->config_readable && access(doctor->config_path, R_OK) < 0 && errno == EACCES) {
		finding_add(
		    doctor, DOCTOR_UNKNOWN, "", ADVICE_ROOT, "you may not read %s", doctor->config_path);
	} else if (!doctor->config_readable) {
		const char *text = doctor->errors.text;
		finding_add(doctor, DOCTOR_FAILURE, "", NULL, "%.*s%s", (int)strcspn(text, "\n"), text,
		    doctor->errors.count > 1 ? " (and more)" : "");
		finding_advise(doctor, "correct it; all errors: vipd -n -c %s", doctor->config_path);
	} else if ((refusal = trial_errors(doctor))) {
		finding_add(doctor, DOCTOR_FAILURE, "", NULL, "%.*s", (int)strcspn(refusal, "\n"), refusal);
		finding_advise(doctor, "correct it; all errors: vipd -n -c %s", doctor->config_path);
	} else {
		finding_add(doctor, DOCTOR_FINE, "", NULL, "%s is right (%u virtual routers, %u checks)",
		    doctor->config_path, doctor->config.router_count, doctor->config.check_count);
	}
	free(refusal);
}

/* ---- files ---- */

#define SYSTEM_ID_MAX 999 /* of Debian: users of services, as bind and those of k0s, who make such files */
#define LINKS_MAX     16

struct rule {
	mode_t forbidden; /* permissions that nobody may have */
	uid_t owner_max;  /* to whom it may belong, and whose group may write if that is not forbidden */
	const char *mode; /* what chmod would make right */
};

static const struct rule unchangeable = {S_IWGRP | S_IWOTH, 0, "go-w"},
			 advert_key = {S_IRWXG | S_IRWXO, 0, "600"},
			 secret = {S_IRWXO, SYSTEM_ID_MAX, "g-w,o="},
			 public = {S_IWOTH, SYSTEM_ID_MAX, "go-w"};

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
};

/* Says each thing once: files share directories. */
static void wrong_tell(
    struct look *look, enum doctor_sign sign, const char *advice, const char *path, const char *what)
{
	char found[CONFIG_PATH_MAX + 128];
	const struct doctor_report *report = look->doctor->report;
	snprintf(found, sizeof found, "%s%s", path, what);
	look->well = false;
	for (size_t i = 0; i < report->count; i++)
		if (strcmp(report->items[i].found, found) == 0)
			return;
	finding_add(look->doctor, sign, "", NULL, "%s", found);
	finding_advise(look->doctor, "%s", advice);
}

static void status_look(
    struct look *look, const char *path, const struct stat *st, mode_t forbidden, const struct rule *rule)
{
	char what[96], advice[CONFIG_PATH_MAX + 32];
	if (st->st_uid > rule->owner_max) {
		snprintf(what, sizeof what, " belongs to uid %u, who can change it", (unsigned)st->st_uid);
		snprintf(advice, sizeof advice, "chown root %s", path);
	} else if (st->st_mode & forbidden) {
		snprintf(what, sizeof what, " has mode %04o: others can %s it", (unsigned)st->st_mode & 07777,
		    forbidden & S_IROTH ? "read or change" : "change");
		snprintf(advice, sizeof advice, "chmod %s %s", rule->mode, path);
	} else {
		return;
	}
	wrong_tell(look, DOCTOR_FAILURE, advice, path, what);
}

static mode_t forbidden_to_others(const struct rule *rule, const struct stat *st)
{
	return rule->forbidden | (st->st_gid > rule->owner_max ? S_IWGRP : 0);
}

static void file_look(struct look *look, const char *path, const struct rule *rule)
{
	char what[64];
	struct stat st;
	if (stat(path, &st) == 0) {
		status_look(look, path, &st, forbidden_to_others(rule, &st), rule);
		return;
	}
	bool forbidden = errno == EACCES && !is_root();
	snprintf(what, sizeof what, ": %s", strerrordesc_np(errno));
	wrong_tell(look, forbidden ? DOCTOR_UNKNOWN : DOCTOR_FAILURE,
	    forbidden ? ADVICE_ROOT : "vipd needs it: make it, or correct the path in vipd.conf", path, what);
}

/*
 * Who may write to a directory above a file, or above what a symbolic link leads to, can replace it; not
 * where it is sticky. What is not there is said of the file.
 */
static void directories_look(struct look *look, const char *path, const struct rule *rule, unsigned links)
{
	char copy[CONFIG_PATH_MAX], target[CONFIG_PATH_MAX], whole[2 * CONFIG_PATH_MAX];
	struct stat st;
	snprintf(copy, sizeof copy, "%s", path);
	const char *directory = dirname(copy);
	const struct rule above = {S_IWOTH | (rule->forbidden & S_IWGRP), rule->owner_max, "go-w"};
	if (strcmp(directory, path) == 0)
		return;
	directories_look(look, directory, rule, links);
	if (stat(directory, &st) == 0)
		status_look(look, directory, &st, st.st_mode & S_ISVTX ? 0 : forbidden_to_others(&above, &st),
		    &above);
	ssize_t length = readlink(path, target, sizeof target);
	if (length <= 0 || length == (ssize_t)sizeof target || links == LINKS_MAX)
		return;
	snprintf(whole, sizeof whole, "%s%s%.*s", *target == '/' ? "" : directory, *target == '/' ? "" : "/",
	    (int)length, target);
	if (strlen(whole) < CONFIG_PATH_MAX)
		directories_look(look, whole, rule, links + 1);
}

/* Into the directory of a configuration nobody else may write at all: vipd would include what is added. */
static void config_file_visit(const char *file, void *context)
{
	struct look *look = context;
	char path[CONFIG_PATH_MAX];
	snprintf(path, sizeof path, "%s", file);
	look->files++;
	file_look(look, file, &unchangeable);
	file_look(look, dirname(path), &unchangeable);
	directories_look(look, file, &unchangeable, 0);
}

static void secret_visit(const struct config_path *named, void *context)
{
	struct look *look = context;
	const struct rule *rule = rule_of(named);
	if (!rule || named->repeated)
		return;
	look->secrets++;
	file_look(look, named->path, rule);
	directories_look(look, named->path, rule, 0);
}

void find_secrets(struct doctor *doctor)
{
	struct look look = {.doctor = doctor, .well = true};
	char path[2 * CONFIG_PATH_MAX], *here = *doctor->config_path == '/' ? NULL : getcwd(NULL, 0);
	snprintf(path, sizeof path, "%s%s%s", here ? here : "", here ? "/" : "", doctor->config_path);
	free(here);
	config_files(path, config_file_visit, &look);
	config_paths(&doctor->config, secret_visit, &look);
	if (look.well)
		finding_add(doctor, DOCTOR_FINE, "", NULL,
		    "only root can change the configuration (files: %u), and nobody who must not can read or "
		    "change the keys, tokens and certificates that it names (%u)",
		    look.files, look.secrets);
}
