/*
 * The keys of vipd.conf: name, type, range and place of each, and the groups they form.
 */
#include <string.h>

#include "config/settings.h"
#include "vipd/mono.h"

#define MS		 USEC_PER_MS
#define SEC		 USEC_PER_SEC
#define HOUR		 (3600 * USEC_PER_SEC)
#define PRIORITY_MIN	 32
#define PRIORITY_MAX	 254
#define PRIORITY_DEFAULT 100 /* RFC 9568 section 6.1 */
#define LEASE_DEFAULT_S	 3

#define ROUTERS_EXAMPLE "( { interface = \"eth0\"; vrid = 100; addresses = [ \"2001:db8::100\" ]; } )"

static read_setting read_routers, read_check_names, read_unhealthy, read_conflict, read_lease, read_control,
    read_metrics;

static const struct key router_keys[] = {
    {"name", read_text, .example = "\"api\"", .refuse = refuse_name, FIELD(config_router, name)},
    {"interface", read_text, .example = "\"eth0\"", .required = true, .refuse = refuse_interface,
	.note = "where the address will be", FIELD(config_router, id.interface)},
    {"vrid", read_number, .example = "100", .required = true, .min = 1, .max = 255,
	.note = "the same on every server, and of no other group on this link",
	FIELD(config_router, id.vrid)},
    {"addresses", read_addresses, .example = "[ \"2001:db8::100\" ]", .required = true,
	.note = "the same on every server", FIELD(config_router, addresses)},
    {"priority", read_number, .example = "100", .min = PRIORITY_MIN, .max = PRIORITY_MAX,
	.note = "1..31 is the band of unhealthy routers, 255 is reserved for the owner of the address",
	FIELD(config_router, priority)},
    {"advert_interval", read_duration, .example = "\"100ms\"", .min = 10 * MS, .max = 40950 * MS,
	.step = 10 * MS, FIELD(config_router, advert_interval_us)},
    {"preempt", read_bool, .example = "true", FIELD(config_router, preempt)},
    {"preempt_delay", read_duration, .example = "\"5s\"", .min = 0, .max = HOUR, .step = 1,
	FIELD(config_router, preempt_delay_us)},
    {"link_local", read_link_local, .example = "\"auto\"", .note = "or \"none\", or an address of fe80::/10",
	FIELD(config_router, link_local_mode)},
    {"peers", read_peers, .example = "[ \"fe80::12\", \"fe80::13\" ]",
	.note = "the other servers, for links without multicast", FIELD(config_router, peers)},
    {"source", read_source, .example = "\"fe80::11\"",
	.note = "an address of the interface, which the other servers know as their peer",
	FIELD(config_router, source)},
    {"checks", read_check_names, .example = "[ \"apiserver\" ]", .note = "names of checks",
	FIELD(config_router, checks)},
    {"track_interfaces", read_interfaces, .example = "[ \"eth1\" ]",
	.note = "must have carrier to be healthy", FIELD(config_router, track)},
    {"when_unhealthy", read_unhealthy, .example = "\"demote\"", .note = "or \"resign\"",
	FIELD(config_router, when_unhealthy)},
    {"on_conflict", read_conflict, .example = "\"take\"", .note = "or \"wait\"",
	FIELD(config_router, on_conflict)},
    {"kernel_lease", read_lease, .example = "\"3s\"", .min = 2 * SEC, .max = HOUR, .step = SEC,
	.note = "the kernel counts whole seconds, and of a single one nothing may be left at once",
	FIELD(config_router, kernel_lease_s)},
    {"auth", read_auth, .example = "{ mode = \"enforce\"; … }", FIELD(config_router, auth)},
    {0},
};

static const struct key control_keys[] = {
    {"socket", read_text, .example = "\"" CONFIG_SOCKET_DEFAULT "\"", .refuse = refuse_path,
	FIELD(config, socket)},
    {"group", read_text, .example = "\"vipd\"", .refuse = refuse_name, FIELD(config, group)},
    {"admin_group", read_text, .example = "\"root\"", .refuse = refuse_name, FIELD(config, admin_group)},
    {0},
};

static const struct key metrics_keys[] = {
    {"listen", read_listen, .example = "\"[::1]:9752\"", FIELD(config, metrics_listen)},
    {0},
};

/* Checks come before the virtual routers that refer to them, wherever they stand in the file. */
const struct key root_keys[] = {
    {"node", read_text, .example = "\"k8s-node01\"", .refuse = refuse_name, FIELD(config, node)},
    {"checks", read_checks,
	.example = "( { name = \"apiserver\"; type = \"https\"; url = \"https://[::1]:6443/readyz\"; } )"},
    {"virtual_routers", read_routers, .example = ROUTERS_EXAMPLE, .required = true, .min = 1},
    {"control", read_control, .example = "{ socket = \"" CONFIG_SOCKET_DEFAULT "\"; }"},
    {"metrics", read_metrics, .example = "{ listen = \"[::1]:9752\"; }"},
    {"notify", read_text, .example = "\"/etc/vipd/notify\"", .refuse = refuse_path, FIELD(config, notify)},
    {"record_dir", read_text, .example = "\"/var/log/vipd/captures\"", .refuse = refuse_path,
	FIELD(config, record_dir)},
    {"run_as", read_text, .example = "\"vipd\"", .refuse = refuse_name, FIELD(config, run_as)},
    {0},
};

