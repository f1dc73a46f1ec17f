/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real HTTP server in a process of its own, which answers every request with "ok".
 */
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/http/server.h"

#define ANSWER_S 20 /* for which an answer is waited for */

static pid_t server;

static void answer(void *context, struct http_request *request)
{
	(void)context;
	http_reply_text(request, MHD_HTTP_OK, "ok\n");
}

static void serve(const struct http_options *options)
{
	sd_event *event = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sd_event_new(&event) >= 0 && http_start(event, options))
		sd_event_loop(event);
	_exit(EXIT_FAILURE);
}

/* Takes options.socket, which listens. */
static void server_begin(struct http_options options)
{
	options.handler = answer;
	options.idle_s = 60;
	server = fork();
	if (server == 0)
		serve(&options);
	assert_true(server > 0);
	close(options.socket);
}

static int server_end(void **state)
{
	(void)state;
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
	return 0;
}

static bool is_answered(int fd)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	const struct timeval deadline = {.tv_sec = ANSWER_S};
	char bytes[1024];
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) == 0 &&
	       send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
	       recv(fd, bytes, sizeof bytes, 0) > 0;
}
