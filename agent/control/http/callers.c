/* SPDX-License-Identifier: Apache-2.0 */
/* See callers.h. */
#include "control/http/callers.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PREFIX_BYTES 8 /* of an IPv6 network */

struct address caller_network(const struct address *address)
{
	struct address network = *address;
	if (!address_is_ipv4(address) && !address_is_link_local(address))
		memset(&network.in6.s6_addr[PREFIX_BYTES], 0, sizeof network.in6 - PREFIX_BYTES);
	return network;
}

/* By what the socket is: the pid of a client outside of a pod is 0 inside. */
static bool find_out(struct caller *caller)
{
	int domain = AF_UNSPEC;
	struct ucred peer;
	struct sockaddr_storage name;
	socklen_t size = sizeof domain;
	if (getsockopt(caller->socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
		return false;
	caller->is_local = domain == AF_UNIX;
	if (caller->is_local) {
		size = sizeof peer;
		bool known = getsockopt(caller->socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
		caller->uid = known ? peer.uid : (uid_t)-1;
		return known;
	}
	size = sizeof name;
	if (getpeername(caller->socket, (struct sockaddr *)&name, &size) < 0 ||
	    !address_of_sockaddr((struct sockaddr *)&name, &caller->network))
		return false;
	caller->network = caller_network(&caller->network);
	return true;
}

/* One user's slow clients must not keep root from draining. */
static bool is_welcome(const struct callers *callers, const struct caller *caller)
{
	unsigned own = 0, others = 0;
	for (const struct caller *c = callers->first; c; c = c->next) {
		own += c->uid == caller->uid;
		others += c->uid != 0;
	}
	return !caller->is_local || caller->uid == 0 || (own < callers->of_one && others < callers->others);
}

/* `more`: 1 or -1, of a caller that is not in the list, or not any more. */
static void share_change(struct callers *callers, struct caller *caller, int more)
{
	callers->count += (unsigned)more;
	for (struct caller *c = callers->first; c; c = c->next) {
		if (c == caller || c->ended || !address_equal(&c->network, &caller->network))
			continue;
		c->share += (unsigned)more;
		caller->share = c->share;
	}
}

/* `b` has been here for longer. */
static bool gives_way_before(const struct caller *b, const struct caller *a)
{
	return a->asks != b->asks ? a->asks : b->share >= a->share;
}

static void make_room(struct callers *callers)
{
	struct caller *found = NULL;
	for (struct caller *c = callers->first; c; c = c->next) {
		if (!c->ended && (!found || gives_way_before(c, found)))
			found = c;
	}
	if (!found)
		return;
	found->ended = true;
	share_change(callers, found, -1);
	shutdown(found->socket, SHUT_RDWR);
}

struct caller *callers_add(struct callers *callers, int socket)
{
	struct caller found = {.socket = socket, .share = 1};
	if (!find_out(&found) || !is_welcome(callers, &found))
		return NULL;
	struct caller *caller = malloc(sizeof *caller);
	if (!caller)
		return NULL;
	if (callers->most && callers->count >= callers->most)
		make_room(callers);
	*caller = found;
	share_change(callers, caller, 1);
	caller->next = callers->first;
	callers->first = caller;
	return caller;
}

void callers_remove(struct callers *callers, struct caller *caller)
{
	struct caller **link = &callers->first;
	while (*link && *link != caller)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = caller->next;
	if (!caller->ended)
		share_change(callers, caller, -1);
	free(caller);
}
