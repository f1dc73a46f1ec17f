/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: whether it is right, whether vipd has read it as it is now, and whether only root can
 * change it, with what it includes, and read the secrets that it names.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "doctor/tool.h"

#define TRIAL_LIMIT_S 12 /* vipd itself gives up after ten seconds */

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

enum trial { TRIAL_FINE, TRIAL_REFUSED, TRIAL_UNKNOWN };

/*
 * Whether vipd would start with it on this machine, and if not, *why, as it says itself: a user that is
 * missing, a socket that cannot be made. The caller's to free.
 */
static enum trial trial_run(const struct doctor *doctor, char **why)
{
	static const char refused[] = "ended with 2\n", fine[] = "ended with 0\n";
	char vipd[CONFIG_PATH_MAX];
	if (!vipd_find(vipd))
		return TRIAL_UNKNOWN;
	setenv("VIPD_PROGRAM", vipd, 1); /* so the shell takes nothing in them for its own */
	setenv("VIPD_TRIED", doctor->config_path, 1);
	char *said =
	    tool_run_within(TRIAL_LIMIT_S, "sh -c '\"$VIPD_PROGRAM\" -n -c \"$VIPD_TRIED\" 2>&1 >/dev/null; "
					   "echo ended with $?'");
	size_t length = said ? strlen(said) : 0, end = strlen(refused);
	const char *ended = length >= end ? said + length - end : "";
	enum trial trial = !strcmp(ended, fine)	     ? TRIAL_FINE
			   : !strcmp(ended, refused) ? TRIAL_REFUSED
						     : TRIAL_UNKNOWN;
	if (trial == TRIAL_REFUSED)
		*why = said;
	else
		free(said);
	return trial;
}

/* It can be read. To others than root vipd says no more than that. */
static void find_trial(struct doctor *doctor)
{
	char *why = NULL;
	enum trial trial = is_root() ? trial_run(doctor, &why) : TRIAL_FINE;
	if (trial == TRIAL_REFUSED) {
		finding_add(doctor, DOCTOR_FAILURE, "", NULL, "%.*s", (int)strcspn(why, "\n"), why);
		finding_advise(doctor, "correct it; all errors: vipd -n -c %s", doctor->config_path);
	} else if (trial == TRIAL_UNKNOWN) {
		finding_add(doctor, DOCTOR_UNKNOWN, "", NULL,
		    "vipd -n -c %s could not be run, or could not look at everything", doctor->config_path);
		finding_advise(doctor, "see what it says: vipd -n -c %s", doctor->config_path);
	} else {
		finding_add(doctor, DOCTOR_FINE, "", NULL, "%s is right (%u virtual routers, %u checks)",
		    doctor->config_path, doctor->config.router_count, doctor->config.check_count);
	}
	free(why);
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
		find_trial(doctor);
	}
}

/* ---- files ---- */

#define SYSTEM_ID_MAX  999 /* of Debian: users of services, as bind and those of k0s, who make such files */
#define LINKS_MAX      40  /* of the kernel, on the way to one file */
#define PATH_SHOWN_MAX 512
#define ADVICE_MAX     (PATH_SHOWN_MAX + 64)

struct rule {
	mode_t forbidden; /* permissions that nobody may have */
	uid_t owner_max;  /* to whom it may belong; a service's own group has what is not forbidden */
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
	char found[PATH_SHOWN_MAX + 128];
	const struct doctor_report *report = look->doctor->report;
	snprintf(found, sizeof found, "%.*s%s", PATH_SHOWN_MAX, path, what);
	look->well = false;
	for (size_t i = 0; i < report->count; i++)
		if (strcmp(report->items[i].found, found) == 0)
			return;
	finding_add(look->doctor, sign, "", NULL, "%s", found);
	finding_advise(look->doctor, "%s", advice);
}

/*
 * Whether it is root's, or that of a system user of the same name, as bind's is. By their numbers alone
 * groups of people (users, sudo, staff) are like those of services.
 */
static bool is_service_group(gid_t gid)
{
	const struct group *group = gid ? getgrgid(gid) : NULL;
	const struct passwd *user = group ? getpwnam(group->gr_name) : NULL;
	return !gid || (user && user->pw_gid == gid && user->pw_uid > 0 && user->pw_uid <= SYSTEM_ID_MAX);
}

static mode_t forbidden_to_others(const struct rule *rule, const struct stat *st)
{
	bool may = !st->st_gid || (rule->owner_max && is_service_group(st->st_gid));
	mode_t as_others = S_IWGRP | (rule->forbidden & S_IROTH ? S_IRGRP : 0);
	return rule->forbidden | (may ? 0 : as_others);
}

