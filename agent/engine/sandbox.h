/*
 * The system calls of the engine.
 */
#pragma once

#include <seccomp.h>

/* What happens to a call that is not on the list. */
#define SANDBOX_OTHERWISE SCMP_ACT_ERRNO(ENOSYS)

/* Adds the list to a filter, for the architectures that the filter has. Returns 0 or -errno. */
int sandbox_rules(scmp_filter_ctx context);

/* From here on the engine may do no more than its loop needs. Logs what the kernel refuses, and goes on. */
void sandbox_enter(void);
