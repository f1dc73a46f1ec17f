/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected to the holder of each virtual router, as control says.
 *
 * A list is mapped and read once when it comes: in a takeover it must not come from a disk, nor need memory.
 * Its entries may be forged; what is sent to whom is decided when it is sent.
 */
#include "engine/engine.h"

#include <sys/mman.h>

void clients_unmap(const struct clients *clients)
{
	if (clients)
		munmap((void *)clients, clients_size(clients->count));
}

void clients_forget(struct engine *engine, struct router *router)
{
	clients_unmap(router->clients);
	router->clients = NULL;
	record_clients(engine, router);
}

/* Memory that is locked when it is used for the first time is used now. */
static void touch(const struct clients *clients)
{
	const volatile struct client *items = clients->items;
	for (uint32_t i = 0; i < clients->count; i++)
		(void)items[i].port;
}

/* NULL: it is not a list of so many. */
static const struct clients *map(int fd, uint32_t count)
{
	size_t size;
	const struct clients *clients = sealed_map(fd, clients_size(CLIENTS_MAX), &size);
	if (!clients)
		return NULL;
	if (size == clients_size(count) && clients->count == count)
		return clients;
	if (size)
		munmap((void *)clients, size);
	return NULL;
}

void clients_take(struct engine *engine, const struct message *message, int fd)
{
	struct router *router = router_find(engine, &message->clients.router);
	if (!router || !router->config.reset_connections)
		return;
	const struct clients *clients = map(fd, message->clients.count);
	if (!clients)
		return;
	clients_forget(engine, router);
	touch(clients);
	router->clients = clients;
	record_clients(engine, router);
}
