/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network, and the hosts on it.
 *
 * Each copy of a packet is lost, delayed and doubled by itself. Hosts believe every announcement that
 * reaches them and ask nobody: real ones would find out a dead entry by themselves after some seconds. So a
 * host may be wrong for as long as nobody could tell it better; net.c keeps account of that (missed, silent)
 * for check.c.
 */
#include <string.h>

#include "sim.h"

static bool is_host(unsigned station)
{
	return station > FOREIGN;
}

static bool can_hear(unsigned station, enum packet_type type)
{
	if (is_host(station))
		return true;
	const struct node *node = &world.nodes[station];
	return node->running && kernel_carries(node, packet_family(type));
}

void net_dropped(const struct packet *packet, unsigned to)
{
	if (packet->answer)
		return;
	if (is_host(to)) {
		if (packet->type != PACKET_ADVERT && packet->from != FOREIGN)
			world.missed[packet_family(packet->type)][to - HOST(0)][packet->from] = true;
	} else if (packet->from == FOREIGN || world.nodes[packet->from].vr.state != VRRP_ACTIVE) {
		world.silent[packet->from][to] = true;
	}
}

/* Node `by` has read it: if it is the holder it knows of a rival from now on. */
void net_heard(const struct packet *packet, unsigned by)
{
	world.silent[packet->from][by] = false;
}

static void put(unsigned from, const struct packet *packet, int64_t at, unsigned to)
{
	int64_t arrival = at + random_in(20, world.net.delay_us);
	if (world.net.reorder_us)
		arrival += random_in(0, world.net.reorder_us);
	else if (arrival < world.net.last_arrival[from][to])
		arrival = world.net.last_arrival[from][to];
	else
		world.net.last_arrival[from][to] = arrival;
	happen(arrival, HAPPENS_ARRIVAL, to)->packet = *packet;
}

static void send_to(unsigned from, const struct packet *packet, int64_t at, unsigned to)
{
	bool sender_up = from == FOREIGN || kernel_carries(&world.nodes[from], packet_family(packet->type));
	if (!sender_up || world.net.cut[packet->type][from][to] || random_chance(world.net.loss_percent)) {
		net_dropped(packet, to);
		return;
	}
	put(from, packet, at, to);
	if (random_chance(world.net.double_percent))
		put(from, packet, at, to);
}

void net_send(unsigned from, const struct packet *packet, int64_t at, int to)
{
	for (unsigned i = 0; i < STATIONS; i++) {
		bool exists = i < world.node_count || is_host(i);
		bool meant = to < 0 ? packet->type != PACKET_ADVERT || !is_host(i) : i == (unsigned)to;
		if (exists && meant && i != from)
			send_to(from, packet, at, i);
	}
}

static void host_hears(unsigned host, const struct packet *packet)
{
	unsigned family = packet_family(packet->type);
	if (world.cache[family][host] != packet->from)
		tell(NULL, "host %u now sends to %u%s", host, packet->from,
		    family == FAMILY_OTHER ? " in the other family" : "");
	world.cache[family][host] = packet->from;
	world.cache_mac[family][host] = packet->mac;
	if (packet->from != FOREIGN)
		world.missed[family][host][packet->from] = false;
}

void net_arrive(const struct happening *happening)
{
	const struct packet *packet = &happening->packet;
	unsigned to = happening->station;
	if (is_host(to)) {
		host_hears(to - HOST(0), packet);
		return;
	}
	struct node *node = &world.nodes[to];
	if (!can_hear(to, packet->type) || node->inbox_count == INBOX) {
		net_dropped(packet, to);
		return;
	}
	node->inbox[node->inbox_count] = *packet;
	node->inbox[node->inbox_count++].arrived = world.now;
	node_wake(node, world.now + random_in(10, random_chance(2) ? 1000 : 60));
}
