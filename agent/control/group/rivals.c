/* SPDX-License-Identifier: Apache-2.0 */
/* See rivals.h. A server may be heard in both families, and is the same by its name and what it has. */
#include "control/group/rivals.h"

#include <string.h>

/* A copy of what our own group says, heard in the other family, is of no rival. */
static const struct address *shared(const struct hello *ours, const struct hello *theirs)
{
	if (ours->vrid == theirs->vrid && ours->family == theirs->family)
		return NULL;
	for (unsigned i = 0; i < ours->address_count; i++)
		for (unsigned k = 0; k < theirs->address_count; k++)
			if (address_equal(&ours->addresses[i], &theirs->addresses[k]))
				return &ours->addresses[i];
	return NULL;
}

static const struct rival *find(const struct rivals *rivals, const struct hello *hello)
{
	for (unsigned i = 0; i < rivals->count; i++) {
		const struct rival *rival = &rivals->items[i];
		if (rival->vrid == hello->vrid && rival->family == hello->family &&
		    !strcmp(rival->node, hello->node))
			return rival;
	}
	return NULL;
}

static void drop(struct rivals *rivals, struct rival *rival)
{
	*rival = rivals->items[--rivals->count];
}

bool rivals_concern(const struct rivals *rivals, const struct hello *hello, const struct hello *ours)
{
	return shared(ours, hello) || find(rivals, hello);
}

const struct rival *rivals_hear(struct rivals *rivals, const struct address *source,
    const struct hello *hello, const struct hello *ours, struct mono now)
{
	const struct address *address = hello->leaving ? NULL : shared(ours, hello);
	struct rival *rival = (struct rival *)find(rivals, hello);
	bool is_new = !rival;
	if (!address) {
		if (rival)
			drop(rivals, rival);
		return NULL;
	}
	if (is_new && rivals->count == RIVALS_MAX)
		return NULL;
	if (is_new)
		rival = &rivals->items[rivals->count++];
	*rival = (struct rival){.source = *source,
	    .address = *address,
	    .family = hello->family,
	    .vrid = hello->vrid,
	    .until = mono_add(now, hello_silence_limit(hello))};
	memcpy(rival->node, hello->node, sizeof rival->node);
	return is_new ? rival : NULL;
}

void rivals_expire(struct rivals *rivals, struct mono now)
{
	for (unsigned i = rivals->count; i > 0; i--)
		if (mono_reached(now, rivals->items[i - 1].until))
			drop(rivals, &rivals->items[i - 1]);
}
