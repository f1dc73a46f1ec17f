/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes what a dead vipd left behind: addresses with its mark and its flags, and nothing else. Also removes
 * what a late engine still has, as the board says.
 */
#include "guardian/guardian.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "vipd/kernel.h"
#include "vipd/log.h"
#include "vipd/timing.h"

#define LEFTOVERS_MAX 512 /* found at a time */
#define LOGGED_MAX    8

struct leftovers {
	const struct config *config;
	unsigned count;
	struct {
		unsigned ifindex;
		struct address address;
	} items[LEFTOVERS_MAX];
};

static void collect(void *context, const struct kernel_event *event)
{
	struct leftovers *found = context;
	if (event->type != KERNEL_ADDRESS || !kernel_address_usable(event) || found->count == LEFTOVERS_MAX)
		return;
	bool marked = event->address.proto == KERNEL_ADDRESS_PROTO;
	bool unmarked_ours = !event->address.proto && found->config &&
			     config_has_address(found->config, &event->address.address);
	if (!marked && !unmarked_ours)
		return;
	found->items[found->count].ifindex = event->ifindex;
	found->items[found->count++].address = event->address.address;
}

/* The name of the virtual router that it is of; NULL: it is not in the configuration any more. */
static const char *router_of(const struct config *config, const struct address *address)
{
	for (unsigned i = 0; config && i < config->router_count; i++)
		if (config_router_has(&config->routers[i], address))
			return config->routers[i].name;
	return NULL;
}

/* Removes what was found, and logs the first few. Returns how many; *failed: the error of what stays. */
static unsigned remove_found(struct kernel *kernel, const struct leftovers *found, int *failed)
{
	unsigned removed = 0;
	for (unsigned i = 0; i < found->count; i++) {
		char text[ADDRESS_TEXT_MAX], name[IF_NAMESIZE] = "?";
		const char *router = router_of(found->config, &found->items[i].address);
		address_format(&found->items[i].address, text);
		if_indextoname(found->items[i].ifindex, name);
		int result = kernel_address_remove(
		    kernel, found->items[i].ifindex, &found->items[i].address, ADDRESS_BITS);
		removed += !result;
		if (!result && removed <= LOGGED_MAX)
			log_router(LOG_LEVEL_NOTICE, router, "removed %s from %s", text, name);
		if (!result || result == -EADDRNOTAVAIL) /* its lease was faster */
			continue;
		if (!*failed)
			log_router(LOG_LEVEL_ERROR, router, "cannot remove %s from %s: %s", text, name,
			    strerrordesc_np(-result));
		*failed = result;
	}
	return removed;
}

int release_addresses(const struct config *config)
{
	static struct leftovers found;
	struct kernel kernel;
	int failed = 0, result = kernel_open_requests(&kernel);
	if (result)
		return result;
	unsigned removed = 0, before;
	do {
		before = removed;
		found = (struct leftovers){.config = config};
		result = kernel_dump(&kernel, collect, &found, NULL);
		if (!result)
			removed += remove_found(&kernel, &found, &failed);
	} while (found.count == LEFTOVERS_MAX && removed != before);
	kernel_close(&kernel);
	if (removed > LOGGED_MAX)
		log_notice("removed %u addresses in all", removed);
	return result ? result : failed ? failed : (int)removed;
}

static unsigned remove_held(struct kernel *kernel, const struct board_router *router)
{
	unsigned removed = 0;
	for (unsigned i = 0; i < router->address_count && i < CONFIG_ADDRESSES_MAX; i++)
		if (router->held & UINT32_C(1) << i)
			removed += kernel_address_remove(
				       kernel, router->ifindex, &router->addresses[i], ADDRESS_BITS) == 0;
	return removed;
}

/*
 * Of every router that holds something and whose limit, which depends on its interval, has passed. That is
 * looked at before each: the request before may have waited.
 */
static unsigned release_held(
    const struct board *board, const _Atomic int64_t *since_us, int64_t (*limit)(int64_t interval_us))
{
	struct kernel kernel = {0};
	bool open = false;
	unsigned removed = 0;
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++) {
		struct board_router router;
		if (!board_read_router(board, i, &router) || router.state != VRRP_ACTIVE || !router.held ||
		    mono_now().us - atomic_load(since_us) <= limit(router.advert_interval_us))
			continue;
		if (!open && kernel_open_requests(&kernel))
			return removed;
		open = true;
		removed += remove_held(&kernel, &router);
	}
	if (open)
		kernel_close(&kernel);
	return removed;
}

unsigned release_late(const struct board *board)
{
	return release_held(board, &board->heartbeat_us, vrrp_silence_limit);
}

unsigned release_resigned(const struct board *board, struct mono resigned_at)
{
	_Atomic int64_t since_us = resigned_at.us;
	return release_held(board, &since_us, vrrp_handover_time);
}
