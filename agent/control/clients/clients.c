/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of control that knows who is connected. One timer; whatever is lost or refused here costs clients
 * the time of their own timeout, as without it, and moves no address.
 */
#include "control/clients/clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "control/control.h"
#include "control/group/group.h"
#include "vipd/log.h"

#define TIMER_EXACT_US (50 * USEC_PER_MS) /* a hello may come meanwhile, which wakes us at any rate */
#define EVERY_US       USEC_PER_SEC	  /* walks, and what is said of the list */
#define EARLY_US       (EVERY_US / 2)	  /* what goes with a hello may be so much earlier, or later */
#define IDLE_US	       (4 * USEC_PER_SEC) /* walks wait so much longer while there is nobody to find or to judge */
#define COST_SHARE     50		  /* walks take at most this part of the time of a processor */
#define WALK_NOW_US    (50 * USEC_PER_MS) /* a longer one is not made between two others */
#define SOON_US	       (20 * USEC_PER_MS) /* several datagrams come at once */
#define COPY_STAYS_US  (5 * USEC_PER_SEC) /* without a word of the new holder */

/* ---- what is sent ---- */

struct receiver {
	struct client_lists *lists;
	unsigned index;
	struct mono now;
};

static void send_to_group(void *context, const struct connections *datagram)
{
	const struct receiver *to = context;
	struct connections copy = *datagram;
	group_send(to->lists->group, to->index, &copy, to->now);
}

static void ask(struct client_lists *lists, unsigned index, struct mono now)
{
	struct copy *copy = lists->routers[index].copy;
	if (!copy || lists->routers[index].is_active || !copy_asks(copy, now))
		return;
	struct connections question = {.kind = CONNECTIONS_ASK, .list = copy->number};
	group_send(lists->group, index, &question, now);
}

/* ---- the board ---- */

static void forget(struct client_router *router)
{
	free(router->own);
	free(router->copy);
	router->own = NULL;
	router->copy = NULL;
}

/* A new Active begins a list of its own; its engine tells those of the one before, which it has. */
static void become_active(struct client_router *router)
{
	free(router->copy);
	router->copy = NULL;
	router->is_new = true;
	if (!router->own)
		router->own = calloc(1, sizeof *router->own);
	else
		memset(router->own, 0, sizeof *router->own);
	if (router->own && getrandom(&router->own->number, sizeof router->own->number, GRND_NONBLOCK) < 0)
		router->own->number = (uint64_t)mono_now().us;
}

/* What happened while there was no control is not news. */
static void look_at_told(
    struct client_lists *lists, unsigned index, const struct board_connections *connections)
{
	struct client_router *router = &lists->routers[index];
	if (router->told_known && connections->told > router->told)
		group_tell_clients(lists->group, index, connections->last_told);
	router->told_known = true;
	router->told = connections->told;
}

/* The clients of the holder before have been told; the new one says nothing of its own. */
static void forget_old_copy(struct client_router *router, struct mono now)
{
	struct copy *copy = router->copy;
	if (!copy || !copy->heard || address_is_unspecified(&router->active) ||
	    address_equal(&router->active, &router->copied) ||
	    mono_sub(now, router->active_since) < COPY_STAYS_US)
		return;
	memset(copy, 0, sizeof *copy);
	copy->whole = true; /* nobody, for the engine */
	router->is_new = true;
}

static void look_at(struct client_router *router, const struct board_router *board, struct mono now)
{
	bool is_active = board->state == VRRP_ACTIVE;
	struct address before = router->active;
	if (is_active && !(router->is_active && router->own))
		become_active(router);
	router->is_active = is_active;
	router->since = board->since;
	router->active =
	    board->active_known && !board->active_self ? board->active_address : (struct address){0};
	if (!address_equal(&router->active, &before))
		router->active_since = now;
	forget_old_copy(router, now);
}

static void look_at_board(struct client_lists *lists, struct mono now)
{
	const struct board *board = lists->control->board;
	unsigned places = atomic_load(&board->router_count);
	struct board_router record;
	for (unsigned i = 0; i < places && i < BOARD_ROUTERS_MAX; i++) {
		if (!board_read_router(board, i, &record))
			continue;
		for (unsigned r = 0; r < lists->count; r++)
			if (router_id_equal(&lists->routers[r].id, &record.id)) {
				look_at(&lists->routers[r], &record, now);
				look_at_told(lists, r, &record.connections);
			}
	}
}

/* ---- the kernel ---- */

static bool is_wanted(const struct client_lists *lists, unsigned index)
{
	return lists->control->config->routers[index].reset_connections;
}

static bool is_told(const struct client_lists *lists, unsigned index)
{
	return is_wanted(lists, index) && lists->routers[index].is_active && lists->routers[index].own;
}

