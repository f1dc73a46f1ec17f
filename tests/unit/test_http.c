/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections one user may have to the Unix socket, also if the server is in a PID namespace of its
 * own (a pod) and the clients are not: it cannot see their processes.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/http/server.h"

#define OF_ONE	 3
#define TRIED	 6
#define SOMEBODY 65534

static pid_t server;
static struct sockaddr_un address;
static socklen_t address_size;

static void answer(void *context, struct http_request *request)
{
	(void)context;
	http_reply_text(request, MHD_HTTP_OK, "ok\n");
}

static void serve(int listening)
{
	sd_event *event = NULL;
	const struct http_options options = {.socket = listening,
	    .connections = 10,
	    .of_one = OF_ONE,
	    .reserved = 1,
	    .idle_s = 60,
	    .handler = answer};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sd_event_new(&event) >= 0 && http_start(event, &options))
		sd_event_loop(event);
	_exit(EXIT_FAILURE);
}

static void server_start(void)
{
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sun_family = AF_UNIX;
	address_size = sizeof address;
	/* Without a name the kernel gives it one. */
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address.sun_family), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &address_size), 0);
	assert_int_equal(listen(listening, TRIED), 0);
	server = fork();
	if (server == 0)
		serve(listening);
	assert_true(server > 0);
	close(listening);
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
	char bytes[1024];
	return send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
	       recv(fd, bytes, sizeof bytes, 0) > 0;
}

/* All are open at the same time. */
static unsigned answered_to(uid_t uid)
{
	int fds[TRIED];
	unsigned count = 0;
	assert_int_equal(seteuid(uid), 0);
	for (unsigned i = 0; i < TRIED; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&address, address_size), 0);
	}
	assert_int_equal(seteuid(0), 0);
	prctl(PR_SET_DUMPABLE, 1); /* which another user ends; a sanitizer wants to read our memory */
	for (unsigned i = 0; i < TRIED; i++)
		count += is_answered(fds[i]);
	for (unsigned i = 0; i < TRIED; i++)
		close(fds[i]);
	return count;
}

static void test_one_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	server_start();
	assert_int_equal(answered_to(SOMEBODY), OF_ONE);
	assert_int_equal(answered_to(0), TRIED);
}

static void test_one_user_whom_it_cannot_see(void **state)
{
	(void)state;
	int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (geteuid() != 0 || own < 0 || unshare(CLONE_NEWPID) < 0)
		skip();
	server_start();
	/* Nobody else is forked into it: a sanitizer starts a process of its own in the end. */
	assert_int_equal(setns(own, CLONE_NEWPID), 0);
	close(own);
	assert_int_equal(answered_to(SOMEBODY), OF_ONE);
	assert_int_equal(answered_to(0), TRIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_one_user, server_end),
	    cmocka_unit_test_teardown(test_one_user_whom_it_cannot_see, server_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
