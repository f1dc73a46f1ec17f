/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of findings, and what they share: the configuration, the agent's status before and after
 * listening, and what was heard on each interface meanwhile. Each finder only looks at that and adds
 * findings.
 */
#include "doctor/doctor.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipd/mono.h"

#define SLOW_MARGIN_US USEC_PER_SEC

/* What a finding is made of: the configuration, what the agent knows, what the engine says. */
enum { ON_CONFIG = 1, ON_AGENT = 2, ON_ENGINE = 4 | ON_AGENT };

/* In the order in which one would look: the agent itself, the segment, and what stands on top of it. */
static const struct {
	const char *name;
	enum needs { AGENT, CONFIG, SEGMENT } needs; /* each includes the ones before it */
	unsigned rests_on;			     /* without which it is unknown */
	doctor_finder *of_node;
	doctor_router_finder *of_router;
	const char *nothing; /* why it may have nothing to say; NULL: that is rare */
} finders[] = {
    {"configuration", CONFIG, 0, find_configuration, NULL, NULL},
    {"secrets", CONFIG, ON_CONFIG, find_secrets, NULL, NULL},
    {"agent", AGENT, 0, find_agent, NULL, NULL},
    {"engine", CONFIG, ON_AGENT, find_engine, NULL, NULL},
    {"unit", CONFIG, 0, find_unit, NULL, NULL},
    {"reload", AGENT, ON_AGENT, find_reload, NULL, NULL},
    {"router", AGENT, ON_ENGINE, find_router, NULL, "the agent has no virtual router"},
    {"interface", CONFIG, ON_CONFIG, NULL, find_interface, NULL},
    {"peers", SEGMENT, ON_CONFIG, NULL, find_peers, NULL},
    {"holder", AGENT, ON_ENGINE, find_holder, NULL, "the agent has no virtual router"},
    {"conflict", AGENT, ON_ENGINE, find_conflict, NULL, "the agent has no virtual router"},
    {"group", AGENT, ON_ENGINE, find_group, NULL, "the agent does not say who belongs to the group"},
    {"speakers", SEGMENT, ON_CONFIG, NULL, find_speakers, NULL},
    {"kernel", CONFIG, ON_CONFIG, NULL, find_kernel, NULL},
    {"wire", SEGMENT, ON_CONFIG, NULL, find_wire, NULL},
    {"foreign", SEGMENT, ON_CONFIG, NULL, find_foreign, NULL},
    {"firewall", SEGMENT, ON_CONFIG, NULL, find_firewall, NULL},
    {"arp", CONFIG, ON_CONFIG, NULL, find_arp, "it has no IPv4 address, or its interface is not there"},
    {"clock", SEGMENT, ON_CONFIG, NULL, find_clock, NULL},
    {"health", AGENT, ON_AGENT, find_health, NULL, NULL},
    {"api", CONFIG, ON_CONFIG, find_api, NULL, "no check of type https or kubernetes asks an API server"},
    {"name", CONFIG, 0, find_name, NULL, NULL},
    {"publishing", AGENT, ON_AGENT, find_publishing, NULL, "the agent publishes nothing"},
    {"publish", CONFIG, ON_CONFIG | ON_AGENT, find_published, NULL,
	"the agent does not publish what the configuration names yet"},
    {"k3s", CONFIG, ON_CONFIG, find_k3s, NULL, NULL},
    {"kube-proxy", CONFIG, ON_CONFIG, find_kube_proxy, NULL, NULL},
    {"bgp", CONFIG, 0, find_bgp, NULL, NULL},
    {"route", CONFIG, ON_CONFIG, NULL, find_route,
	"no BIRD answers on this node, so its routes are not known"},
};
#define FINDERS (sizeof finders / sizeof finders[0])

const char *doctor_finding_name(size_t i)
{
	return i < FINDERS ? finders[i].name : NULL;
}

bool doctor_finding_exists(const char *name)
{
	for (size_t i = 0; i < FINDERS; i++) {
		if (strcmp(finders[i].name, name) == 0)
			return true;
	}
	return false;
}

const char *doctor_sign_name(enum doctor_sign sign)
{
	static const char *const names[DOCTOR_SIGNS] = {
	    [DOCTOR_FINE] = "fine",
	    [DOCTOR_UNKNOWN] = "unknown",
	    [DOCTOR_WARNING] = "warning",
	    [DOCTOR_FAILURE] = "failure",
	};
	return names[sign];
}

enum doctor_sign doctor_worst(const struct doctor_report *report)
{
	enum doctor_sign worst = DOCTOR_FINE;
	for (size_t i = 0; i < report->count; i++) {
		if (report->items[i].sign > worst)
			worst = report->items[i].sign;
	}
	return worst;
}

/* ---- findings ---- */

static void out_of_memory(void)
{
	fputs("vipctl: out of memory\n", stderr);
	exit(EXIT_FAILURE);
}

