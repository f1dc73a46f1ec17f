/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody on the link who has the address, or says so, and does not speak VRRP. The holder answers who asks
 * it, and says nothing else but one announcement when it comes, and not always that. The rival announces the
 * address whenever it hears somebody else do that, as a node does that hears no adverts.
 */
#include "sim.h"

/* It has one address: of either family. */
static enum packet_type its_type(void)
{
	return world.other_addresses && world.seed / 8 % 2 ? PACKET_OTHER_NA : PACKET_NA;
}

void foreign_announces(void)
{
	net_send(FOREIGN, &(struct packet){.type = its_type(), .from = FOREIGN}, world.now, -1);
}

/* By a node's question that leaves at that time. */
void foreign_is_asked(const struct node *by, int64_t at)
{
	enum packet_type type = its_type();
	bool heard = world.foreign_holders && kernel_carries(by, packet_family(type)) &&
		     !world.net.cut[type][by->number][FOREIGN] && !random_chance(world.net.loss_percent);
	if (heard)
		net_send(FOREIGN, &(struct packet){.type = type, .from = FOREIGN, .answer = true},
		    at + random_in(20, world.net.delay_us), (int)by->number);
}

void foreign_hears_announcement(int64_t at)
{
	if (world.rivals)
		happen(at + random_in(20, world.net.delay_us), HAPPENS_RIVAL, FOREIGN);
}
