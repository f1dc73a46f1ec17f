/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line an event, to the journal or to standard error.
 *
 * Under systemd each line is one datagram to the journal, with fields to search for. If that cannot be sent
 * it goes to standard error, as everywhere else: there it begins with the <N> of sd-daemon(3) if that is the
 * journal, too, and with the time of day on a terminal or in a file. A line is built in one buffer and
 * written with one call, so that the lines of the processes never mix, and no call waits.
 */
#include "vipd/log.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES	  1024
#define MESSAGE_MAX_BYTES (LINE_MAX_BYTES + 512)
#define SOCKET_ABOVE	  64 /* out of the way of the numbers that children inherit */

static const char *process = "vipd";
static bool to_journal;
static int journal = -1;
static _Atomic uint64_t dropped;

/* sd-daemon(3): error 3, warning 4, notice 5, info 6, debug 7. */
static int syslog_level(enum log_level level)
{
	return 3 + (int)level;
}

/* Whether standard error is what the variable says, or somebody has put a file in its place since. */
static bool is_journal(const struct stat *output)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && device == output->st_dev &&
	       inode == output->st_ino;
}

/* Returns the socket, or -1: then lines go to standard error. */
static int open_journal(void)
{
	static const struct sockaddr_un to = {AF_UNIX, "/run/systemd/journal/socket"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int above = connect(fd, (const struct sockaddr *)&to, sizeof to) < 0
			? -1
			: fcntl(fd, F_DUPFD_CLOEXEC, SOCKET_ABOVE);
	close(fd);
	return above;
}

void log_open_brief(const char *name)
{
	process = name;
	struct stat output;
	if (fstat(STDERR_FILENO, &output) < 0)
		return;
	if (S_ISFIFO(output.st_mode))
		fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
	to_journal = is_journal(&output);
}

void log_open(const char *name)
{
	log_open_brief(name);
	if (to_journal && journal < 0)
		journal = open_journal();
}

struct text {
	char *bytes;
	size_t size, length; /* length > size: something did not fit */
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t left = text->length < text->size ? text->size - text->length : 0;
	int n = vsnprintf(left ? text->bytes + text->length : NULL, left, format, args);
	va_end(args);
	text->length = n < 0 ? text->size + 1 : text->length + (size_t)n;
}

static void add_field(struct text *text, const char *name, const char *value)
{
	if (value && !strchr(value, '\n'))
		add(text, "%s=%s\n", name, value);
}

size_t log_journal_message(
    char *message, size_t size, enum log_level level, const struct log_fields *fields, const char *text)
{
	struct text out = {message, size, 0};
	add(&out, "PRIORITY=%d\nSYSLOG_IDENTIFIER=vipd\nVIPD_PROCESS=%s\n", syslog_level(level), process);
	if (fields) {
		add_field(&out, "VIPD_ROUTER", fields->router);
		add_field(&out, "VIPD_STATE", fields->state);
		add_field(&out, "VIPD_REASON", fields->reason);
		add_field(&out, "MESSAGE_ID", fields->id);
	}
	/* By length, because a message may have several lines. */
	uint64_t length = htole64(strlen(text));
	add(&out, "MESSAGE\n");
	if (out.length + sizeof length < size)
		memcpy(message + out.length, &length, sizeof length);
	out.length += sizeof length;
	add(&out, "%s\n", text);
	return out.length < size ? out.length : 0;
}

static bool send_to_journal(enum log_level level, const struct log_fields *fields, const char *line)
{
	char message[MESSAGE_MAX_BYTES];
	size_t length = journal < 0 ? 0 : log_journal_message(message, sizeof message, level, fields, line);
	return length && send(journal, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length;
}

static void send_to_stderr(enum log_level level, const char *line)
{
	char stamped[LINE_MAX_BYTES + 32];
	struct text out = {stamped, sizeof stamped - 1, 0};
	if (to_journal) {
		add(&out, "<%d>%s", syslog_level(level), line);
	} else {
		struct timespec now;
		struct tm tm;
		clock_gettime(CLOCK_REALTIME, &now);
		localtime_r(&now.tv_sec, &tm);
		add(&out, "%02d:%02d:%02d.%03ld %s", tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000,
		    line);
	}
	size_t length = out.length < out.size ? out.length : out.size - 1;
	stamped[length++] = '\n';
	ssize_t sent = send(STDERR_FILENO, stamped, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno == ENOTSOCK)
		sent = write(STDERR_FILENO, stamped, length);
	if (sent < 0)
		dropped++;
}

__attribute__((format(printf, 3, 0))) static void tell(
    enum log_level level, const struct log_fields *fields, const char *format, va_list args)
{
	char line[LINE_MAX_BYTES];
	struct text out = {line, sizeof line, 0};
	/* The journal says "vipd" itself. */
	if (!to_journal || strcmp(process, "vipd") != 0)
		add(&out, "%s: ", process);
	if (fields && fields->router)
		add(&out, "%s: ", fields->router);
	if (out.length < sizeof line)
		vsnprintf(line + out.length, sizeof line - out.length, format, args);
	if (!send_to_journal(level, fields, line))
		send_to_stderr(level, line);
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(level, NULL, format, args);
	va_end(args);
}

void log_event(enum log_level level, const struct log_fields *fields, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(level, fields, format, args);
	va_end(args);
}

uint64_t log_dropped(void)
{
	return dropped;
}
