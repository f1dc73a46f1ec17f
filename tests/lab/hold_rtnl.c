/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold_rtnl: holds the kernel's RTNL lock asleep, as a slow driver does: `hold_rtnl MILLISECONDS`. Other
 * network namespaces wait for it, too. Prints "held" when it has the lock and "released" after it.
 *
 * The argument of an ethtool call (ETHTOOL_STSO on lo) lies across two pages. The kernel reads its second
 * half with the lock held, and that page is missing: it sleeps until we supply it through userfaultfd.
 */
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char *pages;
static long page;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *call(void *unused)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	request.ifr_data = pages + page - sizeof(uint32_t);
	ioctl(fd, SIOCETHTOOL, &request);
	return unused;
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	long ms = argc > 1 ? atol(argv[1]) : 1000;
	struct uffdio_api api = {.api = UFFD_API};
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	page = sysconf(_SC_PAGESIZE);
	pages = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) < 0)
		die("userfaultfd");
	uint32_t command = ETHTOOL_STSO;
	memcpy(pages + page - sizeof command, &command, sizeof command);
	struct uffdio_register missing = {
	    .range = {(uintptr_t)(pages + page), (uint64_t)page}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	if (ioctl(uffd, UFFDIO_REGISTER, &missing) < 0)
		die("UFFDIO_REGISTER");

	pthread_t thread;
	struct uffd_msg message;
	pthread_create(&thread, NULL, call, NULL);
	if (read(uffd, &message, sizeof message) != (ssize_t)sizeof message)
		die("read");
	say("held");
	const struct timespec held = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&held, NULL); /* sleep-ok: what this is for */
	struct uffdio_zeropage zero = {.range = missing.range};
	if (ioctl(uffd, UFFDIO_ZEROPAGE, &zero) < 0)
		die("UFFDIO_ZEROPAGE");
	pthread_join(thread, NULL);
	say("released");
	return 0;
}
