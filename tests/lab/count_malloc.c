/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count_malloc: put in front of libc by LD_PRELOAD it counts the allocations of vipd's engine (`vipd -E`) in
 * the file that $VIPD_COUNT_MALLOC names, where a test reads them. Any other process it leaves alone.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t *counter;

static void count(void)
{
	if (counter)
		atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

__attribute__((constructor)) static void begin(void)
{
	char line[64] = "";
	const char *path = getenv("VIPD_COUNT_MALLOC");
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	void *page;

	if (fd >= 0)
		close(fd);
	if (!path || size <= 0 || strcmp(line + strlen(line) + 1, "-E") != 0)
		return;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	page = ftruncate(fd, 4096) < 0 ? MAP_FAILED
				       : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page != MAP_FAILED)
		counter = page;
	void *volatile one = malloc(1); /* shows that counting works */
	free(one);
}

void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	count();
	return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
	count();
	return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}
