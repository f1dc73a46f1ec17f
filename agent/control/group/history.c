/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the timeline is made from: this node's transitions, which the board keeps while control is away; the
 * hellos of the others; and the adverts of whoever sends no hello.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control/control.h"
#include "control/group/group.h"
#include "control/group/witness.h"
#include "vipd/message.h"

#define WALL_STEP_US (100 * USEC_PER_MS)

/* ---- memory ---- */

static void *memory(const struct control *control)
{
	_Static_assert(sizeof(struct history) <= TIMELINE_SIZE, "the guardian has room for it");
	void *shared = control->has_timeline ? mmap(NULL, sizeof(struct history), PROT_READ | PROT_WRITE,
						   MAP_SHARED, FD_TIMELINE, 0)
					     : MAP_FAILED;
	return shared != MAP_FAILED ? shared : calloc(1, sizeof(struct history));
}

int history_open(struct group *group, struct mono now)
{
	struct history *history = group->history = memory(group->control);
	struct mono created = group->control->board->created;
	if (!history)
		return -ENOMEM;
	uint32_t layout = vipd_layout + (uint32_t)sizeof *history;
	if (history->layout != layout || memcmp(history->boot, group->boot, sizeof history->boot) != 0 ||
	    !timeline_check(&history->timeline, now)) {
		if (madvise(history, sizeof *history, MADV_REMOVE) < 0) /* zeroes, and takes no room */
			memset(history, 0, sizeof *history);
		history->layout = layout;
		memcpy(history->boot, group->boot, sizeof history->boot);
		history->timeline.since = history->looked = now;
	}
	group->away = mono_min(history->looked, now);
	if (history->created.us != created.us) {
		timeline_interrupt(&history->timeline, group->away, now);
		history->created = created;
		history->board_events = 0;
	}
	return 0;
}

/* Two readings, one after the other, are apart by what passes in between, so the smallest difference is the
 * truest, until somebody sets the clock. */
int64_t history_wall_us(struct group *group)
{
	struct mono now = mono_now();
	int64_t ahead_us = realtime_us() - now.us;
	if (ahead_us < group->wall_us || ahead_us > group->wall_us + WALL_STEP_US)
		group->wall_us = ahead_us;
	return group->wall_us;
}

/* ---- what is said ---- */

static void changed(struct group *group, bool is_news)
{
	if (is_news && group->on_news)
		group->on_news(group->news_context);
}

static void say(
    struct timeline_why *why, const struct group_router *router, uint8_t cause, const char *text, size_t max)
{
	why->word = cause ? TIMELINE_SAID : TIMELINE_NOT_SAID;
	why->cause = cause;
	group_name_addresses(router, text, max, why->text, sizeof why->text);
}

static struct witness witness_of(const struct group *group, unsigned index)
{
	const struct config_router *config = &group->control->config->routers[index];
	return (struct witness){.timeline = &group->history->timeline,
	    .roster = &group->routers[index].roster,
	    .id = &config->id,
	    .router = config->name,
	    .started = group->started,
	    .away = group->away};
}

void history_hear(struct group *group, unsigned index, const struct address *source,
    const struct hello *hello, struct mono now)
{
	struct witness witness = witness_of(group, index);
	struct timeline_why why;
	say(&why, &group->routers[index], hello->cause, hello->cause_text, sizeof hello->cause_text);
	changed(group, witness_hear(&witness, source, hello, &why, now));
}

/* Whose adverts are heard; NULL: nobody's. */
static const struct address *active_of(const struct board_router *board, struct mono now)
{
	return group_hears_active(board, now) && !board->active_foreign ? &board->active_address : NULL;
}

/* One whose adverts are heard is Active all the same, until they end. */
void history_lose(struct group *group, unsigned index, const struct address *source, struct mono now)
{
	struct witness witness = witness_of(group, index);
	struct board_router board;
	const struct address *active = NULL;
	for (unsigned i = 0; !active && board_read_router(group->control->board, i, &board); i++)
		if (router_id_equal(&board.id, witness.id))
			active = active_of(&board, now);
	if (!active || !address_equal(active, source))
		changed(group, witness_lose(&witness, source, now));
}

/* ---- this node ---- */

static void take_event(struct group *group, const struct board_event *event, struct mono now)
{
	const struct config *config = group->control->config;
	struct timeline_state state = {.id = &event->id,
	    .router = event->router,
	    .node = config->node,
	    .self = true,
	    .active = event->to == VRRP_ACTIVE,
	    .since = event->at};
	for (unsigned i = 0; i < group->count; i++) {
		const struct group_router *router = &group->routers[i];
		if (!router_id_equal(&router->id, &event->id))
			continue;
		state.address = &router->source;
		witness_standing(&state, &router->ours);
	}
	if (state.active && (!state.address || address_is_unspecified(state.address)))
		return; /* one that ends is found without it, also if it is configured no more */
	say(&state.why, group_of(group, &event->id), event->reason, event->reason_text,
	    sizeof event->reason_text);
	changed(group, timeline_take(&group->history->timeline, &state, now));
}

