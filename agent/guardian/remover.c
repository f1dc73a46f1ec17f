/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The remover: a child that makes the guardian's own requests to the kernel. Each takes the RTNL lock, which
 * somebody else may hold for long, and a process that waits for it cannot be ended. The guardian waits for a
 * moment and goes on; the remover does its work when the lock is free. There is one at a time.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"

#define WAIT_MAX_US (2 * USEC_PER_SEC)
#define POLL_US	    USEC_PER_MS

static void work(const struct guardian *guardian, enum remover_job job)
{
	switch (job) {
	case REMOVE_ALL: release_addresses(&guardian->config); break;
	case REMOVE_RESIGNED: release_resigned(guardian->board, guardian->resigned_at); break;
	case REMOVE_LATE:
		if (release_late(guardian->board))
			log_error("the engine is late: removed its addresses, as it would itself");
	}
}

_Noreturn static void become(const struct guardian *guardian, enum remover_job job)
{
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "vipd-remover");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(STDERR_FILENO + 1, ~0U, 0); /* our locks and sockets must not wait with it */
	work(guardian, job);
	_exit(0);
}

bool remover_ended(struct guardian *guardian, pid_t pid)
{
	if (pid != guardian->remover)
		return false;
	guardian->remover = 0;
	return true;
}

bool remover_run(struct guardian *guardian, enum remover_job job)
{
	if (guardian->remover)
		return false;
	pid_t pid = fork();
	if (pid == 0)
		become(guardian, job);
	if (pid < 0) {
		log_error("cannot start a process that removes addresses: %s", strerrordesc_np(errno));
		return false;
	}
	guardian->remover = pid;
	struct mono end = mono_add(mono_now(), WAIT_MAX_US);
	while (!remover_ended(guardian, waitpid(pid, NULL, WNOHANG))) {
		if (mono_reached(mono_now(), end)) {
			log_error(
			    "the kernel does not answer: a driver, or the removal of many interfaces, holds "
			    "the lock of all network settings (RTNL). Going on; addresses that a vipd has "
			    "left behind are removed when it is free, or end with their lease");
			return true;
		}
		nanosleep(&(struct timespec){.tv_nsec = POLL_US * 1000}, NULL);
	}
	return true;
}
