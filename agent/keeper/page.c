/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's page. What it says of a router or a link is one word, so that its reader needs no lock.
 */
#include <sys/mman.h>

#include "keeper/keeper.h"

int keeper_page_create(void)
{
	return shared_memfd("vipd-keeper", sizeof(struct keeper_page));
}

const struct keeper_page *keeper_page_map(int fd)
{
	return shared_map(fd, sizeof(struct keeper_page), PROT_READ);
}

struct keeper_page *keeper_page_map_writer(int fd)
{
	return shared_map(fd, sizeof(struct keeper_page), PROT_READ | PROT_WRITE);
}

void keeper_beat(struct keeper *keeper)
{
	atomic_store_explicit(&keeper->page->heartbeat_us, mono_now().us, memory_order_relaxed);
}

struct keeper_answer keeper_answer(const struct keeper_page *page, unsigned router)
{
	uint64_t word = atomic_load_explicit(&page->answers[router], memory_order_acquire);
	return (struct keeper_answer){.generation = (uint32_t)(word >> 32),
	    .index = (uint8_t)(word >> 16),
	    .error = (int)(word & 0xffff)};
}

void keeper_answer_write(struct keeper *keeper, unsigned router, const struct keeper_answer *answer)
{
	uint64_t word = (uint64_t)answer->generation << 32 | (uint64_t)answer->index << 16 |
			(uint64_t)(answer->error & 0xffff);
	atomic_store_explicit(&keeper->page->answers[router], word, memory_order_release);
}

struct keeper_hearing keeper_hearing(const struct keeper_page *page, unsigned link)
{
	uint64_t word = atomic_load_explicit(&page->hearing[link], memory_order_acquire);
	return (struct keeper_hearing){
	    .ifindex = (uint32_t)(word >> 32), .groups = (uint16_t)(word >> 16), .families = (uint8_t)word};
}

void keeper_hearing_write(struct keeper *keeper, unsigned link, const struct keeper_hearing *hearing)
{
	uint64_t word =
	    (uint64_t)hearing->ifindex << 32 | (uint64_t)hearing->groups << 16 | hearing->families;
	if (atomic_exchange_explicit(&keeper->page->hearing[link], word, memory_order_release) != word)
		keeper_ring();
}
