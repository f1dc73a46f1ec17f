/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be believed of a list that came from the network: it can name clients, never a source that is not
 * ours, and nobody who cannot be a client.
 */
#include <stdlib.h>

#include "control/clients/clients.h"

const char *client_verdict_name(enum client_verdict verdict)
{
	static const char *const names[CLIENT_VERDICTS] = {
	    [CLIENT_OK] = "ok",
	    [CLIENT_BAD_LOCAL] = "bad_local",
	    [CLIENT_BAD_ADDRESS] = "bad_address",
	    [CLIENT_NO_LISTENER] = "no_listener",
	    [CLIENT_NO_ROUTE] = "no_route",
	    [CLIENT_NEIGHBOURS] = "neighbours",
	};
	return verdict < CLIENT_VERDICTS ? names[verdict] : "unknown";
}

/* `ports` says what cannot be seen here: a proxy may serve the address without a socket. */
static bool is_served(
    const struct client *client, const struct config_router *router, const struct listeners *listeners)
{
	for (unsigned i = 0; i < router->port_count; i++)
		if (router->ports[i] == client->local_port)
			return true;
	return !router->port_count && listeners_have(listeners, &client->local, client->local_port);
}

enum client_verdict client_judge(const struct client *client, const struct config *config,
    const struct config_router *router, const struct listeners *listeners)
{
	const struct address *address = &client->address;
	if (!config_router_has(router, &client->local))
		return CLIENT_BAD_LOCAL;
	if (!client->port || address_is_ipv4(address) != address_is_ipv4(&client->local) ||
	    address_is_unspecified(address) || address_is_multicast(address) ||
	    address_is_loopback(address) || config_has_address(config, address))
		return CLIENT_BAD_ADDRESS;
	return is_served(client, router, listeners) ? CLIENT_OK : CLIENT_NO_LISTENER;
}

/* Those on the segment that are told. */
struct neighbours {
	unsigned count;
	struct address of[CLIENT_NEIGHBOURS_MAX];
};

/* false: there is no room for one more. */
static bool neighbours_have(struct neighbours *neighbours, const struct address *address)
{
	for (unsigned i = neighbours->count; i-- > 0;) /* the list is sorted: most often it is the last one */
		if (address_equal(&neighbours->of[i], address))
			return true;
	if (neighbours->count == CLIENT_NEIGHBOURS_MAX)
		return false;
	neighbours->of[neighbours->count++] = *address;
	return true;
}

struct clients *clients_select(const struct list *list, const struct config *config,
    const struct config_router *router, const struct listeners *listeners, client_way *way_to_it,
    const struct ways *ways, unsigned refused[static CLIENT_VERDICTS])
{
	static struct neighbours neighbours;
	enum way way = WAY_NONE;
	neighbours.count = 0;
	struct clients *clients = calloc(1, clients_size(list->count));
	if (!clients)
		return NULL;
	for (unsigned i = 0; i < CLIENT_VERDICTS; i++)
		refused[i] = 0;
	for (unsigned i = 0; i < list->count; i++) {
		const struct address *address = &list->of[i].address;
		enum client_verdict verdict = client_judge(&list->of[i], config, router, listeners);
		if (i == 0 || !address_equal(address, &list->of[i - 1].address))
			way = way_to_it(ways, address);
		if (verdict == CLIENT_OK && way == WAY_NONE)
			verdict = CLIENT_NO_ROUTE;
		else if (verdict == CLIENT_OK && way == WAY_NEIGHBOUR &&
			 !neighbours_have(&neighbours, address))
			verdict = CLIENT_NEIGHBOURS;
		if (verdict == CLIENT_OK)
			clients->items[clients->count++] = list->of[i];
		else
			refused[verdict]++;
	}
	return clients;
}
