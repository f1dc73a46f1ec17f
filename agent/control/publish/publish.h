/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder of a virtual router tells the world which servers are ready. Status and metrics read it.
 */
#pragma once

#include <stdio.h>

#include "control/publish/target.h"

#define PUBLISH_ERROR_MAX 512
#define PUBLISH_NAME_MAX  768

enum publish_state {
	PUBLISH_OFF,	 /* this node is not the holder */
	PUBLISH_WAITING, /* for the roster, or for a change to settle */
	PUBLISH_DONE,
	PUBLISH_FAILING, /* tried again */
	PUBLISH_STATES
};

struct publish_view {
	enum publish_state state;
	char name[PUBLISH_NAME_MAX];	     /* "dns k8s-cluster.k8s.example at [2001:db8::53]:53" */
	const struct publish_set *published; /* by this node as the present holder; count 0: nothing yet */
	int64_t changed_us;   /* wall clock: when the roster had what is to be published; 0: not the holder */
	int64_t succeeded_us; /* wall clock; 0: never */
	uint64_t successes, failures;
	const char *error; /* the last one, while it is failing; else "" */
};

struct publish;
/* Parallel to config->publish; valid until the next call. */
const struct publish_view *publish_views(struct publish *publish);
/* That server is not missed any more. Returns whether it was. */
bool publish_forget(struct publish *publish, const char *node);
/* What would be sent now, by every target. */
void publish_show(const struct publish *publish, FILE *out);
