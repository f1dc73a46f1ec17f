/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of vipd.conf to struct config: the file, its syntax, and the
 * defaults outside of groups.
 *
 * The file belongs to the administrator, but the guardian reads it as root: nothing in it is run, and nothing
 * is opened but the file and what it includes. libconfig gets one text in memory and opens nothing: no
 * library call here may exit or wait.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/settings.h"
#include "vipd/file.h"
#include "vipd/keepalived.h"
#include "vipd/mono.h"
#include "vipd/shortage.h"

#define COPIED_AT_ONCE 4096
#define GROUP_PORT     9752

static void set_defaults(struct config *config)
{
	set_text(config->run_as, sizeof(config->run_as), "vipd");
	set_text(config->socket, sizeof(config->socket), CONFIG_SOCKET_DEFAULT);
	set_text(config->group, sizeof(config->group), "vipd");
	set_text(config->admin_group, sizeof(config->admin_group), "root");
	config->group_port = GROUP_PORT;
	config->group_interval_us = USEC_PER_SEC;
	config->group_hints = true;
	set_text(config->metrics_listen, sizeof(config->metrics_listen), "[::1]:9752");
	config->metrics_address = (struct sockaddr_in6){
	    .sin6_family = AF_INET6, .sin6_port = htons(9752), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	config->metrics_page = true;
}

static void set_default_node(struct report *report, struct config *config)
{
	char host[256] = "";
	if (gethostname(host, sizeof(host) - 1) || refuse_name(host) || strlen(host) >= sizeof(config->node))
		report_absent(report, report->root, "node",
		    "the host name \"%.64s\" cannot be used; write node = \"k8s-node01\"", host);
	else
		set_text(config->node, sizeof(config->node), host);
}

static bool is_one_of(const char *word, const char *const *words)
{
	size_t size = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	while (*words && (strlen(*words) != size || strncasecmp(*words, word, size)))
		words++;
	return *words;
}

/* The first word behind a = that is not in quotes; NULL: there is none. */
static const char *find_bare_word(const char *line, const char *end)
{
	for (bool quoted = false, value = false; line < end && (quoted || *line != '#'); line++) {
		quoted ^= *line == '"';
		if (quoted)
			value = false;
		else if (value && isalpha((unsigned char)*line) &&
			 !is_one_of(line, (const char *const[]){"true", "false", NULL}))
			return line;
		else if (*line != ' ')
			value = *line == '=';
	}
	return NULL;
}

/* What libconfig says of a text that it cannot parse, and what to do about it. */
static const char *syntax_advice(const char *error, const char *line, size_t size)
{
	static const struct {
		const char *error, *advice;
	} advices[] = {
	    {"duplicate", "write every key once"},
	    {"mismatched", "write only texts in quotes, or only numbers, into one array"},
	};
	const char *bracket = memchr(line, '[', size);
	if (bracket && memchr(bracket, '{', size - (size_t)(bracket - line)))
		return "a list with a group in it stands in parentheses, as in checks = ( \"apiserver\", { "
		       "name = \"haproxy\"; weight = -20; } );";
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (strstr(error, advices[i].error))
			return advices[i].advice;
	const char *bare = find_bare_word(line, line + size);
	if (bare && is_one_of(bare, (const char *const[]){"yes", "no", "on", "off", NULL}))
		return "write true or false";
	if (bare)
		return "write texts in quotes, as in interface = \"eth0\";";
	return "look here and in the line before: it must be KEY = VALUE; with texts in \"quotes\", groups "
	       "in { }, lists of groups in ( ), arrays in [ ]";
}

/* How often `key = ` stands in the line. */
static unsigned count_key(const char *line, size_t size, const char *key)
{
	unsigned count = 0;
	const char *end = line + size;
	for (const char *at = line; (at = memmem(at, (size_t)(end - at), key, strlen(key)));) {
		bool begins = at == line || strchr(" \t{;,", at[-1]);
		at += strlen(key);
		char next = at[strspn(at, " \t")];
		count += begins && (next == '=' || next == ':');
	}
	return count;
}

/* The key that this line has again: in the group where libconfig stopped, which is the last one. NULL: it is
 * not the only one that may be meant. */
static const char *find_twice(const config_setting_t *group, unsigned number, const char *line, size_t size)
{
	const char *found = NULL;
	unsigned count = (unsigned)config_setting_length(group), hits = 0;
	const config_setting_t *last = count ? config_setting_get_elem(group, count - 1) : NULL;
	if (last && config_setting_is_aggregate(last) && (found = find_twice(last, number, line, size)))
		return found;
	for (unsigned i = 0; i < count; i++) {
		const config_setting_t *member = config_setting_get_elem(group, i);
		const char *name = config_setting_name(member);
		unsigned first = config_setting_source_line(member) == number;
		if (name && count_key(line, size, name) > first) {
			found = name;
			hits++;
		}
	}
	return hits == 1 ? found : NULL;
}

static void report_syntax(struct report *report, const config_t *parsed)
{
	const char *line = report->source;
	unsigned number = (unsigned)config_error_line(parsed);
	for (unsigned i = 1; i < number && *line; i++) {
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	line += strspn(line, " \t");
	int size = (int)strcspn(line, "\n");
	const char *twice = strstr(config_error_text(parsed), "duplicate")
				? find_twice(config_root_setting(parsed), number, line, (size_t)size)
				: NULL;
	if (twice) {
		report_line(report, number, "%.*s: %s is written a second time; write it once",
		    text_cut(line, (size_t)size, 80), line, twice);
		return;
	}
	report_line(report, number, "%.*s%s%s; %s", text_cut(line, (size_t)size, 80), line, size ? ": " : "",
	    config_error_text(parsed), syntax_advice(config_error_text(parsed), line, (size_t)size));
}

/* Of a text that cannot be parsed: whose it is says more than what is wrong with it. */
static void report_keepalived(struct report *report)
{
	unsigned line = keepalived_line(report->source);
	if (!line)
		return;
	report_clear(report);
	report->shortage = 0;
	report_line(report, line,
	    "this is a file of keepalived; `vipctl import FILE >vipd.conf` makes a vipd.conf of it, and says "
	    "what has changed");
}

static void parse(struct report *report, config_t *parsed)
{
	if (!config_read_string(parsed, report->source)) {
		report_syntax(report, parsed);
		return;
	}
	report->root = config_root_setting(parsed);
	read_group(report, report->root, &root_group, report->config);
	if (!config_setting_get_member(report->root, "node"))
		set_default_node(report, report->config);
	config_check(report, report->config);
}

void config_copy(struct config *to, const struct config *from)
{
	for (size_t at = 0, part; at < sizeof(*to); at += part) {
		part = sizeof(*to) - at < COPIED_AT_ONCE ? sizeof(*to) - at : COPIED_AT_ONCE;
		if (memcmp((char *)to + at, (const char *)from + at, part))
			memcpy((char *)to + at, (const char *)from + at, part);
	}
}

/* FNV-1a: to find out that a file is another one, not who has written it. */
static uint64_t text_digest(const char *text)
{
	uint64_t digest = UINT64_C(0xcbf29ce484222325);
	for (; *text; text++)
		digest = (digest ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return digest;
}

int config_read_text(
    const char *path, const char *text, size_t size, struct config *config, struct config_errors *errors)
{
	/* Zeroed with its padding: it is compared and shipped as bytes. */
	struct report report = {.path = path, .config = calloc(1, sizeof(*config))};
	config_t parsed;
	config_init(&parsed);

	if (!report.config) {
		report_errno(&report, ENOMEM);
		report_line(&report, 0, "cannot read: %s; free some memory", strerror(ENOMEM));
	} else if (strlen(path) >= sizeof(config->path)) {
		report_line(&report, 0, "is too long as a path; use one of at most %zu bytes",
		    sizeof(config->path) - 1);
	} else if (strlen(text) != size) {
		report_line(
		    &report, 0, "has a zero byte in it; write a text file, as in the example vipd.conf");
	} else if (source_expand(&report, text)) {
		set_defaults(report.config);
		set_text(report.config->path, sizeof(report.config->path), path);
		report.config->loaded_us = realtime_us();
		report.config->digest = text_digest(report.source);
		parse(&report, &parsed);
	}

	if (report.source && !report.root)
		report_keepalived(&report);
	int result = report_finish(&report, errors);
	if (!result)
		config_copy(config, report.config);
	config_destroy(&parsed);
	free(report.config);
	return result;
}

int config_load(const char *path, struct config *config, struct config_errors *errors)
{
	size_t size = 0;
	char *text = source_read(path, &size);
	if (!text) {
		struct report report = {.path = path};
		const char *advice =
		    errno == EACCES || errno == EPERM
			? "run vipd as root, or look at the permissions of the file and its directories"
		    : errno == ENOENT || errno == ENOTDIR
			? "`vipctl init` writes one; or name another file with -c"
		    : is_shortage(-errno) ? "try again"
					  : "name a configuration file with -c";
		report_errno(&report, errno);
		report_line(&report, 0, "cannot read: %s; %s", file_error(errno), advice);
		return report_finish(&report, errors);
	}
	int result = config_read_text(path, text, size, config, errors);
	free(text);
	return result;
}

static bool is_first_of_file(const struct report *report, unsigned segment)
{
	for (unsigned i = 0; i < segment; i++)
		if (strcmp(report->segments[i].file, report->segments[segment].file) == 0)
			return false;
	return true;
}

void config_files(const char *path, config_file_visitor *visitor, void *context)
{
	struct report report = {.path = path};
	size_t size = 0;
	char *text = source_read(path, &size);
	if (text)
		source_expand(&report, text);
	for (unsigned i = 0; i < report.segment_count; i++)
		if (is_first_of_file(&report, i))
			visitor(report.segments[i].file, context);
	report_free(&report);
	free(text);
}
