/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route to the virtual address, as BIRD on this node has it: a holder without one announces nothing. On
 * the holder that publishes to Kubernetes, BIRD must have the routes of exactly the servers that are ready:
 * its own as a static route, which Calico makes of the Service, and the others' by BGP. What they do not tell
 * this node is not known.
 */
#include <stdio.h>
#include <string.h>

#include "doctor/bird.h"
#include "doctor/doctor.h"

#define LIST_MAX    256
#define ROUTE_MAX   (ADDRESS_TEXT_MAX + 4)
#define NEXT_HOP    "BGP.next_hop:"
#define SERVERS_MAX 80

/* The line that names the route; the next ones say through what. */
static const char *route_line(const struct bird_answer *answer, const char *address)
{
	for (unsigned i = 0; i < answer->count; i++) {
		if (strncmp(answer->lines[i], address, strlen(address)) == 0)
			return answer->lines[i];
	}
	return NULL;
}

static void route_judge(struct doctor *doctor, const struct config_router *router, const char *address,
    const struct bird_answer *answer)
{
	const char *route = route_line(answer, address);
	if (route)
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "BIRD has %.120s", route);
	else if (is_active_here(doctor, router))
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    "vipctl manifest prints what makes Calico advertise it; then: birdcl show route",
		    "this node is the holder, but BIRD has no route for %s", address);
	else
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, "run it on the holder",
		    "BIRD has no route for %s; that is right on a backup if the route follows the holder",
		    address);
}

/* ---- the routes of the servers ---- */

struct routes {
	bool own;
	unsigned count;
	struct address by[SERVERS_MAX]; /* of the others */
};

static void routes_read(const struct bird_answer *answer, struct routes *routes)
{
	for (unsigned i = 0; i < answer->count; i++) {
		const char *line = answer->lines[i] + strspn(answer->lines[i], " \t");
		char hop[ADDRESS_TEXT_MAX] = "";
		routes->own |= strncmp(line, "Type: static", 12) == 0;
		if (strncmp(line, NEXT_HOP, strlen(NEXT_HOP)) == 0 && routes->count < SERVERS_MAX &&
		    sscanf(line + strlen(NEXT_HOP), "%45s", hop) == 1 &&
		    address_parse(hop, &routes->by[routes->count]))
			routes->count++;
	}
}

static bool routes_have(const struct routes *routes, const char *server)
{
	struct address address;
	for (unsigned i = 0; address_parse(server, &address) && i < routes->count; i++)
		if (address_equal(&routes->by[i], &address))
			return true;
	return false;
}

/* What the holder has published to Kubernetes; NULL: it has not, or this node is not the holder. */
static const json_t *published_find(const struct doctor *doctor, const struct config_router *router)
{
	const json_t *target;
	size_t i;
	json_array_foreach(json_object_get(doctor->status, "publish"), i, target)
	{
		if (strcmp(member_text(target, "router"), router->name) == 0 &&
		    strcmp(member_text(target, "type"), "dns") != 0 &&
		    strcmp(member_text(target, "state"), "done") == 0)
			return json_object_get(target, "published");
	}
	return NULL;
}

static void routes_judge(
    struct doctor *doctor, const struct config_router *router, const json_t *servers, const char *address)
{
	struct bird_answer answer;
	struct routes routes = {0};
	char command[ROUTE_MAX + 32], extra[LIST_MAX] = "", missing[LIST_MAX] = "", silent[LIST_MAX] = "";
	const json_t *server;
	size_t i, ready = 0;
	snprintf(command, sizeof command, "show route %s all", address);
	if (!bird_answers(doctor, command, &answer, false))
		return;
	routes_read(&answer, &routes);
	json_array_foreach(servers, i, server)
	{
		const char *node = member_text(server, "node");
		bool ours = strcmp(node, doctor->config.node) == 0, wanted = member_true(server, "ready");
		bool has = ours ? routes.own : routes_have(&routes, member_text(server, "address"));
		ready += wanted;
		if (has && !wanted)
			list_add(extra, sizeof extra, node);
		else if (!has && wanted)
			list_add(ours || routes.count ? missing : silent,
			    ours || routes.count ? sizeof missing : sizeof silent, node);
	}
	if (*extra || *missing)
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    "Calico withdraws what is not ready from 3.31.7 on and in 3.33; kubectl get bgppeers, "
		    "bgpconfigurations -o yaml",
		    "BIRD has %s%s%s%s%s", *extra ? "a route to who is not ready: " : "", extra,
		    *extra && *missing ? "; and " : "", *missing ? "none to who is: " : "", missing);
	else if (*silent)
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, "ask the router: show bgp",
		    "BIRD here is told of no other server's route, so those of %s are not known", silent);
	else
		finding_add(doctor, DOCTOR_FINE, router->name, NULL,
		    "BIRD has the routes of exactly the %zu servers that are ready", ready);
}

void find_route(struct doctor *doctor, const struct config_router *router)
{
	struct bird_answer answer;
	const json_t *servers = published_find(doctor, router);
	for (unsigned i = 0; i < router->address_count; i++) {
		char text[ADDRESS_TEXT_MAX], route[ROUTE_MAX], command[ROUTE_MAX + 16];
		snprintf(route, sizeof route, "%s/%u", address_format(&router->addresses[i], text),
		    address_bits(&router->addresses[i]));
		snprintf(command, sizeof command, "show route %s", route);
		if (!bird_answers(doctor, command, &answer, false))
			continue;
		route_judge(doctor, router, route, &answer);
		if (servers)
			routes_judge(doctor, router, servers, route);
	}
}
