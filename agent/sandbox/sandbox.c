/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table: a list of system calls for each process that is confined to one.
 *
 * Any other call returns ENOSYS, as an old kernel would: the C library knows what to do without it, and an
 * engine that misses a log line is better than an address that moves. The guardian has set the capabilities
 * (spawn.c).
 */
#include "vipd/sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "vipd/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static const int engine_calls[] = {
    /* the loop */
    SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(read), SCMP_SYS(getrusage), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(connect),
    SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    /* a new configuration */
    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(close),
    SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(fcntl), SCMP_SYS(getpid),
    /* the log, and the end */
    SCMP_SYS(write), SCMP_SYS(futex), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction), SCMP_SYS(restart_syscall), SCMP_SYS(gettid), SCMP_SYS(tgkill), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* the same on 32-bit machines */
    SCMP_SYS(clock_gettime64), SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(recvmmsg_time64),
    SCMP_SYS(futex_time64), SCMP_SYS(mmap2), SCMP_SYS(fstat64), SCMP_SYS(fstatat64), SCMP_SYS(fcntl64),
    SCMP_SYS(sigreturn), SCMP_SYS(recv), SCMP_SYS(send)};

/* Netlink requests, memberships, log, and sleep. */
static const int keeper_calls[] = {SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(read), SCMP_SYS(pread64),
    SCMP_SYS(write), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
    SCMP_SYS(setsockopt), SCMP_SYS(close), SCMP_SYS(clock_gettime), SCMP_SYS(brk), SCMP_SYS(mmap),
    SCMP_SYS(munmap), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction), SCMP_SYS(restart_syscall), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill),
    SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group),
    /* the same on 32-bit machines */
    SCMP_SYS(clock_gettime64), SCMP_SYS(ppoll_time64), SCMP_SYS(mmap2), SCMP_SYS(fstat64), SCMP_SYS(recv),
    SCMP_SYS(send), SCMP_SYS(sigreturn), SCMP_SYS(futex_time64)};

static const struct {
	const int *calls;
	size_t count;
} lists[] = {
    [SANDBOX_ENGINE] = {engine_calls, sizeof engine_calls / sizeof engine_calls[0]},
    [SANDBOX_KEEPER] = {keeper_calls, sizeof keeper_calls / sizeof keeper_calls[0]},
};

int sandbox_make(enum sandbox who, scmp_filter_ctx context)
{
	for (size_t i = 0; i < lists[who].count; i++) {
		int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, lists[who].calls[i], 0);
		if (result && result != -EDOM) /* EDOM: no such call on this architecture */
			return result;
	}
	return 0;
}

static int filter(enum sandbox who)
{
	scmp_filter_ctx context = seccomp_init(SANDBOX_OTHERWISE);
	if (!context)
		return -ENOMEM;
	int result = sandbox_make(who, context);
	if (!result) /* of all threads */
		result = seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!result)
		result = seccomp_load(context);
	seccomp_release(context);
	return result;
}

void sandbox_enter(enum sandbox who)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warning("cannot give up new privileges: %s; going on", strerrordesc_np(errno));
	if (SANITIZED) /* the sanitizers' runtime has calls of its own */
		return;
	int result = filter(who);
	if (result)
		log_warning("cannot restrict system calls (seccomp): %s; going on", strerrordesc_np(-result));
}
