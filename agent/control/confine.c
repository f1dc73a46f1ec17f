/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control and engine are of one user, and that is enough for a signal (SIGSTOP, SIGKILL) and for a limit of
 * zero seconds of CPU time: so both are taken away here.
 *
 * Signals: a Landlock domain with the scope "signal" (Linux 6.12) reaches itself and what is started in it,
 * and so do the programs of exec checks and notify. Limits: prlimit() for others is refused by seccomp. What
 * else one process can do to another of its user (ptrace, /proc/PID/mem, priorities) the kernel refuses
 * already: the engine is not dumpable and has capabilities that control lacks.
 */
#include "control/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vipd/log.h"

/* struct landlock_ruleset_attr and LANDLOCK_SCOPE_SIGNAL, which the headers of Debian 12 do not have. */
struct ruleset {
	uint64_t files, net, scoped;
};
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

/* An older kernel refuses the longer struct (E2BIG); one without Landlock knows no such call (ENOSYS) or has
 * it switched off (EOPNOTSUPP). */
static int keep_signals(void)
{
	struct ruleset ruleset = {.scoped = SCOPE_SIGNAL};
	long fd = syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
	if (fd < 0)
		return -errno;
	int result = syscall(SYS_landlock_restrict_self, (int)fd, 0) < 0 ? -errno : 0;
	close((int)fd);
	return result;
}

/* A program of another architecture (a 32-bit check) has the call under another number. */
static int add_architectures(scmp_filter_ctx context)
{
#if defined(__x86_64__)
	int result = seccomp_arch_add(context, SCMP_ARCH_X86);
	return result ? result : seccomp_arch_add(context, SCMP_ARCH_X32);
#elif defined(__aarch64__)
	return seccomp_arch_add(context, SCMP_ARCH_ARM);
#else
	(void)context;
	return 0;
#endif
}

static int keep_limits(void)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	if (!context)
		return -ENOMEM;
	int result = add_architectures(context);
	if (!result) /* 0 is the caller itself */
		result = seccomp_rule_add(
		    context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_NE, 0, 0));
	if (!result)
		result = seccomp_load(context);
	seccomp_release(context);
	return result;
}

void confine(void)
{
	int result = keep_signals();
	if (result)
		log_info("the kernel does not keep signals of this process from the engine (Landlock: %s; "
			 "Linux 6.12 does); that matters only to whoever takes vipd-control over",
		    result == -E2BIG ? "too old" : strerrordesc_np(-result));
	result = keep_limits();
	if (result)
		log_warning("cannot restrict system calls (seccomp): %s; going on", strerrordesc_np(-result));
}
