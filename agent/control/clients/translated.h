/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to a virtual address that a proxy of the kernel (kube-proxy) hands to another address: they are
 * in no socket with that address, but in conntrack. The guardian has the right to ask and no wish to parse;
 * so it sends the request, and the answer is read here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "control/clients/list.h"
#include "vipd/config.h"

struct translated {
	bool open;    /* the guardian has given us the socket */
	bool running; /* asked, and not everything has come */
	int error;    /* of the last time, -errno; -ETIMEDOUT: no answer */
	struct mono asked;
	struct mono next;
	int64_t cost_us;
	/* The router whose list a connection to this address belongs in, if it was silent for so long; -1:
	 * none. */
	int (*router_of)(void *context, const struct address *address, int64_t silent_us);
	void *context;
	int64_t established_s; /* how long the kernel keeps one without traffic; 0: not known */
	struct list list;      /* as it was the last time */
	struct list found;
	/* Those for which they have no room, of each router. */
	unsigned more[CONFIG_ROUTERS_MAX], found_more[CONFIG_ROUTERS_MAX];
	sd_event_source *io;
};

/* Returns 0 or -errno; translated_close() is fine after either. Functions and context are the caller's. */
int translated_open(struct translated *translated, sd_event *event);
void translated_close(struct translated *translated);

/* Asks if it is time, and if the kernel follows any connection at all. */
void translated_look(struct translated *translated, struct mono now);
