/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command of a vrrp_script asks for. Most of those that people publish ask for a process, a port, a
 * URL or a file: vipd does that itself, without a process for each question. What is not understood stays a
 * program.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import/import.h"

#define BLANKS	  " \t\n"
#define SPECIAL	  "|&;<>()$`\\"
#define API_PORT  6443
#define DEPTH_MAX 4 /* shells in shells */

struct command {
	unsigned count;
	const char *words[CONFIG_WORDS_MAX];
};

static char *copy(struct import *import, const char *text, size_t size)
{
	return obstack_copy0(&import->memory, text, size);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Words as a shell takes them; false: it takes a shell to understand the text, or there are too many. */
static bool split(struct import *import, const char *text, struct command *command)
{
	command->count = 0;
	for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
		bool right = true;
		if (command->count == CONFIG_WORDS_MAX)
			return false;
		for (char quote = 0; *text && (quote || !strchr(BLANKS, *text)) && right; text++) {
			if (*text == quote)
				quote = 0;
			else if (!quote && (*text == '"' || *text == '\''))
				quote = *text;
			else if (quote != '\'' && strchr(quote ? "$`\\" : SPECIAL, *text))
				right = false;
			else
				text_grow(import, *text);
			right &= text[1] || !quote;
		}
		text_grow(import, '\0');
		command->words[command->count++] = obstack_finish(&import->memory);
		if (!right)
			return false;
	}
	return command->count > 0;
}

/* ---- what is recognized ---- */

/* The only word that is not an option, if all options are among `options`; NULL if not. */
static const char *only_word(const struct command *command, const char *const *options)
{
	const char *word = NULL;
	for (unsigned i = 1; i < command->count; i++) {
		bool known = false;
		for (unsigned o = 0; options[o]; o++)
			known |= !strcmp(command->words[i], options[o]);
		if (known)
			continue;
		if (word || command->words[i][0] == '-')
			return NULL;
		word = command->words[i];
	}
	return word;
}

static bool has_word(const struct command *command, const char *word)
{
	for (unsigned i = 1; i < command->count; i++)
		if (!strcmp(command->words[i], word))
			return true;
	return false;
}

/* The kernel has a name of a process without its directory. */
static bool set_process(struct check *check, const char *name)
{
	name = name ? base_name(name) : NULL;
	if (!name || !*name || name[strcspn(name, ".^$*[]()|\\+?")])
		return false; /* a pattern */
	check->type = CHECK_PROCESS;
	check->target = name;
	return true;
}

static bool is_killall(struct import *import, const struct command *command, struct check *check)
{
	(void)import;
	static const char *const options[] = {"-0", "-q", "-e", "--quiet", "--exact", "-s", "0", NULL};
	return (has_word(command, "-0") || has_word(command, "0")) &&
	       set_process(check, only_word(command, options));
}

static bool is_pidof(struct import *import, const struct command *command, struct check *check)
{
	(void)import;
	static const char *const options[] = {"-s", "-x", "-q", "-c", NULL};
	return set_process(check, only_word(command, options));
}

static bool is_pgrep(struct import *import, const struct command *command, struct check *check)
{
	(void)import;
	static const char *const options[] = {"-x", "-c", "-l", "-o", "-n", "--exact", NULL};
	return set_process(check, only_word(command, options));
}

static bool is_pkill(struct import *import, const struct command *command, struct check *check)
{
	(void)import;
	static const char *const options[] = {"-0", "-x", "--exact", "--signal", "0", NULL};
	return (has_word(command, "-0") || has_word(command, "0")) &&
	       set_process(check, only_word(command, options));
}

