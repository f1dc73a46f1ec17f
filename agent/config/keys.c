/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of vipd.conf: name, type, range and place of each, and the groups they form.
 */
#include <string.h>

#include "config/settings.h"
#include "vipd/interval.h"

#define MS		USEC_PER_MS
#define SEC		USEC_PER_SEC
#define HOUR		(3600 * USEC_PER_SEC)
#define LEASE_DEFAULT_S 3

#define ADDRESSES_EXAMPLE "[ \"2001:db8::100\" ]"
#define PEERS_EXAMPLE	  "[ \"fe80::12\", \"fe80::13\" ]"
#define TRACKS_EXAMPLE	  "[ \"eth1\" ]"
#define PORTS_EXAMPLE	  "[ 6443 ]"

static const struct key router_keys[] = {
    {"name", &type_text, FIELD(config_router, name), .example = "\"api\"", .refuse = refuse_name},
    {"interface", &type_text, FIELD(config_router, id.interface), .example = "\"eth0\"", .required = true,
	.refuse = refuse_interface, .note = "where the address will be"},
    {"vrid", &type_number, FIELD(config_router, id.vrid), .example = "100", .required = true, .min = VRID_MIN,
	.max = VRID_MAX, .note = "the same on every server, and of no other group on this link"},
    {"addresses", &type_list, FIELD_WITH(config_router, addresses, address_count),
	.example = ADDRESSES_EXAMPLE, .required = true, .min = 1, .max = CONFIG_ADDRESSES_MAX,
	.note = "the same on every server", .wrong = ", and the others into a second virtual router",
	.element = &(const struct key){"addresses", &type_address, .size = sizeof(struct address),
	    .example = ADDRESSES_EXAMPLE, .refuse_address = refuse_virtual,
	    .wrong = "write an address of the prefix that the interface is in, as in \"192.0.2.100\" or "
		     "\"2001:db8::100\""}},
    {"priority", &type_number, FIELD(config_router, priority), .example = "100", .min = VRRP_PRIORITY_MIN,
	.max = VRRP_PRIORITY_MAX,
	.note = "1..31 is the band of unhealthy routers, 255 is reserved for the owner of the address"},
    {"advert_interval", &type_duration, FIELD(config_router, advert_interval_us), .example = "\"100ms\"",
	.min = VRRP_INTERVAL_MIN_US, .max = VRRP_INTERVAL_MAX_US, .step = VRRP_INTERVAL_STEP_US},
    {"preempt", &type_bool, FIELD(config_router, preempt), .example = "true"},
    {"preempt_delay", &type_duration, FIELD(config_router, preempt_delay_us), .example = "\"5s\"",
	.max = CONFIG_PREEMPT_DELAY_MAX_US, .step = 1},
    {"start_delay", &type_duration, FIELD(config_router, start_delay_us), .example = "\"30s\"", .max = HOUR,
	.step = 1},
    {"link_local", &type_link_local, FIELD_WITH(config_router, link_local_mode, link_local),
	.example = "\"auto\"", .note = "or \"none\", or an address of fe80::/10"},
    {"peers", &type_list, FIELD_WITH(config_router, peers, peer_count), .example = PEERS_EXAMPLE,
	.max = CONFIG_PEERS_MAX, .note = "the other servers, for links without multicast",
	.element = &(const struct key){"peers", &type_address, .size = sizeof(struct address),
	    .example = PEERS_EXAMPLE, .refuse_address = refuse_source,
	    .wrong = "write the address from which the other server sends, as in peers = " PEERS_EXAMPLE}},
    {"source", &type_address, FIELD(config_router, source), .example = "\"fe80::11\"",
	.note = "an address of the interface, which the other servers know as their peer",
	.refuse_address = refuse_source,
	.wrong =
	    "write the address of the interface from which this server sends, as in source = \"fe80::11\""},
    {"checks", &type_uses, FIELD(config_router, checks), .example = "[ \"apiserver\" ]",
	.max = CONFIG_CHECKS_MAX, .note = "names of checks"},
    {"track_interfaces", &type_list, FIELD_WITH(config_router, track, track_count), .example = TRACKS_EXAMPLE,
	.max = CONFIG_TRACKS_MAX, .note = "must have carrier to be healthy",
	.element = &(const struct key){"track_interfaces", &type_text, .size = CONFIG_INTERFACE_MAX,
	    .example = TRACKS_EXAMPLE, .refuse = refuse_interface}},
    {"when_unhealthy", &type_choice, FIELD(config_router, when_unhealthy), .example = "\"demote\"",
	.note = "or \"resign\"", .choices = config_unhealthy_names,
	.wrong = "\"demote\" (any healthy server is preferred) or \"resign\" (no candidate until healthy)"},
    {"on_conflict", &type_choice, FIELD(config_router, on_conflict), .example = "\"take\"",
	.note = "or \"wait\"", .choices = config_conflict_names,
	.wrong = "\"take\" (become the holder all the same) or \"wait\" (until the other host has gone)"},
    {"checksum", &type_choice, FIELD(config_router, checksum), .example = "\"rfc5798\"",
	.note = "or \"rfc9568\", of IPv4 adverts", .choices = config_checksum_names,
	.wrong = "\"rfc5798\" (with pseudo-header, as most others send it) or \"rfc9568\" (without)"},
    {"kernel_lease", &type_duration, FIELD(config_router, kernel_lease_s), .example = "\"3s\"",
	.min = 2 * SEC, .max = HOUR, .step = SEC, .zero = "for no lease",
	.note = "the kernel counts whole seconds, and of a single one nothing may be left at once"},
    {"reset_connections", &type_bool, FIELD(config_router, reset_connections), .example = "true",
	.note = "clients are told to connect anew when the address moves"},
    {"ports", &type_list, FIELD_WITH(config_router, ports, port_count), .example = PORTS_EXAMPLE,
	.max = CONFIG_PORTS_MAX, .note = "of the servers, whose clients are told",
	.element = &(const struct key){"ports", &type_number, .size = sizeof(uint16_t),
	    .example = PORTS_EXAMPLE, .min = 1, .max = UINT16_MAX}},
    {"auth", &type_group, FIELD(config_router, auth), .example = "{ mode = \"enforce\"; … }",
	.group = &auth_group},
    {0},
};

