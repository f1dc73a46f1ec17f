/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent says of itself: whether it answers, the state of each virtual router, who holds it, and the
 * health checks. None of this needs a privilege, so `vipctl check` is made of it.
 */
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"

/* Each object of a list in the status. */
static void judge_each(
    struct doctor *doctor, const char *list, void (*judge)(struct doctor *doctor, const json_t *object))
{
	size_t i;
	json_t *object;
	json_array_foreach(json_object_get(doctor->status, list), i, object) judge(doctor, object);
}

void find_agent(struct doctor *doctor)
{
	const json_t *engine = json_object_get(doctor->status, "engine");
	const char *version = member_text(doctor->status, "version");
	if (!doctor->status && doctor->status_forbidden)
		finding_add(doctor, DOCTOR_UNKNOWN, "", ADVICE_ROOT ", or join the group of the socket", "%s",
		    doctor->status_error);
	else if (!doctor->status)
		finding_add(doctor, DOCTOR_FAILURE, "",
		    "systemctl start vipd; why it ended: journalctl -u vipd", "%s", doctor->status_error);
	else if (!member_true(engine, "responding"))
		finding_add(doctor, DOCTOR_FAILURE, "",
		    "it is restarted by itself; if this stays: journalctl -u vipd",
		    "the engine of vipd does not respond (last sign of life %lld ms ago)",
		    (long long)member_number(engine, "heartbeat_ms"));
	else if (strcmp(version, VIPD_VERSION) != 0)
		finding_add(doctor, DOCTOR_WARNING, "",
		    "systemctl restart vipd, so that what is installed runs",
		    "vipd %s runs, but vipctl is of version %s", version, VIPD_VERSION);
	else
		finding_add(doctor, DOCTOR_FINE, "", NULL, "vipd %s answers", version);
}

/* Without these a busy machine delays adverts until the others believe this one dead. */
void find_engine(struct doctor *doctor)
{
	const json_t *engine = json_object_get(doctor->status, "engine");
	bool realtime = member_true(engine, "realtime"), locked = member_true(engine, "memory_locked");
	if (realtime && locked)
		finding_add(doctor, DOCTOR_FINE, "", NULL,
		    "the engine has real-time priority, and its memory cannot be swapped out");
	else
		finding_add(doctor, DOCTOR_WARNING, "",
		    "give the unit LimitRTPRIO=20 and LimitMEMLOCK=infinity, as the one that comes with "
		    "vipd; containers and some cgroups forbid both",
		    "the engine has %s%s%s: on a busy machine it may be too late",
		    realtime ? "" : "no real-time priority", realtime || locked ? "" : " and ",
		    locked ? "" : "memory that can be swapped out");
}

static void router_judge(struct doctor *doctor, const json_t *router)
{
	const char *name = member_text(router, "name"), *state = member_text(router, "state"),
		   *reason = member_text(router, "reason");
	char since[TIME_TEXT_MAX], end[TIME_TEXT_MAX];
	if (strcmp(state, "fault") == 0 || strcmp(state, "initialize") == 0)
		finding_add(doctor, DOCTOR_FAILURE, name, "why: journalctl -u vipd",
		    "%s: %s; this node cannot hold it", state, reason);
	else if (is_recovering(router))
		finding_add(doctor, DOCTOR_WARNING, name,
		    "nothing to do unless it fails again: then see the findings of health and api",
		    "recovering: %s", member_text(router, "health_reason"));
	else if (!member_true(router, "healthy"))
		finding_add(doctor, DOCTOR_FAILURE, name, "see the findings of health and api",
		    "unhealthy: %s", member_text(router, "health_reason"));
	else if (router_is_kept(router))
		finding_add(doctor, DOCTOR_WARNING, name, "see vipctl status on the other servers",
		    "drained since %s, but no other server took over: this node keeps the address until one "
		    "does",
		    time_local(member_text(router, "drained_since"), since));
	else if (member_true(router, "drained")) {
		const char *until = member_text(router, "drained_until");
		finding_add(doctor, DOCTOR_WARNING, name, NULL,
		    "drained since %s%s%s: this node will not take over",
		    time_local(member_text(router, "drained_since"), since), *until ? ", until " : "",
		    time_local(until, end));
		finding_advise(doctor, "if the maintenance is over: vipctl resume %s", name);
	} else
		finding_add(doctor, DOCTOR_FINE, name, NULL, "%s since %s: %s", state,
		    time_local(member_text(router, "since"), since), reason);
}

void find_router(struct doctor *doctor)
{
	judge_each(doctor, "virtual_routers", router_judge);
}

/* Who holds it although it should not is the holder only because nobody better takes part. */
static void known_holder_judge(struct doctor *doctor, const json_t *router, const char *holder)
{
	const char *name = member_text(router, "name");
	bool here = router_holder(router) == HOLDER_SELF;
	char who[DOCTOR_WHY_MAX] = "this node";
	if (!here)
		snprintf(who, sizeof who, "%s (priority %lld)", holder,
		    (long long)member_number(json_object_get(router, "active_router"), "priority"));
	if (holder_is_recovering(router))
		finding_add(doctor, DOCTOR_WARNING, name,
		    here ? "nothing to do unless it fails again: then see the findings of health and api"
			 : "nothing to do unless it fails again: then vipctl status there",
		    "by VRRP %s is the holder, which answers, but is not trusted yet; no healthy server "
		    "takes part",
		    who);
	else if (holder_is_drained(router))
		finding_add(doctor, DOCTOR_WARNING, name, "vipctl resume there, or on another server",
		    "by VRRP %s is the holder, which is drained; no other server takes over", who);
	else if (holder_is_unhealthy(router))
		finding_add(doctor, DOCTOR_FAILURE, name,
		    here ? "see the findings of health and api" : "why: vipctl status there",
		    "by VRRP %s is the holder, which is unhealthy%s; no healthy server takes part", who,
		    here ? "" : " or drained");
	else
		finding_add(doctor, DOCTOR_FINE, name, NULL, "by VRRP %s is the holder", who);
}

