/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `manifest`. Everything that goes into a hole of a template is checked here to be made
 * of letters that mean nothing to a shell or to YAML.
 */
#include <arpa/inet.h>
#include <string.h>

#include "vipctl/manifest.h"
#include "vipd/config.h"

#define LABEL_MAX      63
#define DNS_PORT       "53"
#define APISERVER_PORT "6443"

#define LOWER	     "abcdefghijklmnopqrstuvwxyz"
#define UPPER	     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	     "0123456789"
#define PATH_LETTERS LOWER UPPER DIGITS "/._+-"

static const struct kind kinds[] = {
    {.option = "calico",
	.pieces = {template_calico, template_slice, template_calico_end},
	.needs_servers = true},
    {.option = "calico-holder", .pieces = {template_calico_holder}},
    {.option = "reserve", .pieces = {template_reserve}, .needs_cidr = true},
    {.option = "k3s", .pieces = {template_k3s}, .needs_servers = true, .all_addresses = true},
    {.option = "dns", .pieces = {template_zone}, .needs_zone = true, .all_addresses = true},
    {.option = "kubeconfig", .pieces = {template_kubeconfig}, .names_host = true},
    {.option = "prometheus",
	.pieces = {template_prometheus},
	.needs_servers = true,
	.needs_metrics = true,
	.any_family = true,
	.all_addresses = true},
    {.option = "static-pod", .is_pod = true},
};
enum {
	KIND_CALICO,
	KIND_CALICO_HOLDER,
	KIND_RESERVE,
	KIND_K3S,
	KIND_DNS,
	KIND_KUBECONFIG,
	KIND_PROMETHEUS,
	KIND_STATIC_POD,
	KINDS
};
static const struct kind dns_update = {
    .option = "dns", .pieces = {template_nsupdate}, .needs_zone = true, .all_addresses = true};
static const struct kind calico_publish = {.option = "calico",
    .pieces = {template_calico, template_slice, template_publish, template_calico_end},
    .needs_servers = true};
static const struct kind calico_endpoints = {.option = "calico",
    .pieces = {template_calico, template_endpoints, template_calico_end},
    .needs_servers = true};
static const struct kind calico_endpoints_publish = {.option = "calico",
    .pieces = {template_calico, template_endpoints, template_publish, template_calico_end},
    .needs_servers = true};

/* ---- the command line, word by word ---- */

static bool is_made_of(const char *text, const char *letters, size_t max)
{
	size_t length = strlen(text);
	return length > 0 && length <= max && strspn(text, letters) == length;
}

/* A label of a DNS name, lower case (RFC 1123). */
static bool is_label(const char *text, size_t length)
{
	return length > 0 && length <= LABEL_MAX && text[0] != '-' && text[length - 1] != '-' &&
	       strspn(text, LOWER DIGITS "-") >= length;
}

/* Labels with dots between them, none at the end. */
static bool is_dns_name(const char *text)
{
	if (strlen(text) > NODE_NAME_MAX)
		return false;
	for (const char *label = text;; label++) {
		size_t length = strcspn(label, ".");
		if (!is_label(label, length))
			return false;
		label += length;
		if (!*label)
			return true;
	}
}

static const char *port_read(const char *option, const char *text)
{
	long port = is_made_of(text, DIGITS, 5) ? strtol(text, NULL, 10) : 0;
	if (port < 1 || port > 65535)
		usage_error("--%s %s: that is not a port (1 to 65535)", option, text);
	return text;
}

static void address_read(
    const char *option, const char *whole, const char *text, char out[static ADDRESS_TEXT_MAX])
{
	struct address address;
	bool parsed = address_parse(text, &address);
	if (strchr(text, '/'))
		usage_error("--%s %s: the address alone, without a prefix length", option, whole);
	if (!parsed)
		usage_error("--%s %s: '%s' is not an IP address", option, whole, text);
	if (address_is_link_local(&address) || address_is_loopback(&address) ||
	    address_is_unspecified(&address) || address_is_multicast(&address) ||
	    (address_is_ipv4(&address) && strchr(text, ':')))
		usage_error(
		    "--%s %s: '%s' cannot be reached from other hosts; a global or unique local one can",
		    option, whole, text);
	address_format(&address, out);
}

/* Of either family: it is another host's, and nsupdate speaks to it. */
static void dns_server_read(const char *text, char out[static ADDRESS_TEXT_MAX])
{
	struct address address;
	if (!address_parse(text, &address))
		usage_error("--dns-server %s: that is not an address; the port is --dns-port", text);
	if (address_is_unspecified(&address) || address_is_multicast(&address))
		usage_error("--dns-server %s: that is not the address of a host", text);
	address_format(&address, out);
}

