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
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guardian/guardian.h"

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
			    "(groupadd "
			    "--system %s), %s\n",
			    config->path, groups[i].key, groups[i].name, groups[i].name, groups[i].without);
}

static void look_at_certificates(struct reading *reading)
{
	const struct config *config = &reading->config;
	for (unsigned i = 0; i < config->check_count; i++) {
		const struct config_check *check = &config->checks[i];
		const struct {
			const char *key;
			const struct config_secret *secret;
		} files[] = {{"ca", &check->ca}, {"cert", &check->cert}, {"key", &check->key}};
		for (size_t f = 0; f < sizeof files / sizeof files[0] && !check->is_second; f++)
			if (files[f].secret->error)
				config_errors_add(&reading->warnings,
				    "%s: warning: check \"%s\": %s = \"%s\": %s; the check fails until it "
				    "can be "
				    "read\n",
				    config->path, check->name, files[f].key, files[f].secret->path,
				    strerrordesc_np(files[f].secret->error));
	}
}

static void look_for_kubernetes(struct reading *reading)
{
	const struct config *config = &reading->config;
	for (unsigned i = 0; i < config->written_checks; i++)
		if (config->checks[i].type == CHECK_KUBERNETES && !config->checks[i].ca.path[0])
			config_errors_add(&reading->warnings,
			    "%s: warning: check \"%s\": no API server of k3s, RKE2, kubeadm or k0s was found "
			    "on "
			    "this server; the check fails until there is one\n",
			    config->path, config->checks[i].name);
}

/* A name that leads to a virtual address: the answer comes from whoever holds it. */
static void look_up_host(struct reading *reading, const struct config_check *check)
{
	char host[CONFIG_URL_MAX];
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	struct address address;
	config_url_host(check->url, host);
	if (!*host || address_parse(host, &address) || getaddrinfo(host, NULL, &hints, &found) != 0)
		return; /* config_warn() knows an address; the check says what it cannot find */
	for (const struct addrinfo *at = found; at; at = at->ai_next) {
		if (!address_of_sockaddr(at->ai_addr, &address) ||
		    !config_has_address(&reading->config, &address))
			continue;
		config_errors_add(&reading->warnings,
		    "%s: warning: check \"%s\": url = \"%s\": %s is the virtual address, so its holder "
		    "answers for "
		    "every server; ask this server, as in \"https://[::1]:6443/readyz\"\n",
		    reading->config.path, check->name, check->url, host);
		break;
	}
	freeaddrinfo(found);
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
		    "one "
		    "of them cannot start: use one name for both\n",
		    reading->config.path, router->name, router->id.interface, r->id.interface, r->name);
		return;
	}
}

static int become_user(const struct identity *identity)
{
	if (setgroups((size_t)identity->group_count, identity->groups) < 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return -errno;
	return 0;
}

/* Whether run_as may execute it, and that is who runs it. */
static void look_at_program(struct reading *reading, const char *name, const char *path, const char *without)
{
	const struct config *config = &reading->config;
	if (!*path || access(path, X_OK) == 0)
		return;
	config_errors_add(&reading->warnings,
	    "%s: warning: %s\"%s\": user %s cannot execute it: %s; %s until it can\n", config->path, name,
	    path, config->run_as, strerrordesc_np(errno), without);
}

static void look_at_programs(struct reading *reading)
{
	const struct config *config = &reading->config;
	if (become_user(&reading->identity) < 0)
		return;
	look_at_program(reading, "notify = ", config->notify, "nobody is told of a transition");
	for (unsigned i = 0; i < config->check_count; i++) {
		char name[CONFIG_NAME_MAX + sizeof "check \"\": command = "];
		snprintf(name, sizeof name, "check \"%s\": command = ", config->checks[i].name);
		look_at_program(reading, name, config->checks[i].command, "the check fails");
	}
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
	look_for_kubernetes(reading);
	reading->result = secrets_read_keys(config, -1, -1, &reading->errors);
	int user = identity_user(config, &reading->identity, &reading->errors);
	if (reading->result || user)
		return;
	identity_groups(config, &reading->identity);
	look_for_groups(reading);
	secrets_read_certificates(config, -1);
	look_at_certificates(reading);
	for (unsigned i = 0; i < config->check_count; i++)
		look_up_host(reading, &config->checks[i]);
	for (unsigned i = 0; i < config->router_count; i++)
		look_at_interface(reading, &config->routers[i]);
	look_at_programs(reading);
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
	if (reading->errors.text[0])
		return EXIT_WRONG;
	fputs(reading->warnings.text, stderr);
	if (reading->stage != READING_DONE) {
		fprintf(stderr,
		    "%s: it, or something that it names, cannot be looked at: does a file system or the name "
		    "service hang?\n",
		    path);
		return EXIT_FAILURE;
	}
	if (geteuid() != 0)
		fputs("vipd: whether this machine has the user, programs, certificates and keys was not "
		      "checked: only root "
		      "can look\n",
		    stderr);
	if (print)
		config_print(config, stdout);
	else
		print_found(config);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
