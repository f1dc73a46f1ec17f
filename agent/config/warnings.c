/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is right, and will hardly do what was meant. It changes nothing; `vipd -n` says it.
 */
#include <arpa/inet.h>
#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "vipd/config.h"

#define SEPARATORS " \t\n;&|()`\"'$<>"

/* Programs in the commands of keepalived that do not do the same here; some only with a word of this pattern
 * behind. */
static const struct {
	const char *name, *with, *why, *instead;
} programs[] = {
#define UNSEEN	 "runs without any privilege, and so may neither signal nor always see processes of other users"
#define PROCESS	 "write type = \"process\"; process = \"haproxy\"; which notices a death at once"
#define PID_FILE "write type = \"process\"; pid_file = \"/run/haproxy.pid\"; which notices a death at once"
#define UNIT	 "knows whether the unit was started, not whether it answers"
#define SERVED	 "write type = \"tcp\" with its port, or type = \"process\" with its name"
#define RIGHTS	 "gives no rights to anybody here (NoNewPrivileges= of the unit)"
#define NO_RIGHT                                                                                             \
	"write a check that needs none, or have a job of root write a file and look at it with type = "      \
	"\"file\""
#define RAW    "runs without any privilege, and so may not send or read raw packets"
#define RULES  "runs without any privilege, and so may not read the rules of the kernel"
#define SOCKET "runs as the user of run_as, who may not open the socket of another program everywhere"
#define JOIN   "put that user into the group of the socket, or " SERVED
#define ENGINE "runs without any privilege, and so may not ask a container engine of root"
    {"killall", NULL, UNSEEN, PROCESS},
    {"pkill", NULL, UNSEEN, PROCESS},
    {"pgrep", NULL, UNSEEN, PROCESS},
    {"pidof", NULL, UNSEEN, PROCESS},
    {"kill", "-0", UNSEEN, PID_FILE},
    {"kill", "-s", UNSEEN, PID_FILE},
    {"lsof", NULL, UNSEEN, SERVED},
    {"fuser", NULL, UNSEEN, SERVED},
    {"ss", "-*p*", UNSEEN, SERVED},
    {"netstat", "-*p*", UNSEEN, SERVED},
    {"arping", NULL, RAW, NO_RIGHT},
    {"tcpdump", NULL, RAW, NO_RIGHT},
    {"iptables", NULL, RULES, NO_RIGHT},
    {"ip6tables", NULL, RULES, NO_RIGHT},
    {"nft", NULL, RULES, NO_RIGHT},
    {"ipvsadm", NULL, RULES, NO_RIGHT},
    {"socat", "*.sock*", SOCKET, JOIN},
    {"socat", "/[rv]*", SOCKET, JOIN}, /* /run/…, /var/… */
    {"socat", "[uU][nN][iI][xX]*:*", SOCKET, JOIN},
    {"nc", "-*U*", SOCKET, JOIN},
    {"ncat", "-*U*", SOCKET, JOIN},
    {"curl", "--unix-socket", SOCKET, JOIN},
    {"systemctl", NULL, UNIT, SERVED},
    {"service", "status", UNIT, SERVED},
    {"sudo", NULL, RIGHTS, NO_RIGHT},
    {"doas", NULL, RIGHTS, NO_RIGHT},
    {"pkexec", NULL, RIGHTS, NO_RIGHT},
    {"su", "-c", RIGHTS, NO_RIGHT},
    {"runuser", NULL, RIGHTS, NO_RIGHT},
    {"docker", NULL, ENGINE, SERVED},
    {"podman", NULL, ENGINE, SERVED},
    {"nerdctl", NULL, ENGINE, SERVED},
    {"crictl", NULL, ENGINE, SERVED},
    {"kubectl", NULL, "needs a kubeconfig that this user may read, and a process of its own each time",
	"write type = \"kubernetes\""},
};

/* Where a word is of this pattern, with or without the directory of a program. Returns what is behind it. */
static const char *find_word(const char *text, const char *pattern)
{
	for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
		char word[CONFIG_COMMAND_MAX];
		size_t size = strcspn(text, SEPARATORS);
		snprintf(word, sizeof word, "%.*s", (int)size, text);
		const char *name = *word == '/' ? strrchr(word, '/') + 1 : word;
		text += size;
		if (!fnmatch(pattern, name, 0) || !fnmatch(pattern, word, 0))
			return text;
	}
	return NULL;
}