static void look_at_events(struct group *group, struct mono now)
{
	const struct board *board = group->control->board;
	uint64_t count = atomic_load(&board->event_count);
	struct board_event event;
	if (count - group->history->board_events > BOARD_EVENTS_MAX)
		group->history->board_events = count - BOARD_EVENTS_MAX;
	while (group->history->board_events < count)
		if (board_read_event(board, ++group->history->board_events, &event))
			take_event(group, &event, now);
}

/* ---- who is away ---- */

static void keep_lost(struct history *history, const struct router_id *id, const struct roster *roster)
{
	for (unsigned i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];
		if (member->presence != ROSTER_LOST || history->lost_count == ROSTER_MEMBERS_MAX)
			continue;
		struct history_lost *kept = &history->lost[history->lost_count++];
		kept->id = *id;
		kept->source = member->source;
		kept->heard = member->heard;
		kept->since_us = member->since_us;
		kept->size = hello_build(&member->hello, kept->hello, sizeof kept->hello);
	}
}

static void keep_who_is_away(struct group *group)
{
	group->history->lost_count = 0;
	for (unsigned i = 0; i < group->count; i++) {
		const struct group_router *router = &group->routers[i];
		struct history_strangers *kept = &group->history->strangers[i];
		kept->id = router->id;
		kept->count = router->roster.stranger_count;
		memcpy(kept->items, router->roster.strangers, sizeof kept->items);
		keep_lost(group->history, &router->id, &router->roster);
	}
	for (unsigned i = group->count; i < CONFIG_ROUTERS_MAX; i++) /* of a configuration before */
		group->history->strangers[i].count = 0;
}

/* Checked as if it came from the network. */
static void recall_lost(struct roster *roster, const struct history_lost *kept, struct mono now)
{
	const struct hello_envelope envelope = {kept->source, kept->source, HELLO_HOP_LIMIT};
	struct hello hello;
	if (kept->size <= sizeof kept->hello && mono_reached(now, kept->heard) &&
	    hello_parse(kept->hello, kept->size, &envelope, &hello) == HELLO_OK)
		roster_recall(roster, &kept->source, &hello, kept->heard, kept->since_us);
}

void history_recall(const struct group *group, struct group_router *router, struct mono now)
{
	struct roster *roster = &router->roster;
	for (unsigned i = 0; i < group->history->lost_count && i < ROSTER_MEMBERS_MAX; i++)
		if (router_id_equal(&group->history->lost[i].id, &router->id))
			recall_lost(roster, &group->history->lost[i], now);
	for (unsigned i = 0; i < CONFIG_ROUTERS_MAX; i++) {
		const struct history_strangers *kept = &group->history->strangers[i];
		if (!kept->count || !router_id_equal(&kept->id, &router->id) ||
		    kept->count > ROSTER_STRANGERS_MAX)
			continue;
		roster->stranger_count = kept->count;
		memcpy(roster->strangers, kept->items, sizeof kept->items);
		break;
	}
}

/* ---- all of it ---- */

/* Of a virtual router that is no longer configured nothing is heard any more; one may have another name now.
 */
void history_configure(struct group *group)
{
	struct timeline *timeline = &group->history->timeline;
	struct mono now = mono_now();
	for (unsigned i = 0; i < timeline->count; i++) {
		struct holding *holding = &timeline->holdings[i];
		const struct config_router *router = config_router_of(group->control->config, &holding->id);
		if (router)
			memcpy(holding->router, router->name, sizeof holding->router);
		else if (!holding->self)
			changed(group, timeline_lose(timeline, &holding->id, &holding->address, holding->node,
					   now, now));
	}
}

static void look_at_others(
    struct group *group, unsigned index, const struct board_router *board, struct mono now)
{
	struct witness witness = witness_of(group, index);
	changed(group, witness_look(&witness, active_of(board, now), now));
}

void history_look(struct group *group, struct mono now)
{
	struct board_router board;
	look_at_events(group, now);
	for (unsigned i = 0; board_read_router(group->control->board, i, &board); i++)
		for (unsigned k = 0; k < group->count; k++)
			if (router_id_equal(&group->routers[k].id, &board.id))
				look_at_others(group, k, &board, now);
	keep_who_is_away(group);
	timeline_expire(&group->history->timeline, now);
	group->history->looked = now;
}
