/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call of curl asks for. vipd asks the same itself where it can; what it cannot is left to curl.
 */
#include <ctype.h>
#include <string.h>

#include "import/script.h"

#define API_PORT "6443"

struct curl {
	const char *url, *ca, *cert, *key, *limit, *connect_limit;
	bool any_certificate, fails; /* -f: by status, from 400 up */
};

/* Options that have a value; `ignored` stands for one that changes nothing here. */
static const char **find_value(struct curl *curl, const char *option, const char **ignored)
{
	const struct {
		const char *name;
		const char **value;
	} values[] = {{"-o", ignored}, {"--output", ignored}, {"-w", ignored}, {"--write-out", ignored},
	    {"--noproxy", ignored}, {"--connect-timeout", &curl->connect_limit}, {"-m", &curl->limit},
	    {"--max-time", &curl->limit}, {"--cacert", &curl->ca}, {"--cert", &curl->cert},
	    {"-E", &curl->cert}, {"--key", &curl->key}, {"--url", &curl->url}};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		if (!strcmp(option, values[i].name))
			return values[i].value;
	return NULL;
}

static bool take_flag(struct curl *curl, const char *option)
{
	static const char *const same[] = {
	    "--silent", "--show-error", "--globoff", "--no-progress-meter", NULL};
	if (is_one_of(option, same))
		return true;
	if (!strcmp(option, "--fail"))
		option = "-f";
	if (!strcmp(option, "--insecure"))
		option = "-k";
	if (option[0] != '-' || !option[1] || option[1 + strspn(option + 1, "sSfkg46")])
		return false;
	curl->any_certificate |= strchr(option, 'k') != NULL;
	curl->fails |= strchr(option, 'f') != NULL;
	return true;
}

/* "-so FILE": flags before the letter of an option with a value, of which this is the option alone. */
static const char *take_joined(struct import *import, struct curl *curl, const char *word)
{
	size_t size = strlen(word);
	if (size < 3 || word[0] != '-' || word[1] == '-' || !strchr("omw", word[size - 1]))
		return word;
	if (!take_flag(curl, obstack_copy0(&import->memory, word, size - 1)))
		return word;
	obstack_printf(&import->memory, "-%c", word[size - 1]);
	text_grow(import, '\0');
	return obstack_finish(&import->memory);
}

static bool take_words(struct import *import, struct curl *curl, const struct command *command)
{
	const char *ignored;
	for (unsigned i = 1; i < command->count; i++) {
		const char *word = take_joined(import, curl, command->words[i]);
		const char **value = find_value(curl, word, &ignored);
		bool is_url = !value && word[0] != '-' && !curl->url;
		if (is_url)
			curl->url = word;
		else if (value && i + 1 < command->count)
			*value = command->words[++i];
		else if (value || !take_flag(curl, word))
			return false;
	}
	return curl->url != NULL;
}

/*
 * The API server of this host, asked with any certificate: vipd has a check for it, which finds the right
 * ones. Of others the certificate cannot be known, so they are left to curl: on another port it may be
 * anything.
 */
static bool is_kubernetes(struct import *import, const char *url, struct check *check)
{
	static const char *const hosts[] = {
	    "https://localhost:" API_PORT, "https://127.0.0.1:" API_PORT, "https://[::1]:" API_PORT};
	static const char *const paths[] = {"/healthz", "/readyz", "/livez"};
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		if (strncmp(url, hosts[i], strlen(hosts[i])) != 0)
			continue;
		const char *path = url + strlen(hosts[i]);
		size_t size = strcspn(path, "?");
		for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
			if (strlen(paths[p]) != size || strncmp(path, paths[p], size) != 0)
				continue;
			check->type = CHECK_KUBERNETES;
			note(import, check->script,
			    "changed: vipd asks with certificates that it finds, whether the API server "
			    "lives and whether it is ready");
			return true;
		}
	}
	return false;
}

/* Whether vipd takes its host and port: it has no user name, and no characters that a name has not. */
static bool is_plain_host(const char *url)
{
	const char *scheme = strstr(url, "://"), *host = scheme ? scheme + strlen("://") : url;
	size_t size = strcspn(host, "/?#");
	for (size_t i = 0; i < size; i++)
		if (!isascii(host[i]) || (!isalnum((unsigned char)host[i]) && !strchr(".-:[]", host[i])))
			return false;
	return size > 0;
}

/* Whether a check with this URL asks the same; if not, check->why may say why. */
static bool set_url(struct import *import, const struct curl *curl, struct check *check)
{
	bool https = !strncmp(curl->url, "https://", strlen("https://"));
	bool http = !strncmp(curl->url, "http://", strlen("http://"));
	bool password = curl->cert && strchr(curl->cert, ':');
	if (strpbrk(curl->url, "{} ") || !is_plain_host(curl->url) ||
	    (!http && !https && strstr(curl->url, "://")) || password)
		return false;
	if (!curl->fails) {
		check->why =
		    "curl without -f passes with any answer; type = \"http\" with a url passes with the "
		    "statuses of expect";
		return false;
	}
	obstack_printf(&import->memory, "%s%s", http || https ? "" : "http://", curl->url);
	text_grow(import, '\0');
	check->target = obstack_finish(&import->memory);
	check->type = https ? CHECK_HTTPS : CHECK_HTTP;
	check->ca = https ? curl->ca : NULL;
	check->cert = https ? curl->cert : NULL;
	check->key = !https ? NULL : curl->key ? curl->key : curl->cert; /* one file may have both */
	check->expects = true;
	note(import, check->script,
	    "changed: curl -f passes with every status below 400; the usual ones are in expect, where it is "
	    "best to leave only what the server answers when it is well");
	return true;
}

bool is_curl(struct import *import, const struct command *command, struct check *check)
{
	struct curl curl = {0};
	if (!take_words(import, &curl, command))
		return false;
	bool blind = curl.any_certificate && !strncmp(curl.url, "https:", strlen("https:"));
	if (blind)
		check->why =
		    "curl -k takes any certificate, which vipd does not; type = \"https\" with ca, and maybe "
		    "server_name, asks the same";
	if (blind ? curl.ca || curl.cert || !is_kubernetes(import, curl.url, check)
		  : !set_url(import, &curl, check))
		return false;
	if (curl.limit)
		limit_time(check, curl.limit);
	if (curl.connect_limit)
		note(import, check->script,
		    "changed: --connect-timeout is dropped; timeout is for the whole question");
	return true;
}
