/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the kernel answers ARP for a virtual address, and takes what comes to it: settings that people make
 * for other reasons (arp_ignore = 3 of load balancers) and that nothing else complains of. Of each the
 * greater of `all` and of the interface counts.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "doctor/tool.h"
#include "vipd/route.h"

#define ROUTES	 "/proc/net/route"
#define LIST_MAX 256

/* Values of net.ipv4.conf.*.arp_ignore, and of rp_filter. */
enum { SAME_SUBNET = 2, NOT_HOST_SCOPE = 3, NEVER = 8, STRICT = 1 };

struct setting {
	int value;	   /* -1: the kernel does not tell */
	const char *where; /* "all" or the interface */
};

static struct setting setting_read(const char *interface, const char *name)
{
	struct setting all = {kernel_setting_read("ipv4", "all", name), "all"},
		       own = {kernel_setting_read("ipv4", interface, name), interface};
	return all.value > own.value ? all : own;
}

static bool is_reachable(const struct ifaddrs *entry, const struct address *address)
{
	struct address own, mask;
	if (!address_of_sockaddr(entry->ifa_addr, &own) || !address_is_ipv4(&own) ||
	    !address_of_sockaddr(entry->ifa_netmask, &mask) || address_equal(&own, address))
		return false;
	const uint8_t *a = address_bytes(&own), *b = address_bytes(address), *m = address_bytes(&mask);
	for (unsigned i = 0; i < 4; i++)
		if ((a[i] ^ b[i]) & m[i])
			return false;
	return true;
}

/* Whether an address of the interface has this one in its subnet. */
static bool has_subnet_of(const struct ifaddrs *list, const char *interface, const struct address *address)
{
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
		if (strcmp(entry->ifa_name, interface) == 0 && is_reachable(entry, address))
			return true;
	return false;
}

static void tell_ignored(struct doctor *doctor, const struct config_router *router,
    const struct setting *ignore, const char *address, const char *why)
{
	finding_add(doctor, DOCTOR_FAILURE, router->name, NULL,
	    "nobody finds %s while it is on this server: net.ipv4.conf.%s.arp_ignore is %d: %s", address,
	    ignore->where, ignore->value, why);
	finding_advise(doctor,
	    "sysctl -w net.ipv4.conf.%s.arp_ignore=1, and see who sets it: grep -r "
	    "arp_ignore /etc/sysctl.conf /etc/sysctl.d",
	    ignore->where);
}

/* true: something was wrong. */
static bool answers_judge(struct doctor *doctor, const struct config_router *router,
    const struct ifaddrs *list, const struct address *address)
{
	struct setting ignore = setting_read(router->id.interface, "arp_ignore");
	char text[ADDRESS_TEXT_MAX];
	address_format(address, text);
	if (ignore.value == NEVER)
		tell_ignored(doctor, router, &ignore, text, "the kernel answers no ARP request");
	else if (ignore.value == NOT_HOST_SCOPE)
		tell_ignored(doctor, router, &ignore, text,
		    "the kernel answers for no address of scope host, and vipd's are of that scope");
	else if (ignore.value == SAME_SUBNET && !has_subnet_of(list, router->id.interface, address))
		tell_ignored(doctor, router, &ignore, text,
		    "the kernel answers only for addresses in a subnet of the interface");
	else
		return false;
	return true;
}

/* ---- reverse paths ---- */

/* Of the default route with the smallest metric; "": there is none. */
static void default_route(char interface[static IF_NAMESIZE])
{
	char line[256], name[IF_NAMESIZE];
	unsigned target, mask, metric, best = 0;
	FILE *routes = fopen(ROUTES, "re");
	*interface = '\0';
	while (routes && fgets(line, sizeof line, routes)) {
		if (sscanf(line, "%15s %x %*x %*x %*d %*d %u %x", name, &target, &metric, &mask) != 4 ||
		    target || mask || (*interface && metric >= best))
			continue;
		snprintf(interface, IF_NAMESIZE, "%s", name);
		best = metric;
	}
	if (routes)
		fclose(routes);
}

/* The interface of the route to `address`, by the source address that it has; NULL: not known. */
static const char *route_interface(const struct ifaddrs *list, int fd, const struct address *address)
{
	struct address source, own;
	if (fd < 0 || route_source(fd, address, 0, &source) != 0)
		return NULL;
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
		if (address_of_sockaddr(entry->ifa_addr, &own) && address_equal(&own, &source))
			return entry->ifa_name;
	return NULL;
}

