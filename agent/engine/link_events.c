/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of interfaces and addresses becomes events of the virtual routers.
 *
 * Notifications change one thing at a time; a dump (at the start, and after notifications were lost) is
 * collected first and compared then. Whether a router is ready is decided in ready.c; what an address that is
 * there or not there means is core's.
 */
#include "engine/engine.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <stdio.h>
#include <string.h>

#include "vipd/log.h"

#define DUMP_AGAIN_US	  (20 * USEC_PER_MS)
#define DUMP_AGAIN_MAX_US USEC_PER_SEC

struct reading {
	struct engine *engine;
	struct mono now;
	bool dumping;
	bool changed; /* something that a dump shows */
};

static void link_vanished(struct engine *engine, struct link *link)
{
	link->ifindex = 0;
	order_groups(engine, link, false);
	link->admin_up = link->running = link->has_mac = link->asked = link->renamed = false;
	for (unsigned i = 0; i < VRRP_FAMILIES; i++)
		link->first[i].usable = false;
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].used && engine->routers[i].link == link)
			engine->routers[i].source.usable = false;
}

/* No address is left on it. */
static void tell_emptiness(struct engine *engine, const struct link *link, struct mono now)
{
	static const struct vrrp_found nothing[VRRP_ADDRESSES_MAX];
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].used && engine->routers[i].link == link)
			router_event(engine, &engine->routers[i], now,
			    &(struct vrrp_event){.type = VRRP_EVENT_ADDRESSES, .all_found = nothing});
}

/* The neighbours know the addresses by the old one. */
static void tell_mac(struct engine *engine, const struct link *link, struct mono now)
{
	for (unsigned i = 0; i < engine->router_count && link->has_mac; i++)
		if (engine->routers[i].used && engine->routers[i].link == link)
			router_event(engine, &engine->routers[i], now,
			    &(struct vrrp_event){.type = VRRP_EVENT_MAC_CHANGED});
}

/* ---- one event of the kernel ---- */

static bool has_name(const struct kernel_event *event, const char *name)
{
	bool found = strcmp(event->link.name, name) == 0;
	for (unsigned i = 0; i < event->link.altname_count && !found; i++)
		found = strcmp(event->link.altnames[i], name) == 0;
	return found;
}

/* If a reload goes from one name of an interface to another, the one with a router on it counts. */
static struct link *link_named(struct engine *engine, const struct kernel_event *event)
{
	struct link *found = NULL;
	for (unsigned i = 0; i < engine->link_count; i++) {
		struct link *link = &engine->links[i];
		if (has_name(event, link->name) && (!found || !link_has_router(engine, found)))
			found = link;
	}
	return found;
}

/* Two names of one interface in the configuration: one of them is it, the other has a trouble with a name. */
static void note_aliases(struct reading *reading, const struct link *found, const struct kernel_event *event)
{
	for (unsigned i = 0; i < reading->engine->link_count; i++) {
		struct link *link = &reading->engine->links[i];
		bool was = link->alias_of == event->ifindex;
		bool is = event->type == KERNEL_LINK && link != found && has_name(event, link->name);
		if (is == was)
			continue;
		link->alias_of = is ? event->ifindex : 0;
		snprintf(link->trouble, sizeof link->trouble,
		    "is another name of %s: use one name in every virtual router", found ? found->name : "");
		if (!reading->dumping)
			link_tell_readiness(reading->engine, link, reading->now);
	}
}

/* Until another interface has the name, this one is ours: its addresses are removed from it. */
static void on_rename(struct reading *reading, struct link *link, const struct kernel_event *event)
{
	struct engine *engine = reading->engine;
	snprintf(link->trouble, sizeof link->trouble,
	    "was renamed to %s: rename it back, or configure that name", event->link.name);
	link->seen = true;
	if (link->renamed)
		return;
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].used && engine->routers[i].link == link &&
		    engine->routers[i].vr.state == VRRP_ACTIVE)
			packets_resign(engine, &engine->routers[i], reading->now);
	link->renamed = true;
	link_tell_readiness(engine, link, reading->now);
}

/* The name is learned when that interface is told of. If that was before, a dump tells it again. */
static void on_port_of(struct engine *engine, struct link *link, const struct kernel_event *event)
{
	if (link->port_of != event->link.port_of) {
		link->port_of = event->link.port_of;
		link->port_of_name[0] = '\0';
		engine->resync |= link->port_of != 0;
	}
	if (link->port_of_name[0])
		snprintf(link->trouble, sizeof link->trouble, "is a port of %s: put the router on %s",
		    link->port_of_name, link->port_of_name);
	else
		snprintf(link->trouble, sizeof link->trouble,
		    "is a port of a bridge, bond or team: put the router on that");
}

