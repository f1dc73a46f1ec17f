/*
 * The system calls of the keeper.
 */
#pragma once

#include <seccomp.h>

/* Adds the list to a filter, for the architectures that the filter has. Returns 0 or -errno. */
int keeper_sandbox_rules(scmp_filter_ctx context);

/* From here on the keeper may do no more than its loop needs. Logs what the kernel refuses, and goes on. */
void keeper_sandbox(void);