static bool set_port(struct import *import, struct check *check, const char *host, const char *port)
{
	struct address address;
	char text[ADDRESS_TEXT_MAX];
	size_t size = strlen(port);
	if (!strcmp(host, "localhost"))
		host = "127.0.0.1";
	if (!size || size > 5 || strspn(port, "0123456789") != size || !address_parse(host, &address))
		return false;
	bool ipv4 = address_is_ipv4(&address);
	address_format(&address, text);
	obstack_printf(&import->memory, "%s%s%s:%s", ipv4 ? "" : "[", text, ipv4 ? "" : "]", port);
	text_grow(import, '\0');
	check->type = CHECK_TCP;
	check->target = obstack_finish(&import->memory);
	return true;
}

static bool is_nc(struct import *import, const struct command *command, struct check *check)
{
	const char *words[2] = {0};
	unsigned count = 0;
	for (unsigned i = 1; i < command->count; i++) {
		const char *word = command->words[i];
		if (word[0] != '-' && count < 2)
			words[count++] = word;
		else if (word[0] != '-' || strspn(word + 1, "nzvw46t") != strlen(word + 1))
			return false;
		i += word[0] == '-' && word[strlen(word) - 1] == 'w'; /* and its value */
	}
	return count == 2 && set_port(import, check, words[0], words[1]);
}

static bool is_test(struct import *import, const struct command *command, struct check *check)
{
	(void)import;
	unsigned count = command->count, at = 1;
	bool bracket = !strcmp(command->words[0], "[");
	if (bracket && strcmp(command->words[count - 1], "]") != 0)
		return false;
	count -= bracket;
	bool absent = at < count && !strcmp(command->words[at], "!");
	at += absent;
	if (count != at + 2 ||
	    (strcmp(command->words[at], "-f") != 0 && strcmp(command->words[at], "-e") != 0))
		return false;
	check->type = CHECK_FILE;
	check->target = command->words[at + 1];
	check->absent = absent;
	return check->target[0] == '/';
}

/* ---- curl ---- */

struct curl {
	const char *url, *ca, *cert, *key, *timeout;
	bool any_certificate, any_status;
};

/* Long options, and the short ones that have a value; "" stands for one that changes nothing here. */
static const char **curl_value(struct curl *curl, const char *option, const char **ignored)
{
	const struct {
		const char *name;
		const char **value;
	} values[] = {{"-o", ignored}, {"--output", ignored}, {"-w", ignored}, {"--write-out", ignored},
	    {"-A", ignored}, {"--connect-timeout", ignored}, {"--noproxy", ignored}, {"-m", &curl->timeout},
	    {"--max-time", &curl->timeout}, {"--cacert", &curl->ca}, {"--cert", &curl->cert},
	    {"-E", &curl->cert}, {"--key", &curl->key}, {"--url", &curl->url}};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		if (!strcmp(option, values[i].name))
			return values[i].value;
	return NULL;
}

static bool curl_flag(struct curl *curl, const char *option)
{
	static const char *const same[] = {
	    "--silent", "--show-error", "--globoff", "--no-progress-meter", "--head", NULL};
	for (unsigned i = 0; same[i]; i++)
		if (!strcmp(option, same[i]))
			return true;
	if (!strcmp(option, "--fail"))
		option = "-f";
	if (!strcmp(option, "--insecure"))
		option = "-k";
	if (option[0] != '-' || !option[1] || option[1 + strspn(option + 1, "sSfkgI46")])
		return false;
	curl->any_certificate |= strchr(option, 'k') != NULL;
	curl->any_status &= !strchr(option, 'f');
	return true;
}

/*
 * The API server of this host, asked with any certificate: vipd has a check for it, which finds the right
 * ones. Of others the certificate cannot be known, so they are left to curl.
 */
static bool is_kubernetes(const char *url, struct check *check)
{
	static const char *const hosts[] = {"https://localhost:", "https://127.0.0.1:", "https://[::1]:"};
	static const char *const paths[] = {"/healthz", "/readyz", "/livez"};
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		if (strncmp(url, hosts[i], strlen(hosts[i])) != 0)
			continue;
		char *path;
		long port = strtol(url + strlen(hosts[i]), &path, 10);
		for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
			if (strcmp(path, paths[p]) != 0 || port < 1 || port > UINT16_MAX)
				continue;
			check->type = CHECK_KUBERNETES;
			check->port = port == API_PORT ? 0 : (int)port;
			return true;
		}
	}
	return false;
}

