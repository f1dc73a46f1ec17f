/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `watch` knows, and how it looks.
 */
#pragma once

#include "vipctl/page.h"
#include "vipctl/vipctl.h"

enum watch_view { WATCH_GROUP, WATCH_EVENTS };

struct watch {
	const struct vipctl *ctl;
	json_t *status, *timeline; /* the last answers; NULL: there were none yet */
	int64_t answered_ms;	   /* wall clock */
	char trouble[256];	   /* why there is no answer now; "": there is one */
	enum watch_view view;
	char asked; /* the key that needs a yes; 0: none */
	bool is_utf8;
};

void latencies_print(const struct watch *watch, struct page *page, const json_t *checks);

/* "api: held by k8s-node01; 2 of 3 servers can take over; next: k8s-node02" */
void watch_headlines(struct page *page, const json_t *status);

/* The whole screen, of that many lines; free() it. NULL without memory. */
char *watch_text(const struct watch *watch, int width, int height);