/* VRRP's view alone; what the kernel and the wire say is looked at separately. */
static void holder_judge(struct doctor *doctor, const json_t *router)
{
	const json_t *active = json_object_get(router, "active_router");
	const char *name = member_text(router, "name"), *node = member_text(active, "node"),
		   *holder = *node ? node : member_text(active, "address");
	switch (router_holder(router)) {
	case HOLDER_NOBODY:
		finding_add(doctor, DOCTOR_FAILURE, name, "see vipctl status on every server",
		    "by VRRP nobody is the holder: no advertisement was heard");
		break;
	case HOLDER_SILENT:
		finding_add(doctor, DOCTOR_FAILURE, name, "see vipctl status on every server",
		    "by VRRP nobody is the holder: %s has been silent for %lld ms", holder,
		    (long long)member_number(active, "last_seen_ms"));
		break;
	case HOLDER_FOREIGN:
		finding_add(doctor, DOCTOR_FAILURE, name, NULL,
		    "VRID TAKEN: %s advertises VRID %lld with other addresses, so nobody holds ours", holder,
		    (long long)member_number(router, "vrid"));
		finding_advise(doctor, "give one of the two groups another vrid in vipd.conf");
		break;
	case HOLDER_SELF:
	case HOLDER_OTHER: known_holder_judge(doctor, router, holder); break;
	}
}

void find_holder(struct doctor *doctor)
{
	judge_each(doctor, "virtual_routers", holder_judge);
}

/* Who else claims what is ours, as far as vipd has noticed by itself. */
static void conflict_judge(struct doctor *doctor, const json_t *router)
{
	char cause[CAUSE_MAX];
	const json_t *conflict = json_object_get(router, "conflict");
	char text[TIME_TEXT_MAX];
	const char *name = member_text(router, "name"),
		   *since = time_local(member_text(conflict, "since"), text);
	if (!json_is_object(conflict))
		finding_add(
		    doctor, DOCTOR_FINE, name, NULL, "vipd has noticed nobody else who claims the address");
	else if (strcmp(member_text(conflict, "kind"), "source") == 0)
		finding_add(doctor, DOCTOR_FAILURE, name, "give one of the two another link-local address",
		    "somebody else advertises from this node's own address %s since %s",
		    member_text(conflict, "address"), since);
	else if (strcmp(member_text(conflict, "kind"), "vrid") == 0)
		finding_add(doctor, DOCTOR_FAILURE, name, "give them the same VRID or other addresses",
		    "VRID %d lists the same address %s since %s, and elects a holder of its own",
		    (int)json_integer_value(json_object_get(conflict, "vrid")),
		    member_text(conflict, "address"), since);
	else
		finding_add(doctor, DOCTOR_FAILURE, name,
		    *refusal_cause(router, cause)
			? cause
			: "sudo vipctl doctor says whose that is; see wire and foreign",
		    "SPLIT BRAIN: %s also claims %s since %s", member_text(conflict, "mac"),
		    member_text(conflict, "address"), since);
}

void find_conflict(struct doctor *doctor)
{
	judge_each(doctor, "virtual_routers", conflict_judge);
}

/* ---- health checks, as the agent sees them ---- */

static void health_judge(struct doctor *doctor, const json_t *check)
{
	char since[TIME_TEXT_MAX];
	const char *name = member_text(check, "name"), *state = member_text(check, "state"),
		   *error = member_text(check, "last_error");
	if (is_recovering(check))
		finding_add(doctor, DOCTOR_WARNING, name,
		    "nothing to do unless it fails again: then look at its server", "recovering since %s: %s",
		    time_local(member_text(check, "since"), since), error);
	else if (strcmp(state, "failing") == 0)
		finding_add(doctor, DOCTOR_FAILURE, name, "vipd gives the address away while this lasts",
		    "failing since %s: %s", time_local(member_text(check, "since"), since), error);
	else if (member_true(check, "unauthorized"))
		finding_add(doctor, DOCTOR_WARNING, name,
		    "name in vipd.conf a cert and key that may ask; see vipd.conf(5)",
		    "passing, but blind: %s", error);
	else if (strcmp(state, "passing") == 0)
		finding_add(doctor, DOCTOR_FINE, name, NULL, "passing: %s answered in %.1f ms",
		    member_text(check, "target"), json_number_value(json_object_get(check, "last_ms")));
	else
		finding_add(doctor, DOCTOR_UNKNOWN, name, "ask again in a few seconds", "no result yet");
}

void find_health(struct doctor *doctor)
{
	judge_each(doctor, "checks", health_judge);
	if (json_array_size(json_object_get(doctor->status, "checks")) == 0)
		finding_add(doctor, DOCTOR_WARNING, "", "add a check of the API server; see vipd.conf(5)",
		    "vipd watches nothing: the address stays on a server whose API server is dead");
}
