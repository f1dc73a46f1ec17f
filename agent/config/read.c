/*
 * From the text of vipd.conf to struct config: the file, its syntax, and the
 * defaults outside of groups.
 *
 * The file belongs to the administrator, but the guardian reads it as root: nothing in it is run, and nothing
 * is opened but the file and what it includes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/settings.h"
#include "vipd/mono.h"

#define COPIED_AT_ONCE 4096
#define SOURCE_MAX     (1 << 20)

static void set_defaults(struct config *config)
{
	set_text(config->run_as, sizeof(config->run_as), "vipd");
	set_text(config->socket, sizeof(config->socket), CONFIG_SOCKET_DEFAULT);
	set_text(config->group, sizeof(config->group), "vipd");
	set_text(config->admin_group, sizeof(config->admin_group), "root");
	set_text(config->metrics_listen, sizeof(config->metrics_listen), "[::1]:9752");
	config->metrics_address = (struct sockaddr_in6){
	    .sin6_family = AF_INET6, .sin6_port = htons(9752), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
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

/* What libconfig says of a text that it cannot parse, and what to do about it. */
static const char *syntax_advice(const char *error)
{
	static const struct {
		const char *error, *advice;
	} advices[] = {
	    {"duplicate", "write every key once"},
	    {"mismatched", "write only texts in quotes, or only numbers, into one array"},
	    {"include", "look at the path behind @include and at its permissions"},
	};
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (strstr(error, advices[i].error))
			return advices[i].advice;
	return "look here and in the line before: it must be KEY = VALUE; with texts in \"quotes\", groups "
	       "in { }, "
	       "lists of groups in ( ), arrays in [ ]";
}

static void report_syntax(struct report *report, const config_t *parsed)
{
	const char *file = config_error_file(parsed), *line = file ? "" : report->source;
	unsigned number = (unsigned)config_error_line(parsed);
	for (unsigned i = 1; i < number && *line; i++) {
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	line += strspn(line, " \t");
	int size = (int)strcspn(line, "\n");
	report_line(report, file, number, "%.*s%s%s; %s", size < 80 ? size : 80, line, size ? ": " : "",
	    config_error_text(parsed), syntax_advice(config_error_text(parsed)));
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

int config_read_text(
    const char *path, const char *text, size_t size, struct config *config, struct config_errors *errors)
{
	/* Zeroed with its padding: it is compared and shipped as bytes. */
	struct report report = {.path = path, .source = text, .config = calloc(1, sizeof(*config))};
	char *folder = strdup(path);
	config_t parsed;
	config_init(&parsed);

	if (!report.config || !folder) {
		report_line(&report, NULL, 0, "cannot read: %s; free some memory", strerror(ENOMEM));
	} else if (strlen(path) >= sizeof(config->path)) {
		report_line(&report, NULL, 0, "is too long as a path; use one of at most %zu bytes",
		    sizeof(config->path) - 1);
	} else if (strlen(text) != size) {
		report_line(&report, NULL, 0,
		    "has a zero byte in it; write a text file, as in the example vipd.conf");
	} else if (source_scan(&report)) {
		config_set_include_dir(&parsed, dirname(folder));
		set_defaults(report.config);
		set_text(report.config->path, sizeof(report.config->path), path);
		report.config->loaded_us = realtime_us();
		parse(&report, &parsed);
	}

	int result = report_finish(&report, errors);
	if (!result)
		config_copy(config, report.config);
	config_destroy(&parsed);
	free(report.config);
	free(folder);
	return result;
}

/* The whole file and a NUL in memory to free; *size without the NUL. NULL with errno set. */
static char *read_file(const char *path, size_t *size)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return NULL;
	char *text = NULL;
	if (!fstat(fd, &status) && !S_ISREG(status.st_mode))
		errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
	else
		text = malloc(SOURCE_MAX + 1);

	size_t used = 0;
	ssize_t got = 1;
	while (text && got > 0 && used <= SOURCE_MAX) {
		got = read(fd, text + used, SOURCE_MAX + 1 - used);
		used += got > 0 ? (size_t)got : 0;
	}
	int error = got < 0 ? errno : used > SOURCE_MAX ? EFBIG : 0;
	if (text && error) {
		free(text);
		text = NULL;
		errno = error;
	}
	error = errno;
	close(fd);
	errno = error;
	if (text) {
		text[used] = '\0';
		*size = used;
	}
	return text;
}

int config_load(const char *path, struct config *config, struct config_errors *errors)
{
	size_t size = 0;
	char *text = read_file(path, &size);
	if (!text) {
		struct report report = {.path = path, .source = ""};
		const char *advice =
		    errno == EACCES || errno == EPERM
			? "run vipd as root, or look at the permissions of the file and its directories"
		    : errno == ENOENT || errno == ENOTDIR
			? "copy the example vipd.conf there, or name another file with -c"
			: "name a configuration file with -c";
		report_line(&report, NULL, 0, "cannot read: %s; %s", strerror(errno), advice);
		return report_finish(&report, errors);
	}
	int result = config_read_text(path, text, size, config, errors);
	free(text);
	return result;
}
