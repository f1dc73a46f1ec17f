/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system call filters of engine and keeper, compiled for machines that we do not have: every call that
 * the C library makes there for the loop or for a line of the log must be on the list, under the name that it
 * has there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vipd/sandbox.h"

/* As libseccomp prints it. */
static void compile(uint32_t architecture, enum sandbox who, char *text, size_t size)
{
	scmp_filter_ctx context = seccomp_init(SANDBOX_OTHERWISE);
	assert_non_null(context);
	if (architecture != seccomp_arch_native()) {
		assert_int_equal(seccomp_arch_remove(context, SCMP_ARCH_NATIVE), 0);
		assert_int_equal(seccomp_arch_add(context, architecture), 0);
	}
	assert_int_equal(sandbox_make(who, context), 0);
	int fd = memfd_create("pfc", 0);
	assert_true(fd >= 0);
	assert_int_equal(seccomp_export_pfc(context, fd), 0);
	ssize_t length = pread(fd, text, size - 1, 0);
	assert_in_range(length, 1, size - 2);
	text[length] = '\0';
	close(fd);
	seccomp_release(context);
}

static bool allows(const char *text, const char *call)
{
	char line[80];
	snprintf(line, sizeof line, "filter for syscall \"%s\" ", call);
	return strstr(text, line) != NULL;
}

static void check(uint32_t architecture, enum sandbox who, const char *const calls[])
{
	static char text[64 * 1024];
	compile(architecture, who, text, sizeof text);
	for (; *calls; calls++)
		if (!allows(text, *calls))
			fail_msg("%s is not on the list", *calls);
	assert_false(allows(text, "execve"));
	assert_false(allows(text, "openat"));
	assert_false(allows(text, "socket"));
	assert_non_null(strstr(text, "action ERRNO(38)")); /* ENOSYS */
}

/* log_line() sends, and writes if that is not to a socket. */
#define OF_BOTH		"sendto", "write", "recvmsg", "sendmsg", "munmap", "rt_sigreturn", "close", "exit_group"
#define OF_BOTH_64_BITS OF_BOTH, "clock_gettime", "mmap", "fstat", "futex"
#define OF_BOTH_32_BITS OF_BOTH, "clock_gettime64", "mmap2", "fstat64", "futex_time64", "sigreturn"

static const char *const engine_64_bits[] = {
    OF_BOTH_64_BITS, "epoll_pwait2", "epoll_ctl", "clock_nanosleep", "recvmmsg", "sendmmsg", "fcntl", NULL};
static const char *const keeper_64_bits[] = {
    OF_BOTH_64_BITS, "ppoll", "pread64", "setsockopt", "recvfrom", NULL};

static const char *const engine_32_bits[] = {OF_BOTH_32_BITS, "epoll_pwait2", "epoll_ctl",
    "clock_nanosleep_time64", "recvmmsg_time64", "sendmmsg", "fcntl64", NULL};
static const char *const keeper_32_bits[] = {
    OF_BOTH_32_BITS, "ppoll_time64", "pread64", "setsockopt", "recvfrom", NULL};

static void on_amd64(void **state)
{
	(void)state;
	check(SCMP_ARCH_X86_64, SANDBOX_ENGINE, engine_64_bits);
	check(SCMP_ARCH_X86_64, SANDBOX_KEEPER, keeper_64_bits);
}

static void on_arm64(void **state)
{
	(void)state;
	check(SCMP_ARCH_AARCH64, SANDBOX_ENGINE, engine_64_bits);
	check(SCMP_ARCH_AARCH64, SANDBOX_KEEPER, keeper_64_bits);
}

static void on_armhf(void **state)
{
	(void)state;
	check(SCMP_ARCH_ARM, SANDBOX_ENGINE, engine_32_bits);
	check(SCMP_ARCH_ARM, SANDBOX_KEEPER, keeper_32_bits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(on_amd64), cmocka_unit_test(on_arm64), cmocka_unit_test(on_armhf)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
