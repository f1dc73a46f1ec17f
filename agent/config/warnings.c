/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is right, and will hardly do what was meant. It changes nothing; `vipd -n` says it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "vipd/config.h"

#define SEPARATORS " \t\n;&|()`\"'$<>"

/* Programs in the commands of keepalived that do not do the same here. */
static const struct {
	const char *name, *why, *instead;
} programs[] = {
#define UNSEEN	"runs without any privilege, and so may neither signal nor always see processes of other users"
#define PROCESS "write type = \"process\"; process = \"haproxy\"; which notices a death at once"
    {"killall", UNSEEN, PROCESS},
    {"pkill", UNSEEN, PROCESS},
    {"pgrep", UNSEEN, PROCESS},
    {"pidof", UNSEEN, PROCESS},
    {"systemctl", "knows whether the unit was started, not whether it answers",
	"write type = \"tcp\" with its port, or type = \"process\" with its name"},
    {"kubectl", "needs a kubeconfig that this user may read, and a process of its own each time",
	"write type = \"kubernetes\""},
};

/* Where the program is named: as a word of the command, with or without directory, or inside of a shell's
 * text. */
static bool names_program(const char *word, const char *program)
{
	while (*word) {
		size_t size = strcspn(word, SEPARATORS), length = strlen(program);
		if (size >= length && !strncmp(word + size - length, program, length) &&
		    (size == length || word[size - length - 1] == '/'))
			return true;
		word += size;
		word += strspn(word, SEPARATORS);
	}
	return false;
}

static void warn_of_command(
    struct config_errors *warnings, const struct config *config, const struct config_check *check)
{
	const char *word = check->command;
	for (unsigned i = 0; i < check->word_count; i++, word += strlen(word) + 1)
		for (size_t p = 0; p < sizeof programs / sizeof *programs; p++)
			if (names_program(word, programs[p].name))
				config_errors_add(warnings,
				    "%s: warning: check \"%s\": command = … %s …: it %s; %s\n", config->path,
				    check->name, programs[p].name, programs[p].why, programs[p].instead);
}

void config_url_host(const char *url, char host[static CONFIG_URL_MAX])
{
	const char *from = strstr(url, "://");
	from = from ? from + strlen("://") : url;
	from += *from == '[';
	size_t size = strcspn(from, from > url && from[-1] == '[' ? "]" : ":/?#");
	snprintf(host, CONFIG_URL_MAX, "%.*s", (int)size, from);
}

/* Whether the check asks a virtual address, and not this server. */
static bool asks_virtual(const struct config *config, const struct config_check *check)
{
	char host[CONFIG_URL_MAX];
	struct address address;
	if (check->type == CHECK_TCP)
		return address_of_sockaddr((const struct sockaddr *)&check->endpoint, &address) &&
		       config_has_address(config, &address);
	if (check->type != CHECK_HTTPS && check->type != CHECK_HTTP)
		return false;
	config_url_host(check->url, host);
	return address_parse(host, &address) && config_has_address(config, &address);
}

static void warn_of_target(
    struct config_errors *warnings, const struct config *config, const struct config_check *check)
{
	if (asks_virtual(config, check))
		config_errors_add(warnings,
		    "%s: warning: check \"%s\": it asks a virtual address, so the holder answers for every "
		    "server, and "
		    "nobody is ever better than the holder; ask this server, at [::1]\n",
		    config->path, check->name);
}

static void warn_of_tmp(
    struct config_errors *warnings, const struct config *config, const char *name, const char *path)
{
	if (!strncmp(path, "/tmp/", strlen("/tmp/")) || !strncmp(path, "/var/tmp/", strlen("/var/tmp/")))
		config_errors_add(warnings,
		    "%s: warning: %s%s\"%s\": the unit has a /tmp and a /var/tmp of its own (PrivateTmp=), "
		    "in which it "
		    "is not; put it elsewhere, as in /run or /usr/local/bin\n",
		    config->path, name, *name ? ": " : "", path);
}

static void warn_of_check(
    struct config_errors *warnings, const struct config *config, const struct config_check *check)
{
	const char *const paths[] = {
	    check->command, check->file, check->ca.path, check->cert.path, check->key.path};
	char name[CONFIG_NAME_MAX + sizeof "check \"\""];
	snprintf(name, sizeof name, "check \"%s\"", check->name);
	warn_of_command(warnings, config, check);
	warn_of_target(warnings, config, check);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		warn_of_tmp(warnings, config, name, paths[i]);
}

/* Servers have the same file: with preempt = false nobody takes the address from a healthy holder. */
static void warn_of_weights(struct config_errors *warnings, const struct config *config)
{
	for (unsigned r = 0; r < config->router_count; r++) {
		const struct config_router *router = &config->routers[r];
		bool weighs = false;
		for (unsigned i = 0; i < router->use_count; i++)
			weighs |= router->uses[i].weight;
		if (weighs && !router->preempt)
			config_errors_add(warnings,
			    "%s: warning: virtual router \"%s\": a weight only lowers the priority, and with "
			    "preempt = "
			    "false no server takes the address for that; write preempt = true, or leave out "
			    "the weight "
			    "so that a failing check makes the router unhealthy\n",
			    config->path, router->name);
	}
}

void config_warn(const struct config *config, struct config_errors *warnings)
{
	memset(warnings, 0, sizeof *warnings);
	warn_of_tmp(warnings, config, "notify", config->notify);
	warn_of_weights(warnings, config);
	for (unsigned i = 0; i < config->written_checks; i++)
		warn_of_check(warnings, config, &config->checks[i]);
}
