/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's list: of the holder's clients those that may be told.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/clients/clients.h"
#include "control/control.h"
#include "vipd/message.h"

#define HAND_EVERY_US  USEC_PER_SEC	   /* each list wakes a realtime process */
#define ROUTE_AGAIN_US (10 * USEC_PER_SEC) /* those without a route may have one by now */

/* What it should have; NULL: what it has. */
static const struct list *list_for_engine(const struct client_router *router)
{
	if (router->is_active)
		return router->own ? &router->own->list : NULL;
	return router->copy && router->copy->whole ? &router->copy->list : NULL;
}

static bool is_due(const struct client_router *router, struct mono now)
{
	int64_t ago_us = router->handed.us ? mono_sub(now, router->handed) : INT64_MAX;
	return (router->is_new && ago_us >= HAND_EVERY_US) ||
	       (router->refused[CLIENT_NO_ROUTE] && ago_us >= ROUTE_AGAIN_US);
}

void clients_hand_over(struct client_lists *lists, unsigned index, struct mono now)
{
	const struct config *config = lists->control->config;
	struct client_router *router = &lists->routers[index];
	const struct list *list = list_for_engine(router);
	if (!list || !config->routers[index].reset_connections || !is_due(router, now))
		return;
	unsigned refused[CLIENT_VERDICTS] = {0};
	struct ways ways;
	ways_open(&ways, config->routers[index].id.interface);
	struct clients *clients =
	    clients_select(list, config, &config->routers[index], &lists->listeners, way_to, &ways, refused);
	ways_close(&ways);
	/* Those that are judged when they are seen are not in our own list. */
	unsigned first = router->is_active ? CLIENT_NO_ROUTE : 0;
	memcpy(router->refused + first, refused + first, (CLIENT_VERDICTS - first) * sizeof refused[0]);
	int fds[MESSAGE_FDS] = {-1, -1};
	if (clients)
		fds[0] = sealed_memfd("vipd-clients", clients, clients_size(clients->count));
	if (fds[0] < 0) {
		free(clients);
		return; /* tried again in a second */
	}
	struct message message = {
	    .type = MESSAGE_CLIENTS, .clients = {.router = router->id, .count = clients->count}};
	router->is_new = message_send(FD_CHANNEL, &message, fds) != 0;
	router->handed = now;
	close(fds[0]);
	free(clients);
}

struct mono clients_hand_at(const struct client_router *router, struct mono now)
{
	bool waits = router->is_new && router->handed.us && !is_due(router, now);
	return waits ? mono_add(router->handed, HAND_EVERY_US) : MONO_NEVER;
}