static const struct config_router router_defaults = {
    .id.family = AF_INET6,
    .priority = VRRP_PRIORITY_DEFAULT,
    .preempt = true,
    .advert_interval_us = CONFIG_INTERVAL_DEFAULT_US,
    .reset_connections = true,
};

/* fe80::200:5eff:fe00:2XX: what RFC 4291 appendix A makes of the virtual router's MAC 00:00:5e:00:02:XX. */
struct address config_link_local_auto(uint8_t vrid)
{
	return (struct address){{{{0xfe, 0x80, [8] = 0x02, [10] = 0x5e, 0xff, 0xfe, [14] = 0x02, vrid}}}};
}

static void finish_router(struct report *report, config_setting_t *setting, void *base)
{
	(void)report;
	struct config_router *router = base;
	if (router->address_count)
		router->id.family = address_is_ipv4(&router->addresses[0]) ? AF_INET : AF_INET6;
	if (!config_setting_get_member(setting, "name") && router->id.vrid)
		snprintf(router->name, sizeof(router->name), "vr%u", router->id.vrid);
	if (!config_setting_get_member(setting, "kernel_lease")) {
		uint32_t shortest_s = shortest_lease_s(router);
		router->kernel_lease_s = shortest_s > LEASE_DEFAULT_S ? shortest_s : LEASE_DEFAULT_S;
	}
	if (router->link_local_mode == LINK_LOCAL_AUTO)
		router->link_local = config_link_local_auto(router->id.vrid);
}

const struct group router_group = {.where = "virtual_routers = ( { … } )",
    .keys = router_keys,
    .size = sizeof(struct config_router),
    .defaults = &router_defaults,
    .finish = finish_router};

