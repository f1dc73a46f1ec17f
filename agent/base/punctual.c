/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is locked, and timers without slack.
 *
 * Locking on fault keeps the large tables out of memory that nobody uses. But what is used for the first time
 * in a takeover must not come from a disk that may be dead by then: all code and the data that comes from
 * files is touched at the start. So is the stack, and by touch_memory() what a router will need: the kernel
 * takes up to 30 us to find a page for who uses it for the first time.
 */
#include "vipd/punctual.h"

#include <errno.h>
#include <link.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vipd/log.h"

#define STACK_SIZE 49152 /* more than any turn of a loop needs */

struct touching {
	bool lock; /* each part by itself: the limit may be too low for everything */
	bool failed;
};

/* Reads each page; a private one is written, too, so that it becomes our own now. A page may begin between
 * two variables. */
__attribute__((no_sanitize("address"))) static void touch(
    uintptr_t from, uintptr_t to, bool writable, struct touching *touching)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	for (uintptr_t at = from & ~(page - 1); at < to; at += page) {
		volatile char *byte = (volatile char *)(at < from ? from : at);
		char value = *byte;
		if (writable)
			*byte = value;
	}
	if (touching->lock && mlock((void *)(from & ~(page - 1)), to - (from & ~(page - 1))) < 0)
		touching->failed = true;
}

static int touch_object(struct dl_phdr_info *object, size_t size, void *context)
{
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t from = object->dlpi_addr + segment->p_vaddr;
		/* Read-only data after relocation must not be written: it was when it was relocated. */
		if (segment->p_type == PT_LOAD)
			touch(from, from + segment->p_filesz, false, context);
	}
	return 0;
}

/* Data of the program itself, between the relocated part and what is zero at the start. */
static void touch_data(struct touching *touching)
{
	extern char __data_start[], _edata[];
	touch((uintptr_t)__data_start, (uintptr_t)_edata, true, touching);
}

void touch_memory(void *from, size_t size)
{
	struct touching touching = {.lock = false};
	touch((uintptr_t)from, (uintptr_t)from + size, true, &touching);
}

static void touch_stack(void)
{
	char stack[STACK_SIZE];
	explicit_bzero(stack, sizeof stack);
}

void claim_punctuality(struct punctuality *punctuality)
{
	punctuality->locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
	int error = errno;
	struct touching touching = {.lock = !punctuality->locked};
	dl_iterate_phdr(touch_object, &touching);
	touch_data(&touching);
	touch_stack();
	punctuality->realtime = (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO;
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	if (!punctuality->locked)
		log_warning("memory is not locked (%s)%s: under memory pressure takeovers may be late",
		    strerrordesc_np(error), touching.failed ? "" : ", only code is");
	if (!punctuality->realtime)
		log_warning("no realtime scheduling: on a busy machine adverts may be late");
}
