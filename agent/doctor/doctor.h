/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the doctor: what all finders share, and the finders themselves. Each adds one finding or more; one
 * that cannot look adds DOCTOR_UNKNOWN, and so does doctor.c for one that does not apply and adds none. A
 * finder is not called without what it rests on, by the table in doctor.c: the configuration, the agent, its
 * engine.
 */
#pragma once

#include "doctor/segment.h"
#include "vipd/address.h"
#include "vipd/config.h"
#include "vipd/doctor.h"
#include "vipd/status.h"

#define SEGMENTS_MAX 8

struct doctor {
	const struct doctor_request *request;
	struct doctor_report *report;
	const char *finder; /* name of the running one */
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

/* Adds a finding of the running finder; `advice` may be NULL. */
__attribute__((format(printf, 5, 6))) void finding_add(struct doctor *doctor, enum doctor_sign sign,
    const char *subject, const char *advice, const char *format, ...);

/* Gives the finding that was added last an advice with arguments. */
__attribute__((format(printf, 2, 3))) void finding_advise(struct doctor *doctor, const char *format, ...);

/* /proc/sys/net/FAMILY/conf/WHERE/NAME, family "ipv4" or "ipv6"; -1: the kernel does not tell. */
int kernel_setting_read(const char *family, const char *where, const char *name);

/* Asks the agent anew; the caller's to release, NULL if it does not answer. */
json_t *status_read(struct doctor *doctor);

/* The status of a virtual router of the configuration; NULL if the agent or its engine does not answer, or
 * has none. */
const json_t *router_status(const json_t *status, const struct config_router *router);

/* What was heard on its interface; NULL if it was not listened to. */
const struct segment *router_segment(const struct doctor *doctor, const struct config_router *router);

/* The same, for those who cannot do without: NULL, and a finding, if `what` cannot be known. `asking`: who
 * asks, not only listens. */
const struct segment *segment_heard(
    struct doctor *doctor, const struct config_router *router, bool asking, const char *what);

/* Of the holder by VRRP, in the status of a virtual router; "" if there is none. */
const char *holder_address(const json_t *router);

/* Whether the address moved while it was watched, so that what was seen is of two holders, one after the
 * other. */
bool has_moved(const struct doctor *doctor, const struct config_router *router);

/* By the status before listening. */
bool is_active_here(const struct doctor *doctor, const struct config_router *router);

/* Adds a text to a list of texts with ", " between them; what does not fit is cut off. */
void list_add(char *list, size_t room, const char *text);

/* Adds chains of nft that may drop something: "inet filter input, …"; none if nft is not there. family: one
 * of nft's, or "". */
void chains_find(char *list, size_t room, const char *family);

/* Whether this user's files and packets are root's. */
bool is_root(void);

/* The addresses of `name`, asked of `server` ("[ADDRESS]:PORT") or of /etc/resolv.conf (NULL). Returns NULL,
 * or why they are not known. */
const char *name_lookup(
    const char *server, const char *name, struct address *addresses, unsigned room, unsigned *count);

#define IPVS_INTERFACE "kube-ipvs0" /* of kube-proxy, with the addresses of services */
#define ADVICE_ROOT    "run it as root: sudo vipctl doctor"

typedef void doctor_finder(struct doctor *doctor);
typedef void doctor_router_finder(struct doctor *doctor, const struct config_router *router);

doctor_finder find_configuration, find_secrets, find_agent, find_engine, find_unit, find_reload, find_router,
    find_holder, find_conflict, find_group, find_health, find_api, find_name, find_k3s, find_kube_proxy,
    find_bgp, find_published, find_publishing;
doctor_router_finder find_interface, find_peers, find_speakers, find_kernel, find_wire, find_foreign,
    find_firewall, find_arp, find_clock, find_route;
