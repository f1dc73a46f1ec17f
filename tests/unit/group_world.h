/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controls of several nodes on one link, in virtual time: the real code of a group, with a loop, a network, a
 * clock and engines that the test plays. Only one node runs at a time: `self`.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/control.h"
#include "control/group/datagram.h"
#include "control/group/group.h"
#include "vipd/interval.h"

#define NODES	   3
#define SOURCES	   8
#define INBOX	   256
#define WALL_AHEAD (INT64_C(1795365540) * USEC_PER_SEC)
#define INTERFACE  7

struct sd_event_source {
	sd_event_time_handler_t on_time;
	sd_event_io_handler_t on_io;
	int fd;
	bool enabled;
	struct mono due;
	void *context;
};

struct letter {
	struct hello_envelope envelope;
	size_t size;
	uint8_t bytes[HELLO_SIZE_MAX];
};

struct node {
	struct control control;
	struct board *board;
	struct config *config;
	struct group *group; /* NULL: its control is not there */
	struct sd_event_source sources[SOURCES];
	unsigned source_count;
	unsigned unread;
	struct letter inbox[INBOX];
	struct address ipv4; /* of its interface, too */
	bool hung;	     /* its engine */
	bool is_cut;	     /* from the network */
	int64_t clock_us;    /* what its wall clock is ahead of that of the others */
	struct mono next;    /* until when its engine believes that it is next; voided by the test */
	unsigned said;	     /* datagrams sent */
	unsigned told;	     /* how often its engine was told whether it is next */
};

static struct node nodes[NODES], *self = &nodes[0];
static struct mono world_now;

/* ---- the clock ---- */

struct mono mono_now(void)
{
	return world_now;
}

int64_t realtime_us(void)
{
	return world_now.us + WALL_AHEAD + self->clock_us;
}

/* ---- the loop ---- */

static sd_event_source *source_new(sd_event_source **place, struct sd_event_source source)
{
	assert_true(self->source_count < SOURCES);
	self->sources[self->source_count] = source;
	return *place = &self->sources[self->source_count++];
}

int sd_event_add_time_relative(sd_event *event, sd_event_source **source, clockid_t clock, uint64_t us,
    uint64_t accuracy, sd_event_time_handler_t handler, void *context)
{
	(void)event, (void)clock, (void)accuracy;
	source_new(source, (struct sd_event_source){.on_time = handler,
			       .context = context,
			       .enabled = true,
			       .due = mono_add(world_now, (int64_t)us)});
	return 0;
}

int sd_event_add_io(sd_event *event, sd_event_source **source, int fd, uint32_t events,
    sd_event_io_handler_t handler, void *context)
{
	(void)event, (void)events;
	source_new(source,
	    (struct sd_event_source){.on_io = handler, .fd = fd, .context = context, .enabled = true});
	return 0;
}

int sd_event_source_set_time_relative(sd_event_source *source, uint64_t us)
{
	source->due = mono_add(world_now, (int64_t)us);
	return 0;
}

int sd_event_source_set_enabled(sd_event_source *source, int enabled)
{
	source->enabled = enabled != SD_EVENT_OFF;
	return 0;
}

int sd_event_source_set_priority(sd_event_source *source, int64_t priority)
{
	(void)source, (void)priority;
	return 0;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *source)
{
	if (source)
		source->enabled = false;
	return NULL;
}

int sd_event_exit(sd_event *event, int code)
{
	(void)event;
	fail_msg("control ends with %d", code);
	return 0;
}

/* ---- the network and the engine ---- */

static bool gets(const struct node *node, const struct address *to)
{
	struct board_router board;
	board_read_router(node->board, 0, &board);
	return address_is_multicast(to) || address_equal(to, &board.own_address);
}

int message_send(int fd, const struct message *message, const int *fds)
{
	(void)fd, (void)fds;
	if (message->type == MESSAGE_NEXT)
		self->next = mono_min(message->next.until, mono_add(world_now, HINT_MAX_US)), self->told++;
	return 0;
}

int datagram_socket(const struct vrrp_family *family)
{
	return family->number == AF_INET ? FD_HELLOS_IPV4 : FD_HELLOS;
}

int datagram_source(const struct vrrp_family *family, unsigned ifindex, struct address *source)
{
	assert_int_equal(ifindex, INTERFACE);
	assert_int_equal(family->number, AF_INET);
	*source = self->ipv4;
	return 0;
}