static void learn_name(struct engine *engine, const struct kernel_event *event)
{
	for (unsigned i = 0; i < engine->link_count && event->type == KERNEL_LINK; i++)
		if (engine->links[i].port_of == event->ifindex)
			memcpy(engine->links[i].port_of_name, event->link.name,
			    sizeof engine->links[i].port_of_name);
}

static void on_link(struct reading *reading, const struct kernel_event *event)
{
	struct engine *engine = reading->engine;
	struct link *before = link_by_index(engine, event->ifindex);
	struct link *link = NULL;
	learn_name(engine, event);
	if (event->type == KERNEL_LINK)
		link = link_named(engine, event);
	note_aliases(reading, link, event);
	reading->changed |= before || link;
	if (before && !link && event->type == KERNEL_LINK) {
		on_rename(reading, before, event);
		return;
	}
	if (before && before != link) { /* deleted, or it has the name of another link of ours */
		link_vanished(engine, before);
		link_tell_readiness(engine, before, reading->now);
		tell_emptiness(engine, before, reading->now);
	}
	if (!link)
		return;
	if (link->ifindex &&
	    link->ifindex != event->ifindex) /* created again: nothing of the old one is left */
		link_vanished(engine, link);
	if (link->ifindex != event->ifindex && !reading->dumping)
		engine->resync = true; /* its addresses may have been told before its name */
	link->ifindex = event->ifindex;
	link->renamed = false;
	on_port_of(engine, link, event);
	link->admin_up = event->link.admin_up;
	link->running = event->link.running;
	bool moved = link->has_mac && memcmp(link->mac, event->link.mac, sizeof link->mac) != 0;
	link->has_mac = event->link.has_mac;
	memcpy(link->mac, event->link.mac, sizeof link->mac);
	link->seen = true;
	if (!reading->dumping)
		link_tell_readiness(engine, link, reading->now);
	if (moved)
		tell_mac(engine, link, reading->now);
}

/* One is as good as another: the one in use stays until it goes away. */
static void on_source(struct reading *reading, struct link *link, struct link_source *source,
    const struct address *preferred, const struct kernel_event *event)
{
	const struct address *address = &event->address.address;
	bool current = source->usable && address_equal(&source->address, address);
	uint32_t unfit = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TEMPORARY;
	bool fit = event->type == KERNEL_ADDRESS && !(event->address.flags & unfit);
	if (reading->dumping) {
		source->confirmed |= current && fit;
		if (fit && (!source->has_other || address_equal(address, preferred))) {
			source->has_other = true;
			source->other = *address;
		}
	} else if (fit && !source->usable) {
		source->usable = true;
		source->address = *address;
		link->asked =
		    false; /* it may have had none of this family, and its group could not be joined */
		reading->changed = true;
		link_tell_readiness(reading->engine, link, reading->now);
	} else if (current && !fit) {
		source->usable = link->asked = false;
		reading->changed = true;
		reading->engine->resync = true; /* there may be another one; if not the dump says so */
	}
}

static struct vrrp_found found_of(const struct kernel_event *event)
{
	struct vrrp_found found = {.state = VRRP_FOUND_WRONG, .prefix = event->address.prefix};
	if (event->type != KERNEL_ADDRESS)
		found.state = VRRP_FOUND_NOT;
	else if (kernel_address_usable(event))
		found.state = VRRP_FOUND_RIGHT;
	else if (event->address.flags & IFA_F_DADFAILED)
		found.state = VRRP_FOUND_DUPLICATE;
	else if (event->address.flags & IFA_F_TENTATIVE)
		found.state = VRRP_FOUND_TENTATIVE;
	return found;
}

static void on_vip(
    struct reading *reading, struct router *router, unsigned index, const struct kernel_event *event)
{
	struct vrrp_found found = found_of(event);
	if (reading->dumping) {
		router->found[index] = found;
		return;
	}
	bool known = router->vr.on_link >> index & 1;
	reading->changed |= known != (found.state == VRRP_FOUND_RIGHT);
	sharing_tell(reading->engine, router, reading->now);
	router_event(reading->engine, router, reading->now,
	    &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS, .index = index, .found = found});
}

static void on_address(struct reading *reading, const struct kernel_event *event)
{
	struct link *link = link_by_index(reading->engine, event->ifindex);
	if (!link)
		return;
	const struct address *address = &event->address.address;
	struct link_source *first = link_source_for(link, address);
	bool virtual = false;
	for (unsigned i = 0; i < reading->engine->router_count; i++) {
		struct router *r = &reading->engine->routers[i];
		if (!r->used || r->link != link)
			continue;
		int index = router_address_index(r, address);
		if (index < 0)
			continue;
		virtual = true;
		on_vip(reading, r, (unsigned)index, event);
	}
	if (first && !virtual)
		on_source(reading, link, first, &first->address, event);
	for (unsigned i = 0; i < reading->engine->router_count && !virtual; i++) {
		struct router *r = &reading->engine->routers[i];
		if (r->used && r->link == link && router_may_send_from(r, address))
			on_source(reading, link, &r->source, &r->preferred, event);
	}
}