static struct doctor_finding *finding_new(struct doctor_report *report)
{
	struct doctor_finding *grown = realloc(report->items, (report->count + 1) * sizeof *grown);
	if (!grown)
		out_of_memory();
	report->items = grown;
	memset(&grown[report->count], 0, sizeof *grown);
	return &grown[report->count++];
}

void finding_add(struct doctor *doctor, enum doctor_sign sign, const char *subject, const char *advice,
    const char *format, ...)
{
	struct doctor_finding *finding = finding_new(doctor->report);
	finding->sign = sign;
	finding->name = doctor->finder;
	snprintf(finding->subject, sizeof finding->subject, "%s", subject);
	snprintf(finding->advice, sizeof finding->advice, "%s", advice ? advice : "");
	va_list args;
	va_start(args, format);
	vsnprintf(finding->found, sizeof finding->found, format, args);
	va_end(args);
}

void finding_advise(struct doctor *doctor, const char *format, ...)
{
	struct doctor_finding *last = &doctor->report->items[doctor->report->count - 1];
	va_list args;
	va_start(args, format);
	vsnprintf(last->advice, sizeof last->advice, format, args);
	va_end(args);
}

void doctor_release(struct doctor_report *report)
{
	free(report->items);
	*report = (struct doctor_report){0};
}

/* ---- what finders share ---- */

const json_t *router_status(const json_t *status, const struct config_router *router)
{
	size_t i;
	json_t *item;
	if (engine_is_silent(status))
		return NULL;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, item)
	{
		if (strcmp(member_text(item, "name"), router->name) == 0)
			return item;
	}
	return NULL;
}

const struct segment *router_segment(const struct doctor *doctor, const struct config_router *router)
{
	for (unsigned i = 0; i < doctor->segment_count; i++) {
		if (strcmp(doctor->segments[i].interface, router->id.interface) == 0)
			return &doctor->segments[i];
	}
	return NULL;
}

const char *holder_address(const json_t *router)
{
	return member_text(json_object_get(router, "active_router"), "address");
}

bool is_active_here(const struct doctor *doctor, const struct config_router *router)
{
	return router_is_active(router_status(doctor->status, router));
}

void list_add(char *list, size_t room, const char *text)
{
	size_t length = strlen(list);
	snprintf(list + length, room - length, "%s%s", length ? ", " : "", text);
}

bool is_root(void)
{
	return geteuid() == 0;
}

/* ---- the run ---- */

static const char *config_path(const struct doctor *doctor)
{
	const char *loaded = member_text(json_object_get(doctor->status, "config"), "path");
	if (doctor->request->config)
		return doctor->request->config;
	return *loaded ? loaded : CONFIG_PATH_DEFAULT;
}

/* One listening for all virtual routers of an interface. */
static void segments_collect(struct doctor *doctor)
{
	for (unsigned r = 0; r < doctor->config.router_count; r++) {
		const struct config_router *router = &doctor->config.routers[r];
		struct segment *segment = (struct segment *)router_segment(doctor, router);
		if (!segment && doctor->segment_count < SEGMENTS_MAX) {
			segment = &doctor->segments[doctor->segment_count++];
			segment->config = &doctor->config;
			segment->joins = !doctor->status;
			memcpy(segment->interface, router->id.interface, sizeof segment->interface);
		}
		if (segment)
			segment_want(segment, router);
	}
}

int kernel_setting_read(const char *family, const char *where, const char *name)
{
	char path[128], text[16] = "";
	snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, where, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	bool read = fgets(text, sizeof text, file);
	fclose(file);
	return read ? (int)strtol(text, NULL, 10) : -1;
}

json_t *status_read(struct doctor *doctor)
{
	return doctor->request->status(
	    doctor->request->context, &doctor->status_forbidden, doctor->status_error);
}

/* By what was heard, or by what the agent said before and after. */
bool has_moved(const struct doctor *doctor, const struct config_router *router)
{
	const struct segment *segment = router_segment(doctor, router);
	const json_t *before = router_status(doctor->status, router),
		     *after = router_status(doctor->later, router);
	enum speaking speaking = segment ? segment_speaking(segment, &router->id) : SPEAKING_NOBODY;
	if (speaking >= SPEAKING_BESIDE)
		return false;
	return speaking == SPEAKING_IN_TURN ||
	       (before && after && strcmp(holder_address(before), holder_address(after)) != 0);
}

/* The agent's counters are read before and after, to compare them with what passed the interface. */
static void segments_listen_once(struct doctor *doctor)
{
	json_decref(doctor->later);
	doctor->later = NULL;
	for (unsigned i = 0; i < doctor->segment_count; i++)
		segment_listen(&doctor->segments[i]);
	if (doctor->status)
		doctor->later = status_read(doctor);
}

