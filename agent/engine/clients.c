/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected to the holder of each virtual router, as control says.
 *
 * A list is mapped and read once when it comes: in a takeover it must not come from a disk, nor need memory.
 * Its entries may be forged; what is sent to whom is decided when it is sent.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vipd/log.h"

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

/* NULL, with errno: it is not a list of so many, or there is no memory that may be locked. */
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
	errno = EBADMSG;
	return NULL;
}

static void complain(struct router *router, uint32_t count)
{
	const char *why = strerrordesc_np(errno);
	struct suppressed suppressed;
	if (complaint_due(&router->complaints[COMPLAINT_CLIENTS_LIST], 1, mono_now(), &suppressed))
		log_router(LOG_LEVEL_WARNING, router->config.name,
		    "cannot use the list of %u clients from control (%s): the one before it, of %u, stays in "
		    "force%s",
		    count, why, router->clients ? router->clients->count : 0, suppressed.text);
}

void clients_take(struct engine *engine, const struct message *message, int fd)
{
	struct router *router = router_find(engine, &message->clients.router);
	if (!router || !router->config.reset_connections)
		return;
	const struct clients *clients = map(fd, message->clients.count);
	if (!clients) {
		complain(router, message->clients.count);
		return;
	}
	clients_forget(engine, router);
	touch(clients);
	router->clients = clients;
	record_clients(engine, router);
}