int datagram_send(const struct address *source, unsigned ifindex, const struct address *to, uint16_t port,
    const void *bytes, size_t size)
{
	(void)ifindex, (void)port;
	self->said++;
	for (struct node *node = nodes; node < nodes + NODES; node++) {
		if (node == self || !node->group || node->is_cut || self->is_cut || node->unread == INBOX ||
		    !gets(node, to))
			continue;
		struct letter *letter = &node->inbox[node->unread++];
		letter->envelope = (struct hello_envelope){*source, *to, HELLO_HOP_LIMIT};
		letter->size = size;
		memcpy(letter->bytes, bytes, size);
	}
	return 0;
}

bool datagram_receive(int socket, datagram_taker *taker, void *context)
{
	struct node *node = self;
	unsigned kept = 0, count = node->unread;
	for (unsigned i = 0; i < count; i++) {
		struct letter letter = node->inbox[i];
		if (datagram_socket(vrrp_family_of(&letter.envelope.source)) != socket) {
			node->inbox[kept++] = letter;
			continue;
		}
		taker(context, &(struct datagram){letter.envelope, INTERFACE, letter.bytes, letter.size});
	}
	node->unread = kept;
	return true;
}

/* ---- time ---- */

static bool has_letters(const struct node *node, const struct sd_event_source *source)
{
	for (unsigned i = 0; i < node->unread; i++)
		if (datagram_socket(vrrp_family_of(&node->inbox[i].envelope.source)) == source->fd)
			return true;
	return false;
}

/* What is due first of all nodes. NULL: nothing until then. */
static struct sd_event_source *first(struct mono end, struct node **owner)
{
	struct sd_event_source *found = NULL;
	for (struct node *node = nodes; node < nodes + NODES; node++) {
		for (unsigned i = 0; node->group && i < node->source_count; i++) {
			struct sd_event_source *source = &node->sources[i];
			if (source->on_io && source->enabled && has_letters(node, source))
				source->due = world_now;
			else if (source->on_io || !source->enabled)
				continue;
			if (!mono_reached(end, source->due) || (found && found->due.us <= source->due.us))
				continue;
			found = source;
			*owner = node;
		}
	}
	return found;
}

static void beat(void)
{
	for (struct node *node = nodes; node < nodes + NODES; node++)
		if (node->board && !node->hung)
			board_heartbeat(node->board, world_now);
}

static int64_t timers_late_us;

static void run_for(double seconds)
{
	struct mono end = mono_add(world_now, (int64_t)(seconds * USEC_PER_SEC));
	struct sd_event_source *source;
	struct node *before = self;
	while ((source = first(end, &self))) {
		world_now = mono_max(world_now, mono_add(source->due, source->on_io ? 0 : timers_late_us));
		beat();
		if (source->on_io) {
			source->on_io(source, source->fd, 0, source->context);
		} else {
			source->enabled = false;
			source->on_time(source, 0, source->context);
		}
	}
	world_now = mono_max(world_now, end);
	beat();
	self = before;
}

/* ---- nodes ---- */

static struct address address_of(const char *text)
{
	struct address address;
	assert_true(address_parse(text, &address));
	return address;
}

/* Node 0, 1, 2 is fe80::1, ::2, ::3. */
static struct address link_local_of(unsigned n)
{
	char text[16];
	snprintf(text, sizeof text, "fe80::%u", n + 1);
	return address_of(text);
}

static void control_start(unsigned n)
{
	struct node *node = self = &nodes[n];
	node->source_count = node->unread = 0;
	struct group *group = calloc(1, sizeof *group);
	assert_non_null(group);
	assert_int_equal(part_group.open(group, &node->control), 0);
	node->group = group;
	part_group.configure(group);
}

/* With leave: it says so. Else it dies. */
static void control_end(unsigned n, bool leave)
{
	struct node *node = self = &nodes[n];
	if (!leave)
		node->is_cut = true;
	part_group.close(node->group);
	node->is_cut = false;
	if (!node->control.has_timeline)
		free(node->group->history);
	free(node->group);
	node->group = NULL;
}

/* What the guardian carries from one control to the next. */
static inline void carry_timeline(unsigned n)
{
	int fd = memfd_create("timeline", MFD_CLOEXEC);
	assert_true(fd >= 0 && ftruncate(fd, TIMELINE_SIZE) == 0 && dup2(fd, FD_TIMELINE) == FD_TIMELINE);
	close(fd);
	nodes[n].control.has_timeline = true;
}

