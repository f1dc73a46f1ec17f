/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that a process may make once everything is open.
 */
#pragma once

#include <seccomp.h>

enum sandbox {
	SANDBOX_ENGINE,
	SANDBOX_KEEPER,
};

/* What happens to a call that is not on the list. */
#define SANDBOX_OTHERWISE SCMP_ACT_ERRNO(ENOSYS)

/* Adds the list of `who` to a filter, for the architectures that the filter has. Returns 0 or -errno. */
int sandbox_make(enum sandbox who, scmp_filter_ctx context);

/* From here on this process makes no other call, nor gains privileges. Logs what the kernel refuses, and goes
 * on. */
void sandbox_enter(enum sandbox who);
