/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How kube-proxy treats the virtual address once a Service names it. In IPVS mode it binds the address to
 * kube-ipvs0 on every node, which looks like a second holder but is not one: Linux answers for an address
 * only on the interface that has it, and that one has no wire.
 */
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/https.h"

#define IPVS_INTERFACE "kube-ipvs0"
#define MODE_URL       "http://localhost:10249/proxyMode"
#define MODE_TIME_MS   1000

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

void find_kube_proxy(struct doctor *doctor)
{
	struct https_answer answer;
	if (if_nametoindex(IPVS_INTERFACE)) {
		bool holds = ipvs_holds_one(&doctor->config);
		finding_add(doctor, DOCTOR_FINE, "", NULL,
		    "mode ipvs; " IPVS_INTERFACE " %s the virtual address%s", holds ? "has" : "does not have",
		    holds ? " on every node, as of any external address: it answers nobody there, but what "
			    "this "
			    "node itself sends to the address is not sent to the holder"
			  : "");
		return;
	}
	https_ask(&(struct https_request){.url = MODE_URL, .timeout_ms = MODE_TIME_MS}, &answer);
	size_t length = 0;
	while (isalnum((unsigned char)answer.body[length]))
		length++;
	if (answer.status == 200 && length)
		finding_add(doctor, DOCTOR_FINE, "", NULL,
		    "mode %.*s: once a Service names the virtual address, test it from outside the cluster: "
		    "here it is rewritten",
		    (int)length, answer.body);
	else
		finding_add(
		    doctor, DOCTOR_UNKNOWN, "", NULL, "no kube-proxy answers on this node (port 10249)");
}
