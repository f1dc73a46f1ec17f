/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared page: how it is made, mapped, written and read.
 *
 * Each record has a sequence lock: the number is odd while the engine changes it. There is one writer, and it
 * never waits. A reader that finds an odd or changed number copies again. After READ_TRIES the writer must be
 * dead or stopped in between, and the reader takes what is there: each field is whole, or nearly so, and what
 * the engine knew (held addresses, drain, sequence) matters most when it has died.
 */
#include "vipd/board.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board/record.h"

#define READ_TRIES 1000 /* some tenths of a millisecond */

const int64_t board_lateness_bounds_us[BOARD_BUCKETS_MAX] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 500000, 2500000};
const int64_t board_takeover_bounds_us[BOARD_BUCKETS_MAX] = {
    50, 75, 100, 150, 250, 500, 1000, 2500, 5000, 10000, 100000, 1000000};

const char *board_counter_name(enum board_counter counter)
{
	static const char *const names[BOARD_COUNTERS] = {
	    [BOARD_ADVERTS_SENT] = "adverts_sent",
	    [BOARD_ADVERTS_RECEIVED] = "adverts_received",
	    [BOARD_ADVERT_SEND_ERRORS] = "advert_send_errors",
	    [BOARD_PRIORITY_ZERO_SENT] = "priority_zero_sent",
	    [BOARD_PRIORITY_ZERO_RECEIVED] = "priority_zero_received",
	    [BOARD_ANNOUNCEMENTS_SENT] = "announcements_sent",
	    [BOARD_TRANSITIONS] = "transitions",
	    [BOARD_BECAME_ACTIVE] = "became_active",
	    [BOARD_ADDRESS_RESTORED] = "address_restored",
	    [BOARD_ADDRESS_FAILURES] = "address_failures",
	    [BOARD_ADDRESS_LIST_MISMATCHES] = "address_list_mismatches",
	    [BOARD_FOREIGN_ANNOUNCEMENTS] = "foreign_announcements",
	};
	return counter < BOARD_COUNTERS ? names[counter] : "unknown";
}

const char *board_step_name(enum board_step step)
{
	static const char *const names[BOARD_STEPS] = {
	    [BOARD_STEP_WOKE] = "woke",
	    [BOARD_STEP_ADVERT_SENT] = "advert_sent",
	    [BOARD_STEP_ADDRESS_ASKED] = "address_asked",
	    [BOARD_STEP_ADDRESS_NOTIFIED] = "address_notified",
	    [BOARD_STEP_ANNOUNCED] = "announced",
	};
	return step < BOARD_STEPS ? names[step] : "unknown";
}

const char *board_late_name(enum board_late late)
{
	static const char *const names[BOARD_LATES] = {
	    [BOARD_LATE_NOT_SCHEDULED] = "not_scheduled",
	    [BOARD_LATE_PAGE_FAULT] = "page_fault",
	    [BOARD_LATE_RECEIVE] = "receive",
	    [BOARD_LATE_NETLINK] = "netlink",
	    [BOARD_LATE_MESSAGES] = "messages",
	    [BOARD_LATE_SEND] = "send",
	    [BOARD_LATE_LOG] = "log",
	};
	return late < BOARD_LATES ? names[late] : "unknown";
}

