/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface and the kernel's list of addresses, read without the agent's help.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "vipd/mono.h"

#define LOOKS	10
#define LOOK_US (100 * USEC_PER_MS)

/* The kernel's list of addresses; NULL, and a finding, if it does not tell. */
static struct ifaddrs *interfaces(struct doctor *doctor, const struct config_router *router)
{
	struct ifaddrs *list;
	if (getifaddrs(&list) == 0)
		return list;
	finding_add(doctor, DOCTOR_UNKNOWN, router->name, NULL, "the kernel does not tell: %s",
	    strerrordesc_np(errno));
	return NULL;
}

/* The address that VRRP sends from, or none: in IPv6 link-local, in IPv4 not virtual. */
static bool source_find(const struct config *config, const struct ifaddrs *list,
    const struct config_router *router, char out[static ADDRESS_TEXT_MAX])
{
	bool ipv4 = router->id.family == AF_INET;
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct address address;
		if (strcmp(entry->ifa_name, router->id.interface) != 0 ||
		    !address_of_sockaddr(entry->ifa_addr, &address) || address_is_ipv4(&address) != ipv4 ||
		    (ipv4 ? config_has_address(config, &address) : !address_is_link_local(&address)))
			continue;
		address_format(&address, out);
		return true;
	}
	return false;
}

/* IFF_* of the interface, 0 if it does not exist. */
static unsigned flags_find(const struct ifaddrs *list, const char *interface)
{
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		if (strcmp(entry->ifa_name, interface) == 0)
			return entry->ifa_flags;
	}
	return 0;
}

static void link_judge(struct doctor *doctor, const struct config_router *router, const struct ifaddrs *list)
{
	char source[ADDRESS_TEXT_MAX];
	bool found = source_find(&doctor->config, list, router, source);
	const char *name = router->id.interface;
	unsigned flags = flags_find(list, name);
	int forwarding = kernel_setting_read("ipv6", name, "forwarding"),
	    accept_dad = kernel_setting_read("ipv6", name, "accept_dad");
	if (!if_nametoindex(name)) {
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    "correct `interface` in vipd.conf, or make it; vipd waits for it",
		    "there is no interface %s", name);
	} else if (!(flags & IFF_UP)) {
		finding_add(doctor, DOCTOR_FAILURE, router->name, NULL, "%s is down", name);
		finding_advise(doctor, "ip link set %s up", name);
	} else if (!(flags & IFF_RUNNING)) {
		finding_add(doctor, DOCTOR_FAILURE, router->name, "look at the cable and the switch",
		    "%s has no carrier", name);
	} else if (!found && router->id.family == AF_INET) {
		finding_add(doctor, DOCTOR_FAILURE, router->name, "give the interface an address of its own",
		    "%s has no IPv4 address of its own, so VRRP cannot send", name);
	} else if (!found) {
		finding_add(doctor, DOCTOR_FAILURE, router->name, NULL,
		    "%s has no link-local address%s, so VRRP cannot send", name,
		    kernel_setting_read("ipv6", name, "disable_ipv6") == 1 ? ": IPv6 is disabled on it" : "");
		finding_advise(
		    doctor, "sysctl net.ipv6.conf.%s.disable_ipv6 and addr_gen_mode must be 0", name);
	} else if (router->id.family == AF_INET) {
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "%s is up, sends from %s", name, source);
	} else if (accept_dad == 2) {
		finding_add(doctor, DOCTOR_WARNING, router->name, NULL,
		    "%s: accept_dad is 2: one duplicate of its link-local address switches IPv6 off", name);
		finding_advise(doctor, "sysctl -w net.ipv6.conf.%s.accept_dad=1", name);
	} else {
		finding_add(doctor, DOCTOR_FINE, router->name, NULL,
		    "%s is up, sends from %s; forwarding %d (announced as a %s), accept_dad %d", name, source,
		    forwarding, forwarding > 0 ? "router" : "host", accept_dad);
	}
}

void find_interface(struct doctor *doctor, const struct config_router *router)
{
	struct ifaddrs *list = interfaces(doctor, router);
	if (!list)
		return;
	link_judge(doctor, router, list);
	freeifaddrs(list);
}

/* ---- the virtual addresses ---- */

