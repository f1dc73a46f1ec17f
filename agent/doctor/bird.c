/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer is lines of "CCCC-text" (more follow), " text" (the code of the line before), and at last
 * "CCCC text". The greeting is such an answer to nothing.
 */
#include "doctor/bird.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_TIME_S 2
#define CODE_LENGTH   4

/* One line without its newline, in steps that never read more than it: the socket is read once a byte. */
static int line_read(int fd, char line[static BIRD_LINE_MAX])
{
	for (size_t length = 0;;) {
		char byte;
		ssize_t n = read(fd, &byte, 1);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		if (byte == '\n') {
			line[length] = '\0';
			return 0;
		}
		if (length < BIRD_LINE_MAX - 1)
			line[length++] = byte;
	}
}

static bool has_code(const char *line)
{
	return strspn(line, "0123456789") == CODE_LENGTH &&
	       (line[CODE_LENGTH] == '-' || line[CODE_LENGTH] == ' ');
}

static int answer_read(int fd, struct bird_answer *answer)
{
	char line[BIRD_LINE_MAX] = "";
	answer->code = 0;
	answer->count = 0;
	for (;;) {
		int result = line_read(fd, line);
		if (result)
			return result;
		const char *text = has_code(line) ? line + CODE_LENGTH + 1 : line + (*line == ' ');
		if (has_code(line))
			answer->code = (int)strtol(line, NULL, 10);
		if (*text && answer->count < BIRD_LINES_MAX)
			snprintf(answer->lines[answer->count++], BIRD_LINE_MAX, "%s", text);
		if (has_code(line) && line[CODE_LENGTH] == ' ')
			return 0;
	}
}

int bird_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval time = {.tv_sec = ANSWER_TIME_S};
	struct bird_answer greeting;
	if (strlen(path) >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
	int result = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
	if (!result)
		result = answer_read(fd, &greeting);
	if (!result)
		return fd;
	close(fd);
	return result;
}

int bird_ask(int fd, const char *command, struct bird_answer *answer)
{
	char line[BIRD_LINE_MAX];
	int length = snprintf(line, sizeof line, "%s\n", command);
	ssize_t sent = send(fd, line, (size_t)length, MSG_NOSIGNAL);
	if (sent != length)
		return sent < 0 ? -errno : -EIO;
	return answer_read(fd, answer);
}