static bool is_curl(struct import *import, const struct command *command, struct check *check)
{
	struct curl curl = {.any_status = true};
	const char *ignored;
	for (unsigned i = 1; i < command->count; i++) {
		const char *word = command->words[i], **value = curl_value(&curl, word, &ignored);
		/* "-so FILE": flags before the letter of an option with a value. */
		size_t size = strlen(word);
		char letter[] = {'-', size ? word[size - 1] : 0, 0};
		if (!value && size > 2 && word[0] == '-' && word[1] != '-' && strchr("omw", letter[1])) {
			value = curl_value(&curl, letter, &ignored);
			if (!curl_flag(&curl, copy(import, word, size - 1)))
				return false;
		}
		if (value && ++i < command->count)
			*value = command->words[i];
		else if (value || (!curl_flag(&curl, word) && (word[0] == '-' || curl.url)))
			return false;
		else if (word[0] != '-')
			curl.url = word;
	}
	if (!curl.url)
		return false;
	if (curl.any_certificate && !strncmp(curl.url, "https:", strlen("https:")))
		return !curl.ca && !curl.cert && is_kubernetes(curl.url, check);
	bool https = !strncmp(curl.url, "https://", strlen("https://"));
	bool http = !strncmp(curl.url, "http://", strlen("http://"));
	obstack_printf(&import->memory, "%s%s", http || https ? "" : "http://", curl.url);
	text_grow(import, '\0');
	check->target = obstack_finish(&import->memory);
	check->type = https ? CHECK_HTTPS : CHECK_HTTP;
	check->ca = https ? curl.ca : NULL;
	check->cert = https ? curl.cert : NULL;
	check->key = https ? curl.key : NULL;
	if (curl.timeout && atof(curl.timeout) > 0 && atof(curl.timeout) < 3600)
		check->timeout_us = (int64_t)(atof(curl.timeout) * 1e6);
	return true;
}

/* ---- texts for a shell ---- */

/* "kill -0 $(cat /run/haproxy.pid)" */
static bool is_pid_file(struct import *import, const char *text, struct check *check)
{
	static const char *const starts[] = {
	    "kill -0 $(cat ", "kill -0 `cat ", "kill -0 $(< ", "kill -0 $(<"};
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		const char *at = strstr(text, starts[i]);
		if (!at || (at != text && at[-1] != '/'))
			continue;
		at += strlen(starts[i]);
		size_t size = strcspn(at, " )`");
		if (*at != '/' || (strcmp(at + size, ")") != 0 && strcmp(at + size, "`") != 0))
			return false;
		check->type = CHECK_PROCESS;
		check->pid_file = copy(import, at, size);
		return true;
	}
	return false;
}

/* keepalived's own way to ask for a port, and bash's: "</dev/tcp/127.0.0.1/80" */
static bool is_dev_tcp(struct import *import, const char *text, struct check *check)
{
	static const char start[] = "/dev/tcp/";
	const char *at = text + strspn(text, "<>: ");
	if (at == text || strncmp(at, start, strlen(start)) != 0)
		return false;
	at += strlen(start);
	size_t size = strcspn(at, "/");
	return at[size] && set_port(import, check, copy(import, at, size), at + size + 1);
}

/* Without what only keeps it quiet, or repeats its status. */
static char *without_ends(struct import *import, const char *text)
{
	static const char *const ends[] = {">/dev/null", "> /dev/null", "2>&1", "&>/dev/null", "&> /dev/null",
	    "|| exit 1", "||exit 1", "1>", "2>"};
	char *plain = copy(import, text, strlen(text));
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		size_t size = strlen(plain), end = strlen(ends[i]);
		while (size && strchr(BLANKS, plain[size - 1]))
			plain[--size] = '\0';
		if (size <= end || strcmp(plain + size - end, ends[i]) != 0)
			continue;
		plain[size - end] = '\0';
		i = (size_t)-1; /* again from the first */
	}
	return plain;
}

