/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One consistent look at everything, so that the parts of an answer fit together and the board is read once.
 *
 * Which addresses are there must be right even when the engine hangs or lies, so it does not come from the
 * board: each request asks the kernel.
 * Only the router's interface counts: kube-proxy in IPVS mode binds every external address to kube-ipvs0, on
 * all nodes.
 */
#include "control/report/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_ROOM	 64 /* addresses, and as many more each time */
#define TERMINATE(array) ((array)[sizeof(array) - 1] = '\0')

/* What will be there when the engine has started. */
static void router_expected(const struct config_router *config, struct board_router *router)
{
	memcpy(router->name, config->name, sizeof router->name);
	router->id = config->id;
	router->state = VRRP_INITIALIZE;
	router->priority = config->priority;
	router->health = config->checks ? VRRP_FAILING : VRRP_HEALTHY;
	router->advert_interval_us = config->advert_interval_us;
	router->address_count = config->address_count;
	memcpy(router->addresses, config->addresses, sizeof router->addresses);
	strcpy(router->reason_text, "the engine has not started yet");
}

static void router_repair(struct board_router *router)
{
	TERMINATE(router->name);
	TERMINATE(router->id.interface);
	TERMINATE(router->reason_text);
	TERMINATE(router->health_text);
	if (router->address_count > CONFIG_ADDRESSES_MAX)
		router->address_count = CONFIG_ADDRESSES_MAX;
}

static void routers_take(struct view *view, const struct board *board)
{
	unsigned places = view->router_count;
	view->router_count = 0;
	for (unsigned i = 0; i < places; i++) {
		struct board_router *router = &view->routers[view->router_count];
		/* A torn record of an engine that died in mid-change is still the best there is. */
		board_read_router(board, i, router);
		router_repair(router);
		if (router->id.vrid) /* a router that a reload has removed leaves an empty place */
			view->router_count++;
	}
	if (places)
		return;
	for (unsigned i = 0; i < view->config->router_count; i++)
		router_expected(&view->config->routers[i], &view->routers[i]);
	view->router_count = view->config->router_count;
}

/* Enough room for one more. */
static bool kernel_grow(struct view *view)
{
	if (view->kernel && view->kernel_count % KERNEL_ROOM)
		return true;
	struct inet6_entry *more = reallocarray(view->kernel, view->kernel_count + KERNEL_ROOM, sizeof *more);
	if (more)
		view->kernel = more;
	return more != NULL;
}

/*
 * IPv4 has no such list. The table of routes names what is local, of which interface it does not say, and
 * takes no lock either: "|-- 192.0.2.100", and below it "/32 host LOCAL".
 */
static bool kernel_ask_ipv4(struct view *view)
{
	char line[128], text[16];
	struct address address = {0};
	FILE *file = fopen("/proc/net/fib_trie", "re");
	if (!file)
		return errno == ENOENT; /* a kernel without IPv4 */
	while (kernel_grow(view) && fgets(line, sizeof line, file)) {
		if (sscanf(line, " |-- %15[0-9.]", text) == 1)
			address_parse(text, &address);
		else if (strstr(line, "/32 host LOCAL"))
			view->kernel[view->kernel_count++] = (struct inet6_entry){.address = address};
	}
	bool is_whole = feof(file);
	fclose(file);
	return is_whole;
}

static bool kernel_ask_ipv6(struct view *view)
{
	char line[128];
	FILE *file = inet6_open();
	if (!file)
		return errno == ENOENT; /* a kernel without IPv6 */
	while (kernel_grow(view) && fgets(line, sizeof line, file))
		view->kernel_count += inet6_parse(line, &view->kernel[view->kernel_count]);
	bool is_whole = feof(file);
	fclose(file);
	return is_whole;
}

int view_take(struct view *view, const struct board *board, const struct config *config,
    const struct check_health *checks, struct mono now)
{
	*view = (struct view){.config = config, .checks = checks, .now = now, .created = board->created};
	view->heartbeat_age_us = board_heartbeat_age_us(board, now);
	view->engine_up = board_engine_up(board, now);
	board_read_engine(board, &view->engine);

	view->router_count = atomic_load(&board->router_count);
	if (view->router_count > BOARD_ROUTERS_MAX)
		view->router_count = BOARD_ROUTERS_MAX;
	view->link_count = atomic_load(&board->link_count);
	if (view->link_count > BOARD_LINKS_MAX)
		view->link_count = BOARD_LINKS_MAX;
	unsigned room = view->router_count > config->router_count ? view->router_count : config->router_count;
	view->routers = calloc(room + 1, sizeof *view->routers);
	view->links = calloc(view->link_count + 1, sizeof *view->links);
	if (!view->routers || !view->links) {
		view_free(view);
		return -ENOMEM;
	}
	routers_take(view, board);
	for (unsigned i = 0; i < view->link_count; i++) {
		board_read_link(board, i, &view->links[i]);
		TERMINATE(view->links[i].interface);
	}
	/* A part would be as wrong as nothing. */
	view->kernel_known = kernel_ask_ipv6(view) && kernel_ask_ipv4(view);
	return 0;
}

void view_free(struct view *view)
{
	free(view->routers);
	free(view->links);
	free(view->kernel);
	view->kernel = NULL;
	view->routers = NULL;
	view->links = NULL;
}

const char *view_held_name(enum held held)
{
	static const char *const names[] = {
	    [HELD_ABSENT] = "absent",
	    [HELD_PRESENT] = "present",
	    [HELD_ELSEWHERE] = "other_interface",
	    [HELD_UNKNOWN] = "unknown",
	};
	return names[held];
}

enum held view_held(
    const struct view *view, const struct address *address, const char *interface, const char **other)
{
	enum held held = HELD_ABSENT;
	if (!view->kernel_known)
		return HELD_UNKNOWN;
	for (unsigned i = 0; i < view->kernel_count; i++) {
		const struct inet6_entry *found = &view->kernel[i];
		if (!address_equal(&found->address, address))
			continue;
		if (!found->interface[0] || !strcmp(found->interface, interface))
			return HELD_PRESENT;
		if (held == HELD_ABSENT && other)
			*other = found->interface;
		held = HELD_ELSEWHERE;
	}
	return held;
}

const struct config_router *view_config_of(const struct view *view, const struct board_router *router)
{
	return config_router_of(view->config, &router->id);
}
