/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of the virtual address, asked of one resolver by libldns: it must lead to a virtual address and
 * nowhere else, because a client that gets a node's address too goes past vipd.
 */
#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"

#define RESOLVER_TIME_S	 2
#define RESOLVER_RETRIES 2
#define DNS_PORT	 53
#define LIST_MAX	 256
#define ADDRESSES_MAX	 128

static const char no_resolver[] = "there is no resolver in /etc/resolv.conf";

struct target {
	bool is_ipv6;
	char address[64];
	uint16_t port;
};

/* "[v6]:port", "[v6]", "v6", "v4:port", "v4" */
static bool target_parse(const char *text, struct target *target)
{
	struct address address;
	const char *end = strrchr(text, ']'), *begin = text, *port = NULL;
	size_t length = strlen(text);
	if (*text == '[' && end) {
		begin = text + 1;
		length = (size_t)(end - begin);
		port = end[1] == ':' ? end + 2 : NULL;
		if (end[1] && !port)
			return false;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		length = strcspn(text, ":");
		port = text + length + 1;
	}
	if (length >= sizeof target->address)
		return false;
	memcpy(target->address, begin, length);
	target->address[length] = '\0';
	if (!address_parse(target->address, &address))
		return false;
	target->is_ipv6 = !address_is_ipv4(&address);
	long number = port ? strtol(port, NULL, 10) : DNS_PORT;
	target->port = (uint16_t)number;
	return (!port || (*port && strspn(port, "0123456789") == strlen(port))) && number > 0 &&
	       number <= UINT16_MAX;
}

bool doctor_resolver_valid(const char *text)
{
	struct target target;
	return target_parse(text, &target);
}

static ldns_resolver *resolver_open(const char *text)
{
	ldns_resolver *resolver = NULL;
	struct target target;
	if (!text) {
		if (ldns_resolver_new_frm_file(&resolver, NULL) != LDNS_STATUS_OK)
			return NULL;
	} else if (target_parse(text, &target)) {
		ldns_rdf *address = ldns_rdf_new_frm_str(
		    target.is_ipv6 ? LDNS_RDF_TYPE_AAAA : LDNS_RDF_TYPE_A, target.address);
		resolver = ldns_resolver_new();
		if (resolver && address) {
			ldns_resolver_push_nameserver(resolver, address);
			ldns_resolver_set_port(resolver, target.port);
		}
		ldns_rdf_deep_free(address);
	}
	if (resolver) {
		ldns_resolver_set_timeout(resolver, (struct timeval){.tv_sec = RESOLVER_TIME_S});
		ldns_resolver_set_retry(resolver, RESOLVER_RETRIES);
		ldns_resolver_set_retrans(resolver, 0);
		ldns_resolver_set_recursive(resolver, true);
	}
	return resolver;
}

struct lookup {
	const char *name;
	struct address *addresses;
	unsigned room, count;
};

static void take_record(struct lookup *lookup, const ldns_rr *record)
{
	const ldns_rdf *data = ldns_rr_rdf(record, 0);
	struct address address = {.in6.s6_addr = {[10] = 0xff, 0xff}};
	size_t size = ldns_rr_get_type(record) == LDNS_RR_TYPE_A ? 4 : sizeof address.in6;
	if (ldns_rdf_size(data) != size || lookup->count == lookup->room)
		return;
	memcpy(&address.in6.s6_addr[sizeof address.in6 - size], ldns_rdf_data(data), size);
	lookup->addresses[lookup->count++] = address;
}

/* Asks for one type. Returns NULL, or why there is no answer. */
static const char *ask(ldns_resolver *resolver, ldns_rr_type type, struct lookup *lookup)
{
	ldns_pkt *answer = NULL;
	ldns_rdf *domain = ldns_dname_new_frm_str(lookup->name);
	if (!domain)
		return "that is not a DNS name";
	ldns_status status =
	    ldns_resolver_query_status(&answer, resolver, domain, type, LDNS_RR_CLASS_IN, LDNS_RD);
	ldns_rdf_deep_free(domain);
	if (status != LDNS_STATUS_OK || !answer)
		return "the resolver does not answer";
	ldns_pkt_rcode code = ldns_pkt_get_rcode(answer);
	const ldns_rr_list *records = ldns_pkt_answer(answer);
	for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++) {
		const ldns_rr *record = ldns_rr_list_rr(records, i);
		if (ldns_rr_get_type(record) == type)
			take_record(lookup, record);
	}
	ldns_pkt_free(answer);
	return code == LDNS_RCODE_NOERROR    ? NULL
	       : code == LDNS_RCODE_NXDOMAIN ? "there is no such name"
	       : code == LDNS_RCODE_REFUSED  ? "the resolver refuses to answer us"
					     : "the resolver has failed (SERVFAIL or the like)";
}