static void see(void *context, const struct client *client)
{
	struct client_lists *lists = context;
	const struct config *config = lists->control->config;
	for (unsigned i = 0; i < lists->count; i++) {
		if (!is_told(lists, i) || !config_router_has(&config->routers[i], &client->local))
			continue;
		enum client_verdict verdict =
		    client_judge(client, config, &config->routers[i], &lists->listeners);
		if (verdict == CLIENT_OK)
			own_list_see(lists->routers[i].own, client);
		else
			lists->routers[i].refused[verdict]++;
	}
}

static int router_of_translated(void *context, const struct address *address, int64_t silent_us)
{
	const struct client_lists *lists = context;
	for (unsigned i = 0; i < lists->count; i++)
		if (is_told(lists, i) && config_router_has(&lists->control->config->routers[i], address))
			/* Not of a time before: conntrack keeps those for days. */
			return silent_us < mono_sub(mono_now(), lists->routers[i].since) ? (int)i : -1;
	return -1;
}

static int walk_once(struct client_lists *lists, struct mono now)
{
	static struct address addresses[CONFIG_ROUTERS_MAX * CONFIG_ADDRESSES_MAX];
	const struct config *config = lists->control->config;
	unsigned count = 0;
	for (unsigned i = 0; i < lists->count; i++) {
		if (!is_told(lists, i))
			continue;
		own_list_begin(lists->routers[i].own);
		memset(lists->routers[i].refused, 0, CLIENT_NO_ROUTE * sizeof(unsigned));
		for (unsigned a = 0; a < config->routers[i].address_count; a++)
			addresses[count++] = config->routers[i].addresses[a];
	}
	int result = walk_clients(&lists->walk, addresses, count, see, lists);
	for (unsigned i = 0; i < lists->translated.list.count; i++)
		see(lists, &lists->translated.list.of[i]);
	for (unsigned i = 0; i < lists->count; i++)
		if (is_told(lists, i))
			lists->routers[i].own->seen += lists->translated.more[i];
	for (unsigned i = 0; i < lists->count && !result; i++) {
		struct receiver to = {lists, i, now};
		if (is_told(lists, i) && own_list_end(lists->routers[i].own, send_to_group, &to))
			lists->routers[i].is_new = true;
	}
	return result;
}

static int look_for_listeners(struct client_lists *lists)
{
	struct listeners now;
	int result = walk_listeners(&lists->walk, lists->control->config, &now);
	if (result || (lists->listeners_known && memcmp(&now, &lists->listeners, sizeof now) == 0))
		return result;
	lists->listeners = now;
	lists->listeners_known = true;
	for (unsigned i = 0; i < lists->count; i++)
		lists->routers[i].is_new = true;
	return 0;
}

static int64_t cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Whether there may be clients here, or some of the holder's to judge. */
static bool is_busy(const struct client_lists *lists)
{
	for (unsigned i = 0; i < lists->count; i++) {
		const struct copy *copy = lists->routers[i].copy;
		if (is_told(lists, i) || (is_wanted(lists, i) && copy && copy->list.count))
			return true;
	}
	return false;
}

/* What it costs is measured, and the next one waits accordingly: 20 ms where there are 50,000 others. */
static void walk(struct client_lists *lists, struct mono now)
{
	bool any = false;
	for (unsigned i = 0; i < lists->count; i++)
		any |= is_wanted(lists, i);
	int before = lists->error;
	int64_t began_us = cpu_us();
	lists->error = 0;
	if (any && !lists->walk.socket)
		lists->error = walk_open(&lists->walk);
	if (any && !lists->error)
		lists->error = look_for_listeners(lists);
	if (any && !lists->error)
		lists->error = walk_once(lists, now);
	if (lists->error)
		walk_close(&lists->walk);
	if (lists->error && lists->error != before)
		log_warning("the kernel does not say who is connected (sock_diag: %s): after a move of the "
			    "address clients wait for their own timeout",
		    strerrordesc_np(-lists->error));
	lists->cost_us = cpu_us() - began_us;
	int64_t wait_us = lists->cost_us * COST_SHARE;
	int64_t least_us = EVERY_US - EARLY_US;
	lists->next_walk = mono_add(now, wait_us > least_us ? wait_us : least_us);
}

/* ---- the loop ---- */

static void say(struct client_lists *lists, struct mono now)
{
	for (unsigned i = 0; i < lists->count; i++) {
		struct receiver to = {lists, i, now};
		if (is_told(lists, i) && !own_list_say_all(lists->routers[i].own, now, send_to_group, &to))
			own_list_say(lists->routers[i].own, send_to_group, &to);
		ask(lists, i, now);
	}
	lists->next_say = group_near_hello(lists->group, mono_add(now, EVERY_US), EARLY_US);
}