const struct group control_group = {.where = "control = { … }",
    .keys = (const struct key[]){
	{"socket", &type_text, FIELD(config, socket), .example = "\"" CONFIG_SOCKET_DEFAULT "\"",
	    .refuse = refuse_path},
	{"group", &type_text, FIELD(config, group), .example = "\"vipd\"", .refuse = refuse_name},
	{"admin_group", &type_text, FIELD(config, admin_group), .example = "\"root\"", .refuse = refuse_name},
	{0},
    }};

/* What the page shows is for those who are on this server. Elsewhere somebody has to want it. */
static void finish_metrics(struct report *report, config_setting_t *setting, void *base)
{
	(void)report;
	struct config *config = base;
	if (!config_setting_get_member(setting, "page"))
		config->metrics_page =
		    config->metrics_address.sin6_family == AF_INET6 &&
		    address_is_loopback(&(struct address){config->metrics_address.sin6_addr});
}

const struct group metrics_group = {.where = "metrics = { … }",
    .finish = finish_metrics,
    .keys = (const struct key[]){
	{"listen", &type_endpoint, FIELD_WITH(config, metrics_listen, metrics_address),
	    .example = "\"[::1]:9752\"",
	    .zero = ", \"[::]:9752\" for every address of this host (IPv4 too), or \"\" to turn it off"},
	{"page", &type_bool, FIELD(config, metrics_page), .example = "true"},
	{0},
    }};

const struct group hello_group = {.where = "group = { … }",
    .keys = (const struct key[]){
	{"port", &type_number, FIELD(config, group_port), .example = "9752", .min = 1, .max = UINT16_MAX,
	    .note = "the same on every server"},
	{"interval", &type_duration, FIELD(config, group_interval_us), .example = "\"1s\"",
	    .min = HELLO_INTERVAL_MIN * MS, .max = HELLO_INTERVAL_MAX * MS, .step = MS},
	{"hints", &type_bool, FIELD(config, group_hints), .example = "true"},
	{"advertise", &type_address, FIELD(config, group_advertise), .example = "\"2001:db8::11\"",
	    .note = "an address of this server, which others can reach", .refuse_address = refuse_virtual,
	    .wrong = "write an address of this server that others can reach, as in \"2001:db8::11\""},
	{0},
    }};

/* Checks come before the virtual routers that refer to them, wherever they stand in the file. */
const struct group root_group = {.where = "the top of the file, outside of every group",
    .keys = (const struct key[]){
	{"node", &type_text, FIELD(config, node), .example = "\"k8s-node01\"", .refuse = refuse_name},
	{"checks", &type_checks, FIELD_WITH(config, checks, written_checks),
	    .example = "( { name = \"apiserver\"; type = \"https\"; url = \"https://[::1]:6443/readyz\"; } )",
	    .max = CONFIG_CHECKS_MAX, .group = &check_group},
	{"virtual_routers", &type_groups, FIELD_WITH(config, routers, router_count),
	    .example = "( { interface = \"eth0\"; vrid = 100; addresses = [ \"2001:db8::100\" ]; } )",
	    .required = true, .min = 1, .max = CONFIG_ROUTERS_MAX, .group = &router_group},
	{"publish", &type_groups, FIELD_WITH(config, publish, publish_count),
	    .example = "( { type = \"dns\"; server = \"[2001:db8::53]:53\"; … } )", .max = CONFIG_PUBLISH_MAX,
	    .group = &publish_group},
	{"control", &type_group, .example = "{ socket = \"" CONFIG_SOCKET_DEFAULT "\"; }",
	    .group = &control_group},
	{"group", &type_group, .example = "{ interval = \"1s\"; }", .group = &hello_group},
	{"metrics", &type_group, .example = "{ listen = \"[::1]:9752\"; }", .group = &metrics_group},
	{"notify", &type_text, FIELD(config, notify), .example = "\"/etc/vipd/notify\"",
	    .refuse = refuse_path},
	{"record_dir", &type_text, FIELD(config, record_dir), .example = "\"/var/log/vipd/captures\"",
	    .refuse = refuse_path},
	{"run_as", &type_text, FIELD(config, run_as), .example = "\"vipd\"", .refuse = refuse_name},
	{0},
    }};

void config_print(const struct config *config, FILE *out)
{
	print_group(&(struct printer){out, config, 0}, &root_group, config);
}
