/*
 * Which addresses the kernel has, asked of the kernel when somebody wants to know.
 */
#pragma once

#include <net/if.h>
#include <netinet/in.h>

#include "vipd/address.h"

struct held_address {
	struct address address;
	char interface[IF_NAMESIZE];
};

struct held {
	int error; /* errno if the kernel did not answer; then nothing is known */
	unsigned count;
	struct held_address *items; /* every IPv6 address of this network namespace */
};

enum held_where { HELD_ABSENT, HELD_PRESENT, HELD_ELSEWHERE, HELD_UNKNOWN };

/* "absent", "present", "other_interface", "unknown" */
const char *held_where_name(enum held_where where);

/* Asks the kernel. Free with held_free(), also after an error. */
void held_read(struct held *held);
void held_free(struct held *held);

/*
 * Where `address` is: HELD_PRESENT if it is on `interface`, even if others have it too. HELD_ELSEWHERE:
 * `other` (which may be NULL) points to the name of the first interface that has it.
 */
enum held_where held_find(
    const struct held *held, const struct address *address, const char *interface, const char **other);
