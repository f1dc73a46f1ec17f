/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control process that has been taken over, against the engine: its messages, the virtual routers and the
 * core are the real ones, over a real socket, in virtual time. The kernel is a model that does what it is
 * asked.
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

#include "engine/engine.h"
#include "keeper/keeper.h"

#define ROUTERS	     3
#define COMMANDS_MAX 200
#define TURNS_MAX    2000
#define IFINDEX	     7
#define RECOVERY_US  (20 * USEC_PER_SEC)
#define CHECKED(i)   ((i) != 1) /* router 1 has no check */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct engine engine;
static struct board board;
static struct keeper keeper;
static struct keeper_page page;
static struct config config;
static int far; /* control's end of the channel */
static struct mono now_;
static uint8_t held[256]; /* by the last byte of the address: the kernel has it */
static struct kernel_event told[64];
static unsigned told_count;

struct input {
	const uint8_t *at;
	size_t left;
};

/* ---- the world of the engine ---- */

struct mono mono_now(void)
{
	return now_;
}

int64_t realtime_us(void)
{
	return 1700000000 * USEC_PER_SEC + now_.us;
}

static void tell_address(enum kernel_event_type type, const struct address *address)
{
	if (told_count == sizeof told / sizeof told[0])
		return;
	struct kernel_event *event = &told[told_count++];
	*event = (struct kernel_event){.type = type, .ifindex = IFINDEX};
	event->address.address = *address;
	event->address.prefix = address_is_link_local(address) ? 64 : 128;
}

int kernel_address_add(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint32_t lease_s)
{
	(void)kernel, (void)lease_s;
	if (ifindex != IFINDEX)
		abort();
	held[address->in6.s6_addr[15]] = 1;
	tell_address(KERNEL_ADDRESS, address);
	return 0;
}

int kernel_address_remove(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint8_t prefix)
{
	(void)kernel, (void)ifindex, (void)prefix;
	if (!held[address->in6.s6_addr[15]])
		return -EADDRNOTAVAIL;
	held[address->in6.s6_addr[15]] = 0;
	tell_address(KERNEL_ADDRESS_GONE, address);
	return 0;
}

int kernel_forget_unresolved(
    struct kernel *kernel, unsigned ifindex, void (*between)(void *context), void *context)
{
	(void)kernel;
	between(context);
	if (ifindex != IFINDEX)
		abort();
	return 0;
}

int kernel_read(struct kernel *kernel, kernel_handler *handler, void *context)
{
	(void)kernel;
	struct kernel_event events[sizeof told / sizeof told[0]];
	unsigned count = told_count;
	memcpy(events, told, sizeof events);
	told_count = 0;
	for (unsigned i = 0; i < count; i++)
		handler(context, &events[i]);
	return 0;
}

int kernel_dump(struct kernel *kernel, kernel_handler *handler, void *context, uint32_t *count)
{
	(void)kernel, (void)count;
	struct kernel_event event = {.type = KERNEL_LINK,
	    .ifindex = IFINDEX,
	    .link = {.name = "eth0", .admin_up = true, .running = true, .has_mac = true, .mac = {2}}};
	handler(context, &event);
	told_count = 0;
	tell_address(KERNEL_ADDRESS, &(struct address){{{{0xfe, 0x80, [15] = 1}}}});
	for (unsigned i = 0; i < ROUTERS; i++)
		if (held[config.routers[i].addresses[0].in6.s6_addr[15]])
			tell_address(KERNEL_ADDRESS, &config.routers[i].addresses[0]);
	return kernel_read(kernel, handler, context);
}

bool kernel_address_usable(const struct kernel_event *event)
{
	return event->address.prefix == 128;
}

/* Groups are joined as they are wanted. */
void net_groups_begin(struct net_groups *groups, unsigned ifindex)
{
	(void)groups, (void)ifindex;
}

void packets_resign(struct engine *e, struct router *router, struct mono now)
{
	(void)e, (void)router, (void)now;
}

void packets_route_source(const struct engine *e, const struct address *destination, struct address *source)
{
	(void)e, (void)destination;
	source->in6.s6_addr[15] |= 1;
}

/* Whatever a list says: only from an address that is held, and to nobody who is no client. */
int net_send_tickles(int fd, struct net_tickle *packets, unsigned count)
{
	(void)fd;
	for (unsigned i = 0; i < count; i++) {
		const struct net_tickle *packet = &packets[i];
		const uint8_t *source = packet->bytes + 8, *to = packet->destination.in6.s6_addr;
		bool is_virtual = memcmp(to, config.routers[0].addresses[0].in6.s6_addr, 15) == 0 &&
				  to[15] >= 0x10 && to[15] < 0x10 + ROUTERS;
		if (packet->size != 60 || memcmp(packet->bytes + 24, to, 16) || !held[source[15]] ||
		    is_virtual || to[0] == 0xff)
			abort();
	}
	return (int)count;
}

void net_groups_want(struct net_groups *groups, unsigned ifindex, const struct address *group)
{
	(void)groups, (void)ifindex, (void)group;
}

int net_groups_end(struct net_groups *groups, unsigned ifindex)
{
	(void)groups, (void)ifindex;
	return 0;
}

void net_groups_look(struct net_groups *groups, unsigned ifindex, int list)
{
	(void)groups, (void)ifindex;
}

/* There are no connections. */
bool ending_begin(const struct ending_task *task)
{
	(void)task;
	return false;
}

