/* SPDX-License-Identifier: Apache-2.0 */
/* See vipd/diag.h. */
#include "vipd/diag.h"

#include <linux/inet_diag.h>
#include <string.h>
#include <sys/socket.h>

#define OP_SIZE	       sizeof(struct inet_diag_bc_op)
#define CONDITION_SIZE (OP_SIZE + sizeof(struct inet_diag_hostcond))

_Static_assert(CONDITION_SIZE + 16 + OP_SIZE == DIAG_FILTER_MAX(1), "as vipd/diag.h says");

static void add_op(uint8_t *filter, size_t *size, uint8_t code, size_t yes, size_t no)
{
	struct inet_diag_bc_op op = {.code = code, .yes = (uint8_t)yes, .no = (uint16_t)no};
	memcpy(filter + *size, &op, sizeof op);
	*size += sizeof op;
}

/*
 * "The local address is the first, or the second, …": conditions, each with a jump to the end. There it means
 * yes, beyond it no.
 */
size_t diag_filter(const struct address *addresses, unsigned count, uint8_t *filter)
{
	size_t total = 0;
	for (unsigned i = 0; i < count; i++)
		total += CONDITION_SIZE + address_size(&addresses[i]) + (i ? OP_SIZE : 0);
	size_t size = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct address *address = &addresses[i];
		unsigned bytes = address_size(address);
		struct inet_diag_hostcond condition = {.family = bytes == 4 ? AF_INET : AF_INET6,
		    .prefix_len = (uint8_t)(8 * bytes),
		    .port = -1};
		if (i) /* behind the condition before */
			add_op(filter, &size, INET_DIAG_BC_JMP, OP_SIZE, total - size);
		add_op(filter, &size, INET_DIAG_BC_S_COND, CONDITION_SIZE + bytes,
		    CONDITION_SIZE + bytes + OP_SIZE);
		memcpy(filter + size, &condition, sizeof condition);
		memcpy(filter + size + sizeof condition, address_bytes(address), bytes);
		size += sizeof condition + bytes;
	}
	return size;
}
