/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How kube-proxy treats the virtual address. In IPVS mode it binds the address of a Service to kube-ipvs0 on
 * every node, which looks like a second holder but is not one: Linux answers for an address only on the
 * interface that has it, and that one has no wire. In nftables mode it drops what goes to an address of the
 * service CIDR that no Service has; its rules say which those are.
 */
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/https.h"
#include "doctor/tool.h"

#define MODE_URL     "http://localhost:10249/proxyMode"
#define MODE_TIME_MS 1000

static bool ipvs_holds_one(const struct config *config)
{
	struct ifaddrs *list;
	bool found = false;
	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct address address;
		found |= strcmp(entry->ifa_name, IPVS_INTERFACE) == 0 &&
			 address_of_sockaddr(entry->ifa_addr, &address) &&
			 config_has_address(config, &address);
	}
	freeifaddrs(list);
	return found;
}

/* ---- nftables ---- */

/* An object of its table, such as "chain", "cluster-ips-check"; NULL: there is none, or nft cannot be asked.
 */
static json_t *rules_read(bool ipv4, const char *kind, const char *name)
{
	char command[128];
	snprintf(command, sizeof command, "nft -j list %s %s kube-proxy %s", kind, ipv4 ? "ip" : "ip6", name);
	char *text = tool_run(command);
	json_t *rules = text ? json_loads(text, 0, NULL) : NULL;
	free(text);
	return rules;
}

/* Whether the address, or a prefix that it is in, stands anywhere in it. */
static bool names_address(const json_t *value, const struct address *address)
{
	struct address named;
	const json_t *prefix = json_object_get(value, "prefix"), *item;
	size_t i;
	const char *key;
	if (json_is_string(value))
		return address_parse(json_string_value(value), &named) && address_equal(&named, address);
	if (prefix)
		return address_parse(member_text(prefix, "addr"), &named) &&
		       address_in_prefix(
			   address, &named, (unsigned)json_integer_value(json_object_get(prefix, "len")));
	json_array_foreach(value, i, item) if (names_address(item, address)) return true;
	json_object_foreach((json_t *)value, key, item) if (names_address(item, address)) return true;
	return false;
}

static void address_judge(
    struct doctor *doctor, const struct config_router *router, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];
	bool ipv4 = address_is_ipv4(address);
	json_t *dropped = rules_read(ipv4, "chain", "cluster-ips-check");
	json_t *services = rules_read(ipv4, "map", "service-ips");
	address_format(address, text);
	if (!dropped || !services)
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, is_root() ? NULL : ADVICE_ROOT,
		    "mode nftables; what it does with %s is not known: its rules cannot be read (nft)", text);
	else if (names_address(services, address))
		finding_add(doctor, DOCTOR_FINE, router->name, NULL,
		    "mode nftables; a Service has %s: test it from outside the cluster, here it is rewritten",
		    text);
	else if (names_address(dropped, address))
		finding_add(doctor, DOCTOR_WARNING, router->name,
		    "use an address outside of the service CIDR, or give it to a Service (vipctl manifest "
		    "--calico)",
		    "mode nftables; %s is in the service CIDR and no Service has it: nodes and pods, also "
		    "the holder, cannot reach it",
		    text);
	else
		finding_add(doctor, DOCTOR_FINE, router->name, NULL,
		    "mode nftables; %s is not in the service CIDR", text);
	json_decref(dropped);
	json_decref(services);
}

static void nftables_judge(struct doctor *doctor)
{
	for (unsigned r = 0; r < doctor->config.router_count; r++) {
		const struct config_router *router = &doctor->config.routers[r];
		for (unsigned a = 0; a < router->address_count; a++)
			address_judge(doctor, router, &router->addresses[a]);
	}
}

void find_kube_proxy(struct doctor *doctor)
{
	struct https_answer answer;
	if (if_nametoindex(IPVS_INTERFACE)) {
		bool holds = ipvs_holds_one(&doctor->config);
		finding_add(doctor, DOCTOR_FINE, "", NULL,
		    "mode ipvs; " IPVS_INTERFACE " %s the virtual address%s", holds ? "has" : "does not have",
		    holds ? " on every node, as of any external address: it answers nobody there, but what "
			    "this node itself sends to the address is not sent to the holder"
			  : "");
		return;
	}
	https_ask(&(struct https_request){.url = MODE_URL, .timeout_ms = MODE_TIME_MS}, &answer);
	size_t length = 0;
	while (isalnum((unsigned char)answer.body[length]))
		length++;
	if (answer.status == 200 && length == 8 && !strncmp(answer.body, "nftables", length))
		nftables_judge(doctor);
	else if (answer.status == 200 && length)
		finding_add(doctor, DOCTOR_FINE, "", NULL,
		    "mode %.*s: once a Service names the virtual address, test it from outside the cluster: "
		    "here it is rewritten",
		    (int)length, answer.body);
	else
		finding_add(
		    doctor, DOCTOR_UNKNOWN, "", NULL, "no kube-proxy answers on this node (port 10249)");
}
