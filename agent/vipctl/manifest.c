/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `manifest`: what belongs into the cluster, onto the servers, into the DNS and into Prometheus, made from
 * vipd.conf and a few options. The texts, with the reason of every choice, are the files under
 * agent/vipctl/manifest.
 */
#include "vipctl/manifest.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const struct config_router *router_find(const struct config *config, const struct manifest *manifest)
{
	if (!manifest->router && config->router_count == 1)
		return &config->routers[0];
	for (uint32_t i = 0; i < config->router_count; i++) {
		if (manifest->router && strcmp(config->routers[i].name, manifest->router) == 0)
			return &config->routers[i];
	}
	fprintf(stderr, "vipctl: %s: %s%s; there are:", config->path,
	    manifest->router ? "no virtual router is called "
			     : "several virtual routers; say which with --router",
	    manifest->router ? manifest->router : "");
	for (uint32_t i = 0; i < config->router_count; i++)
		fprintf(stderr, " %s", config->routers[i].name);
	fputc('\n', stderr);
	return NULL;
}

/* The one of its addresses that is `wanted`, or with "" the only one. False, with a message, if it is not
 * clear which. */
static bool vip_find(const struct config *config, const struct config_router *router, const char *wanted,
    char vip[static ADDRESS_TEXT_MAX])
{
	for (uint32_t i = 0; i < router->address_count; i++) {
		address_format(&router->addresses[i], vip);
		if (*wanted ? strcmp(vip, wanted) == 0 : router->address_count == 1)
			return true;
	}
	if (*wanted)
		fprintf(stderr, "vipctl: %s: the virtual router %s has no address %s\n", config->path,
		    router->name, wanted);
	else
		fprintf(stderr,
		    "vipctl: %s: the virtual router %s has several addresses; say which with --address\n",
		    config->path, router->name);
	return false;
}

void address_in_url(const char *address, char host[static ADDRESS_TEXT_MAX + 2])
{
	bool ipv6 = strchr(address, ':');
	snprintf(host, ADDRESS_TEXT_MAX + 2, ipv6 ? "[%s]" : "%s", address);
}

/* No endpoint may be the virtual address: the route would lead to itself. */
static void servers_check(const struct manifest *manifest, const char *vip)
{
	for (size_t i = 0; i < manifest->server_count; i++) {
		if (!manifest->kind->any_family &&
		    !strchr(vip, ':') != !strchr(manifest->servers[i].address, ':'))
			usage_error("--server %s=%s: give its address of the family of the virtual one, %s",
			    manifest->servers[i].name, manifest->servers[i].address, vip);
		if (strcmp(manifest->servers[i].address, vip) == 0)
			usage_error("--server %s=%s: that is the virtual address; give the server's own",
			    manifest->servers[i].name, vip);
	}
}

/* What is not in it Kubernetes gives to nobody. */
static bool cidr_check(const struct manifest *manifest, const char *vip)
{
	struct address address;
	if (!manifest->service_cidr || (address_parse(vip, &address) &&
					   address_in_prefix(&address, &manifest->cidr, manifest->cidr_bits)))
		return true;
	fprintf(stderr, "vipctl: %s is not in the service CIDR %s, so there is nothing to reserve\n", vip,
	    manifest->service_cidr);
	return false;
}

static const char *node_address(const struct manifest *manifest, const char *node)
{
	for (size_t i = 0; i < manifest->server_count; i++) {
		if (strcmp(manifest->servers[i].name, node) == 0)
			return manifest->servers[i].address;
	}
	return NULL;
}

