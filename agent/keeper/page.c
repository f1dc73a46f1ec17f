/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's page. An answer is one word, so that its reader needs no lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/keeper.h"

int keeper_page_create(void)
{
	int fd = memfd_create("vipd-keeper", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, S_IRUSR) == 0 && ftruncate(fd, sizeof(struct keeper_page)) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

static void *map(int fd, int protection)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return NULL;
	if (st.st_size != (off_t)sizeof(struct keeper_page)) {
		errno = EPROTO;
		return NULL;
	}
	void *page = mmap(NULL, sizeof(struct keeper_page), protection, MAP_SHARED, fd, 0);
	return page == MAP_FAILED ? NULL : page;
}

const struct keeper_page *keeper_page_map(int fd)
{
	return map(fd, PROT_READ);
}

struct keeper_page *keeper_page_map_writer(int fd)
{
	return map(fd, PROT_READ | PROT_WRITE);
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