/* ---- all of it ---- */

static bool understand_text(struct import *import, const char *text, struct check *check, unsigned depth);

static bool understand(
    struct import *import, const struct command *command, struct check *check, unsigned depth)
{
	static const struct {
		const char *name;
		bool (*is)(struct import *import, const struct command *command, struct check *check);
	} programs[] = {{"killall", is_killall}, {"pidof", is_pidof}, {"pgrep", is_pgrep},
	    {"pkill", is_pkill}, {"nc", is_nc}, {"ncat", is_nc}, {"netcat", is_nc}, {"test", is_test},
	    {"[", is_test}, {"curl", is_curl}};
	const char *name = base_name(command->words[0]);
	bool shell = !strcmp(name, "sh") || !strcmp(name, "bash") || !strcmp(name, "dash");
	if (shell && command->count == 3 && !strcmp(command->words[1], "-c"))
		return understand_text(import, command->words[2], check, depth + 1);
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
		if (!strcmp(name, programs[i].name))
			return programs[i].is(import, command, check);
	return false;
}

static bool understand_text(struct import *import, const char *text, struct check *check, unsigned depth)
{
	struct command command;
	const char *plain = without_ends(import, text);
	if (depth > DEPTH_MAX)
		return false;
	return is_pid_file(import, plain, check) || is_dev_tcp(import, plain, check) ||
	       (split(import, plain, &command) && understand(import, &command, check, depth));
}

/* vipd looks into no PATH. */
static const char *absolute(struct import *import, const struct node *node, const char *program)
{
	static const char *const directories[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
	    "/usr/bin", "/sbin", "/bin", "/usr/libexec/keepalived"};
	if (*program == '/')
		return program;
	for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
		obstack_printf(&import->memory, "%s/%s", directories[i], program);
		text_grow(import, '\0');
		char *path = obstack_finish(&import->memory);
		if (access(path, X_OK) == 0)
			return path;
	}
	note(import, node, "changed: %s is not in the usual directories; write where it is", program);
	obstack_printf(&import->memory, "/usr/local/bin/%s", program);
	text_grow(import, '\0');
	return obstack_finish(&import->memory);
}

static void set_program(
    struct import *import, const struct node *node, const struct command *command, struct check *check)
{
	check->type = CHECK_EXEC;
	check->count = command->count;
	memcpy(check->words, command->words, sizeof check->words);
	check->words[0] = absolute(import, node, command->words[0]);
	note(import, node, "changed: it is run as the user of run_as, without any privilege");
}

/* What stands behind `script` as one text; NULL if a word of it has blanks, and must stay one. */
static const char *join(struct import *import, const struct node *node)
{
	if (node->count == 2)
		return node->words[1];
	for (unsigned i = 1; i < node->count; i++)
		if (!*node->words[i] || strpbrk(node->words[i], BLANKS "\"'"))
			return NULL;
	for (unsigned i = 1; i < node->count; i++)
		obstack_printf(&import->memory, "%s%s", i > 1 ? " " : "", node->words[i]);
	text_grow(import, '\0');
	return obstack_finish(&import->memory);
}

bool script_read(struct import *import, const struct node *node, struct check *check)
{
	struct command command = {0};
	if (node->count < 2)
		return false;
	const char *text = join(import, node);
	if (text && !text[strspn(text, BLANKS)])
		return false;
	if (text && understand_text(import, text, check, 0))
		return true;
	if (text && !split(import, text, &command))
		command = (struct command){3, {"/bin/sh", "-c", text}};
	if (!text && node->count - 1 > CONFIG_WORDS_MAX)
		return false;
	if (!text) {
		command.count = node->count - 1;
		memcpy(command.words, node->words + 1, command.count * sizeof *command.words);
	}
	if (text || !understand(import, &command, check, 0))
		set_program(import, node, &command, check);
	return true;
}
