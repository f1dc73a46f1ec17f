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

#include "import/script.h"

#define BLANKS	  " \t\n"
#define SPECIAL	  "|&;<>()$`\\"
#define DEV_TCP	  "/dev/tcp/" /* bash has it, other shells have not */
#define DEPTH_MAX 4	      /* shells in shells */

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
		if (is_one_of(command->words[i], options))
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
	if (!name || !*name)
		return false;
	check->type = CHECK_PROCESS;
	check->target = name;
	return true;
}

/* pgrep and pkill look for a pattern, also in the middle of a name, unless it is to be the whole name. */
static bool set_pattern(struct check *check, const struct command *command, const char *pattern)
{
	bool whole = has_word(command, "-x") || has_word(command, "--exact");
	if (!pattern)
		return false;
	if (whole && !pattern[strcspn(pattern, ".^$*[]{}()|\\+?")])
		return set_process(check, pattern);
	check->why =
	    "it looks for a pattern, which vipd does not; process = \"NAME\" looks for exactly one name";
	return false;
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
	static const char *const options[] = {"-x", "-c", "-l", "-o", "-n", "-q", "--exact", NULL};
	return set_pattern(check, command, only_word(command, options));
}

static bool is_pkill(struct import *import, const struct command *command, struct check *check)
{
	(void)import;
	static const char *const options[] = {"-0", "-x", "--exact", "--signal", "0", NULL};
	return (has_word(command, "-0") || has_word(command, "0")) &&
	       set_pattern(check, command, only_word(command, options));
}

static bool set_port(struct import *import, struct check *check, const char *host, const char *port)
{
	struct address address;
	char text[ADDRESS_TEXT_MAX];
	size_t size = strlen(port);
	bool local = !strcmp(host, "localhost");
	if (local)
		host = "127.0.0.1";
	if (!size || size > 5 || strspn(port, "0123456789") != size || !address_parse(host, &address))
		return false;
	bool ipv4 = address_is_ipv4(&address);
	address_format(&address, text);
	obstack_printf(&import->memory, "%s%s%s:%s", ipv4 ? "" : "[", text, ipv4 ? "" : "]", port);
	text_grow(import, '\0');
	check->type = CHECK_TCP;
	check->target = obstack_finish(&import->memory);
	if (local)
		note(import, check->script,
		    "changed: localhost is 127.0.0.1 here; write [::1] if the server listens there only");
	return true;
}

void limit_time(struct check *check, const char *seconds)
{
	double value = atof(seconds);
	int64_t us = value > 0 && value < 3600 ? (int64_t)(value * 1e6) : 0;
	if (us && (!check->timeout_us || us < check->timeout_us))
		check->timeout_us = us;
}

/* "-zvw", whose value is the next word, or "-w1". Returns false if it is another option. */
static bool take_nc_option(const struct command *command, unsigned *at, const char **limit)
{
	const char *word = command->words[*at] + 1, *value = word + strspn(word, "nzv4t");
	if (!*value)
		return true;
	if (*value++ != 'w' || value[strspn(value, "0123456789")])
		return false;
	if (!*value && *at + 1 == command->count)
		return false;
	*limit = *value ? value : command->words[++*at];
	return true;
}

static bool is_nc(struct import *import, const struct command *command, struct check *check)
{
	const char *words[2] = {0}, *limit = NULL;
	unsigned count = 0;
	for (unsigned i = 1; i < command->count; i++) {
		const char *word = command->words[i];
		if (word[0] != '-' && count < 2)
			words[count++] = word;
		else if (word[0] != '-' || !take_nc_option(command, &i, &limit))
			return false;
	}
	if (count != 2 || !set_port(import, check, words[0], words[1]))
		return false;
	if (limit)
		limit_time(check, limit);
	return true;
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
	if (count != at + 2 || command->words[at + 1][0] != '/' ||
	    (strcmp(command->words[at], "-f") != 0 && strcmp(command->words[at], "-e") != 0))
		return false;
	check->type = CHECK_FILE;
	check->target = command->words[at + 1];
	check->absent = absent;
	return true;
}

/* ---- texts for a shell ---- */

/* Behind "[ -f PATH ] &&", which only asks whether there is something to read; `text` if that is not there.
 */