/* Whether a whole run of these characters is a virtual address. */
static bool names_virtual(const struct config *config, const char *text, const char *characters)
{
	for (text += strcspn(text, characters); *text; text += strcspn(text, characters)) {
		char word[ADDRESS_TEXT_MAX];
		struct address address;
		size_t size = strspn(text, characters);
		snprintf(word, sizeof word, "%.*s", (int)size, text);
		if (address_parse(word, &address) && config_has_address(config, &address))
			return true;
		text += size;
	}
	return false;
}

/* The words with a blank between them. */
static void command_text(const struct config_check *check, char text[static CONFIG_COMMAND_MAX])
{
	char *end = text;
	memcpy(text, check->command, CONFIG_COMMAND_MAX);
	for (unsigned i = 0; i < check->word_count; i++) {
		end += strlen(end);
		*end = ' ';
	}
	*end = '\0';
}

static void warn_of_command(
    struct config_errors *warnings, const struct config *config, const struct config_check *check)
{
	char text[CONFIG_COMMAND_MAX];
	if (!check->word_count)
		return;
	command_text(check, text);
	const char *told = "";
	for (size_t p = 0; p < sizeof programs / sizeof *programs; p++) {
		const char *behind = find_word(text, programs[p].name), *with = programs[p].with;
		if (!behind || (with && !find_word(behind, with)) || !strcmp(told, programs[p].name))
			continue;
		told = programs[p].name;
		config_errors_add(warnings, "%s: warning: check \"%s\": command = … %s …: it %s; %s\n",
		    config->path, check->name, told, programs[p].why, programs[p].instead);
	}
	if (names_virtual(config, text, "0123456789abcdefABCDEF:") ||
	    names_virtual(config, text, "0123456789."))
		config_errors_add(warnings,
		    "%s: warning: check \"%s\": command: a virtual address is in it: if it asks there, the "
		    "holder answers for every server, and nobody is ever better than the holder; ask this "
		    "server, at [::1]\n",
		    config->path, check->name);
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

/* It is compared with the whole name of a program. */
static void warn_of_process(
    struct config_errors *warnings, const struct config *config, const struct config_check *check)
{
	if (strpbrk(check->process, " *?["))
		config_errors_add(warnings,
		    "%s: warning: check \"%s\": process = \"%s\": is compared with the whole name of a "
		    "program, which has no arguments and is not a pattern; write that name alone\n",
		    config->path, check->name, check->process);
}

static void warn_of_target(
    struct config_errors *warnings, const struct config *config, const struct config_check *check)
{
	if (asks_virtual(config, check))
		config_errors_add(warnings,
		    "%s: warning: check \"%s\": it asks a virtual address, so the holder answers for every "
		    "server, and nobody is ever better than the holder; ask this server, at [::1]\n",
		    config->path, check->name);
}

struct warning {
	struct config *config;
	struct config_errors *warnings;
};

static void warn_of_tmp(const struct config_path *named, void *context)
{
	const struct warning *warning = context;
	const char *path = named->path;
	bool is_there =
	    !strncmp(path, "/tmp/", strlen("/tmp/")) || !strncmp(path, "/var/tmp/", strlen("/var/tmp/"));
	if (is_there && !named->repeated)
		config_errors_add(warning->warnings,
		    "%s: warning: %s%s = \"%s\": the unit has a /tmp and a /var/tmp of its own "
		    "(PrivateTmp=), in which it is not; put it elsewhere, as in /run or /usr/local/bin\n",
		    warning->config->path, named->owner, named->key, path);
}

/* No shell splits it. */
static void warn_of_blank(const struct config_path *named, void *context)
{
	const struct warning *warning = context;
	bool is_command = !strcmp(named->key, "command");
	if (named->use == PATH_PROGRAM && !named->repeated && strchr(named->path, ' '))
		config_errors_add(warning->warnings,
		    "%s: warning: %s%s = \"%s\": is one word, and no shell splits it: a program of this "
		    "whole name is started; %s\n",
		    warning->config->path, named->owner, named->key, named->path,
		    is_command
			? "write each word in quotes of its own, as in [ \"/bin/sh\", \"-c\", \"true\" ]"
			: "write a script that has the arguments, and name that");
}

/* A check changes something by being named in a virtual router. */
static void warn_of_unused(struct config_errors *warnings, const struct config *config, unsigned index)
{
	uint64_t used = 0;
	for (unsigned r = 0; r < config->router_count; r++)
		used |= config->routers[r].checks;
	if (!(used >> index & 1))
		config_errors_add(warnings,
		    "%s: warning: check \"%s\": no virtual router names it, so its failures change nothing; "
		    "write checks = [ \"%s\" ] in one\n",
		    config->path, config->checks[index].name, config->checks[index].name);
}

/* The checks of a use. */
static const char *use_text(const struct config *config, const struct config_use *use, char text[static 256])
{
	size_t used = 0;
	*text = '\0';
	for (unsigned i = 0; i < config->written_checks && used < 256; i++)
		if (use->any >> i & 1)
			used += (size_t)snprintf(
			    text + used, 256 - used, "%s\"%s\"", used ? ", " : "", config->checks[i].name);
	return text;
}

/* Of uses without a weight each must pass: one that has all checks of another passes with that. */
static void warn_of_uses(
    struct config_errors *warnings, const struct config *config, const struct config_router *router)
{
	for (unsigned i = 0; i < router->use_count; i++) {
		const struct config_use *use = &router->uses[i], *enough = NULL;
		char text[256], enough_text[256];
		for (unsigned k = 0; k < router->use_count && !enough; k++)
			if (k != i && !router->uses[k].weight && !(router->uses[k].any & ~use->any))
				enough = &router->uses[k];
		if (enough)
			config_errors_add(warnings,
			    "%s: warning: virtual router \"%s\": checks: any = [ %s ] has no effect: %s%s "
			    "must pass anyway, which is enough for it; leave out one of them\n",
			    config->path, router->name, use_text(config, use, text),
			    enough->any & (enough->any - 1) ? "one of " : "",
			    use_text(config, enough, enough_text));
	}
}

/* What another setting has made useless. */
static void warn_of_idle(
    struct config_errors *warnings, const struct config *config, const struct config_router *router)
{
	bool weighs = false, must = false;
	for (unsigned i = 0; i < router->use_count; i++) {
		weighs |= router->uses[i].weight != 0;
		must |= !router->uses[i].weight;
	}
	const struct {
		bool idle;
		const char *key, *why;
	} idle[] = {
	    {weighs && router->priority == VRRP_PRIORITY_MIN, "weight",
		"priority is the lowest of healthy routers already, and cannot be lowered"},
	    {router->when_unhealthy != UNHEALTHY_DEMOTE && weighs && !must && !router->track_count,
		"when_unhealthy",
		"each check has a weight and only lowers the priority, so it is always healthy"},
	    {router->preempt_delay_us && !router->preempt, "preempt_delay",
		"preempt = false, and so no server takes the address from a healthy holder, sooner or later"},
	    {router->port_count && !router->reset_connections, "ports",
		"reset_connections = false, and so no client is told"},
	    {router->when_unhealthy != UNHEALTHY_DEMOTE && !router->checks && !router->track_count,
		"when_unhealthy", "there are neither checks nor track_interfaces, so it is always healthy"},
	};
	for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
		if (idle[i].idle)
			config_errors_add(warnings,
			    "%s: warning: virtual router \"%s\": %s has no effect: %s; leave it out\n",
			    config->path, router->name, idle[i].key, idle[i].why);
}

/* Servers have the same file: with preempt = false nobody takes the address from a healthy holder. */
static void warn_of_weights(
    struct config_errors *warnings, const struct config *config, const struct config_router *router)
{
	bool weighs = false;
	for (unsigned i = 0; i < router->use_count; i++)
		weighs |= router->uses[i].weight;
	if (weighs && !router->preempt)
		config_errors_add(warnings,
		    "%s: warning: virtual router \"%s\": a weight only lowers the priority, and with preempt "
		    "= false no server takes the address for that; write preempt = true, or leave out the "
		    "weight so that a failing check makes the router unhealthy\n",
		    config->path, router->name);
}

void config_warn(struct config *config, struct config_errors *warnings)
{
	memset(warnings, 0, sizeof *warnings);
	config_paths(config, warn_of_tmp, &(struct warning){config, warnings});
	config_paths(config, warn_of_blank, &(struct warning){config, warnings});
	for (unsigned i = 0; i < config->router_count; i++) {
		warn_of_weights(warnings, config, &config->routers[i]);
		warn_of_uses(warnings, config, &config->routers[i]);
		warn_of_idle(warnings, config, &config->routers[i]);
	}
	for (unsigned i = 0; i < config->written_checks; i++) {
		warn_of_command(warnings, config, &config->checks[i]);
		warn_of_process(warnings, config, &config->checks[i]);
		warn_of_target(warnings, config, &config->checks[i]);
		warn_of_unused(warnings, config, i);
	}
}