static void on_kernel_event(void *context, const struct kernel_event *event)
{
	struct reading *reading = context;
	struct link *link;
	switch (event->type) {
	case KERNEL_LINK:
	case KERNEL_LINK_GONE: on_link(reading, event); break;
	case KERNEL_ADDRESS:
	case KERNEL_ADDRESS_GONE: on_address(reading, event); break;
	case KERNEL_FORWARDING:
		link = link_by_index(reading->engine, event->ifindex);
		reading->changed |= link != NULL;
		if (link)
			link->forwarding = event->forwarding;
		break;
	}
}

/* ---- reading ---- */

static void dump_begin(struct engine *engine)
{
	for (unsigned i = 0; i < engine->link_count; i++) {
		struct link *link = &engine->links[i];
		link->seen = false;
		for (unsigned f = 0; f < VRRP_FAMILIES; f++)
			link->first[f].confirmed = link->first[f].has_other = false;
	}
	for (unsigned i = 0; i < engine->router_count; i++) {
		memset(engine->routers[i].found, 0, sizeof engine->routers[i].found);
		router_prefer_source(engine, &engine->routers[i]);
	}
}

static void settle_source(struct link *link, struct link_source *source)
{
	if (source->confirmed)
		return;
	link->asked &= !source->usable;
	source->usable = source->has_other;
	source->address = source->other;
}

static void dump_end(struct engine *engine, struct mono now)
{
	engine->settling = false;
	for (unsigned i = 0; i < engine->link_count; i++) {
		struct link *link = &engine->links[i];
		link->told = true;
		if (!link->seen)
			link_vanished(engine, link);
		for (unsigned f = 0; f < VRRP_FAMILIES; f++)
			settle_source(link, &link->first[f]);
	}
	for (unsigned i = 0; i < engine->router_count; i++)
		if (engine->routers[i].used)
			settle_source(engine->routers[i].link, &engine->routers[i].source);
	for (unsigned i = 0; i < engine->link_count; i++)
		link_tell_readiness(engine, &engine->links[i], now);
	for (unsigned i = 0; i < engine->router_count; i++) {
		struct router *r = &engine->routers[i];
		if (!r->used)
			continue;
		sharing_tell(engine, r, now);
		router_event(engine, r, now,
		    &(struct vrrp_event){.type = VRRP_EVENT_ADDRESSES, .all_found = r->found});
	}
}

/* -EINTR for as long as links and addresses change all the time. Each try takes RTNL: the pauses grow. */
static void dump_failed(struct engine *engine, int result, struct mono now)
{
	struct suppressed suppressed;
	int64_t pause = 2 * engine->dump_again_us;
	engine->dump_again_us = pause < DUMP_AGAIN_US	    ? DUMP_AGAIN_US
				: pause > DUMP_AGAIN_MAX_US ? DUMP_AGAIN_MAX_US
							    : pause;
	if (complaint_due(&engine->dump_complaint, 1, now, &suppressed))
		log_error("cannot read links and addresses from the kernel: %s; trying again%s",
		    strerrordesc_np(-result), suppressed.text);
}

/*
 * Notifications were read while the keeper dumped. What has changed since it was asked may be newer than the
 * dump: then that is of no use.
 */
void link_dumped(struct engine *engine, struct mono now)
{
	struct reading reading = {engine, now, .dumping = true};
	if (!engine->dumping || atomic_load(&engine->page->dumped) != engine->dump)
		return;
	engine->dumping = false;
	link_read(engine, now); /* what came before the dump was complete */
	if (engine->page->dump_result)
		dump_failed(engine, engine->page->dump_result, now);
	else
		engine->dump_again_us = DUMP_AGAIN_US;
	if (engine->changed_since_dump || engine->page->dump_result) {
		engine->dump_at = mono_add(now, engine->dump_again_us);
		return;
	}
	dump_begin(engine);
	for (unsigned i = 0; i < engine->page->event_count && i < KEEPER_EVENTS_MAX; i++)
		on_kernel_event(&reading, &engine->page->events[i]);
	dump_end(engine, now);
}

void link_read(struct engine *engine, struct mono now)
{
	struct reading reading = {engine, now, .dumping = false};
	int result = kernel_read(&engine->kernel, on_kernel_event, &reading);
	if (result == -ENOBUFS) {
		record_resync(engine);
		for (unsigned i = 0; i < engine->link_count; i++)
			engine->links[i].asked = false; /* it may have lost IPv6 and got it back */
	} else if (result)
		log_error("netlink: %s", strerrordesc_np(-result));
	if (result)
		engine->resync = true;
	engine->changed_since_dump |= reading.changed;
}
