/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor: looks at everything that has to be right for a virtual address to move when it must, and says
 * what it found and what to do. It changes nothing, on this machine or elsewhere.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* In the order of how bad it is. */
enum doctor_sign {
	DOCTOR_FINE,
	DOCTOR_UNKNOWN, /* cannot be looked at from here, or not by this user */
	DOCTOR_WARNING,
	DOCTOR_FAILURE,
	DOCTOR_SIGNS
};

/* "fine", "unknown", "warning", "failure" */
const char *doctor_sign_name(enum doctor_sign sign);

struct doctor_finding {
	enum doctor_sign sign;
	const char *name; /* a stable one: "firewall" */
	char subject[64]; /* the virtual router or the health check it is about, "" if it is about the node */
	char found[768];
	char advice[768]; /* what to do; "" if nothing is to be done */
};

struct doctor_report {
	struct doctor_finding *items;
	size_t count;
};

/*
 * Asks the agent for its status. Returns it, the caller's to release, or NULL with the reason in `why`;
 * *forbidden: the agent may be well, but this user may not ask it.
 */
#define DOCTOR_WHY_MAX 512
typedef json_t *doctor_status(void *context, bool *forbidden, char why[static DOCTOR_WHY_MAX]);

struct doctor_request {
	const char *config; /* vipd.conf; NULL: the one that the agent says it has read, else the usual one */
	const char *name;   /* DNS name of the virtual address, NULL: not asked for */
	const char
	    *resolver; /* "[2001:db8::1]:5353", as doctor_resolver_valid() takes it; NULL: /etc/resolv.conf */
	const char *k3s_config; /* NULL: the usual one */
	const char *bird;	/* control socket of BIRD; NULL: the usual ones */
	char *const *only;	/* names of findings, NULL behind the last; NULL: all */
	bool agent_only;	/* nothing but what the agent says: needs no privilege and sends no packet */
	doctor_status *status;
	void *context;
};

/* Fills *report, which doctor_release() empties. Takes one to five seconds if it has to listen. */
void doctor_run(const struct doctor_request *request, struct doctor_report *report);
void doctor_release(struct doctor_report *report);

enum doctor_sign doctor_worst(const struct doctor_report *report);

/* Whether there is a finding of this name. */
bool doctor_finding_exists(const char *name);

/* The name of finding i, NULL behind the last. */
const char *doctor_finding_name(size_t i);

/* Whether it is an address literal with or without a port: "[2001:db8::1]:5353", "192.0.2.1:53". */
bool doctor_resolver_valid(const char *text);
