/*
 * The command line of `manifest`. Everything that goes into a hole of a template is checked here to be made
 * of letters that mean nothing to a shell or to YAML.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdlib.h>
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
    {.option = "k3s", .pieces = {template_k3s}, .needs_servers = true},
    {.option = "dns", .pieces = {template_zone}, .needs_zone = true},
    {.option = "kubeconfig", .pieces = {template_kubeconfig}},
    {.option = "prometheus", .pieces = {template_prometheus}, .needs_servers = true, .needs_metrics = true},
};
enum { KIND_CALICO, KIND_CALICO_HOLDER, KIND_K3S, KIND_DNS, KIND_KUBECONFIG, KIND_PROMETHEUS, KINDS };
static const struct kind dns_update = {.option = "dns", .pieces = {template_nsupdate}, .needs_zone = true};
static const struct kind calico_endpoints = {.option = "calico",
    .pieces = {template_calico, template_endpoints, template_calico_end},
    .needs_servers = true};

static void usage_print(FILE *out)
{
	fputs(
	    "Usage: vipctl manifest [-c FILE] [--router NAME] KIND [--server NAME=ADDRESS]...\n"
	    "Prints, from vipd.conf, what else the virtual address needs; each choice is explained in it.\n\n"
	    "  --calico         the route by BGP from every server, by a Service (this is the default)\n"
	    "  --calico-holder  the route by BGP from the holder alone, by an IPPool\n"
	    "  --k3s            tls-san and node-ip for config.yaml\n"
	    "  --dns            the name: a zone line, or with --dns-server a script for nsupdate\n"
	    "  --kubeconfig     a cluster entry\n"
	    "  --prometheus     a scrape job\n"
	    "\n"
	    "  -c, --config FILE          default " CONFIG_PATH_DEFAULT "\n"
	    "      --router NAME          which virtual router, if there are several\n"
	    "      --address ADDRESS      which of its addresses, if it has several\n"
	    "      --server NAME=ADDRESS  a server: its name as in `kubectl get nodes`, its own IPv6 "
	    "address;\n"
	    "                             once for each (calico, k3s, prometheus)\n"
	    "      --endpoints            for Calico 3.30 and older (calico)\n"
	    "      --name NAME            of the Service and in the DNS, default k8s-api\n"
	    "      --zone ZONE            where that name is, such as k8s.example.com\n"
	    "      --port PORT            of the API server, default " APISERVER_PORT "\n"
	    "      --dns-server ADDRESS, --dns-port PORT, --key FILE   for nsupdate; default port " DNS_PORT
	    "\n",
	    out);
}

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
	if (parsed && address_is_ipv4(&address) && !strchr(text, ':'))
		usage_error(
		    "--%s %s: '%s' is an IPv4 address; vipd and what it needs are IPv6", option, whole, text);
	if (strchr(text, '/'))
		usage_error("--%s %s: the address alone, without a prefix length", option, whole);
	if (!parsed)
		usage_error("--%s %s: '%s' is not an IPv6 address", option, whole, text);
	if (address_is_link_local(&address) || address_is_loopback(&address) ||
	    address_is_unspecified(&address) || address_is_multicast(&address) || address_is_ipv4(&address))
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
	for (size_t i = 0; i < manifest->server_count; i++) {
		const struct server *other = &manifest->servers[i];
		if (strcmp(other->name, server.name) == 0)
			usage_error("--server %s: %s is there twice", text, server.name);
		if (strcmp(other->address, server.address) == 0)
			usage_error("--server %s: %s has that address already", text, other->name);
	}
	manifest->servers[manifest->server_count++] = server;
}

static const char *checked(bool right, const char *option, const char *text, const char *what)
{
	if (!right)
		usage_error("--%s %s: %s", option, text, what);
	return text;
}

enum {
	OPTION_KINDS = 512,
	OPTION_ROUTER = OPTION_KINDS + KINDS,
	OPTION_ADDRESS,
	OPTION_SERVER,
	OPTION_ENDPOINTS,
	OPTION_NAME,
	OPTION_ZONE,
	OPTION_PORT,
	OPTION_DNS_SERVER,
	OPTION_DNS_PORT,
	OPTION_KEY
};

static void kind_read(struct manifest *manifest, const struct kind *kind)
{
	if (manifest->kind && manifest->kind != kind)
		usage_error("--%s and --%s: one kind at a time", manifest->kind->option, kind->option);
	manifest->kind = kind;
}

static void option_read(struct manifest *manifest, int option)
{
	if (option >= OPTION_KINDS && option < OPTION_KINDS + KINDS) {
		kind_read(manifest, &kinds[option - OPTION_KINDS]);
		return;
	}
	switch (option) {
	case 'c':
		manifest->config =
		    checked(is_made_of(optarg, PATH_LETTERS, CONFIG_PATH_MAX), "config", optarg,
			"write the path with letters, digits and /._+- only: it is named in what is printed");
		break;
	case 'h': usage_print(stdout); exit(EXIT_FINE);
	case OPTION_ROUTER: manifest->router = optarg; break;
	case OPTION_ADDRESS: address_read("address", optarg, optarg, manifest->address); break;
	case OPTION_SERVER: server_read(manifest, optarg); break;
	case OPTION_ENDPOINTS: manifest->endpoints = true; break;
	case OPTION_NAME: /* of a Service: begins with a letter (RFC 1035) */
		manifest->name =
		    checked(is_label(optarg, strlen(optarg)) && strchr(LOWER, optarg[0]), "name", optarg,
			"write one label of lower-case letters, digits and '-', beginning with a letter; the "
			"rest is --zone");
		break;
	case OPTION_ZONE:
		manifest->zone = checked(is_dns_name(optarg), "zone", optarg,
		    "write it in lower case and without a dot at the end, such as k8s.example.com");
		break;
	case OPTION_PORT: manifest->port = port_read("port", optarg); break;
	case OPTION_DNS_SERVER: dns_server_read(optarg, manifest->dns_server); break;
	case OPTION_DNS_PORT: manifest->dns_port = port_read("dns-port", optarg); break;
	case OPTION_KEY:
		manifest->key = checked(is_made_of(optarg, PATH_LETTERS, CONFIG_PATH_MAX) && optarg[0] != '-',
		    "key", optarg, "write the path of a key file with letters, digits and /._+- only");
		break;
	default: exit(EXIT_USAGE); /* getopt has said why */
	}
}

