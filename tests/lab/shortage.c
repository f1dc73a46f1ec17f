/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shortage: put in front of libc by LD_PRELOAD, it makes some calls fail as in a kernel without memory or
 * descriptors. The file $VIPD_SHORTAGE has a number for each kind of call: how often it fails from now on;
 * DELAY: it takes until that is 0.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind {
	CONFIGURATION,
	ARP,
	DRAINS,
	CHECK,
	METRICS,
	DELAY,
	SETTINGS,
	KEY,
	CERTIFICATE,
	TIMELINE,
	GROUPS,
	KINDS
};

static const struct {
	const char *name;
	enum kind kind;
} files[] = {{".drains", DRAINS}, {"/vipd.conf", SETTINGS}, {"/keys/", KEY}, {"/ca.crt", CERTIFICATE},
    {"/net/igmp6", GROUPS}};

static volatile int *left;

/* Before the sandbox closes. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("VIPD_SHORTAGE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped = fd >= 0 ? mmap(NULL, KINDS * sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			       : MAP_FAILED;
	left = mapped == MAP_FAILED ? NULL : (volatile int *)mapped;
	if (fd >= 0)
		close(fd);
}

static int fails(enum kind kind, int error)
{
	if (!left || left[kind] <= 0)
		return 0;
	__atomic_fetch_sub(&left[kind], 1, __ATOMIC_RELAXED);
	errno = error;
	return 1;
}

int memfd_create(const char *name, unsigned flags)
{
	if (strcmp(name, "vipd-config") == 0 && fails(CONFIGURATION, ENOMEM))
		return -1;
	if (strcmp(name, "vipd-timeline") == 0 && fails(TIMELINE, ENOMEM))
		return -1;
	while (strcmp(name, "vipd-config") == 0 && left && left[DELAY])
		usleep(1000);
	return (int)syscall(SYS_memfd_create, name, flags);
}

int socket(int domain, int type, int protocol)
{
	if (domain == AF_PACKET && fails(ARP, ENOBUFS))
		return -1;
	return (int)syscall(SYS_socket, domain, type, protocol);
}

int open(const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	int mode = va_arg(more, int);
	va_end(more);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strstr(path, files[i].name) && !(flags & O_CREAT) && fails(files[i].kind, ENFILE))
			return -1;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

void *curl_easy_init(void)
{
	void *(*next)(void) = (void *(*)(void))dlsym(RTLD_NEXT, "curl_easy_init");
	return fails(CHECK, ENOMEM) ? NULL : next();
}

void *open_memstream(char **text, size_t *size)
{
	void *(*next)(char **, size_t *) = (void *(*)(char **, size_t *))dlsym(RTLD_NEXT, "open_memstream");
	return fails(METRICS, ENOMEM) ? NULL : next(text, size);
}
