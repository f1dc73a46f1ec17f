/*
 * The engine's system call filter, compiled for machines that we do not have: every call that the C library
 * makes there for the loop must be on the list, under the name that it has there.
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

#include "engine/sandbox.h"

/* As libseccomp prints it. */
static void compile(uint32_t architecture, char *text, size_t size)
{
	scmp_filter_ctx context = seccomp_init(SANDBOX_OTHERWISE);
	assert_non_null(context);
	if (architecture != seccomp_arch_native()) {
		assert_int_equal(seccomp_arch_remove(context, SCMP_ARCH_NATIVE), 0);
		assert_int_equal(seccomp_arch_add(context, architecture), 0);
	}
	assert_int_equal(sandbox_rules(context), 0);
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

static void check(uint32_t architecture, const char *const calls[])
{
	static char text[64 * 1024];
	compile(architecture, text, sizeof text);
	for (; *calls; calls++)
		if (!allows(text, *calls))
			fail_msg("%s is not on the list", *calls);
	assert_false(allows(text, "execve"));
	assert_false(allows(text, "openat"));
	assert_non_null(strstr(text, "action ERRNO(38)")); /* ENOSYS */
}

static const char *const on_64_bits[] = {"epoll_pwait2", "epoll_ctl", "clock_gettime", "clock_nanosleep",
    "recvmsg", "recvmmsg", "sendmsg", "sendmmsg", "sendto", "mmap", "munmap", "fstat", "fcntl", "futex",
    "rt_sigreturn", "write", "close", "exit_group", NULL};

static const char *const on_32_bits[] = {"epoll_pwait2", "epoll_ctl", "clock_gettime64",
    "clock_nanosleep_time64", "recvmsg", "recvmmsg_time64", "sendmsg", "sendmmsg", "sendto", "mmap2",
    "munmap", "fstat64", "fcntl64", "futex_time64", "rt_sigreturn", "sigreturn", "write", "close",
    "exit_group", NULL};

static void on_amd64(void **state)
{
	(void)state;
	check(SCMP_ARCH_X86_64, on_64_bits);
}

static void on_arm64(void **state)
{
	(void)state;
	check(SCMP_ARCH_AARCH64, on_64_bits);
}

static void on_armhf(void **state)
{
	(void)state;
	check(SCMP_ARCH_ARM, on_32_bits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(on_amd64), cmocka_unit_test(on_arm64), cmocka_unit_test(on_armhf)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