/* A router whose adverts come in here, while the route to it leads elsewhere; NULL: none. */
static const char *stray_speaker(const struct segment *segment, const struct ifaddrs *list,
    const struct config_router *router, char speaker[static ADDRESS_TEXT_MAX])
{
	int fd = route_open(AF_INET);
	const char *found = NULL;
	for (unsigned i = 0; segment && i < segment->speaker_count && !found; i++) {
		const struct segment_speaker *other = &segment->speakers[i];
		const char *interface = address_is_ipv4(&other->source) && !other->outgoing
					    ? route_interface(list, fd, &other->source)
					    : NULL;
		if (!interface || strcmp(interface, router->id.interface) == 0)
			continue;
		found = interface;
		address_format(&other->source, speaker);
	}
	if (fd >= 0)
		close(fd);
	return found;
}

static bool paths_judge(struct doctor *doctor, const struct config_router *router, const struct ifaddrs *list)
{
	struct setting filter = setting_read(router->id.interface, "rp_filter");
	char speaker[ADDRESS_TEXT_MAX], interface[IF_NAMESIZE];
	if (filter.value != STRICT)
		return false;
	const char *other = stray_speaker(router_segment(doctor, router), list, router, speaker);
	default_route(interface);
	if (other)
		finding_add(doctor, DOCTOR_FAILURE, router->name, NULL,
		    "adverts of %s come in on %s, and the route to it leads to %s: with rp_filter = 1 the "
		    "kernel drops them",
		    speaker, router->id.interface, other);
	else if (*interface && strcmp(interface, router->id.interface) != 0)
		finding_add(doctor, DOCTOR_WARNING, router->name, NULL,
		    "the default route leads to %s: with rp_filter = 1 the kernel drops what clients of "
		    "other networks send to the address on %s",
		    interface, router->id.interface);
	else
		return false;
	finding_advise(doctor, "sysctl -w net.ipv4.conf.%s.rp_filter=2", router->id.interface);
	return true;
}

/* ---- rules ---- */

static bool rules_judge(struct doctor *doctor, const struct config_router *router)
{
	char list[LIST_MAX] = "";
	chains_find(list, sizeof list, "arp");
	if (!*list)
		return false;
	finding_add(doctor, DOCTOR_WARNING, router->name,
	    "nft list ruleset arp: requests for the address and answers must pass; vipctl doctor wire on "
	    "another server says who answers",
	    "there are rules for ARP that drop something: %s", list);
	return true;
}

/* ---- all ---- */

static bool is_without_arp(const struct ifaddrs *list, const char *interface)
{
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
		if (strcmp(entry->ifa_name, interface) == 0)
			return entry->ifa_flags & IFF_NOARP;
	return false;
}

static void judge(struct doctor *doctor, const struct config_router *router, const struct ifaddrs *list)
{
	const char *interface = router->id.interface;
	bool bad = is_without_arp(list, interface);
	if (bad) {
		finding_add(doctor, DOCTOR_FAILURE, router->name, NULL,
		    "%s does not do ARP (NOARP), so nobody finds an IPv4 address on it", interface);
		finding_advise(doctor, "ip link set %s arp on", interface);
	}
	for (unsigned i = 0; i < router->address_count && !bad; i++)
		if (address_is_ipv4(&router->addresses[i]))
			bad = answers_judge(doctor, router, list, &router->addresses[i]);
	bad |= paths_judge(doctor, router, list);
	bad |= rules_judge(doctor, router);
	if (!bad)
		finding_add(doctor, DOCTOR_FINE, router->name, NULL,
		    "%s: the kernel answers for the address while it is here (arp_ignore %d, arp_announce "
		    "%d, rp_filter %d)",
		    interface, setting_read(interface, "arp_ignore").value,
		    setting_read(interface, "arp_announce").value,
		    setting_read(interface, "rp_filter").value);
}

void find_arp(struct doctor *doctor, const struct config_router *router)
{
	struct ifaddrs *list;
	if (!config_has_family(router, AF_INET) || !if_nametoindex(router->id.interface))
		return;
	if (getifaddrs(&list) < 0) {
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, NULL, "the kernel does not list addresses");
		return;
	}
	judge(doctor, router, list);
	freeifaddrs(list);
}
