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

struct vips {
	uint32_t count;
	struct address addresses[CONFIG_ADDRESSES_MAX];
};

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

/*
 * Those of the router's addresses that it is about: the one that was chosen; else all if the text has room
 * for all, or is about the name that stands for them; else the only one. False, with a message, if it is not
 * clear which.
 */
static bool vips_find(const struct config *config, const struct config_router *router,
    const struct manifest *manifest, struct vips *vips)
{
	const char *wanted = manifest->address;
	bool all = manifest->kind->all_addresses || (manifest->kind->names_host && manifest->zone);
	for (uint32_t i = 0; i < router->address_count; i++) {
		char text[ADDRESS_TEXT_MAX];
		address_format(&router->addresses[i], text);
		if (*wanted ? strcmp(text, wanted) == 0 : all || router->address_count == 1)
			vips->addresses[vips->count++] = router->addresses[i];
	}
	if (vips->count)
		return true;
	if (*wanted)
		fprintf(stderr, "vipctl: %s: the virtual router %s has no address %s\n", config->path,
		    router->name, wanted);
	else
		fprintf(stderr,
		    "vipctl: %s: the virtual router %s has several addresses; say which with --address%s\n",
		    config->path, router->name,
		    manifest->kind->names_host ? ", or with --zone the name that leads to them" : "");
	return false;
}

void address_in_url(const char *address, char host[static ADDRESS_TEXT_MAX + 2])
{
	bool ipv6 = strchr(address, ':');
	snprintf(host, ADDRESS_TEXT_MAX + 2, ipv6 ? "[%s]" : "%s", address);
}

/* No endpoint may be the virtual address: the route would lead to itself. With addresses of several families
 * a server may be called by its own of any of them. */
static void servers_check(const struct manifest *manifest, const struct address *address, bool is_only)
{
	char vip[ADDRESS_TEXT_MAX];
	address_format(address, vip);
	for (size_t i = 0; i < manifest->server_count; i++) {
		if (!manifest->kind->any_family && is_only &&
		    !strchr(vip, ':') != !strchr(manifest->servers[i].address, ':'))
			usage_error("--server %s=%s: give its address of the family of the virtual one, %s",
			    manifest->servers[i].name, manifest->servers[i].address, vip);
		if (strcmp(manifest->servers[i].address, vip) == 0)
			usage_error("--server %s=%s: that is the virtual address; give the server's own",
			    manifest->servers[i].name, vip);
	}
}

/* What is not in it Kubernetes gives to nobody. */
static bool cidr_check(const struct manifest *manifest, const struct address *address)
{
	char vip[ADDRESS_TEXT_MAX];
	if (!manifest->service_cidr || address_in_prefix(address, &manifest->cidr, manifest->cidr_bits))
		return true;
	address_format(address, vip);
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
    const struct manifest *manifest, const struct config *config, const char *router, const struct vips *vips)
{
	char vip[ADDRESS_TEXT_MAX];
	address_format(&vips->addresses[0], vip);
	bool ipv4 = address_is_ipv4(&vips->addresses[0]);
	char endpoints[128], metrics_port[8], fqdn[2 * NODE_NAME_MAX], address[ADDRESS_TEXT_MAX + 2],
	    key_option[CONFIG_PATH_MAX + 8], object[NODE_NAME_MAX], bits[4];
	snprintf(bits, sizeof bits, "%u", address_bits(&vips->addresses[0]));
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
	    {"BITS", bits},
	    {"FAMILY", ipv4 ? "ipv4" : "ipv6"},
	    {"IP_FAMILY", ipv4 ? "IPv4" : "IPv6"},
	    {"IP_VARIABLE", ipv4 ? "IP" : "IP6"},
	    {"V", ipv4 ? "V4" : "V6"},
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
	const struct values values = {items, sizeof items / sizeof items[0], manifest->servers,
	    manifest->server_count, vips->addresses, vips->count};
	for (size_t i = 0; i < PIECES_MAX && manifest->kind->pieces[i]; i++)
		template_print(manifest->kind->pieces[i], &values, stdout);
}

int command_manifest(const struct vipctl *ctl)
{
	static struct config config;
	struct config_errors errors;
	struct manifest manifest;
	struct vips vips = {0};
	manifest_read(ctl, &manifest);
	if (config_load(manifest.config, &config, &errors) < 0) {
		fputs(errors.text, stderr);
		return EXIT_REFUSED;
	}
	if (manifest.kind->is_pod)
		return manifest_pod_print(&config) ? EXIT_FINE : EXIT_USAGE;
	const struct config_router *router = router_find(&config, &manifest);
	if (!router || !vips_find(&config, router, &manifest, &vips))
		return EXIT_USAGE;
	for (uint32_t i = 0; i < vips.count; i++)
		servers_check(&manifest, &vips.addresses[i], vips.count == 1);
	if (!cidr_check(&manifest, &vips.addresses[0]))
		return EXIT_USAGE;
	if (manifest.kind->needs_metrics && config.metrics_address.sin6_family == 0) {
		fprintf(stderr, "vipctl: %s: metrics.listen is empty, so there is nothing to scrape\n",
		    config.path);
		return EXIT_USAGE;
	}
	manifest_print(&manifest, &config, router->name, &vips);
	return EXIT_FINE;
}