/* Outside of /etc a directory may be somebody's home, which is not to be given to root. */
static void advise_on_owner(const char *path, bool is_directory, char advice[static ADVICE_MAX])
{
	bool is_elsewhere = is_directory && strcmp(path, "/") != 0 && strcmp(path, "/etc") != 0 &&
			    strncmp(path, "/etc/", 5) != 0;
	snprintf(advice, ADVICE_MAX,
	    is_elsewhere ? "move what vipd reads below %.*s to /etc/vipd" : "chown root %.*s", PATH_SHOWN_MAX,
	    path);
}

static void status_look(
    struct look *look, const char *path, const struct stat *st, mode_t forbidden, const struct rule *rule)
{
	char what[96], group[24] = "", advice[ADVICE_MAX];
	mode_t wrong = st->st_mode & forbidden;
	if (st->st_uid > rule->owner_max) {
		snprintf(what, sizeof what, " belongs to uid %u, who can change it", (unsigned)st->st_uid);
		advise_on_owner(path, S_ISDIR(st->st_mode), advice);
	} else if (wrong) {
		if (!(wrong & rule->forbidden))
			snprintf(group, sizeof group, " and gid %u", (unsigned)st->st_gid);
		snprintf(what, sizeof what, " has mode %04o%s: others can %s it",
		    (unsigned)st->st_mode & 07777, group, forbidden & S_IROTH ? "read or change" : "change");
		snprintf(advice, sizeof advice, "chmod %s %.*s",
		    wrong & S_IRGRP & ~rule->forbidden ? "go=" : rule->mode, PATH_SHOWN_MAX, path);
	} else {
		return;
	}
	wrong_tell(look, DOCTOR_FAILURE, advice, path, what);
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

/* The way of the kernel to a file: where it is, without symbolic links, and what is left of it. */
struct way {
	char here[PATH_MAX]; /* "": the root */
	char rest[PATH_MAX];
	unsigned links;
};

/* Who may write to a directory in which a name is looked up can replace what has it; not where it is sticky.
 */
static void directory_look(struct look *look, const char *path, const struct rule *rule)
{
	struct stat st;
	const struct rule above = {S_IWOTH | (rule->forbidden & S_IWGRP), rule->owner_max, "go-w"};
	if (stat(path, &st) == 0)
		status_look(
		    look, path, &st, st.st_mode & S_ISVTX ? 0 : forbidden_to_others(&above, &st), &above);
}

/* One name further. False: there are too many links, or their texts are too long. */
static bool way_step(struct look *look, struct way *way, const struct rule *rule)
{
	char next[PATH_MAX], target[PATH_MAX], left[PATH_MAX];
	const char *name = way->rest + strspn(way->rest, "/");
	int size = (int)strcspn(name, "/");
	snprintf(left, sizeof left, "%s", name + size);
	if (size == 2 && !strncmp(name, "..", 2)) {
		char *last = strrchr(way->here, '/');
		if (last)
			*last = '\0';
	} else if (size != 1 || *name != '.') {
		directory_look(look, *way->here ? way->here : "/", rule);
		if (snprintf(next, sizeof next, "%s/%.*s", way->here, size, name) >= (int)sizeof next)
			return false;
		ssize_t length = readlink(next, target, sizeof target);
		if (length > 0) {
			if (*target == '/')
				*way->here = '\0';
			return ++way->links <= LINKS_MAX &&
			       snprintf(way->rest, sizeof way->rest, "%.*s%s", (int)length, target, left) <
				   (int)sizeof way->rest;
		}
		memcpy(way->here, next, sizeof next);
	}
	memcpy(way->rest, left, sizeof left);
	return true;
}

/* What is not there is said of the file. */
static void way_look(struct look *look, const char *path, const struct rule *rule)
{
	struct way way = {.here = ""};
	bool follows = snprintf(way.rest, sizeof way.rest, "%s", path) < (int)sizeof way.rest;
	while (follows && way.rest[strspn(way.rest, "/")])
		follows = way_step(look, &way, rule);
	if (!follows && access(path, F_OK) == 0)
		wrong_tell(look, DOCTOR_UNKNOWN, "name the file itself in vipd.conf", path,
		    ": too many symbolic links, or too long ones, lead to it");
}

/* Into the directory of a configuration nobody else may write at all: vipd would include what is added. */
static void config_file_visit(const char *file, void *context)
{
	struct look *look = context;
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s", file);
	look->files++;
	file_look(look, file, &unchangeable);
	file_look(look, dirname(path), &unchangeable);
	way_look(look, file, &unchangeable);
}

static void secret_visit(const struct config_path *named, void *context)
{
	struct look *look = context;
	const struct rule *rule = rule_of(named);
	if (!rule || named->repeated)
		return;
	look->secrets++;
	file_look(look, named->path, rule);
	way_look(look, named->path, rule);
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