struct place {
	bool here;  /* on the interface of the virtual router */
	bool whole; /* with the prefix length of a single address */
	unsigned prefix;
	char other[IF_NAMESIZE]; /* another interface that has it, kube-ipvs0 apart; "" */
};

static unsigned prefix_of(const struct ifaddrs *entry)
{
	struct address mask;
	unsigned bits = 0;
	if (!address_of_sockaddr(entry->ifa_netmask, &mask))
		return ADDRESS_BITS;
	const uint8_t *bytes = address_bytes(&mask);
	while (bits < address_bits(&mask) && bytes[bits / 8] & (0x80 >> bits % 8))
		bits++;
	return bits;
}

static struct place address_find(
    const struct ifaddrs *list, const char *interface, const struct address *wanted)
{
	struct place place = {0};
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct address address;
		if (!address_of_sockaddr(entry->ifa_addr, &address) || !address_equal(&address, wanted))
			continue;
		if (strcmp(entry->ifa_name, interface) == 0) {
			place.here = true;
			place.prefix = prefix_of(entry);
			place.whole = place.prefix == address_bits(wanted);
		} else if (strcmp(entry->ifa_name, IPVS_INTERFACE) != 0) {
			snprintf(place.other, sizeof place.other, "%.15s", entry->ifa_name);
		}
	}
	return place;
}

static void address_judge(struct doctor *doctor, const struct config_router *router, const json_t *status,
    const char *address, struct place place)
{
	bool known = status, active = router_is_active(status);
	if (known && active && !place.here) {
		finding_add(doctor, DOCTOR_FAILURE, router->name, NULL,
		    "ACTIVE WITHOUT ITS ADDRESS: the kernel does not have %s on %s", address,
		    router->id.interface);
		finding_advise(
		    doctor, "move it away: vipctl drain %s; why: journalctl -u vipd", router->name);
	} else if (!active && place.here) {
		finding_add(doctor, DOCTOR_FAILURE, router->name, NULL,
		    "ADDRESS LEFT BEHIND: %s, but the kernel has %s on %s",
		    known ? "this node is not the holder" : "no vipd answers here", address,
		    router->id.interface);
		if (known)
			finding_advise(doctor, "ip address del %s/%u dev %s", address, place.prefix,
			    router->id.interface);
		else
			finding_advise(
			    doctor, "vipd --release -c %s, if vipd is not running", doctor->config_path);
	} else if (place.here && !place.whole) {
		finding_add(doctor, DOCTOR_WARNING, router->name,
		    "somebody else has added it; only vipd should configure this address",
		    "the kernel has %s as /%u on %s: with that prefix comes a route that is lost with it",
		    address, place.prefix, router->id.interface);
	} else if (*place.other) {
		finding_add(doctor, DOCTOR_WARNING, router->name, NULL,
		    "the kernel has %s on %s, which is not vipd's", address, place.other);
		finding_advise(doctor, "ip address show dev %s; remove it there", place.other);
	} else {
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "the kernel %s %s on %s",
		    place.here ? "has" : "does not have", address, router->id.interface);
	}
}

static bool agrees(const struct ifaddrs *list, const struct config_router *router, const json_t *status)
{
	bool agreed = true;
	for (unsigned i = 0; i < router->address_count; i++)
		agreed &= address_find(list, router->id.interface, &router->addresses[i]).here ==
			  router_is_active(router_status(status, router));
	return agreed;
}

/* The kernel and the agent are not asked at the same moment: while the address moves they differ for a while.
 */
void find_kernel(struct doctor *doctor, const struct config_router *router)
{
	json_t *status = json_incref(doctor->later ? doctor->later : doctor->status);
	struct ifaddrs *list = interfaces(doctor, router);
	for (int i = 0; i < LOOKS && list && status && !agrees(list, router, status); i++) {
		usleep(LOOK_US);
		freeifaddrs(list);
		json_decref(status);
		status = status_read(doctor);
		list = interfaces(doctor, router);
	}
	for (unsigned i = 0; list && i < router->address_count; i++) {
		char text[ADDRESS_TEXT_MAX];
		address_judge(doctor, router, router_status(status, router),
		    address_format(&router->addresses[i], text),
		    address_find(list, router->id.interface, &router->addresses[i]));
	}
	if (list)
		freeifaddrs(list);
	json_decref(status);
}
