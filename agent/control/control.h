/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control process as a whole: its parts, and what they share.
 *
 * A part is a file and a row of the table in parts.c. A part that wants something of another one asks for it
 * by name: control->parts[PART_CHECKS].
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "control/secrets.h"
#include "control/verdict.h"
#include "vipd/advert.h"
#include "vipd/board.h"
#include "vipd/config.h"
#include "vipd/message.h"

struct control;

/* One part; functions that it does not need are NULL. */
struct part {
	size_t size; /* it is zeroed */
	/* Returns 0 or -errno; close() is called after either. */
	int (*open)(void *part, struct control *control);
	/* There is a new control->config, with its secrets; the one before is valid until this returns. */
	void (*configure)(void *part);
	/* There may be new transitions on the board. */
	void (*changed)(void *part);
	/* A check has had a result. Called with every result, whether it changes anything or not. */
	void (*verdict)(void *part, const struct verdict *verdict);
	/* A reload that was asked for here has ended: control->reloaded says how. */
	void (*reloaded)(void *part);
	void (*close)(void *part);
};

/* In the order in which they are configured; they end in the opposite order. */
enum part_name {
	PART_CHANNEL,
	PART_CHECKS,
	PART_NOTIFY,
	PART_RECORDER,
	PART_GROUP,
	PART_CLIENTS,
	PART_PUBLISH,
	PART_HTTP,
	PARTS
};
extern const struct part part_channel, part_checks, part_notify, part_recorder, part_group, part_clients,
    part_publish, part_http;

struct control {
	sd_event *event;
	const struct board *board;
	const struct config *config;	/* the image in force; NULL before the first one */
	struct secrets secrets;		/* what the image's config_secret point into */
	int64_t started_us;		/* wall clock: vipd's start */
	struct message reloaded;	/* what came of the last reload; type 0: there was none */
	bool has_metrics;		/* the guardian gave us a socket for it */
	bool has_records;		/* and a directory for these */
	bool has_timeline;		/* and memory for it */
	bool has_hellos[VRRP_FAMILIES]; /* and a socket for these */
	bool has_translated;		/* and one for translated connections */
	void *parts[PARTS];
};

/* Returns 0 or -ENOMEM. parts_free() is fine after either. */
int parts_new(struct control *control);
void parts_configure(struct control *control);
void parts_changed(struct control *control);
void parts_verdict(struct control *control, const struct verdict *verdict);
void parts_reloaded(struct control *control);
void parts_free(struct control *control);

/* A timer rings once, that many us from now; at once if they are over. */
static inline void timer_arm(sd_event_source *timer, int64_t us)
{
	sd_event_source_set_time_relative(timer, us > 0 ? (uint64_t)us : 0);
	sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}
