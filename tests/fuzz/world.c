/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keeper/keeper.h"

struct world world;

struct mono mono_now(void)
{
	return world.now;
}

int64_t realtime_us(void)
{
	return 1700000000 * USEC_PER_SEC + world.now.us;
}

static void tell_address(enum kernel_event_type type, const struct address *address)
{
	if (world.told_count == sizeof world.told / sizeof world.told[0])
		return;
	struct kernel_event *event = &world.told[world.told_count++];
	*event = (struct kernel_event){.type = type, .ifindex = WORLD_IFINDEX};
	event->address.address = *address;
	event->address.prefix = address_is_link_local(address) ? 64 : 128;
}

int kernel_address_add(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint32_t lease_s)
{
	(void)kernel, (void)lease_s;
	if (ifindex != WORLD_IFINDEX)
		abort();
	world.held[address->in6.s6_addr[15]] = 1;
	tell_address(KERNEL_ADDRESS, address);
	return 0;
}

int kernel_address_remove(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint8_t prefix)
{
	(void)kernel, (void)ifindex, (void)prefix;
	if (!world.held[address->in6.s6_addr[15]])
		return -EADDRNOTAVAIL;
	world.held[address->in6.s6_addr[15]] = 0;
	tell_address(KERNEL_ADDRESS_GONE, address);
	return 0;
}

int kernel_forget_unresolved(
    struct kernel *kernel, unsigned ifindex, void (*between)(void *context), void *context)
{
	(void)kernel;
	between(context);
	if (ifindex != WORLD_IFINDEX)
		abort();
	return 0;
}

int kernel_read(struct kernel *kernel, kernel_handler *handler, void *context)
{
	(void)kernel;
	struct kernel_event events[sizeof world.told / sizeof world.told[0]];
	unsigned count = world.told_count;
	memcpy(events, world.told, sizeof events);
	world.told_count = 0;
	for (unsigned i = 0; i < count; i++)
		handler(context, &events[i]);
	return 0;
}

int kernel_dump(struct kernel *kernel, kernel_handler *handler, void *context, uint32_t *count)
{
	(void)kernel, (void)count;
	struct kernel_event event = {.type = KERNEL_LINK,
	    .ifindex = WORLD_IFINDEX,
	    .link = {.name = "eth0", .admin_up = true, .running = true, .has_mac = true, .mac = {2}}};
	handler(context, &event);
	world.told_count = 0;
	tell_address(KERNEL_ADDRESS, &(struct address){{{{0xfe, 0x80, [15] = 1}}}});
	for (unsigned i = 0; i < WORLD_ROUTERS; i++)
		for (unsigned a = 0; a < world.config.routers[i].address_count; a++)
			if (world.held[world.config.routers[i].addresses[a].in6.s6_addr[15]])
				tell_address(KERNEL_ADDRESS, &world.config.routers[i].addresses[a]);
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

void packets_route_source(
    const struct engine *e, const struct address *destination, unsigned ifindex, struct address *source)
{
	(void)e, (void)destination;
	if (ifindex != WORLD_IFINDEX)
		abort();
	source->in6.s6_addr[15] |= 1;
}

/* Whatever a list says: only from an address that is world.held, and to nobody who is no client. */
int net_send_tickles(int fd, struct net_tickle *packets, unsigned count)
{
	(void)fd;
	for (unsigned i = 0; i < count; i++) {
		const struct net_tickle *packet = &packets[i];
		bool is_ipv4 = address_is_ipv4(&packet->destination);
		unsigned size = is_ipv4 ? 4 : 16, from_at = is_ipv4 ? 12 : 8;
		struct address source = address_of_bytes(packet->bytes + from_at, size);
		bool is_virtual = config_has_address(&world.config, &packet->destination);
		if (packet->size != (is_ipv4 ? 40 : 60) || packet->ifindex != WORLD_IFINDEX ||
		    memcmp(packet->bytes + from_at + size, address_bytes(&packet->destination), size) ||
		    !world.held[source.in6.s6_addr[15]] || !config_has_address(&world.config, &source) ||
		    is_virtual || address_is_multicast(&packet->destination))
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

void net_groups_look(struct net_groups *groups, unsigned ifindex, const int lists[static VRRP_FAMILIES])
{
	(void)groups, (void)ifindex, (void)lists;
}

/* Now and then a join fails. */
bool net_groups_has(const struct net_groups *groups, unsigned ifindex, const struct address *group)
{
	(void)groups, (void)ifindex, (void)group;
	return world.now.us >> 10 & 7;
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
	if (!world.held[vip->in6.s6_addr[15]])
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