bool ending_is_done(unsigned router, uint32_t generation)
{
	(void)router, (void)generation;
	return false;
}

/* The engine looks for answers at every turn. */
void keeper_ring(void)
{
}

void packets_send_adverts(struct engine *e, struct mono now)
{
	(void)now;
	for (unsigned i = 0; i < e->router_count; i++)
		e->routers[i].pending.advert = e->routers[i].pending.final_advert = false;
}

int packets_announce(struct engine *e, const struct link *link, const struct address *vip)
{
	(void)e, (void)link;
	if (!held[vip->in6.s6_addr[15]])
		abort(); /* announced, and the kernel does not have it */
	return 0;
}

int packets_ask(struct engine *e, const struct link *link, const struct address *vip)
{
	(void)e, (void)link, (void)vip;
	return 0;
}

void packets_hear_arp(struct engine *e)
{
	(void)e;
}

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
	link_read(&engine, now_);
	answers_read(&engine, now_);
	link_dumped(&engine, now_);
	if (engine.resync || mono_reached(now_, engine.dump_at))
		order_dump(&engine);
	messages_from_control(&engine, now_);
	for (unsigned i = 0; i < engine.router_count; i++) {
		struct router *router = &engine.routers[i];
		if (!router->used || router->vr.state >= VRRP_STATES)
			abort();
		if (mono_reached(now_, router_deadline(router)))
			router_timers(&engine, router, now_);
	}
	engine_flush(&engine, now_);
	telling_turn(&engine, now_);
	keeper_carry_out(&keeper);
	keeper_join(&keeper);
	keeper_dump(&keeper);
	for (unsigned i = 0; i < engine.router_count; i++)
		if (engine.routers[i].used &&
		    mono_sub(engine.due[i], router_deadline(&engine.routers[i])) != 0)
			abort(); /* somebody changed a timer and did not touch the router */
	if (told_count)
		link_read(&engine, now_);
}

static void run_until(struct mono end)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		turn();
		struct mono next = deadline();
		if (!mono_reached(end, next))
			break;
		if (mono_reached(next, now_))
			now_ = next;
	}
	now_ = mono_reached(end, now_) ? end : now_;
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
	if (which < ROUTERS)
		*router = config.routers[which].id;
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
		list.items[i].local = config.routers[which % ROUTERS].addresses[0];
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
		message.next.until = mono_add(now_, ((int64_t)take(in, 4) - INT32_MAX) * USEC_PER_MS);
		send_bytes(&message, sizeof message, 0);
		break;
	case 6: run_until(mono_add(now_, take(in, 2) * USEC_PER_MS)); return;
	case 7: send_clients(in, take(in, 1)); break;
	}
	if (command & 32)
		turn();
}

/* ---- one life ---- */

static void configure(void)
{
	config.router_count = ROUTERS;
	for (unsigned i = 0; i < ROUTERS; i++) {
		config.routers[i] = (struct config_router){.id = {"eth0", AF_INET6, (uint8_t)(i + 1)},
		    .priority = (uint8_t)(100 + i),
		    .preempt = i != 2,
		    .when_unhealthy = i == 2 ? UNHEALTHY_RESIGN : UNHEALTHY_DEMOTE,
		    .advert_interval_us = USEC_PER_SEC,
		    .kernel_lease_s = i == 1 ? 0 : 6,
		    .address_count = 1,
		    .addresses = {{{{{0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(0x10 + i)}}}}},
		    .reset_connections = true,
		    .checks = CHECKED(i)};
		snprintf(config.routers[i].name, sizeof config.routers[i].name, "vr%u", i);
	}
	config.check_count = 1;
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
	memset(held, 0, sizeof held);
	memset(&page, 0, offsetof(struct keeper_page, events));
	keeper = (struct keeper){.board = &board,
	    .page = &page,
	    .seen = UINT32_MAX,
	    .look_at = MONO_NEVER,
	    .join_again = MONO_NEVER};
	told_count = 0;
	now_ = (struct mono){USEC_PER_SEC};
	engine.board = &board;
	engine.channel = pair[0];
	engine.guardian = -1;
	engine.keeper_ring = engine.ring_of_keeper = rings;
	engine.page = &page;
	engine.dump_at = engine.tickle_at = MONO_NEVER;
	configure();
	struct configuration next = {.config = &config, .secrets = (const uint8_t *)""};
	engine_configure(&engine, &next, now_);
}

static void recover(void)
{
	char interfaces_text[] = "eth0";
	for (int i = 0; i < COMMANDS_MAX / 10; i++)
		turn(); /* an empty queue: the messages below must arrive */
	for (unsigned i = 0; i < ROUTERS; i++) {
		struct message message = {.layout = vipd_layout, .type = MESSAGE_RESUME};
		name_router(&message.drain.router, i);
		send_bytes(&message, sizeof message, 0);
		message = (struct message){.layout = vipd_layout, .type = MESSAGE_HEALTH};
		name_router(&message.health.router, i);
		message.health.grade = VRRP_HEALTHY;
		send_bytes(&message, sizeof message, 0);
		turn();
	}
	run_until(mono_add(now_, RECOVERY_US));
	for (unsigned i = 0; i < engine.router_count; i++) {
		const struct router *router = &engine.routers[i];
		if (router->vr.state != VRRP_ACTIVE || !held[router->config.addresses[0].in6.s6_addr[15]] ||
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
	run_until(mono_add(now_, (size & 1 ? 1 : 5) * USEC_PER_SEC)); /* a Backup, or Active */
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
