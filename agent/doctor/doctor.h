/*
 * Inside the doctor: what all checks share, and the checks themselves. A check adds one finding or more; one
 * that does not apply adds none, one that cannot be made adds DOCTOR_UNKNOWN.
 */
#pragma once

#include "doctor/segment.h"
#include "vipd/address.h"
#include "vipd/config.h"
#include "vipd/doctor.h"

#define SEGMENTS_MAX 8

struct doctor {
	const struct doctor_request *request;
	struct doctor_report *report;
	const char *check; /* the running one */
	const char *config_path;
	bool config_readable;
	struct config config; /* if config_readable */
	struct config_errors errors;
	json_t *status; /* NULL: the agent does not answer */
	bool status_forbidden;
	char status_error[DOCTOR_WHY_MAX];
	json_t *later; /* the status after the segments were listened to; may be NULL */
	struct segment segments[SEGMENTS_MAX];
	unsigned segment_count;
};

/* Adds a finding of the running check; `advice` may be NULL. */
__attribute__((format(printf, 5, 6))) void finding_add(struct doctor *doctor, enum doctor_sign sign,
    const char *subject, const char *advice, const char *format, ...);

/* Gives the finding that was added last an advice with arguments. */
__attribute__((format(printf, 2, 3))) void finding_advise(struct doctor *doctor, const char *format, ...);

/* A member that is text, "" if it is not there (or null). */
const char *member_of(const json_t *object, const char *key);

/* The status of a virtual router of the configuration; NULL if the agent does not answer or has none. */
const json_t *router_status(const json_t *status, const struct config_router *router);

/* What was heard on its interface; NULL if it was not listened to. */
const struct segment *router_segment(const struct doctor *doctor, const struct config_router *router);

/* Whether this user's files and packets are root's. */
bool is_root(void);

#define ADVICE_ROOT "run it as root: sudo vipctl doctor"

typedef void doctor_check(struct doctor *doctor);
typedef void doctor_router_check(struct doctor *doctor, const struct config_router *router);

doctor_check check_configuration, check_secrets, check_agent, check_unit, check_router, check_holder,
    check_conflict, check_health, check_api, check_name, check_k3s, check_kube_proxy, check_bgp;
doctor_router_check check_interface, check_peers, check_speakers, check_kernel, check_wire, check_foreign,
    check_firewall, check_clock, check_route;
