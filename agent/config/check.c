/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold between settings, and what a reload cannot change. Nothing here knows the syntax of the
 * file.
 */
#include <string.h>

#include "config/report.h"
#include "vipd/mono.h"
#include "vipd/timing.h"

/*
 * At worst two thirds of the lease are left when the engine dies. While it is restarted the address must not
 * vanish before anybody else can have taken over, else clients are without address although nobody has to
 * move.
 */
static int64_t shortest_lease(const struct config_router *router)
{
	int64_t silence_us = vrrp_silence_limit(router->advert_interval_us);
	return silence_us * VRRP_RENEWALS_A_LEASE / (VRRP_RENEWALS_A_LEASE - 1);
}

uint32_t shortest_lease_s(const struct config_router *router)
{
	return (uint32_t)((shortest_lease(router) + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

static void check_lease(struct report *report, const struct config_router *router)
{
	uint32_t shortest_s = shortest_lease_s(router);
	if (!router->kernel_lease_s || router->kernel_lease_s >= shortest_s)
		return;
	report_field(report, &router->kernel_lease_s, router, "kernel_lease",
	    "is shorter than %d advert intervals, so the address could vanish while vipd restarts; "
	    "write \"%us\" or more, or \"0s\" for no lease",
	    (int)(shortest_lease(router) / router->advert_interval_us), shortest_s);
}

static void check_router_names(struct report *report, const struct config *config, unsigned index)
{
	const struct config_router *router = &config->routers[index];
	for (unsigned i = 0; i < index && router->name[0]; i++) {
		if (!strcmp(config->routers[i].name, router->name)) {
			report_field(report, router->name, router, "name",
			    "\"%s\" is the name of virtual_routers[%u] already; write another one",
			    router->name, i);
			return;
		}
	}
}

static void check_vrids(struct report *report, const struct config *config, unsigned index)
{
	const struct config_router *router = &config->routers[index];
	for (unsigned i = 0; i < index && router->id.vrid && router->id.interface[0]; i++) {
		const struct config_router *other = &config->routers[i];
		if (router_id_equal(&other->id, &router->id)) {
			report_field(report, &router->id.vrid, router, "vrid",
			    "virtual_routers[%u] has this vrid on %s too; give each its own, 1..255", i,
			    other->id.interface);
			return;
		}
	}
}

/* Where an address stands for the second time, in this virtual router or in one before. */
static void check_addresses(struct report *report, const struct config *config, unsigned index)
{
	const struct config_router *router = &config->routers[index];
	for (unsigned a = 0; a < router->address_count; a++) {
		bool found = false;
		for (unsigned i = 0; i <= index && !found; i++) {
			const struct config_router *other = &config->routers[i];
			unsigned count = i == index ? a : other->address_count;
			for (unsigned b = 0; b < count && !found; b++)
				found = address_equal(&other->addresses[b], &router->addresses[a]);
			if (found)
				report_field(report, &router->addresses[a], router, "addresses",
				    "virtual_routers[%u] has this address already; write it once", i);
		}
	}
}

static bool is_of_family(const struct config_router *router, const struct address *address)
{
	return address_is_ipv4(address) == (router->id.family == AF_INET);
}

static const char *family_name(const struct config_router *router)
{
	return router->id.family == AF_INET ? "IPv4" : "IPv6";
}

#define FAMILY_RULE "adverts of this virtual router are %s, as its first address is"

/* What has a use in adverts of the other family only. */
static void check_family(struct report *report, const struct config_router *router)
{
	bool ipv4 = router->id.family == AF_INET;
	if (!ipv4 && router->checksum != CHECKSUM_RFC5798)
		report_field(report, &router->checksum, router, "checksum",
		    "is of no use: " FAMILY_RULE "; leave it out", family_name(router));
	if (ipv4 && router->link_local_mode != LINK_LOCAL_AUTO)
		report_field(report, &router->link_local_mode, router, "link_local",
		    "is of no use: " FAMILY_RULE "; leave it out", family_name(router));
}

/* Who holds a virtual address is now this server and now another one, and a server is not its own peer. */
static void check_peer(struct report *report, const struct config *config, const struct config_router *router,
    const struct address *peer)
{
	const char *what = config_has_address(config, peer)	  ? "is a virtual address"
			   : address_equal(peer, &router->source) ? "is source, and so this server itself"
								  : NULL;
	if (what)
		report_field(report, peer, router, "peers",
		    "%s; write the addresses from which the other servers send", what);
}

/* Adverts have one source, link-local or not, so the peers must be of the same kind to see it as theirs. */
static void check_peers(
    struct report *report, const struct config *config, const struct config_router *router)
{
	for (unsigned i = 0; i < router->peer_count; i++)
		check_peer(report, config, router, &router->peers[i]);
	for (unsigned i = 0; i < router->peer_count; i++) {
		if (is_of_family(router, &router->peers[i]))
			continue;
		report_field(report, &router->peers[i], router, "peers",
		    "is of the wrong family: " FAMILY_RULE "; write the %s addresses of the other servers",
		    family_name(router), family_name(router));
		return;
	}
	for (unsigned i = 1; i < router->peer_count; i++) {
		if (!address_is_link_local(&router->peers[i]) == !address_is_link_local(&router->peers[0]))
			continue;
		report_field(report, &router->peers[i], router, "peers",
		    "is not of the kind of the first one, link-local or not; write the link-local addresses "
		    "of all other servers, or none");
		return;
	}
}

/* RFC 9568 section 5.1.2.1 for the group; the peers know us by an address of the kind that theirs are. */
static void check_source(
    struct report *report, const struct config *config, const struct config_router *router)
{
	const struct address *source = &router->source;
	bool link_local = !router->peer_count || address_is_link_local(&router->peers[0]);
	if (address_is_unspecified(source))
		return;
	if (!is_of_family(router, source)) {
		report_field(report, source, router, "source",
		    "is of the wrong family: " FAMILY_RULE "; write an %s address of the interface",
		    family_name(router), family_name(router));
		return;
	}
	if (router->id.family == AF_INET6 && address_is_link_local(source) != link_local)
		report_field(report, source, router, "source",
		    router->peer_count ? "is not of the kind that peers are, link-local or not; write one "
					 "that the other servers have among their peers"
				       : "is not a link-local address; without peers adverts are sent from "
					 "one, so write one or leave this out");
	else if (config_has_address(config, source))
		report_field(report, source, router, "source",
		    "is a virtual address; write one that stays on this server");
}

static void check_tracks(struct report *report, const struct config_router *router)
{
	for (unsigned i = 0; i < router->track_count && router->id.interface[0]; i++)
		if (!strcmp(router->track[i], router->id.interface))
			report_field(report, router->track[i], router, "track_interfaces",
			    "is the interface of this virtual router, which is always watched; take it out");
}

/* The names of interfaces so far; the router that names one too many gets the error. */
struct names {
	unsigned count;
	const char *items[CONFIG_LINKS_MAX];
};

static bool name_add(struct names *names, const char *name)
{
	for (unsigned i = 0; i < names->count; i++)
		if (!strcmp(names->items[i], name))
			return true;
	if (names->count == CONFIG_LINKS_MAX)
		return false;
	names->items[names->count++] = name;
	return true;
}

static void check_links(struct report *report, const struct config *config)
{
	struct names names = {0};
	for (unsigned i = 0; i < config->router_count; i++) {
		const struct config_router *router = &config->routers[i];
		bool fits = name_add(&names, router->id.interface);
		for (unsigned t = 0; t < router->track_count && fits; t++)
			fits = name_add(&names, router->track[t]);
		if (fits)
			continue;
		report_field(report, router->id.interface, router, "interface",
		    "with this virtual router there are more than %d interfaces, tracked ones too, and vipd "
		    "watches at most so many; track fewer of them",
		    CONFIG_LINKS_MAX);
		return;
	}
}

static void check_check(struct report *report, const struct config *config, unsigned index)
{
	const struct config_check *check = &config->checks[index];
	for (unsigned i = 0; i < config->check_count && check->name[0]; i++) {
		const struct config_check *other = &config->checks[i];
		if ((i >= index && !other->is_second) || strcmp(other->name, check->name) != 0)
			continue;
		if (other->is_second)
			report_field(report, check->name, check, "name",
			    "\"%s\" is how the second question of a check of type \"kubernetes\" is called; "
			    "write another one",
			    check->name);
		else
			report_field(report, check->name, check, "name",
			    "\"%s\" is the name of checks[%u] already; write another one", check->name, i);
		break;
	}
	char second[CONFIG_NAME_MAX];
	if (check->second && !config_second_name(check->name, second))
		report_field(report, check->name, check, "name",
		    "is too long: its second question is called so with -etcd behind it; write at most %zu "
		    "characters",
		    CONFIG_FIRST_NAME_MAX - 1);
	if (check->cert.path[0] && !check->key.path[0])
		report_field(report, check->cert.path, check, "cert",
		    "is of no use without its private key; write key = … too");
	if (check->key.path[0] && !check->cert.path[0])
		report_field(report, check->key.path, check, "key",
		    "is of no use without its certificate; write cert = … too");
}

void config_check(struct report *report, const struct config *config)
{
	for (unsigned i = 0; i < config->router_count; i++) {
		check_router_names(report, config, i);
		check_vrids(report, config, i);
		check_addresses(report, config, i);
		check_family(report, &config->routers[i]);
		check_peers(report, config, &config->routers[i]);
		check_source(report, config, &config->routers[i]);
		check_lease(report, &config->routers[i]);
		check_tracks(report, &config->routers[i]);
	}
	check_links(report, config);
	if (config_has_address(config, &config->group_advertise))
		report_field(report, &config->group_advertise, config, "group.advertise",
		    "is a virtual address, which leads to its holder; write an address that stays on this "
		    "server");
	for (unsigned i = 0; i < config->written_checks; i++)
		check_check(report, config, i);
}

int config_check_reload(const struct config *running, const struct config *next, struct config_errors *errors)
{
	const struct {
		const char *key, *before, *after;
	} fixed[] = {
	    {"control.socket", running->socket, next->socket},
	    {"control.group", running->group, next->group},
	    {"control.admin_group", running->admin_group, next->admin_group},
	    {"metrics.listen", running->metrics_listen, next->metrics_listen},
	    {"record_dir", running->record_dir, next->record_dir},
	    {"run_as", running->run_as, next->run_as},
	};
	struct report report = {.path = next->path};
	if (running->group_port != next->group_port)
		report_line(&report, 0,
		    "group.port = %u: cannot change while vipd runs (%u now); put it back, or restart vipd",
		    next->group_port, running->group_port);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(fixed[i].before, fixed[i].after))
			report_line(&report, 0,
			    "%s = \"%s\": cannot change while vipd runs (\"%s\" now); put it back, or "
			    "restart vipd",
			    fixed[i].key, fixed[i].after, fixed[i].before);
	return report_finish(&report, errors);
}
