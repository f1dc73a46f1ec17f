/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process with deadlines asks of the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct punctuality {
	bool realtime; /* SCHED_FIFO was granted, before this process was executed */
	bool locked;   /* nothing of what it uses is ever read from a disk again */
};

/* Locks memory, and takes timers without slack. Logs what it does not get, and goes on. */
void claim_punctuality(struct punctuality *punctuality);

/* Has the kernel find a page for each part of this memory now, which nobody else writes meanwhile. */
void touch_memory(void *from, size_t size);
