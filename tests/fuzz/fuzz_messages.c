/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control process that has been taken over, against the engine: its messages, the virtual routers and the
 * core are the real ones, over a real socket, in the world of world.h.
 *
 * The input is a row of commands, see act(). Whatever they were: when control says healthy and resume in the
 * end, each virtual router holds its address again, since there is nobody else. And no descriptor is left
 * open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keeper/keeper.h"
#include "world.h"

#define COMMANDS_MAX 200
#define TURNS_MAX    2000
#define RECOVERY_US  (20 * USEC_PER_SEC)
#define CHECKED(i)   ((i) != 1) /* router 1 has no check */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct engine engine;
static struct board board;
static struct keeper keeper;
static struct keeper_page page;
static int far; /* control's end of the channel */

struct input {
	const uint8_t *at;
	size_t left;
};

/* ---- the loop ---- */

static struct mono deadline(void)
{
	struct mono at = MONO_NEVER;
	for (unsigned i = 0; i < engine.router_count; i++)
		at = mono_min(at, router_deadline(&engine.routers[i]));
	at = mono_min(at, engine.tickle_at);
	return at;
}

static void turn(void)
{
	link_read(&engine, world.now);
	answers_read(&engine, world.now);
	links_hear(&engine, world.now);
	link_dumped(&engine, world.now);
	if (engine.resync || mono_reached(world.now, engine.dump_at))
		order_dump(&engine);
	messages_from_control(&engine, world.now);
	for (unsigned i = 0; i < engine.router_count; i++) {
		struct router *router = &engine.routers[i];
		if (!router->used || router->vr.state >= VRRP_STATES)
			abort();
		if (mono_reached(world.now, router_deadline(router)))
			router_timers(&engine, router, world.now);
	}
	engine_flush(&engine, world.now);
	telling_turn(&engine, world.now);
	keeper_carry_out(&keeper);
	keeper_join(&keeper);
	keeper_dump(&keeper);
	for (unsigned i = 0; i < engine.router_count; i++)
		if (engine.routers[i].used &&
		    mono_sub(engine.times[i].due, router_deadline(&engine.routers[i])) != 0)
			abort(); /* somebody changed a timer and did not touch the router */
	if (world.told_count)
		link_read(&engine, world.now);
}

static void run_until(struct mono end)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		turn();
		struct mono next = deadline();
		if (!mono_reached(end, next))
			break;
		if (mono_reached(next, world.now))
			world.now = next;
	}
	world.now = mono_reached(end, world.now) ? end : world.now;
}

/* ---- control ---- */

static uint32_t take(struct input *in, unsigned bytes)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < bytes && in->left; i++, in->left--)
		value = value << 8 | *in->at++;
	return value;
}