static const char *behind_guard(struct import *import, const char *text, const char **path)
{
	struct command command;
	struct check guard = {0};
	const char *end = strstr(text, "&&");
	if (!end || !split(import, copy(import, text, (size_t)(end - text)), &command))
		return text;
	const char *name = base_name(command.words[0]);
	if ((strcmp(name, "[") != 0 && strcmp(name, "test") != 0) || !is_test(import, &command, &guard) ||
	    guard.absent)
		return text;
	*path = guard.target;
	end += strlen("&&");
	return end + strspn(end, BLANKS);
}

/* "kill -0 $(cat /run/haproxy.pid)" */
static bool is_pid_file(struct import *import, const char *text, struct check *check)
{
	static const char *const starts[] = {
	    "kill -0 $(cat ", "kill -0 `cat ", "kill -0 $(< ", "kill -0 $(<"};
	const char *guarded = NULL;
	text = behind_guard(import, text, &guarded);
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		const char *at = strstr(text, starts[i]);
		if (!at || strcspn(text, BLANKS SPECIAL) < (size_t)(at - text) ||
		    (at != text && at[-1] != '/'))
			continue;
		at += strlen(starts[i]);
		size_t size = strcspn(at, " )`");
		const char *path = copy(import, at, size);
		if (*path != '/' || (strcmp(at + size, ")") != 0 && strcmp(at + size, "`") != 0) ||
		    (guarded && strcmp(guarded, path) != 0))
			return false;
		check->type = CHECK_PROCESS;
		check->pid_file = path;
		return true;
	}
	return false;
}

/* keepalived's own way to ask for a port, and bash's: "</dev/tcp/127.0.0.1/80" */
static bool is_dev_tcp(struct import *import, const char *text, struct check *check)
{
	const char *at = text + strspn(text, "<>: ");
	if (at == text || strncmp(at, DEV_TCP, strlen(DEV_TCP)) != 0)
		return false;
	at += strlen(DEV_TCP);
	size_t size = strcspn(at, "/");
	return at[size] && set_port(import, check, copy(import, at, size), at + size + 1);
}

/* Without what only keeps it quiet, or repeats its status. */
static char *without_ends(struct import *import, const char *text)
{
	static const char *const ends[] = {"&>/dev/null", "&> /dev/null", "1>/dev/null", "1> /dev/null",
	    "2>/dev/null", "2> /dev/null", ">/dev/null", "> /dev/null", "2>&1", "|| exit 1", "||exit 1"};
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
	if (!strcmp(name, "sudo") && command->count > 1) {
		struct command inner = {.count = command->count - 1};
		memcpy(inner.words, command->words + 1, inner.count * sizeof *inner.words);
		return inner.words[0][0] != '-' && understand(import, &inner, check, depth);
	}
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
static const char *absolute(struct import *import, struct node *node, const char *program)
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
    struct import *import, struct node *node, const struct command *command, struct check *check)
{
	check->type = CHECK_EXEC;
	check->count = command->count;
	memcpy(check->words, command->words, sizeof check->words);
	check->words[0] = absolute(import, node, command->words[0]);
	note(import, node, "changed: it is run as the user of run_as, without any privilege%s%s",
	    check->why ? "; it stays a program because " : "", check->why ? check->why : "");
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

bool script_read(struct import *import, struct node *node, struct check *check)
{
	struct command command = {0};
	const char *text = node->count > 1 ? join(import, node) : "";
	if (text ? !text[strspn(text, BLANKS)] : node->count - 1 > CONFIG_WORDS_MAX)
		return false;
	if (!text) {
		command.count = node->count - 1;
		memcpy(command.words, node->words + 1, command.count * sizeof *command.words);
	}
	if (node->count > 2)
		note(import, node,
		    "changed: keepalived leaves out all behind the first word if there are no quotes around "
		    "all of it; here they are arguments");
	if (text ? understand_text(import, text, check, 0) : understand(import, &command, check, 0))
		return true;
	if (text && (!split(import, text, &command) || !strcmp(command.words[0], "!"))) {
		command = (struct command){3, {strstr(text, DEV_TCP) ? "/bin/bash" : "/bin/sh", "-c", text}};
		note(import, node,
		    "changed: it is run by a shell, which keepalived does only where one is named");
	}
	set_program(import, node, &command, check);
	return true;
}
