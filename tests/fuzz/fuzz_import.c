/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_keepalived() with any file. What it calls right has been read by config_read_text().
 *
 * Files with "include" are left out: they would be searched for on this machine.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vipd/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *__lsan_default_suppressions(void);

/* libconfig loses the text that it is reading when the syntax is wrong behind it. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	char path[64];
	if (memmem(data, size, "include", strlen("include")))
		return 0;
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	int fd = memfd_create("keepalived.conf", MFD_CLOEXEC);
	if (!nowhere || fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	import_keepalived(path, "node1", nowhere, nowhere);
	close(fd);
	return 0;
}
