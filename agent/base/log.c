/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line an event to standard error.
 *
 * Under systemd standard error is a stream socket to the journal and each line begins with the <N> of
 * sd-daemon(3); on a terminal or in a file it begins with the time of day instead. A line is built in one
 * buffer and written with one call, so that the lines of the processes never mix.
 */
#include "vipd/log.h"

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
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char *process = "vipd";
static bool to_journal;
static _Atomic uint64_t dropped;

/* sd-daemon(3): error 3, warning 4, notice 5, info 6, debug 7. */
static int syslog_level(enum log_level level)
{
	return 3 + (int)level;
}

void log_open(const char *name)
{
	process = name;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
	struct stat output;
	if (fstat(STDERR_FILENO, &output) == 0 && S_ISFIFO(output.st_mode))
		fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
}

static size_t line_begin(char *line, size_t size, enum log_level level)
{
	int n;
	if (to_journal) {
		n = snprintf(line, size, "<%d>%s: ", syslog_level(level), process);
	} else {
		struct timespec now;
		struct tm tm;
		clock_gettime(CLOCK_REALTIME, &now);
		localtime_r(&now.tv_sec, &tm);
		n = snprintf(line, size, "%02d:%02d:%02d.%03ld %s: ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		    now.tv_nsec / 1000000, process);
	}
	return n > 0 ? (size_t)n : 0;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t length = line_begin(line, sizeof line, level);
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line + length, sizeof line - length - 1, format, args);
	va_end(args);
	if (n > 0)
		length += (size_t)n;
	if (length > sizeof line - 2)
		length = sizeof line - 2;
	line[length++] = '\n';

	ssize_t sent = send(STDERR_FILENO, line, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno == ENOTSOCK)
		sent = write(STDERR_FILENO, line, length);
	if (sent < 0)
		dropped++;
}

uint64_t log_dropped(void)
{
	return dropped;
}
