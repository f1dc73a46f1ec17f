/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step_clock.so: a wall clock of its own for the processes that load it, that can be stepped while they run.
 *
 * Put before libc with LD_PRELOAD. The file named by CLOCK_STEP_FILE holds the step in seconds as a 64-bit
 * number; it is mapped once at the start, because a process in a sandbox opens nothing later. Only
 * CLOCK_REALTIME and its relatives move, the monotonic clocks and the clock of the machine do not.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *step_seconds; /* NULL: other libraries are still being started */

__attribute__((constructor)) static void step_open(void)
{
	const char *path = getenv("CLOCK_STEP_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		err(1, "step_clock: cannot map CLOCK_STEP_FILE");
	close(fd);
	step_seconds = page;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	if (!result && step_seconds && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += *step_seconds;
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	*now = (struct timeval){exact.tv_sec, exact.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *out)
{
	struct timespec exact;

	clock_gettime(CLOCK_REALTIME, &exact);
	if (out)
		*out = exact.tv_sec;
	return exact.tv_sec;
}
