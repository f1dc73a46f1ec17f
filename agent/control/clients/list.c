/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list changes by one generation with each datagram, so a copy knows when it has lost one. Nothing that
 * comes can make a list longer than CLIENTS_MAX.
 */
#include "control/clients/list.h"

#include <stdlib.h>
#include <string.h>

/* Its place, or where it belongs. */
static bool find(const struct list *list, const struct client *client, unsigned *at)
{
	unsigned low = 0, high = list->count;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = client_compare(&list->of[middle], client);
		if (order == 0) {
			*at = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return false;
}

bool list_add(struct list *list, const struct client *client)
{
	unsigned at;
	if (find(list, client, &at))
		return true;
	if (list->count == CLIENTS_MAX)
		return false;
	memmove(&list->of[at + 1], &list->of[at], (list->count - at) * sizeof list->of[0]);
	list->of[at] = *client;
	list->count++;
	return true;
}

static void list_remove(struct list *list, const struct client *client)
{
	unsigned at;
	if (!find(list, client, &at))
		return;
	list->count--;
	memmove(&list->of[at], &list->of[at + 1], (list->count - at) * sizeof list->of[0]);
}

/* ---- the holder ---- */

void own_list_begin(struct own_list *own)
{
	own->seen = 0;
	own->fresh.count = 0;
	memset(own->stays, 0, sizeof own->stays);
}

void own_list_see(struct own_list *own, const struct client *client)
{
	unsigned at;
	own->seen++;
	if (find(&own->list, client, &at))
		own->stays[at] = true;
	else if (own->fresh.count < CLIENTS_MAX)
		own->fresh.of[own->fresh.count++] = *client;
}

/* A datagram that is being filled. */
struct filling {
	struct own_list *own;
	struct connections datagram;
	list_sender *send;
	void *context;
};

static struct connections describe(const struct own_list *own, enum connections_kind kind)
{
	return (struct connections){
	    .kind = kind, .list = own->number, .generation = own->generation, .known = own->known};
}

static void send_changes(struct filling *filling)
{
	struct connections *d = &filling->datagram;
	if (!d->added && !d->removed)
		return;
	d->generation = ++filling->own->generation;
	filling->send(filling->context, d);
	*d = describe(filling->own, CONNECTIONS_CHANGES);
}

/* Those that are added come first: so what is removed ends a datagram, and nothing is added behind it. */
static void fill(struct filling *filling, const struct client *client, bool is_removed)
{
	struct connections *d = &filling->datagram;
	if (d->added + d->removed == CONNECTIONS_DATAGRAM || (d->removed && !is_removed))
		send_changes(filling);
	d->of[d->added + d->removed] = *client;
	if (is_removed)
		d->removed++;
	else
		d->added++;
}

static int compare(const void *a, const void *b)
{
	return client_compare(a, b);
}

/* What is in the list stays in it while it is there; new ones take the room that is left. Removals are told
 * first, so that no copy is ever fuller than this. */
bool own_list_end(struct own_list *own, list_sender *send, void *context)
{
	uint64_t before = own->generation;
	own->known = own->seen;
	struct filling filling = {own, describe(own, CONNECTIONS_CHANGES), send, context};
	unsigned kept = 0;
	for (unsigned i = 0; i < own->list.count; i++) {
		if (own->stays[i])
			own->list.of[kept++] = own->list.of[i];
		else
			fill(&filling, &own->list.of[i], true);
	}
	own->list.count = kept;
	qsort(own->fresh.of, own->fresh.count, sizeof own->fresh.of[0], compare);
	for (unsigned i = 0; i < own->fresh.count && own->list.count < CLIENTS_MAX; i++) {
		fill(&filling, &own->fresh.of[i], false);
		list_add(&own->list, &own->fresh.of[i]);
	}
	send_changes(&filling);
	return own->generation != before;
}

void own_list_say(const struct own_list *own, list_sender *send, void *context)
{
	struct connections d = describe(own, CONNECTIONS_CHANGES);
	send(context, &d);
}

bool own_list_say_all(struct own_list *own, struct mono now, list_sender *send, void *context)
{
	if (!own->asked || (own->told.us && mono_sub(now, own->told) < LIST_EVERY_US))
		return false;
	own->asked = false;
	own->told = now;
	unsigned parts = (own->list.count + CONNECTIONS_DATAGRAM - 1) / CONNECTIONS_DATAGRAM;
	parts += !parts;
	struct connections d = describe(own, CONNECTIONS_PART);
	d.parts = (uint16_t)parts;
	for (unsigned part = 0; part < parts; part++) {
		unsigned from = part * CONNECTIONS_DATAGRAM, left = own->list.count - from;
		d.part = (uint16_t)part;
		d.added = left < CONNECTIONS_DATAGRAM ? left : CONNECTIONS_DATAGRAM;
		memcpy(d.of, &own->list.of[from], d.added * sizeof d.of[0]);
		send(context, &d);
	}
	return true;
}

/* ---- the others ---- */

static bool apply(struct copy *copy, const struct connections *d)
{
	for (unsigned i = 0; i < d->removed; i++)
		list_remove(&copy->list, &d->of[d->added + i]);
	for (unsigned i = 0; i < d->added; i++)
		list_add(&copy->list, &d->of[i]);
	copy->generation = d->generation;
	return d->added || d->removed;
}

/* A list begins empty, so who hears its first datagram has all of it. */
static bool take_changes(struct copy *copy, const struct connections *d)
{
	bool changes = d->added || d->removed;
	if (!copy->heard || copy->number != d->list) {
		copy->heard = true;
		copy->number = d->list;
		copy->whole = d->generation == (changes ? 1 : 0);
		if (!copy->whole)
			return false;
		bool is_change = copy->list.count > 0;
		copy->list.count = 0;
		return apply(copy, d) || is_change;
	}
	if (!copy->whole || d->generation < copy->generation)
		return false;
	if (changes && d->generation == copy->generation + 1)
		return apply(copy, d);
	copy->whole = d->generation == copy->generation;
	return false;
}

static bool take_part(struct copy *copy, const struct connections *d)
{
	if (copy->whole && copy->number == d->list && copy->generation >= d->generation)
		return false;
	if (d->part == 0) {
		copy->next_number = d->list;
		copy->next_generation = d->generation;
		copy->next_part = 0;
		copy->next.count = 0;
	}
	if (copy->next_number != d->list || copy->next_generation != d->generation ||
	    copy->next_part != d->part)
		return false;
	for (unsigned i = 0; i < d->added; i++)
		list_add(&copy->next, &d->of[i]);
	if (++copy->next_part < d->parts)
		return false;
	copy->heard = copy->whole = true;
	copy->number = d->list;
	copy->generation = d->generation;
	copy->list = copy->next;
	copy->next_number = 0;
	return true;
}

bool copy_take(struct copy *copy, const struct connections *datagram)
{
	if (datagram->kind == CONNECTIONS_ASK)
		return false;
	copy->known = datagram->known;
	return datagram->kind == CONNECTIONS_PART ? take_part(copy, datagram) : take_changes(copy, datagram);
}

bool copy_asks(struct copy *copy, struct mono now)
{
	if (!copy->heard || copy->whole || (copy->asked.us && mono_sub(now, copy->asked) < LIST_EVERY_US))
		return false;
	copy->asked = now;
	return true;
}