/* NAME=ADDRESS */
static void server_read(struct manifest *manifest, const char *text)
{
	size_t name_length = strcspn(text, "=");
	if (!text[name_length])
		usage_error("--server %s: write NAME=ADDRESS, such as k8s-node01=2001:db8::11", text);
	if (manifest->server_count == SERVERS_MAX)
		usage_error("--server %s: more than %d servers", text, SERVERS_MAX);
	struct server server = {0};
	if (name_length <= NODE_NAME_MAX)
		memcpy(server.name, text, name_length);
	if (!is_dns_name(server.name))
		usage_error("--server %s: that is not the name of a node; write it as `kubectl get nodes` "
			    "has it (lower case)",
		    text);
	address_read("server", text, text + name_length + 1, server.address);
	address_in_url(server.address, server.host);
	for (size_t i = 0; i < manifest->server_count; i++) {
		const struct server *other = &manifest->servers[i];
		if (strcmp(other->name, server.name) == 0)
			usage_error("--server %s: %s is there twice", text, server.name);
		if (strcmp(other->address, server.address) == 0)
			usage_error("--server %s: %s has that address already", text, other->name);
	}
	manifest->servers[manifest->server_count++] = server;
}

/* ADDRESS/BITS */
static void cidr_read(struct manifest *manifest, const char *text)
{
	char address[ADDRESS_TEXT_MAX] = "";
	size_t length = strcspn(text, "/");
	if (length < sizeof address)
		memcpy(address, text, length);
	const char *bits = text + length + (text[length] == '/');
	bool parsed = address_parse(address, &manifest->cidr) && is_made_of(bits, DIGITS, 3);
	manifest->cidr_bits = parsed ? (unsigned)strtol(bits, NULL, 10) : 0;
	if (!parsed || manifest->cidr_bits > address_bits(&manifest->cidr))
		usage_error("--service-cidr %s: write ADDRESS/BITS, such as 2001:db8::ff00:0/112", text);
	manifest->service_cidr = text;
}

static const char *checked(bool right, const char *option, const char *text, const char *what)
{
	if (!right)
		usage_error("--%s %s: %s", option, text, what);
	return text;
}

enum {
	OPTION_KINDS = OPTION_LONG,
	OPTION_ROUTER = OPTION_KINDS + KINDS,
	OPTION_ADDRESS,
	OPTION_SERVER,
	OPTION_ENDPOINTS,
	OPTION_NAME,
	OPTION_ZONE,
	OPTION_PORT,
	OPTION_DNS_SERVER,
	OPTION_DNS_PORT,
	OPTION_KEY,
	OPTION_PUBLISH,
	OPTION_SERVICE_CIDR
};

const char manifest_help[] =
    "Made from vipd.conf; vipd need not run. Each choice is explained in what is printed.\n"
    "One kind at a time: --calico, --calico-holder, --reserve, --k3s, --dns, --kubeconfig,\n"
    "--prometheus or --static-pod.\n";

const struct cli_option manifest_options[] = {
    {OPTION_KINDS + KIND_CALICO, "calico", NULL,
	"the route by BGP from every server, by a Service; the default"},
    {OPTION_KINDS + KIND_CALICO_HOLDER, "calico-holder", NULL,
	"the route by BGP from the holder alone, by an IPPool"},
    {OPTION_KINDS + KIND_RESERVE, "reserve", NULL, "an IPAddress object: no Service is given the address"},
    {OPTION_KINDS + KIND_K3S, "k3s", NULL, "tls-san and node-ip for config.yaml"},
    {OPTION_KINDS + KIND_DNS, "dns", NULL,
	"the name: a zone line, or with --dns-server a script for nsupdate"},
    {OPTION_KINDS + KIND_KUBECONFIG, "kubeconfig", NULL, "a cluster entry"},
    {OPTION_KINDS + KIND_PROMETHEUS, "prometheus", NULL, "a scrape job"},
    {OPTION_KINDS + KIND_STATIC_POD, "static-pod", NULL, "vipd as a pod of kubelet, instead of the unit"},
    {'c', "config", "FILE", "default " CONFIG_PATH_DEFAULT},
    {OPTION_ROUTER, "router", "NAME", "which virtual router, if there are several"},
    {OPTION_ADDRESS, "address", "ADDRESS", "which of its addresses, where it is about one"},
    {OPTION_SERVER, "server", "NAME=ADDRESS",
	"a server: its name as in `kubectl get nodes`, its own address; once for each (calico, k3s, "
	"prometheus)"},
    {OPTION_ENDPOINTS, "endpoints", NULL, "for Calico 3.30 and older (calico)"},
    {OPTION_PUBLISH, "publish", NULL, "and what vipd needs to mark the servers that are not ready (calico)"},
    {OPTION_SERVICE_CIDR, "service-cidr", "CIDR", "of the cluster (reserve)"},
    {OPTION_NAME, "name", "NAME", "of the Service and in the DNS, default k8s-api"},
    {OPTION_ZONE, "zone", "ZONE", "where that name is, such as k8s.example.com"},
    {OPTION_PORT, "port", "PORT", "of the API server, default " APISERVER_PORT},
    {OPTION_DNS_SERVER, "dns-server", "ADDRESS", "where nsupdate sends the name (dns)"},
    {OPTION_DNS_PORT, "dns-port", "PORT", "its port, default " DNS_PORT},
    {OPTION_KEY, "key", "FILE", "key for nsupdate"},
    {0},
};

