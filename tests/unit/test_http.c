/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections one user may have to the Unix socket, also if the server is in a PID namespace of its
 * own (a pod) and the clients are not: it cannot see their processes.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/un.h>

#include "http_child.h"

#define OF_ONE	 3
#define TRIED	 6
#define SOMEBODY 65534

static struct sockaddr_un address;
static socklen_t address_size;

static void server_start(void)
{
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sun_family = AF_UNIX;
	address_size = sizeof address;
	/* Without a name the kernel gives it one. */
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address.sun_family), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &address_size), 0);
	assert_int_equal(listen(listening, TRIED), 0);
	server_begin(
	    (struct http_options){.socket = listening, .connections = 10, .of_one = OF_ONE, .reserved = 1});
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
