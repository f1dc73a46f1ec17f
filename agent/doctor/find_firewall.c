/*
 * Protocol 112 both ways. Evidence first: what passes the interface is compared with what vipd has counted,
 * which holds whatever the firewall is made of. Then the rules of nftables, which name the culprit, and which
 * are all there is for a direction in which nothing is sent now.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "doctor/nft.h"
#include "doctor/tool.h"
#include "vipd/advert.h"

#define EVIDENCE 2 /* so many packets: one may have come before the counters were read */

enum evidence { NOTHING_SENT, PASSES, BLOCKED };

static long long counter_growth(
    const struct doctor *doctor, const struct config_router *router, const char *name)
{
	const json_t *before = json_object_get(router_status(doctor->status, router), "counters"),
		     *after = json_object_get(router_status(doctor->later, router), "counters");
	return json_integer_value(json_object_get(after, name)) -
	       json_integer_value(json_object_get(before, name));
}

/* Every advert that vipd has received and refused, for whatever reason. */
static long long refused_total(const json_t *status, const struct config_router *router)
{
	const char *reason;
	json_t *count;
	long long total = 0;
	json_object_foreach(json_object_get(router_status(status, router), "dropped"), reason, count) total +=
	    json_integer_value(count);
	return total;
}

static unsigned passed(const struct segment *segment, const struct config_router *router, bool outgoing)
{
	unsigned count = 0;
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		if (segment->speakers[i].vrid == router->id.vrid && segment->speakers[i].outgoing == outgoing)
			count += segment->speakers[i].count;
	}
	return count;
}

static enum evidence evidence_in(
    const struct doctor *doctor, const struct config_router *router, const struct segment *segment)
{
	if (!doctor->later || passed(segment, router, false) < EVIDENCE)
		return NOTHING_SENT;
	long long got = counter_growth(doctor, router, "adverts_received") +
			refused_total(doctor->later, router) - refused_total(doctor->status, router);
	return got > 0 ? PASSES : BLOCKED;
}

static enum evidence evidence_out(
    const struct doctor *doctor, const struct config_router *router, const struct segment *segment)
{
	if (passed(segment, router, true))
		return PASSES;
	if (!doctor->later)
		return NOTHING_SENT;
	long long tried = counter_growth(doctor, router, "adverts_sent") +
			  counter_growth(doctor, router, "advert_send_errors");
	return tried >= EVIDENCE ? BLOCKED : NOTHING_SENT;
}

/* ---- rules ---- */

enum { IN, OUT, WAYS };

struct rules {
	bool known;
	enum nft_fate fate[WAYS];
	char where[WAYS][NFT_RULE_MAX];
};

/* The old iptables has rules of its own that nft does not show. */
static bool is_legacy_used(void)
{
	char name[32] = "";
	FILE *file = fopen("/proc/net/ip6_tables_names", "re");
	if (!file)
		return false;
	bool used = fgets(name, sizeof name, file);
	fclose(file);
	return used;
}

static struct rules rules_read(const struct config_router *router)
{
	char *const argv[] = {"nft", "-j", "list", "ruleset", NULL};
	struct rules rules = {0};
	struct nft_packet packet = {
	    .interface = router->id.interface, .destination = "ff02::12", .protocol = VRRP_PROTOCOL};
	int status;
	char *text = is_root() && !is_legacy_used() ? tool_run(argv, &status) : NULL;
	json_t *ruleset = text && status == 0 ? json_loads(text, 0, NULL) : NULL;
	if (ruleset) {
		static const char *const hooks[WAYS] = {"input", "output"};
		rules.known = true;
		for (int way = 0; way < WAYS; way++) {
			packet.hook = hooks[way];
			rules.fate[way] = nft_judge(ruleset, &packet, rules.where[way]);
		}
	}
	json_decref(ruleset);
	free(text);
	return rules;
}

/* ---- judgement ---- */

static void way_judge(struct doctor *doctor, const struct config_router *router, int way,
    enum evidence evidence, const struct rules *rules)
{
	const char *name = way == IN ? "in" : "out", *where = rules->where[way];
	bool by_rule = rules->known && rules->fate[way] == NFT_DROPPED;
	if (evidence == BLOCKED || by_rule) {
		finding_add(doctor, DOCTOR_FAILURE, router->name, NULL,
		    "%s: protocol 112 is dropped on this machine%s%s", name, by_rule ? ": " : "",
		    by_rule ? where : "");
		finding_advise(doctor,
		    by_rule
			? "let it pass before that rule, as in: nft insert rule inet filter %s meta l4proto "
			  "vrrp accept"
			: "look at the firewall: nft list ruleset; ip6tables-save (chain %s)",
		    way == IN ? "input" : "output");
	} else if (evidence == PASSES) {
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "%s: advertisements %s", name,
		    way == IN ? "that reach this machine reach vipd" : "of vipd leave this machine");
	} else if (!rules->known) {
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, is_root() ? NULL : ADVICE_ROOT,
		    "%s: no advertisement was to pass, and the rules of the firewall cannot be read", name);
	} else if (rules->fate[way] == NFT_UNSURE) {
		finding_add(doctor, DOCTOR_WARNING, router->name,
		    "add a rule that lets protocol 112 pass: meta l4proto vrrp accept",
		    "%s: no rule plainly lets protocol 112 pass before %s", name, where);
	} else {
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "%s: no rule drops protocol 112", name);
	}
}

void find_firewall(struct doctor *doctor, const struct config_router *router)
{
	const struct segment *segment = router_segment(doctor, router);
	struct rules rules = rules_read(router);
	if (!segment)
		return;
	way_judge(doctor, router, IN, evidence_in(doctor, router, segment), &rules);
	way_judge(doctor, router, OUT, evidence_out(doctor, router, segment), &rules);
}
