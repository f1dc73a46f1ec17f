/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multicast memberships of links with virtual routers, their neighbours, and dumps.
 */
#include <errno.h>
#include <string.h>

#include "keeper/keeper.h"
#include "vipd/advert.h"
#include "vipd/log.h"
#include "vipd/na.h"

#define JOIN_AGAIN_US USEC_PER_SEC

/* In parts: orders do not wait for thousands of joins. */
static int end_groups(struct keeper *keeper, uint32_t ifindex)
{
	int result;
	while ((result = net_groups_end(&keeper->page->groups, ifindex)) == -EAGAIN)
		keeper_carry_out(keeper);
	return result;
}

/* Before we hold an address, so that a snooping switch forwards. */
static int join_groups(struct keeper *keeper, const struct board_link *link)
{
	struct net_groups *groups = &keeper->page->groups;
	net_groups_begin(groups, link->ifindex);
	net_groups_look(groups, link->ifindex, keeper->groups_lists);
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++) {
		struct board_router router;
		if (!board_read_router(keeper->board, i, &router) ||
		    strncmp(router.id.interface, link->interface, sizeof link->interface) != 0)
			continue;
		net_groups_want(groups, link->ifindex, &vrrp_family_numbered(router.id.family)->group);
		for (unsigned a = 0; a < router.address_count && a < CONFIG_ADDRESSES_MAX; a++) {
			struct address group = solicited_node(&router.addresses[a]);
			if (!address_is_ipv4(&router.addresses[a]))
				net_groups_want(groups, link->ifindex, &group);
		}
	}
	return end_groups(keeper, link->ifindex);
}

static void carry_out(void *context)
{
	keeper_carry_out(context);
}

/* Without that the first answers of a holder whose link was away for a moment may wait for a second. */
static void forget_unresolved(struct keeper *keeper, const struct board_link *link)
{
	int result = kernel_forget_unresolved(&keeper->dumps, link->ifindex, carry_out, keeper);
	if (result)
		log_warning("%s: cannot look for neighbours that have not answered: %s; answers to them may "
			    "wait for a second",
		    link->interface, strerrordesc_np(-result));
}

/* An interface that goes from one name to another, an alternative one, keeps its groups. */
static bool is_of_another(const struct keeper *keeper, unsigned index, uint32_t ifindex)
{
	struct board_link other;
	for (unsigned i = 0; i < BOARD_LINKS_MAX && board_read_link(keeper->board, i, &other); i++)
		if (i != index && other.ifindex == ifindex)
			return true;
	return false;
}

/* Who does not hear the others must not hold anything, so the engine waits for this. */
static void tell_hearing(struct keeper *keeper, unsigned index, const struct board_link *link)
{
	struct keeper_hearing hearing = {.ifindex = link->ifindex, .groups = (uint16_t)link->groups};
	for (unsigned i = 0; i < VRRP_FAMILIES && link->ifindex; i++)
		if (net_groups_has(&keeper->page->groups, link->ifindex, &vrrp_families[i].group))
			hearing.families |= (uint8_t)(1 << i);
	keeper_hearing_write(keeper, index, &hearing);
}

static void join(struct keeper *keeper, unsigned index, const struct board_link *link)
{
	struct keeper_link *seen = &keeper->links[index];
	bool up = seen->ifindex && link->ups != seen->ups;
	if (seen->ifindex && seen->ifindex != link->ifindex && !is_of_another(keeper, index, seen->ifindex)) {
		net_groups_begin(&keeper->page->groups, seen->ifindex);
		end_groups(keeper, seen->ifindex);
	}
	bool again = seen->failed;
	*seen = (struct keeper_link){.ifindex = link->ifindex, .groups = link->groups, .ups = link->ups};
	int result = link->ifindex ? join_groups(keeper, link) : 0;
	tell_hearing(keeper, index, link);
	seen->failed = result != 0;
	if (result && !again)
		log_error("%s: cannot join a multicast group: %s; trying again", link->interface,
		    strerrordesc_np(-result));
	if (result)
		keeper->join_again = mono_add(mono_now(), JOIN_AGAIN_US);
	if (up)
		forget_unresolved(keeper, link);
}

void keeper_join(struct keeper *keeper)
{
	bool again = mono_reached(mono_now(), keeper->join_again);
	if (again)
		keeper->join_again = MONO_NEVER;
	for (unsigned i = 0; i < BOARD_LINKS_MAX; i++) {
		struct board_link link;
		const struct keeper_link *seen = &keeper->links[i];
		if (!board_read_link(keeper->board, i, &link))
			break;
		link.interface[sizeof link.interface - 1] = '\0';
		if (link.groups != seen->groups || (again && seen->failed))
			join(keeper, i, &link);
		keeper_carry_out(keeper);
	}
}

static void on_event(void *context, const struct kernel_event *event)
{
	struct keeper *keeper = context;
	struct keeper_page *page = keeper->page;
	if (page->event_count < KEEPER_EVENTS_MAX)
		page->events[page->event_count] = *event;
	page->event_count++;
	keeper_carry_out(keeper); /* each part of a dump may have waited */
}

bool keeper_dump(struct keeper *keeper)
{
	struct keeper_page *page = keeper->page;
	uint32_t wanted = atomic_load(&keeper->board->dump_wanted);
	if (wanted == atomic_load(&page->dumped))
		return false;
	page->event_count = 0;
	page->dump_result = kernel_dump(&keeper->dumps, on_event, keeper, &page->event_count);
	if (!page->dump_result && page->event_count > KEEPER_EVENTS_MAX)
		page->dump_result = -E2BIG;
	atomic_store(&page->dumped, wanted);
	return true;
}
