/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A made-up board, configuration and kernel, and what vipd-control makes of them.
 */
#pragma once

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/group/group.h"
#include "control/report/report.h"
#include "control/text.h"

#define VIP	   "2001:db8::100"
#define STARTED_US INT64_C(1795363200000000) /* 2026-11-22T16:00:00Z */

static struct board board;
static struct config config;
static struct check_health checks[CONFIG_CHECKS_MAX];
static struct inet6_entry kernel[2];

/* Names that need escaping cannot be configured; interfaces may have them. */
#define INTERFACE "e\"t\\h0"

static void make_config(void)
{
	config = (struct config){.loaded_us = STARTED_US + 500000, .router_count = 1, .check_count = 1};
	strcpy(config.path, "/etc/vipd/vipd.conf");
	strcpy(config.node, "k8s-node01");
	struct config_router *router = &config.routers[0];
	strcpy(router->name, "api");
	strcpy(router->id.interface, INTERFACE);
	router->id.vrid = 100;
	router->priority = 150;
	router->advert_interval_us = 100 * USEC_PER_MS;
	router->auth = AUTH_ENFORCE;
	router->checks = 1;
	router->address_count = 1;
	inet_pton(AF_INET6, VIP, &router->addresses[0].in6);
	strcpy(config.checks[0].name, "apiserver");
	strcpy(config.checks[0].url, "https://[::1]:6443/readyz");
	memset(checks, 0, sizeof checks);
	const struct check_result result = {.outcome = CHECK_SUCCESS, .duration_us = 3100};
	health_result(&checks[0], &config.checks[0], &result, (struct mono){STARTED_US}, STARTED_US);
}

static void make_board(void)
{
	memset(&board, 0, sizeof board);
	board_heartbeat(&board, (struct mono){10 * USEC_PER_SEC});
	struct board_engine *engine = board_begin_engine(&board);
	engine->pid = 4711;
	engine->realtime = true;
	histogram_add(&engine->lateness, board_lateness_bounds_us, 60);
	histogram_add(&engine->lateness, board_lateness_bounds_us, 10 * USEC_PER_SEC);
	board_end_engine(&board);

	struct board_router *router = board_begin_router(&board, 1);
	strcpy(router->name, "api");
	strcpy(router->id.interface, INTERFACE);
	router->id.vrid = 100;
	router->state = VRRP_ACTIVE;
	router->priority = router->effective_priority = 150;
	router->health = VRRP_HEALTHY;
	router->active_known = router->active_self = true;
	router->active_priority = 150;
	inet_pton(AF_INET6, "fe80::1", &router->active_address.in6);
	router->active_seen = (struct mono){10 * USEC_PER_SEC - 12 * USEC_PER_MS};
	router->since_realtime_us = STARTED_US + 1234567;
	router->advert_interval_us = 100 * USEC_PER_MS;
	router->address_count = 1;
	router->held = 1;
	router->addresses[0] = config.routers[0].addresses[0];
	router->counters[BOARD_ADVERTS_SENT] = 7;
	router->dropped[ADVERT_BAD_CHECKSUM] = 3;
	strcpy(router->reason_text, "no advertisement for 310ms");
	board_end_router(&board, 1);
	board.router_count = 2; /* 0 is the empty place of a router that was removed */
	strcpy(board_begin_link(&board, 0)->interface, INTERFACE);
	board_end_link(&board, 0);
	board.link_count = 1;
}

/* Where the made-up kernel has the VIP; "": nowhere. */
static void take(struct view *view, const char *interface)
{
	assert_int_equal(
	    view_take(view, &board, &config, checks, (struct mono){10 * USEC_PER_SEC + 40000}), 0);
	view->started_us = STARTED_US;
	view->pid = 42;
	free(view->kernel);
	kernel[0] = (struct inet6_entry){{in6addr_loopback}, INTERFACE, 128, 0, 0};
	inet_pton(AF_INET6, VIP, &kernel[1].address.in6);
	snprintf(kernel[1].interface, sizeof kernel[1].interface, "%s", interface);
	view->kernel_known = true;
	view->kernel = kernel;
	view->kernel_count = *interface ? 2 : 1;
}

static void drop(struct view *view)
{
	view->kernel = NULL;
	view_free(view);
}

static int setup(void **state)
{
	(void)state;
	make_config();
	make_board();
	return 0;
}

static inline void has_line(const char *text, const char *line)
{
	size_t length = strlen(line);
	for (const char *at = text; (at = strstr(at, line)); at++) {
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return;
	}
	fail_msg("no line %s in:\n%s", line, text);
}

static inline char *metrics(const char *interface)
{
	struct view view;
	size_t length = 0;
	take(&view, interface);
	char *text = metrics_text(&view, &length);
	assert_non_null(text);
	assert_int_equal(length, strlen(text));
	drop(&view);
	return text;
}

#define ROUTER "router=\"api\",vrid=\"100\",interface=\"e\\\"t\\\\h0\""
