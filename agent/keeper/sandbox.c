/*
 * What the keeper may do once everything is open: netlink requests, memberships, log, and sleep. As in the
 * engine, any other call returns ENOSYS.
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "keeper/sandbox.h"
#include "vipd/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static const int allowed[] = {SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(read), SCMP_SYS(pread64),
    SCMP_SYS(write), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
    SCMP_SYS(setsockopt), SCMP_SYS(close), SCMP_SYS(clock_gettime), SCMP_SYS(brk), SCMP_SYS(mmap),
    SCMP_SYS(munmap), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction), SCMP_SYS(restart_syscall), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill),
    SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group),
    /* the same on 32-bit machines */
    SCMP_SYS(clock_gettime64), SCMP_SYS(ppoll_time64), SCMP_SYS(mmap2), SCMP_SYS(fstat64), SCMP_SYS(recv),
    SCMP_SYS(send), SCMP_SYS(sigreturn), SCMP_SYS(futex_time64)};

int keeper_sandbox_rules(scmp_filter_ctx context)
{
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
		int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, allowed[i], 0);
		if (result && result != -EDOM) /* EDOM: no such call on this architecture */
			return result;
	}
	return 0;
}

static int filter(void)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int result = context ? keeper_sandbox_rules(context) : -ENOMEM;
	if (!result)
		result = seccomp_load(context);
	if (context)
		seccomp_release(context);
	return result;
}

void keeper_sandbox(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warning("cannot give up new privileges: %s; going on", strerrordesc_np(errno));
	int result = SANITIZED ? 0 : filter();
	if (result)
		log_warning("cannot restrict system calls (seccomp): %s; going on", strerrordesc_np(-result));
}