static void kind_read(struct manifest *manifest, const struct kind *kind)
{
	if (manifest->kind && manifest->kind != kind)
		usage_error("--%s and --%s: one kind at a time", manifest->kind->option, kind->option);
	manifest->kind = kind;
}

static void option_read(struct manifest *manifest, int option, const char *value)
{
	if (option >= OPTION_KINDS && option < OPTION_KINDS + KINDS) {
		kind_read(manifest, &kinds[option - OPTION_KINDS]);
		return;
	}
	switch (option) {
	case 'c':
		manifest->config = checked(is_made_of(value, PATH_LETTERS, CONFIG_PATH_MAX), "config", value,
		    "write the path with letters, digits and /._+- only: it is named in what is printed");
		break;
	case OPTION_ROUTER: manifest->router = value; break;
	case OPTION_ADDRESS: address_read("address", value, value, manifest->address); break;
	case OPTION_SERVER: server_read(manifest, value); break;
	case OPTION_ENDPOINTS: manifest->endpoints = true; break;
	case OPTION_PUBLISH: manifest->publish = true; break;
	case OPTION_SERVICE_CIDR: cidr_read(manifest, value); break;
	case OPTION_NAME: /* of a Service: begins with a letter (RFC 1035) */
		manifest->name =
		    checked(is_label(value, strlen(value)) && strchr(LOWER, value[0]), "name", value,
			"write one label of lower-case letters, digits and '-', beginning with a letter; the "
			"rest is --zone");
		break;
	case OPTION_ZONE:
		manifest->zone = checked(is_dns_name(value), "zone", value,
		    "write it in lower case and without a dot at the end, such as k8s.example.com");
		break;
	case OPTION_PORT: manifest->port = port_read("port", value); break;
	case OPTION_DNS_SERVER: dns_server_read(value, manifest->dns_server); break;
	case OPTION_DNS_PORT: manifest->dns_port = port_read("dns-port", value); break;
	case OPTION_KEY:
		manifest->key = checked(is_made_of(value, PATH_LETTERS, CONFIG_PATH_MAX) && value[0] != '-',
		    "key", value, "write the path of a key file with letters, digits and /._+- only");
		break;
	}
}

/* What belongs together. */
static void options_check(struct manifest *manifest)
{
	bool is_dns = manifest->kind == &kinds[KIND_DNS];
	if ((*manifest->dns_server || manifest->key) && !is_dns)
		usage_error("--dns-server and --key belong to --dns");
	if (manifest->key && !*manifest->dns_server)
		usage_error(
		    "--key belongs to --dns-server: without a server there is nobody to send an update to");
	if ((manifest->endpoints || manifest->publish) && manifest->kind != &kinds[KIND_CALICO])
		usage_error("--endpoints and --publish belong to --calico");
	if (manifest->kind->needs_cidr != !!manifest->service_cidr)
		usage_error("--reserve and --service-cidr belong together");
	if (manifest->kind->needs_servers && manifest->server_count == 0)
		usage_error(
		    "--%s needs every server: --server NAME=ADDRESS, once for each", manifest->kind->option);
	if (manifest->kind->is_pod && manifest->config[0] != '/')
		usage_error("--config %s: write the whole path, because the pod mounts its directory",
		    manifest->config);
	if (manifest->kind->needs_zone && !manifest->zone)
		usage_error("--%s needs --zone, such as --zone k8s.example.com", manifest->kind->option);
	if (*manifest->dns_server)
		manifest->kind = &dns_update;
	if (manifest->endpoints)
		manifest->kind = manifest->publish ? &calico_endpoints_publish : &calico_endpoints;
	else if (manifest->publish)
		manifest->kind = &calico_publish;
}

void manifest_read(const struct vipctl *ctl, struct manifest *manifest)
{
	*manifest = (struct manifest){
	    .config = CONFIG_PATH_DEFAULT, .name = "k8s-api", .port = APISERVER_PORT, .dns_port = DNS_PORT};
	for (int i = 0; i < ctl->given_count; i++)
		option_read(manifest, ctl->given[i].id, ctl->given[i].value);
	if (!manifest->kind)
		manifest->kind = &kinds[KIND_CALICO];
	options_check(manifest);
}