static void manifest_print(
    const struct manifest *manifest, const struct config *config, const char *router, const char *vip)
{
	bool ipv4 = !strchr(vip, ':');
	char endpoints[128], metrics_port[8], fqdn[2 * NODE_NAME_MAX], address[ADDRESS_TEXT_MAX + 2],
	    key_option[CONFIG_PATH_MAX + 8], object[NODE_NAME_MAX];
	snprintf(metrics_port, sizeof metrics_port, "%u", ntohs(config->metrics_address.sin6_port));
	snprintf(fqdn, sizeof fqdn, "%s.%s", manifest->name, manifest->zone ? manifest->zone : "");
	address_in_url(vip, address);
	snprintf(key_option, sizeof key_option, " -k %s", manifest->key ? manifest->key : "");
	snprintf(endpoints, sizeof endpoints, manifest->endpoints ? "endpoints/%s" : "endpointslice/%s-vipd",
	    manifest->name);
	snprintf(object, sizeof object, "%s%s", manifest->name, manifest->endpoints ? "" : "-vipd");
	bool is_metrics_local = address_is_loopback(&(struct address){config->metrics_address.sin6_addr});
	const struct value items[] = {
	    {"VIP", vip},
	    {"BITS", ipv4 ? "32" : "128"},
	    {"FAMILY", ipv4 ? "ipv4" : "ipv6"},
	    {"IP_FAMILY", ipv4 ? "IPv4" : "IPv6"},
	    {"IP_VARIABLE", ipv4 ? "IP" : "IP6"},
	    {"V", ipv4 ? "V4" : "V6"},
	    {"RECORD", ipv4 ? "A" : "AAAA"},
	    {"LOCALHOST", ipv4 ? "127.0.0.1" : "[::1]"},
	    {"ROUTER", router},
	    {"CONFIG", manifest->config},
	    {"NAME", manifest->name},
	    {"ZONE", manifest->zone},
	    {"FQDN", manifest->zone ? fqdn : NULL},
	    {"HOST", manifest->zone ? fqdn : address},
	    {"PORT", manifest->port},
	    {"NODE", config->node},
	    {"NODE_ADDRESS", node_address(manifest, config->node)},
	    {"SERVICE_CIDR", manifest->service_cidr},
	    {"ENDPOINTS", endpoints},
	    {"API_GROUP", manifest->endpoints ? "" : "discovery.k8s.io"},
	    {"RESOURCE", manifest->endpoints ? "endpoints" : "endpointslices"},
	    {"PUBLISH_TYPE", manifest->endpoints ? "endpoints" : "endpointslice"},
	    {"OBJECT", object},
	    {"DNS_SERVER", manifest->dns_server},
	    {"DNS_PORT", manifest->dns_port},
	    {"KEY_OPTION", manifest->key ? key_option : ""},
	    {"LOOPBACK", is_metrics_local ? config->metrics_listen : NULL},
	    {"METRICS_PORT", metrics_port},
	};
	const struct values values = {
	    items, sizeof items / sizeof items[0], manifest->servers, manifest->server_count};
	for (size_t i = 0; i < PIECES_MAX && manifest->kind->pieces[i]; i++)
		template_print(manifest->kind->pieces[i], &values, stdout);
}

int command_manifest(const struct vipctl *ctl)
{
	static struct config config;
	struct config_errors errors;
	struct manifest manifest;
	char vip[ADDRESS_TEXT_MAX];
	manifest_read(ctl, &manifest);
	if (config_load(manifest.config, &config, &errors) < 0) {
		fputs(errors.text, stderr);
		return EXIT_REFUSED;
	}
	if (manifest.kind->is_pod)
		return manifest_pod_print(&config) ? EXIT_FINE : EXIT_USAGE;
	const struct config_router *router = router_find(&config, &manifest);
	if (!router || !vip_find(&config, router, manifest.address, vip))
		return EXIT_USAGE;
	servers_check(&manifest, vip);
	if (!cidr_check(&manifest, vip))
		return EXIT_USAGE;
	if (manifest.kind->needs_metrics && config.metrics_address.sin6_family == 0) {
		fprintf(stderr, "vipctl: %s: metrics.listen is empty, so there is nothing to scrape\n",
		    config.path);
		return EXIT_USAGE;
	}
	manifest_print(&manifest, &config, router->name, vip);
	return EXIT_FINE;
}