const struct group config_groups[] = {
    {"virtual_routers = ( { … } )", router_keys},
    {"checks = ( { … } )", check_keys},
    {"control = { … }", control_keys},
    {"metrics = { … }", metrics_keys},
    {"the top of the file, outside of every group", root_keys},
    {0},
};

static void read_control(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	read_group(report, setting, control_keys, key_base(key, field));
}

static void read_metrics(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	read_group(report, setting, metrics_keys, key_base(key, field));
}

static void read_unhealthy(
    struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *text = text_of(report, setting, key);
	if (!text)
		return;
	for (enum config_unhealthy value = UNHEALTHY_DEMOTE; value <= UNHEALTHY_RESIGN; value++) {
		if (!strcmp(text, config_unhealthy_name(value))) {
			*(enum config_unhealthy *)field = value;
			return;
		}
	}
	report_setting(report, setting,
	    "is not known; write \"demote\" (any healthy server is preferred) or \"resign\" (no candidate "
	    "until healthy)");
}

static void read_conflict(
    struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *text = text_of(report, setting, key);
	bool wait = text && !strcmp(text, config_conflict_name(CONFLICT_WAIT));
	if (!text)
		return;
	if (wait || !strcmp(text, config_conflict_name(CONFLICT_TAKE)))
		*(enum config_conflict *)field = wait ? CONFLICT_WAIT : CONFLICT_TAKE;
	else
		report_setting(report, setting,
		    "is not known; write \"take\" (become the holder all the same) or \"wait\" (until the "
		    "other host has gone)");
}

static void read_lease(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	int64_t us;
	if (!duration_of(report, setting, key, &us))
		return;
	if (us && (us < key->min || us > key->max || us % key->step))
		report_setting(report, setting,
		    "%s; write whole seconds from \"2s\" to \"1h\", or \"0s\" for no lease (%s)",
		    us < key->min   ? "is too short"
		    : us > key->max ? "is too long"
				    : "is not in whole seconds",
		    key->note);
	else
		*(uint32_t *)field = (uint32_t)(us / SEC);
}

static void report_no_check(
    struct report *report, const config_setting_t *setting, const struct config *config)
{
	const char *names[CONFIG_CHECKS_MAX];
	size_t count = 0;
	for (unsigned i = 0; i < config->check_count; i++)
		if (config->checks[i].name[0])
			names[count++] = config->checks[i].name;
	const char *nearest = nearest_word(config_setting_get_string(setting), names, count);
	if (nearest)
		report_setting(
		    report, setting, "there is no check of this name; did you mean \"%s\"?", nearest);
	else
		report_setting(report, setting,
		    "there is no check of this name; add it to the list checks, outside of virtual_routers");
}

static void read_check_names(
    struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const struct config *config = report->config;
	if (!is_array(report, setting, key))
		return;
	for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, i);
		const char *name = text_of(report, element, key);
		unsigned index = 0;
		while (name && index < config->check_count && strcmp(config->checks[index].name, name))
			index++;
		if (name && index < config->check_count)
			*(uint64_t *)field |= UINT64_C(1) << index;
		else if (name)
			report_no_check(report, element, config);
	}
}

/* fe80::200:5eff:fe00:2XX: what RFC 4291 appendix A makes of the virtual router's MAC 00:00:5e:00:02:XX. */
static struct address link_local_auto(uint8_t vrid)
{
	return (struct address){{{{0xfe, 0x80, [8] = 0x02, [10] = 0x5e, 0xff, 0xfe, [14] = 0x02, vrid}}}};
}

static void read_router(struct report *report, config_setting_t *setting, struct config_router *router)
{
	router->id.family = AF_INET6;
	router->priority = PRIORITY_DEFAULT;
	router->preempt = true;
	router->advert_interval_us = 100 * MS;
	router->link_local_mode = LINK_LOCAL_AUTO;
	router->when_unhealthy = UNHEALTHY_DEMOTE;
	read_group(report, setting, router_keys, router);
	if (!config_setting_is_group(setting))
		return;

	/* Defaults that depend on other keys. */
	if (!config_setting_get_member(setting, "name") && router->id.vrid)
		snprintf(router->name, sizeof(router->name), "vr%u", router->id.vrid);
	if (!config_setting_get_member(setting, "kernel_lease")) {
		uint32_t shortest_s = shortest_lease_s(router);
		router->kernel_lease_s = shortest_s > LEASE_DEFAULT_S ? shortest_s : LEASE_DEFAULT_S;
	}
	if (router->link_local_mode == LINK_LOCAL_AUTO)
		router->link_local = link_local_auto(router->id.vrid);
}

static void read_routers(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config *config = key_base(key, field);
	config->router_count = list_of_groups(report, setting, key, CONFIG_ROUTERS_MAX);
	for (unsigned i = 0; i < config->router_count; i++)
		read_router(report, config_setting_get_elem(setting, i), &config->routers[i]);
}
