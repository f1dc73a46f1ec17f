/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs of life: who gives none for too long is killed, and started again when it is reaped.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"

#define GAP_US (2 * USEC_PER_SEC)

static struct mono beat(const struct guardian *guardian, enum child_kind kind)
{
	int64_t us = 0; /* control sends messages */
	if (kind == CHILD_ENGINE)
		us = atomic_load_explicit(&guardian->board->heartbeat_us, memory_order_relaxed);
	else if (kind == CHILD_KEEPER)
		us = atomic_load_explicit(&guardian->page->heartbeat_us, memory_order_relaxed);
	return (struct mono){us};
}

/* Uninterruptibly: SIGKILL would only have it replaced when it gets what it waits for. */
static bool waits_in_kernel(pid_t pid)
{
	char path[32], text[128] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	const char *name_end = strrchr(text, ')');
	return size > 0 && name_end && strncmp(name_end, ") D", 3) == 0;
}

static void tell_of_wait(struct child *child, const char *name, int64_t age_us)
{
	if (!child->waits)
		log_error(
		    "%s has waited in the kernel for %lld s: a driver, or the removal of many interfaces, "
		    "holds the lock of all network settings (RTNL). Adverts go on; no address is put on an "
		    "interface or removed until it is free. `cat /proc/*/stack | grep rtnl` shows who waits",
		    name, (long long)(age_us / USEC_PER_SEC));
	child->waits = true;
}

/* false: it hangs and was killed. A process that waits for a disk may take a while to die. */
static bool watch_child(struct guardian *guardian, enum child_kind kind, struct mono now)
{
	struct child *child = &guardian->children[kind];
	struct mono sign = mono_max(beat(guardian, kind), child->heard);
	int64_t age = mono_sub(now, mono_max(sign, guardian->awake));
	bool silent = child->pid && age >= child_plans[kind].silence_max_us;
	child->waits &= silent;
	if (!silent)
		return true;
	if (kind == CHILD_KEEPER && !child->killed && waits_in_kernel(child->pid)) {
		tell_of_wait(child, child_plans[kind].name, age);
		return true;
	}
	if (!child->killed)
		log_error("%s has given no sign of life for %lld s: killing it", child_plans[kind].name,
		    (long long)(age / USEC_PER_SEC));
	child->killed = true;
	child_kill(guardian, child);
	return false;
}

/*
 * A silent engine, dead or alive, keeps its addresses until the kernel's lease ends, long after others have
 * taken over. The keeper removes what the engine itself would remove if it woke now (a late engine is a dead
 * engine); while there is no keeper, the guardian.
 */
void watch_children(struct guardian *guardian, struct mono now)
{
	/* Only then: what a keeper has asked for may still come. A handover removes them itself. */
	if (!guardian->children[CHILD_KEEPER].pid && guardian->may_adopt)
		remover_run(guardian, REMOVE_LATE);
	watch_child(guardian, CHILD_CONTROL, now);
	watch_child(guardian, CHILD_KEEPER, now);
	if (watch_child(guardian, CHILD_ENGINE, now) && guardian->children[CHILD_ENGINE].pid)
		notify("WATCHDOG=1");
}

void watch_gap(struct guardian *guardian, struct mono now)
{
	static struct mono last;
	if (mono_sub(now, last) > GAP_US)
		guardian->awake = now;
	last = now;
}