int shared_memfd(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	/* With its usual mode, 0777, a reader could open it for writing through /proc/self/fd. */
	if (fchmod(fd, S_IRUSR) == 0 && ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

void *shared_map(int fd, size_t size, int protection)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return NULL;
	if (st.st_size != (off_t)size) {
		errno = EPROTO;
		return NULL;
	}
	void *shared = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	return shared == MAP_FAILED ? NULL : shared;
}

int board_create(void)
{
	int fd = shared_memfd("vipd-board", sizeof(struct board));
	if (fd < 0)
		return fd;
	struct board *board = shared_map(fd, sizeof *board, PROT_READ | PROT_WRITE);
	if (!board) {
		int error = errno;
		close(fd);
		return -error;
	}
	board->layout = vipd_layout;
	board->created = mono_now();
	munmap(board, sizeof *board);
	return fd;
}

static void *map(int fd, int protection)
{
	struct board *board = shared_map(fd, sizeof *board, protection);
	if (board && board->layout != vipd_layout) {
		munmap(board, sizeof *board);
		errno = EPROTO;
		return NULL;
	}
	return board;
}

struct board *board_map_writer(int fd)
{
	return map(fd, PROT_READ | PROT_WRITE);
}

const struct board *board_map(int fd)
{
	return map(fd, PROT_READ);
}

/* An engine that died in the middle of a change leaves an odd number; its successor goes on from that. */
void record_begin(_Atomic uint32_t *sequence)
{
	uint32_t now = atomic_load_explicit(sequence, memory_order_relaxed);
	atomic_store_explicit(sequence, now | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

void record_end(_Atomic uint32_t *sequence)
{
	uint32_t now = atomic_load_explicit(sequence, memory_order_relaxed);
	atomic_store_explicit(sequence, now + 1, memory_order_release);
}

bool record_copy(const _Atomic uint32_t *sequence, const void *from, void *to, size_t size)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint32_t before = atomic_load_explicit(sequence, memory_order_acquire);
		memcpy(to, from, size);
		atomic_thread_fence(memory_order_acquire);
		if (!(before & 1) && atomic_load_explicit(sequence, memory_order_relaxed) == before)
			return true;
	}
	return false;
}

struct board_router *board_begin_router(struct board *board, unsigned index)
{
	record_begin(&board->routers[index].sequence);
	return &board->routers[index].value;
}

void board_end_router(struct board *board, unsigned index)
{
	record_end(&board->routers[index].sequence);
}

struct board_link *board_begin_link(struct board *board, unsigned index)
{
	record_begin(&board->links[index].sequence);
	return &board->links[index].value;
}

void board_end_link(struct board *board, unsigned index)
{
	record_end(&board->links[index].sequence);
}

struct board_order *board_begin_order(struct board *board, unsigned index)
{
	record_begin(&board->orders[index].sequence);
	return &board->orders[index].value;
}

void board_end_order(struct board *board, unsigned index)
{
	record_end(&board->orders[index].sequence);
	atomic_fetch_add(&board->order_count, 1);
}

struct board_engine *board_begin_engine(struct board *board)
{
	record_begin(&board->engine.sequence);
	return &board->engine.value;
}

void board_end_engine(struct board *board)
{
	record_end(&board->engine.sequence);
}

void board_add_event(struct board *board, const struct board_event *event)
{
	uint64_t number = atomic_load(&board->event_count) + 1;
	unsigned slot = (unsigned)((number - 1) % BOARD_EVENTS_MAX);
	record_begin(&board->events[slot].sequence);
	board->events[slot].value = *event;
	board->events[slot].value.number = number;
	record_end(&board->events[slot].sequence);
	atomic_store(&board->event_count, number);
}

void board_heartbeat(struct board *board, struct mono now)
{
	atomic_store_explicit(&board->heartbeat_us, now.us, memory_order_relaxed);
}

void histogram_add(
    struct board_histogram *histogram, const int64_t bounds[static BOARD_BUCKETS_MAX], int64_t us)
{
	unsigned i = 0;
	while (i < BOARD_BUCKETS_MAX && us > bounds[i])
		i++;
	histogram->buckets[i]++;
	histogram->count++;
	histogram->sum_us += (uint64_t)(us > 0 ? us : 0);
}

bool board_read_router(const struct board *board, unsigned index, struct board_router *copy)
{
	if (index >= atomic_load(&board->router_count) || index >= BOARD_ROUTERS_MAX)
		return false;
	record_copy(&board->routers[index].sequence, &board->routers[index].value, copy, sizeof *copy);
	return true;
}

bool board_read_link(const struct board *board, unsigned index, struct board_link *copy)
{
	if (index >= atomic_load(&board->link_count) || index >= BOARD_LINKS_MAX)
		return false;
	record_copy(&board->links[index].sequence, &board->links[index].value, copy, sizeof *copy);
	return true;
}

void board_read_engine(const struct board *board, struct board_engine *copy)
{
	record_copy(&board->engine.sequence, &board->engine.value, copy, sizeof *copy);
}

bool board_read_order(const struct board *board, unsigned index, struct board_order *copy)
{
	return index < atomic_load(&board->router_count) && index < BOARD_ROUTERS_MAX &&
	       record_copy(&board->orders[index].sequence, &board->orders[index].value, copy, sizeof *copy);
}

bool board_read_event(const struct board *board, uint64_t number, struct board_event *copy)
{
	uint64_t count = atomic_load(&board->event_count);
	if (number < 1 || number > count || count - number >= BOARD_EVENTS_MAX)
		return false;
	unsigned slot = (unsigned)((number - 1) % BOARD_EVENTS_MAX);
	return record_copy(&board->events[slot].sequence, &board->events[slot].value, copy, sizeof *copy) &&
	       copy->number == number;
}

int64_t board_heartbeat_age_us(const struct board *board, struct mono now)
{
	int64_t heartbeat_us = atomic_load(&board->heartbeat_us);
	if (!heartbeat_us)
		return -1;
	int64_t age_us = mono_sub(now, (struct mono){heartbeat_us});
	return age_us > 0 ? age_us : 0;
}

bool board_engine_up(const struct board *board, struct mono now)
{
	int64_t age_us = board_heartbeat_age_us(board, now);
	return age_us >= 0 && age_us <= BOARD_HEARTBEAT_MAX_US;
}
