/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vipd -n`: whether a configuration is right, and whether this machine has what it names. What the start
 * would fail for is an error; what may come later (k3s writes its certificates, LDAP brings its groups) is a
 * warning, because vipd goes on without it and looks again.
 *
 * All of it happens in the reader: libconfig, files and the name service may hang or end the process.
 */
#include <errno.h>
#include <grp.h>
#include <ifaddrs.h>
#include <libgen.h>
#include <net/if.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/file.h"
#include "vipd/shortage.h"

#define TRIAL_MAX_US (10 * USEC_PER_SEC)
#define EXIT_WRONG   2

/* ---- in the reader ---- */

static void look_for_groups(struct reading *reading)
{
	const struct config *config = &reading->config;
	const struct {
		const char *key, *name, *without;
		bool found;
	} groups[] = {
	    {"group", config->group, "nobody but root can ask vipctl", reading->identity.has_socket_group},
	    {"admin_group", config->admin_group, "nobody but root can drain or reload",
		reading->identity.has_admin_group},
	};
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
		if (!groups[i].found)
			config_errors_add(&reading->warnings,
			    "%s: warning: control.%s = \"%s\": there is no such group; until there is "
			    "(groupadd --system %s), %s\n",
			    config->path, groups[i].key, groups[i].name, groups[i].name, groups[i].without);
}

/* What its bytes must have in them, roughly: who needs them looks more closely. And what that is. */
static const struct {
	const char *mark, *name;
} contents[] = {
    [PATH_CA] = {"CERTIFICATE-----", "certificate (PEM)"},
    [PATH_CERTIFICATE] = {"CERTIFICATE-----", "certificate (PEM)"},
    [PATH_PRIVATE_KEY] = {"PRIVATE KEY-----", "private key (PEM)"},
    [PATH_TOKEN] = {"", "token"},
    [PATH_TSIG_KEY] = {"secret", "key of BIND (as tsig-keygen makes it)"},
};

struct look {
	struct reading *reading;
	int secrets;  /* their bytes */
	bool as_user; /* run_as, which executes and looks; else root, who reads and makes */
};

__attribute__((format(printf, 3, 4))) static void warn_of_path(
    const struct look *look, const struct config_path *named, const char *format, ...)
{
	char what[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	config_errors_add(&look->reading->warnings, "%s: warning: %s%s = \"%s\": %s\n",
	    look->reading->config.path, named->owner, named->key, named->path, what);
}

static void look_at_secret(const struct look *look, const struct config_path *named)
{
	const struct config_secret *secret = named->secret;
	if (secret->error) {
		warn_of_path(
		    look, named, "%s; %s until it can be read", file_error(secret->error), named->without);
		return;
	}
	char *bytes = malloc(secret->size + 1);
	ssize_t size = bytes ? pread(look->secrets, bytes, secret->size, secret->offset) : -1;
	const char *mark = contents[named->use].mark;
	if (size == (ssize_t)secret->size && (!size || !memmem(bytes, (size_t)size, mark, strlen(mark))))
		warn_of_path(look, named, "there is no %s in it; %s until there is one",
		    contents[named->use].name, named->without);
	if (bytes)
		explicit_bzero(bytes, secret->size);
	free(bytes);
}

/* Who executes it is run_as. */
static void look_at_program(const struct look *look, const struct config_path *named)
{
	struct stat st;
	int error = stat(named->path, &st) < 0	    ? errno
		    : S_ISDIR(st.st_mode)	    ? EISDIR
		    : access(named->path, X_OK) < 0 ? errno
						    : 0;
	if (error)
		warn_of_path(look, named, "user %s cannot execute it: %s; %s until it can",
		    look->reading->config.run_as, strerrordesc_np(error), named->without);
}

/* What a shell or the like is told to run: the first path behind it, unless the text is in the command. */
static void look_at_script(struct reading *reading, const struct config_check *check)
{
	static const char *const starters[] = {
	    "sh", "bash", "dash", "python3", "perl", "env", "timeout", NULL};
	const char *word = check->command, *name = strrchr(word, '/');
	size_t known = 0;
	while (name && starters[known] && strcmp(name + 1, starters[known]))
		known++;
	if (!name || !starters[known])
		return;
	for (unsigned i = 1; i < check->word_count; i++) {
		word += strlen(word) + 1;
		if (!strcmp(word, "-c") || !strcmp(word, "-e") || !strcmp(word, "-m"))
			return;
		if (*word != '/')
			continue;
		if (access(word, R_OK) < 0)
			config_errors_add(&reading->warnings,
			    "%s: warning: check \"%s\": command = … \"%s\": user %s cannot read it: %s; the "
			    "check fails until it can\n",
			    reading->config.path, check->name, word, reading->config.run_as,
			    strerrordesc_np(errno));
		return;
	}
}

/* It need not be there, but one must be able to tell. */
static void look_at_file(const struct look *look, const struct config_path *named)
{
	struct stat st = {0};
	if (stat(named->path, &st) < 0 && errno != ENOENT)
		warn_of_path(look, named, "user %s cannot look for it: %s; %s until it can",
		    look->reading->config.run_as, strerrordesc_np(errno), named->without);
	else if (!strcmp(named->key, "pid_file") && S_ISDIR(st.st_mode))
		warn_of_path(look, named, "it is a directory; write the file with the number of the process");
}

/* Where vipd makes something: 0, or the error of that. */
static int parent_error(const char *path)
{
	char copy[CONFIG_PATH_MAX];
	snprintf(copy, sizeof copy, "%s", path);
	const char *directory = dirname(copy);
	struct stat st;
	return stat(directory, &st) < 0		    ? errno
	       : !S_ISDIR(st.st_mode)		    ? ENOTDIR
	       : access(directory, W_OK | X_OK) < 0 ? errno
						    : 0;
}

static void look_at_directory(const struct look *look, const struct config_path *named)
{
	struct stat st;
	bool is_there = stat(named->path, &st) == 0;
	int error = is_there ? S_ISDIR(st.st_mode) ? 0 : ENOTDIR : parent_error(named->path);
	if (error)
		warn_of_path(look, named, "it cannot be made: %s; %s until it can", strerrordesc_np(error),
		    named->without);
}

/* The start fails without it. Its usual directory is made by the unit. */
static void look_at_socket(const struct look *look, const struct config_path *named)
{
	static const char usual[] = "/run/vipd/";
	struct stat st;
	bool is_directory = stat(named->path, &st) == 0 && S_ISDIR(st.st_mode);
	int error = is_directory ? EISDIR : parent_error(named->path);
	if (error == ENOENT && !strncmp(named->path, usual, strlen(usual)) &&
	    !strchr(named->path + strlen(usual), '/'))
		return;
	if (error)
		config_errors_add(&look->reading->errors,
		    "%s: %s = \"%s\": vipd cannot make this socket: %s; its directory must exist and be "
		    "writable for root\n",
		    look->reading->config.path, named->key, named->path, strerrordesc_np(error));
}

static void look_at(const struct config_path *named, void *context)
{
	const struct look *look = context;
	bool for_user = named->use == PATH_PROGRAM || named->use == PATH_LOOKED_AT;
	if (named->repeated || for_user != look->as_user)
		return;
	switch (named->use) {
	case PATH_ADVERT_KEY: break; /* secrets_read_keys() has said it */
	case PATH_CA:
	case PATH_CERTIFICATE:
	case PATH_PRIVATE_KEY:
	case PATH_TOKEN:
	case PATH_TSIG_KEY: look_at_secret(look, named); break;
	case PATH_PROGRAM: look_at_program(look, named); break;
	case PATH_LOOKED_AT: look_at_file(look, named); break;
	case PATH_DIRECTORY: look_at_directory(look, named); break;
	case PATH_SOCKET: look_at_socket(look, named); break;
	}
}

static void look_for_kubernetes(struct reading *reading)
{
	const struct config *config = &reading->config;
	for (unsigned i = 0; i < config->written_checks; i++)
		if (config->checks[i].type == CHECK_KUBERNETES && !config->checks[i].ca.path[0])
			config_errors_add(&reading->warnings,
			    "%s: warning: check \"%s\": no API server of k3s, RKE2, kubeadm or k0s was found "
			    "on this server; the check fails until there is one\n",
			    config->path, config->checks[i].name);
}

/* A name that leads to a virtual address: the answer comes from whoever holds it. */
static void look_up_host(
    struct reading *reading, const struct config_check *check, const char *key, const char *url)
{
	char host[CONFIG_URL_MAX];
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	struct address address;
	config_url_host(url, host);
	if (!*host || address_parse(host, &address) || getaddrinfo(host, NULL, &hints, &found) != 0)
		return; /* config_warn() knows an address; the check says what it cannot find */
	for (const struct addrinfo *at = found; at; at = at->ai_next) {
		if (!address_of_sockaddr(at->ai_addr, &address) ||
		    !config_has_address(&reading->config, &address))
			continue;
		config_errors_add(&reading->warnings,
		    "%s: warning: check \"%s\": %s = \"%s\": %s is the virtual address, so its holder "
		    "answers for every server; ask this server, as in \"https://[::1]:6443/readyz\"\n",
		    reading->config.path, check->name, key, url, host);
		break;
	}
	freeaddrinfo(found);
}

static void look_up_hosts(struct reading *reading, const struct config_check *check)
{
	const char *word = check->command;
	if (*check->url)
		look_up_host(reading, check, "url", check->url);
	for (unsigned i = 0; i < check->word_count; i++, word += strlen(word) + 1)
		if (strstr(word, "://"))
			look_up_host(reading, check, "command", word);
}

/* One of the two names is the interface for the engine; a router with the other one is at fault. */
static void look_at_interface(struct reading *reading, const struct config_router *router)
{
	unsigned index = if_nametoindex(router->id.interface);
	for (const struct config_router *r = reading->config.routers; r < router && index; r++) {
		if (strcmp(r->id.interface, router->id.interface) == 0 ||
		    if_nametoindex(r->id.interface) != index)
			continue;
		config_errors_add(&reading->warnings,
		    "%s: warning: virtual router %s: interface = \"%s\" is another name of %s, which %s has; "
		    "one of them cannot start: use one name for both\n",
		    reading->config.path, router->name, router->id.interface, r->id.interface, r->name);
		return;
	}
}

/* What the router is without it: `effect`. */
static void look_for_interface(struct reading *reading, const struct config_router *router, const char *key,
    const char *name, const char *effect)
{
	if (if_nametoindex(name))
		return;
	config_errors_add(&reading->warnings,
	    "%s: warning: virtual router %s: %s = \"%s\": there is no such interface yet; it is %s until "
	    "there is one (`ip -br link` lists them)\n",
	    reading->config.path, router->name, key, name, effect);
}

static bool has_address(const struct ifaddrs *at, const char *interface, const struct address *address)
{
	struct address found;
	for (; at; at = at->ifa_next)
		if (at->ifa_addr && !strcmp(at->ifa_name, interface) &&
		    address_of_sockaddr(at->ifa_addr, &found) && address_equal(&found, address))
			return true;
	return false;
}

static void look_for_source(struct reading *reading, const struct config_router *router)
{
	struct ifaddrs *all = NULL;
	char text[ADDRESS_TEXT_MAX];
	if (address_is_unspecified(&router->source) || !if_nametoindex(router->id.interface) ||
	    getifaddrs(&all) < 0)
		return;
	if (!has_address(all, router->id.interface, &router->source))
		config_errors_add(&reading->warnings,
		    "%s: warning: virtual router %s: source = \"%s\": %s does not have it yet; it is in "
		    "fault until it has (`ip -br address` lists them)\n",
		    reading->config.path, router->name, address_format(&router->source, text),
		    router->id.interface);
	freeifaddrs(all);
}

static void look_at_links(struct reading *reading, const struct config_router *router)
{
	look_for_interface(reading, router, "interface", router->id.interface, "in fault");
	for (unsigned i = 0; i < router->track_count; i++)
		look_for_interface(reading, router, "track_interfaces", router->track[i], "unhealthy");
	look_for_source(reading, router);
	look_at_interface(reading, router);
}

static int become_user(const struct identity *identity)
{
	if (setgroups((size_t)identity->group_count, identity->groups) < 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return -errno;
	return 0;
}

static void look_at_paths(struct reading *reading, bool user_known)
{
	struct look look = {.reading = reading, .secrets = memfd_create("trial", MFD_CLOEXEC)};
	secrets_read_certificates(&reading->config, look.secrets);
	config_paths(&reading->config, look_at, &look);
	look.as_user = true;
	if (!user_known || become_user(&reading->identity) < 0)
		return;
	config_paths(&reading->config, look_at, &look);
	for (unsigned i = 0; i < reading->config.written_checks; i++)
		look_at_script(reading, &reading->config.checks[i]);
}

void trial_look(struct reading *reading, const char *path)
{
	struct config *config = &reading->config;
	reading->result = config_load(path, config, &reading->errors);
	if (reading->result)
		return;
	config_discover(config, "");
	config_warn(config, &reading->warnings);
	if (geteuid() != 0)
		return;
	int keys = secrets_read_keys(config, -1, -1, &reading->errors);
	int user = identity_user(config, &reading->identity, &reading->errors);
	reading->result = keys ? keys : user;
	identity_groups(config, &reading->identity);
	look_for_kubernetes(reading);
	look_for_groups(reading);
	for (unsigned i = 0; i < config->check_count; i++)
		look_up_hosts(reading, &config->checks[i]);
	for (unsigned i = 0; i < config->router_count; i++)
		look_at_links(reading, &config->routers[i]);
	look_at_paths(reading, !user);
}

/* ---- for whoever has typed it ---- */

static void print_found(const struct config *config)
{
	for (unsigned i = 0; i < config->written_checks; i++) {
		const struct config_check *check = &config->checks[i];
		if (check->distribution != DISTRIBUTION_AUTO && check->port)
			printf("check \"%s\": the API server of %s on port %u, asked with %s\n", check->name,
			    config_distribution_name(check->distribution), check->port, check->cert.path);
	}
	printf("%s: right (%u virtual routers, %u checks)\n", config->path, config->router_count,
	    config->written_checks);
}

int trial_run(const char *path, bool print)
{
	static struct guardian guardian;
	guardian.path = path;
	if (!reader_start(&guardian, READ_TRIAL, TRIAL_MAX_US))
		return EXIT_FAILURE;
	reader_wait(&guardian);
	const struct reading *reading = guardian.reader.reading;
	const struct config *config = &reading->config;
	fputs(reading->errors.text, stderr);
	fputs(reading->warnings.text, stderr);
	bool is_to_repeat = is_shortage(reading->result) || reading->result == -EAGAIN;
	if (reading->errors.text[0])
		return is_to_repeat ? EXIT_FAILURE : EXIT_WRONG;
	if (reading->stage != READING_DONE) {
		fprintf(stderr,
		    "%s: it, or something that it names, cannot be looked at: does a file system or the name "
		    "service hang?\n",
		    path);
		return EXIT_FAILURE;
	}
	if (geteuid() != 0)
		fputs("vipd: whether this machine has the user, programs, certificates and keys was not "
		      "checked: only root can look\n",
		    stderr);
	if (print)
		config_print(config, stdout);
	else
		print_found(config);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