static void send_bytes_with(const void *bytes, size_t size, int fds, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} passed = {0};
	struct iovec part = {(void *)bytes, size};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	if (fds) {
		int list[4] = {fd, fd, fd, fd};
		header.msg_control = passed.room;
		header.msg_controllen = CMSG_SPACE((size_t)fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)fds * sizeof(int));
		memcpy(CMSG_DATA(c), list, (size_t)fds * sizeof(int));
	}
	sendmsg(far, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_bytes(const void *bytes, size_t size, int fds)
{
	send_bytes_with(bytes, size, fds, far);
}

static void name_router(struct router_id *router, unsigned which)
{
	if (which < WORLD_ROUTERS)
		*router = world.config.routers[which].id;
}

/* Bytes of the input anywhere in a message that has a version and a type. */
static void scribble(struct input *in, struct message *message)
{
	size_t offset = sizeof message->layout + sizeof message->type + take(in, 1);
	size_t size = take(in, 1);
	if (size > in->left)
		size = in->left;
	memcpy((char *)message + offset, in->at, size);
	in->at += size;
	in->left -= size;
}

/* A list of clients, perhaps a wrong one: bits of `how` say what is wrong. */
static void send_clients(struct input *in, unsigned how)
{
	static struct {
		uint32_t count;
		struct client items[256];
	} list;
	struct message message = {.layout = vipd_layout, .type = MESSAGE_CLIENTS};
	unsigned which = take(in, 1), count = take(in, 1);
	name_router(&message.clients.router, which);
	list.count = message.clients.count = count;
	for (unsigned i = 0; i < count; i++) {
		list.items[i] = (struct client){.port = (uint16_t)take(in, 1), .local_port = 6443};
		const struct config_router *config = &world.config.routers[which % WORLD_ROUTERS];
		list.items[i].local = config->addresses[i % config->address_count];
		list.items[i].address = list.items[i].local;
		unsigned at = take(in, 1) % 16;
		list.items[i].address.in6.s6_addr[at] = (uint8_t)take(in, 1);
	}
	message.clients.count += how & 1;
	list.count += how >> 1 & 1;
	size_t size = clients_size(count) + (how >> 2 & 1);
	int fd = memfd_create("clients", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || write(fd, &list, size) != (ssize_t)size)
		abort();
	if (!(how & 8))
		memfd_seal(fd);
	send_bytes_with(&message, sizeof message, 1, how & 16 ? far : fd);
	close(fd);
}

static void act(struct input *in)
{
	struct message message = {.layout = vipd_layout};
	unsigned command = take(in, 1);
	switch (command % 8) {
	case 0: { /* no message at all */
		size_t size = take(in, 1);
		size = size > in->left ? in->left : size;
		send_bytes(in->at, size, (int)(command >> 6));
		in->at += size;
		in->left -= size;
		break;
	}
	case 1: /* the frame of one, and nonsense in it */
		message.type = take(in, 1) % (MESSAGE_TYPES + 2);
		scribble(in, &message);
		send_bytes(&message, sizeof message, (int)(command >> 6));
		break;
	case 2:
		message.type = MESSAGE_HEALTH;
		name_router(&message.health.router, take(in, 1));
		message.health.grade = (uint8_t)take(in, 1);
		message.health.valid_ms = take(in, 4);
		send_bytes(&message, sizeof message, 0);
		break;
	case 3:
	case 4:
		message.type = command % 8 == 3 ? MESSAGE_DRAIN : MESSAGE_RESUME;
		name_router(&message.drain.router, take(in, 1));
		message.drain.uid = take(in, 1);
		message.drain.for_ms = take(in, 4);
		send_bytes(&message, sizeof message, 0);
		break;
	case 5:
		message.type = MESSAGE_NEXT;
		name_router(&message.next.router, take(in, 1));
		message.next.until = mono_add(world.now, ((int64_t)take(in, 4) - INT32_MAX) * USEC_PER_MS);
		send_bytes(&message, sizeof message, 0);
		break;
	case 6: run_until(mono_add(world.now, take(in, 2) * USEC_PER_MS)); return;
	case 7: send_clients(in, take(in, 1)); break;
	}
	if (command & 32)
		turn();
}

/* ---- one life ---- */

static void configure(void)
{
	world.config.router_count = WORLD_ROUTERS;
	for (unsigned i = 0; i < WORLD_ROUTERS; i++) {
		world.config.routers[i] = (struct config_router){.id = {"eth0", AF_INET6, (uint8_t)(i + 1)},
		    .priority = (uint8_t)(100 + i),
		    .preempt = i != 2,
		    .when_unhealthy = i == 2 ? UNHEALTHY_RESIGN : UNHEALTHY_DEMOTE,
		    .advert_interval_us = USEC_PER_SEC,
		    .kernel_lease_s = i == 1 ? 0 : 6,
		    .address_count = 2,
		    .addresses = {{{{{0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(0x10 + i)}}}},
			{{{{[10] = 0xff, 0xff, 192, 0, 2, (uint8_t)(0x20 + i)}}}}},
		    .reset_connections = true,
		    .checks = CHECKED(i)};
		snprintf(world.config.routers[i].name, sizeof world.config.routers[i].name, "vr%u", i);
	}
	world.config.check_count = 1;
}

static void start(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	far = pair[1];
	static int rings = -1;
	if (rings < 0)
		rings = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	memset(&engine, 0, sizeof engine);
	memset(&board, 0, sizeof board);
	memset(world.held, 0, sizeof world.held);
	memset(&page, 0, offsetof(struct keeper_page, events));
	keeper = (struct keeper){.board = &board,
	    .page = &page,
	    .seen = UINT32_MAX,
	    .look_at = MONO_NEVER,
	    .join_again = MONO_NEVER};
	world.told_count = 0;
	world.now = (struct mono){USEC_PER_SEC};
	engine.board = &board;
	engine.channel = pair[0];
	engine.guardian = -1;
	engine.keeper_ring = engine.ring_of_keeper = rings;
	engine.page = &page;
	engine.dump_at = engine.tickle_at = MONO_NEVER;
	configure();
	struct configuration next = {.config = &world.config, .secrets = (const uint8_t *)""};
	engine_configure(&engine, &next, world.now);
}

static void recover(void)
{
	char interfaces_text[] = "eth0";
	for (int i = 0; i < COMMANDS_MAX / 10; i++)
		turn(); /* an empty queue: the messages below must arrive */
	for (unsigned i = 0; i < WORLD_ROUTERS; i++) {
		struct message message = {.layout = vipd_layout, .type = MESSAGE_RESUME};
		name_router(&message.drain.router, i);
		send_bytes(&message, sizeof message, 0);
		message = (struct message){.layout = vipd_layout, .type = MESSAGE_HEALTH};
		name_router(&message.health.router, i);
		message.health.grade = VRRP_HEALTHY;
		send_bytes(&message, sizeof message, 0);
		turn();
	}
	run_until(mono_add(world.now, RECOVERY_US));
	for (unsigned i = 0; i < engine.router_count; i++) {
		const struct router *router = &engine.routers[i];
		if (router->vr.state != VRRP_ACTIVE ||
		    !world.held[router->config.addresses[0].in6.s6_addr[15]] ||
		    strcmp(router->config.id.interface, interfaces_text) != 0)
			abort();
	}
}

/* The next descriptor: the same before and after, if none was left open. */
static int lowest_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	int lowest = lowest_free();
	start();
	run_until(mono_add(world.now, (size & 1 ? 1 : 5) * USEC_PER_SEC)); /* a Backup, or Active */
	for (int i = 0; in.left && i < COMMANDS_MAX; i++)
		act(&in);
	recover();
	for (unsigned i = 0; i < engine.router_count; i++) {
		clients_forget(&engine, &engine.routers[i]);
		telling_end(&engine.routers[i]);
	}
	close(engine.channel);
	close(far);
	if (lowest_free() != lowest)
		abort();
	return 0;
}