const char *name_lookup(
    const char *server, const char *name, struct address *addresses, unsigned room, unsigned *count)
{
	struct lookup lookup = {name, addresses, room, 0};
	ldns_resolver *resolver = resolver_open(server);
	const char *trouble = !resolver || !ldns_resolver_nameserver_count(resolver) ? no_resolver : NULL;
	if (!trouble)
		trouble = ask(resolver, LDNS_RR_TYPE_AAAA, &lookup);
	if (!trouble)
		trouble = ask(resolver, LDNS_RR_TYPE_A, &lookup);
	ldns_resolver_deep_free(resolver);
	*count = lookup.count;
	return trouble;
}

static const char *resolver_name(const struct doctor *doctor)
{
	return doctor->request->resolver ? doctor->request->resolver : "/etc/resolv.conf";
}

static const char *records_of(bool ipv4, bool ipv6)
{
	return ipv4 && ipv6 ? "AAAA or A" : ipv4 ? "A" : "AAAA";
}

/* What the zone needs for the virtual addresses that there are. */
static const char *records_wanted(const struct config *config)
{
	bool ipv4 = false, ipv6 = false;
	for (unsigned r = 0; r < config->router_count; r++) {
		ipv4 |= config_has_family(&config->routers[r], AF_INET);
		ipv6 |= config_has_family(&config->routers[r], AF_INET6);
	}
	return records_of(ipv4, ipv6);
}

/* Of a router with both families of which the name has one: its addresses of the other one. Returns the type
 * of record that is missing. */
static const char *missing_find(
    const struct config *config, const struct address *addresses, unsigned count, char list[static LIST_MAX])
{
	bool no_record[2] = {false, false}; /* of IPv6, of IPv4 */
	for (unsigned r = 0; r < config->router_count; r++) {
		const struct config_router *router = &config->routers[r];
		bool found[2] = {false, false};
		for (unsigned i = 0; i < count; i++)
			if (config_router_has(router, &addresses[i]))
				found[address_is_ipv4(&addresses[i])] = true;
		for (unsigned i = 0; found[0] != found[1] && i < router->address_count; i++) {
			const struct address *address = &router->addresses[i];
			bool is_ipv4 = address_is_ipv4(address);
			char text[ADDRESS_TEXT_MAX];
			if (found[is_ipv4] || address_is_link_local(address))
				continue;
			no_record[is_ipv4] = true;
			list_add(list, LIST_MAX, address_format(address, text));
		}
	}
	return records_of(no_record[1], no_record[0]);
}

/* It leads nowhere else. */
static void virtuals_judge(
    struct doctor *doctor, const struct address *addresses, unsigned count, const char *found)
{
	const char *name = doctor->request->name;
	char missing[LIST_MAX] = "";
	const char *records = missing_find(&doctor->config, addresses, count, missing);
	if (*missing)
		finding_add(doctor, DOCTOR_WARNING, "",
		    "add it for the clients of that family; vipctl manifest --dns prints the record",
		    "%s leads to %s, and not to %s: no %s record", name, found, missing, records);
	else
		finding_add(doctor, DOCTOR_FINE, "", NULL, "%s by %s leads to %s and nowhere else", name,
		    resolver_name(doctor), found);
}

static void name_judge(
    struct doctor *doctor, const char *trouble, const struct address *addresses, unsigned count)
{
	const char *name = doctor->request->name, *resolver = resolver_name(doctor);
	const char *records = records_wanted(&doctor->config);
	char virtuals[LIST_MAX] = "", others[LIST_MAX] = "";
	for (unsigned i = 0; i < count; i++) {
		bool is_virtual = config_has_address(&doctor->config, &addresses[i]);
		char text[ADDRESS_TEXT_MAX];
		list_add(is_virtual ? virtuals : others, LIST_MAX, address_format(&addresses[i], text));
	}
	if (trouble)
		finding_add(doctor, DOCTOR_FAILURE, "",
		    "look at the zone; vipctl manifest --dns prints the record", "%s by %s: %s", name,
		    resolver, trouble);
	else if (*others) {
		finding_add(doctor, DOCTOR_FAILURE, "", NULL,
		    "%s by %s leads also to %s, which is not a virtual address", name, resolver, others);
		finding_advise(doctor,
		    "leave only the %s record of the virtual address; names of the nodes belong elsewhere",
		    records);
	} else if (!*virtuals)
		finding_add(doctor, DOCTOR_FAILURE, "", "add it; vipctl manifest --dns prints the record",
		    "%s by %s: no %s record", name, resolver, records);
	else
		virtuals_judge(doctor, addresses, count, virtuals);
}

void find_name(struct doctor *doctor)
{
	const char *name = doctor->request->name;
	struct address addresses[ADDRESSES_MAX];
	unsigned count;
	if (!name || !doctor->config_readable) {
		finding_add(doctor, DOCTOR_UNKNOWN, "",
		    name ? NULL : "say which: --name k8s-api.example.com --resolver [ADDRESS]:PORT",
		    name ? "the virtual addresses are not known" : "no name was given, so DNS was not asked");
		return;
	}
	const char *trouble = name_lookup(doctor->request->resolver, name, addresses, ADDRESSES_MAX, &count);
	if (trouble == no_resolver)
		finding_add(doctor, DOCTOR_UNKNOWN, "", "--resolver [ADDRESS]:PORT", "%s", trouble);
	else
		name_judge(doctor, trouble, addresses, count);
}