static void words_read(const struct vipctl *ctl, struct manifest *manifest)
{
	static const struct option options[] = {
	    {"calico", no_argument, NULL, OPTION_KINDS + KIND_CALICO},
	    {"calico-holder", no_argument, NULL, OPTION_KINDS + KIND_CALICO_HOLDER},
	    {"k3s", no_argument, NULL, OPTION_KINDS + KIND_K3S},
	    {"dns", no_argument, NULL, OPTION_KINDS + KIND_DNS},
	    {"kubeconfig", no_argument, NULL, OPTION_KINDS + KIND_KUBECONFIG},
	    {"prometheus", no_argument, NULL, OPTION_KINDS + KIND_PROMETHEUS},
	    {"config", required_argument, NULL, 'c'},
	    {"router", required_argument, NULL, OPTION_ROUTER},
	    {"address", required_argument, NULL, OPTION_ADDRESS},
	    {"server", required_argument, NULL, OPTION_SERVER},
	    {"endpoints", no_argument, NULL, OPTION_ENDPOINTS},
	    {"name", required_argument, NULL, OPTION_NAME},
	    {"zone", required_argument, NULL, OPTION_ZONE},
	    {"port", required_argument, NULL, OPTION_PORT},
	    {"dns-server", required_argument, NULL, OPTION_DNS_SERVER},
	    {"dns-port", required_argument, NULL, OPTION_DNS_PORT},
	    {"key", required_argument, NULL, OPTION_KEY},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	optind = 0;
	for (int option; (option = getopt_long(ctl->word_count, ctl->words, "c:h", options, NULL)) != -1;)
		option_read(manifest, option);
	if (optind < ctl->word_count)
		usage_error("manifest takes options only: what is '%s'?", ctl->words[optind]);
	if (!manifest->kind)
		manifest->kind = &kinds[KIND_CALICO];
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
	if (manifest->endpoints && manifest->kind != &kinds[KIND_CALICO])
		usage_error("--endpoints belongs to --calico");
	if (manifest->kind->needs_servers && manifest->server_count == 0)
		usage_error(
		    "--%s needs every server: --server NAME=ADDRESS, once for each", manifest->kind->option);
	if (manifest->kind->needs_zone && !manifest->zone)
		usage_error("--%s needs --zone, such as --zone k8s.example.com", manifest->kind->option);
	if (*manifest->dns_server)
		manifest->kind = &dns_update;
	if (manifest->endpoints)
		manifest->kind = &calico_endpoints;
}

void manifest_options(const struct vipctl *ctl, struct manifest *manifest)
{
	*manifest = (struct manifest){
	    .config = CONFIG_PATH_DEFAULT, .name = "k8s-api", .port = APISERVER_PORT, .dns_port = DNS_PORT};
	words_read(ctl, manifest);
	options_check(manifest);
}