static inline void reload(unsigned n)
{
	self = &nodes[n];
	part_group.configure(self->group);
}

/* What the engine of a node says of its router. */
#define engine_says(n, field, value)                                                                         \
	do {                                                                                                 \
		board_begin_router(nodes[n].board, 0)->field = (value);                                      \
		board_end_router(nodes[n].board, 0);                                                         \
	} while (0)

/* An advert of that Active. */
static inline void board_hears(unsigned n, const char *active)
{
	engine_says(n, active_known, true);
	engine_says(n, active_address, address_of(active));
	engine_says(n, active_seen, world_now);
}

/* After a transition: control is told. */
static inline void engine_becomes(unsigned n, enum vrrp_state state)
{
	engine_says(n, state, (uint8_t)state);
	engine_says(n, since, world_now);
	self = &nodes[n];
	part_group.changed(self->group);
}

static void node_make(unsigned n)
{
	struct node *node = &nodes[n];
	*node = (struct node){.next = MONO_PAST};
	node->board = calloc(1, sizeof *node->board);
	node->config = calloc(1, sizeof *node->config);
	assert_true(node->board && node->config);
	struct config_router *router = &node->config->routers[0];
	node->config->router_count = 1;
	node->config->group_port = HELLO_PORT;
	node->config->group_interval_us = USEC_PER_SEC;
	node->config->group_hints = true;
	node->config->group_advertise = address_of("2001:db8::1");
	snprintf(node->config->node, sizeof node->config->node, "n%u", n);
	snprintf(router->name, sizeof router->name, "api");
	router->id = (struct router_id){.family = AF_INET6, .vrid = 100};
	snprintf(router->id.interface, sizeof router->id.interface, "eth0");
	router->advert_interval_us = 100 * USEC_PER_MS;
	router->address_count = 1;
	router->addresses[0] = address_of("2001:db8::100");
	node->control =
	    (struct control){.board = node->board, .config = node->config, .has_hellos = {true, true}};
	node->ipv4 = address_of("192.0.2.1");
	((uint8_t *)&node->ipv4)[15] = (uint8_t)(n + 1);

	struct board_router *board = board_begin_router(node->board, 0);
	memcpy(board->name, router->name, sizeof board->name);
	board->id = router->id;
	board->state = VRRP_BACKUP;
	board->health = VRRP_HEALTHY;
	board->priority = board->effective_priority = (uint8_t)(100 - n);
	board->own_address = link_local_of(n);
	board->ifindex = INTERFACE;
	board->address_count = 1;
	board->advert_interval_us = router->advert_interval_us;
	board_end_router(node->board, 0);
	atomic_store(&node->board->router_count, 1);
	board_heartbeat(node->board, world_now);
}

/* Three nodes that know each other; node 0 is Active, and 1 is next. */
static int world_begin(void **state)
{
	(void)state;
	world_now = (struct mono){100 * USEC_PER_SEC};
	for (unsigned n = 0; n < NODES; n++)
		node_make(n);
	engine_says(0, state, VRRP_ACTIVE);
	engine_says(0, held, 1);
	return 0;
}

static int world_end(void **state)
{
	(void)state;
	for (unsigned n = 0; n < NODES; n++) {
		if (nodes[n].group)
			control_end(n, true);
		free(nodes[n].board);
		free(nodes[n].config);
		nodes[n].board = NULL;
	}
	return 0;
}

static void world_start(void)
{
	for (unsigned n = 0; n < NODES; n++)
		control_start(n);
	run_for(5);
}

static const struct group_router *group_at(unsigned n)
{
	return &nodes[n].group->routers[0];
}

/* What node `n` knows of node `other`. */
static const struct roster_member *member_at(unsigned n, unsigned other)
{
	const struct roster_member *members = group_at(n)->roster.members;
	struct address source = link_local_of(other);
	for (unsigned i = 0; i < group_at(n)->roster.count; i++)
		if (address_equal(&members[i].source, &source))
			return &members[i];
	fail_msg("node %u does not know node %u", n, other);
	return NULL;
}

static inline bool is_here(unsigned n, unsigned other)
{
	return member_at(n, other)->presence == ROSTER_HERE;
}