static void look(struct client_lists *lists)
{
	struct mono now = mono_now();
	bool any = false;
	look_at_board(lists, now);
	for (unsigned i = 0; i < lists->count; i++)
		any |= is_told(lists, i);
	if (any)
		translated_look(&lists->translated, now);
	if (mono_reached(now, mono_add(lists->next_walk, is_busy(lists) ? 0 : IDLE_US)))
		walk(lists, now);
	if (mono_reached(now, lists->next_say))
		say(lists, now);
	for (unsigned i = 0; i < lists->count; i++)
		clients_hand_over(lists, i, now);
	struct mono at = lists->next_say;
	for (unsigned i = 0; i < lists->count; i++)
		at = mono_min(at, clients_hand_at(&lists->routers[i], now));
	timer_arm(lists->timer, mono_sub(at, now));
}

static int on_timer(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	look(context);
	return 0;
}

void clients_look(struct client_lists *lists)
{
	if (!lists->routers || lists->cost_us > WALK_NOW_US)
		return;
	lists->next_walk = MONO_PAST;
	look(lists);
}

/* ---- what comes from the group ---- */

static enum hello_verdict take(
    void *context, unsigned index, const struct address *source, const struct connections *datagram)
{
	struct client_lists *lists = context;
	const struct config_router *config = &lists->control->config->routers[index];
	if (index >= lists->count || !router_id_equal(&lists->routers[index].id, &config->id) ||
	    !config->reset_connections)
		return HELLO_OK; /* the first two: in the middle of a reload */
	struct client_router *router = &lists->routers[index];
	struct mono now = mono_now();
	if (datagram->kind == CONNECTIONS_ASK) {
		struct receiver to = {lists, index, now};
		if (is_told(lists, index)) {
			router->own->asked = true;
			own_list_say_all(router->own, now, send_to_group, &to);
		}
		return HELLO_OK;
	}
	if (router->is_active || !address_equal(source, &router->active))
		return HELLO_NOT_ACTIVE;
	if (!router->copy)
		router->copy = calloc(1, sizeof *router->copy);
	if (!router->copy)
		return HELLO_OK;
	router->copied = *source;
	if (copy_take(router->copy, datagram)) {
		router->is_new = true;
		if (mono_reached(now, lists->soon)) { /* postpones nothing that is due */
			lists->soon = mono_add(now, SOON_US);
			timer_arm(lists->timer, SOON_US);
		}
	}
	ask(lists, index, now);
	return HELLO_OK;
}

/* ---- the part ---- */

static void clients_configure(void *part)
{
	struct client_lists *lists = part;
	const struct config *config = lists->control->config;
	struct client_router *before = lists->routers;
	struct client_router *routers = calloc(config->router_count, sizeof *routers);
	if (!routers) {
		log_error("no memory for the clients of %u virtual routers", config->router_count);
		sd_event_exit(lists->control->event, EXIT_FAILURE);
		return;
	}
	for (unsigned i = 0; i < config->router_count; i++) {
		for (unsigned b = 0; b < lists->count; b++) {
			if (!router_id_equal(&before[b].id, &config->routers[i].id))
				continue;
			routers[i] = before[b];
			before[b].own = NULL;
			before[b].copy = NULL;
		}
		routers[i].id = config->routers[i].id;
		routers[i].is_new = true;
	}
	for (unsigned b = 0; b < lists->count; b++)
		forget(&before[b]);
	free(before);
	lists->routers = routers;
	lists->count = config->router_count;
	look(lists);
}

/* Also when the engine is new: it has no list. */
static void clients_changed(void *part)
{
	struct client_lists *lists = part;
	for (unsigned i = 0; i < lists->count; i++)
		lists->routers[i].is_new = true;
	if (lists->routers)
		look(lists);
}

static int clients_open(void *part, struct control *control)
{
	struct client_lists *lists = part;
	lists->control = control;
	lists->next_walk = MONO_PAST;
	lists->group = control->parts[PART_GROUP];
	lists->group->on_connections = take;
	lists->group->connections_context = lists;
	lists->translated.open = control->has_translated;
	lists->translated.router_of = router_of_translated;
	lists->translated.context = lists;
	int r = translated_open(&lists->translated, control->event);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(
	    control->event, &lists->timer, CLOCK_MONOTONIC, 0, TIMER_EXACT_US, on_timer, lists);
	return r < 0 ? r : sd_event_source_set_enabled(lists->timer, SD_EVENT_OFF);
}

static void clients_close(void *part)
{
	struct client_lists *lists = part;
	if (lists->group)
		lists->group->on_connections = NULL; /* it is closed after us */
	for (unsigned i = 0; i < lists->count; i++)
		forget(&lists->routers[i]);
	free(lists->routers);
	walk_close(&lists->walk);
	translated_close(&lists->translated);
	sd_event_source_disable_unref(lists->timer);
}

const struct part part_clients = {.size = sizeof(struct client_lists),
    .open = clients_open,
    .configure = clients_configure,
    .changed = clients_changed,
    .close = clients_close};