/* Whether it is worth to listen once more, and then for so long that the slowest is heard again. */
static bool is_unclear(struct doctor *doctor, const struct config_router *router)
{
	struct segment *segment = (struct segment *)router_segment(doctor, router);
	if (!segment ||
	    !(has_moved(doctor, router) || segment_speaking(segment, &router->id) == SPEAKING_BESIDE))
		return false;
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		int64_t slow_us = segment->speakers[i].interval_us + SLOW_MARGIN_US;
		if (segment_speaks_for(&segment->speakers[i], &router->id) && slow_us > segment->listen_us)
			segment->listen_us = slow_us;
	}
	return true;
}

static void segments_listen(struct doctor *doctor)
{
	bool unclear = false;
	segments_collect(doctor);
	segments_listen_once(doctor);
	for (unsigned r = 0; r < doctor->config.router_count; r++)
		unclear |= is_unclear(doctor, &doctor->config.routers[r]);
	if (!unclear)
		return;
	json_decref(doctor->status);
	doctor->status = status_read(doctor);
	segments_listen_once(doctor);
}

/* An interface may be configured by one of its other names; frames and the kernel's lists have its own. */
static void interfaces_resolve(struct config *config)
{
	for (unsigned r = 0; r < config->router_count; r++) {
		char *interface = config->routers[r].id.interface, name[IF_NAMESIZE];
		if (if_indextoname(if_nametoindex(interface), name))
			memcpy(interface, name, sizeof name);
	}
}

static bool is_wanted(const struct doctor_request *request, size_t i)
{
	if (request->agent_only && finders[i].needs != AGENT)
		return false;
	for (char *const *name = request->only; name && *name; name++) {
		if (strcmp(finders[i].name, *name) == 0)
			return true;
	}
	return !request->only;
}

static enum needs needs_of(const struct doctor_request *request)
{
	enum needs most = AGENT;
	for (size_t i = 0; i < FINDERS; i++) {
		if (is_wanted(request, i) && finders[i].needs > most)
			most = finders[i].needs;
	}
	return most;
}

/* Why what a finding rests on is not known; NULL: it is. What a silent engine said before is old. */
static const char *obstacle(const struct doctor *doctor, unsigned rests_on, const char **advice)
{
	*advice = "see vipctl doctor agent";
	if (rests_on & ON_AGENT && !doctor->status)
		return doctor->status_forbidden ? "this user may not ask the agent"
						: "the agent does not answer";
	if ((rests_on & ON_ENGINE) == ON_ENGINE && engine_is_silent(doctor->status))
		return "the engine does not respond, and what it said before is old";
	*advice = "see vipctl doctor configuration";
	return rests_on & ON_CONFIG && !doctor->config_readable ? "the configuration is not known" : NULL;
}

/* `router`: NULL for a finder of the node. Silence would look as if it were well. */
static void run_for(struct doctor *doctor, size_t i, const struct config_router *router)
{
	size_t before = doctor->report->count;
	const char *nothing = finders[i].nothing;
	if (router)
		finders[i].of_router(doctor, router);
	else
		finders[i].of_node(doctor);
	if (doctor->report->count == before && !doctor->request->agent_only)
		finding_add(doctor, DOCTOR_UNKNOWN, router ? router->name : "", NULL, "%s",
		    nothing ? nothing : "there is nothing here that it could look at");
}

static void run_finder(struct doctor *doctor, size_t i)
{
	const char *advice, *why = obstacle(doctor, finders[i].rests_on, &advice);
	doctor->finder = finders[i].name;
	if (why && doctor->request->agent_only)
		return; /* for `check` the finding about the agent says it all */
	if (why) {
		finding_add(doctor, DOCTOR_UNKNOWN, "", advice, "%s", why);
		return;
	}
	if (finders[i].of_node)
		run_for(doctor, i, NULL);
	for (unsigned r = 0; finders[i].of_router && r < doctor->config.router_count; r++)
		run_for(doctor, i, &doctor->config.routers[r]);
}

void doctor_run(const struct doctor_request *request, struct doctor_report *report)
{
	struct doctor *doctor = calloc(1, sizeof *doctor);
	if (!doctor)
		out_of_memory();
	*report = (struct doctor_report){0};
	doctor->request = request;
	doctor->report = report;
	doctor->status = status_read(doctor);
	doctor->config_path = config_path(doctor);
	enum needs needs = needs_of(request);
	if (needs >= CONFIG)
		doctor->config_readable =
		    config_load(doctor->config_path, &doctor->config, &doctor->errors) == 0;
	if (doctor->config_readable)
		config_discover(&doctor->config, "");
	interfaces_resolve(&doctor->config);
	if (needs >= SEGMENT)
		segments_listen(doctor);
	for (size_t i = 0; i < FINDERS; i++) {
		if (is_wanted(request, i))
			run_finder(doctor, i);
	}
	json_decref(doctor->status);
	json_decref(doctor->later);
	free(doctor);
}
