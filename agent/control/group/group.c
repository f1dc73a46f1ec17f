/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of control that keeps the groups: one timer, a socket a family. Nothing here is needed for an
 * election, so whatever happens to it moves no address.
 */
#include "control/group/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/control.h"
#include "control/group/datagram.h"
#include "vipd/duration.h"
#include "vipd/log.h"
#include "vipd/shortage.h"

#define TIMER_EXACT_US	(5 * USEC_PER_MS)
#define SOON_US		(20 * USEC_PER_MS)   /* until the engine has done what it was told */
#define ANEW_US		(2 * USEC_PER_SEC)   /* until it has done it on a busy machine, too */
#define LOOK_US		(1250 * USEC_PER_MS) /* at the latest: see roster_expire(); hellos come before */
#define FLOOD_PAUSE_US	(10 * USEC_PER_MS)
#define PRIORITY_HEAR	(SD_EVENT_PRIORITY_NORMAL + 10) /* after everything else */
#define LOGGED_A_MINUTE 30

/* ---- news ---- */

static bool may_log(struct group *group)
{
	struct mono now = mono_now();
	if (mono_sub(now, group->log_from) >= 60 * USEC_PER_SEC) {
		if (group->logged > LOGGED_A_MINUTE)
			log_warning("%u more lines about members of a group that come and go were left out",
			    group->logged - LOGGED_A_MINUTE);
		group->log_from = now;
		group->logged = 0;
	}
	return group->logged++ < LOGGED_A_MINUTE;
}

static void log_news(const struct group *group, const char *router, const struct roster_news *news)
{
	char address[ADDRESS_TEXT_MAX], after[DURATION_TEXT_MAX];
	address_format(&news->source, address);
	int64_t after_us = news->after_us / USEC_PER_SEC * USEC_PER_SEC;
	switch (news->event) {
	case ROSTER_QUIET:
	case ROSTER_EVENTS: break;
	case ROSTER_JOINED:
		log_router(LOG_LEVEL_INFO, router, "%s (%s) has joined the group", news->node, address);
		break;
	case ROSTER_IS_LOST:
		log_router(LOG_LEVEL_WARNING, router,
		    "%s (%s) is lost: nothing was heard of it for three intervals. It cannot take over; see "
		    "whether it runs, and whether a firewall drops UDP port %u",
		    news->node, address, group->control->config->group_port);
		break;
	case ROSTER_IS_BACK:
		log_router(LOG_LEVEL_NOTICE, router, "%s (%s) is back after %s%s", news->node, address,
		    duration_format(after_us, after), news->rebooted ? ", rebooted" : "");
		break;
	case ROSTER_HAS_STOPPED:
		log_router(LOG_LEVEL_NOTICE, router, "%s (%s) has stopped", news->node, address);
		break;
	}
}

static void add_event(struct group *group, unsigned index, struct group_event event)
{
	const struct config_router *config = &group->control->config->routers[index];
	event.at_us = realtime_us();
	event.id = config->id;
	memcpy(event.router, config->name, sizeof event.router);
	group->events[group->event_count++ % GROUP_EVENTS_MAX] = event;
	if (group->on_news)
		group->on_news(group->news_context);
}

void group_tell(struct group *group, unsigned index, const struct roster_news *news)
{
	if (news->event == ROSTER_QUIET)
		return;
	if (may_log(group))
		log_news(group, group->control->config->routers[index].name, news);
	add_event(group, index, (struct group_event){.news = *news});
}

void group_tell_clients(struct group *group, unsigned index, uint32_t clients)
{
	add_event(group, index, (struct group_event){.clients = clients}); /* the engine has logged it */
}

void group_compare(struct group *group, unsigned index, const struct address *source)
{
	struct group_router *router = &group->routers[index];
	const char *name = group->control->config->routers[index].name;
	unsigned changed = router->ours.vrid ? roster_compare(&router->roster, &router->ours, source) : 0;
	const struct roster_member *member = roster_find(&router->roster, source);
	for (unsigned i = 0; i < ROSTER_SETTINGS; i++) {
		if (!(changed >> i & 1) || !may_log(group))
			continue;
		if (member->differed >> i & 1)
			log_router(LOG_LEVEL_WARNING, name,
			    "%s has another setting of %s; it must be equal on every server "
			    "(vipctl status shows both)",
			    member->hello.node, roster_setting_name(i));
		else
			log_router(LOG_LEVEL_INFO, name, "%s has the same setting of %s again",
			    member->hello.node, roster_setting_name(i));
	}
}

void group_tell_rival(struct group *group, unsigned index, const struct rival *rival)
{
	const struct config_router *config = &group->control->config->routers[index];
	char source[ADDRESS_TEXT_MAX], address[ADDRESS_TEXT_MAX];
	if (rival && may_log(group))
		log_router(LOG_LEVEL_ERROR, config->name,
		    "%s (%s) has %s in VRID %u of IPv%u, here it is in VRID %u of IPv%u: they do not hear "
		    "each other, so both will hold the address. Write the same vrid, and the addresses in "
		    "the same order, on every server",
		    rival->node, address_format(&rival->source, source),
		    address_format(&rival->address, address), rival->vrid,
		    vrrp_family_numbered(rival->family)->ip_version, config->id.vrid,
		    vrrp_family_numbered(config->id.family)->ip_version);
}

/* ---- who is next ---- */

/* Eighths of an interval: a hello may be so late; less is not worth a message; with more left one can wait.
 */
#define HINT_SPARE 1
#define HINT_GAIN  4
#define HINT_LEFT  6

/*
 * Whether the engine can do with the hint that it has: it lasts until our next hello is due, and a little
 * longer. Or the new one does not last that long either, because somebody's hello is due in a moment, which
 * will make it longer: as long as there is time for it to be late.
 */
static bool hint_suffices(
    const struct group *group, const struct group_router *router, struct mono until, struct mono now)
{
	int64_t interval_us = group->control->config->group_interval_us;
	int64_t left_us = mono_sub(router->hinted, now), gain_us = mono_sub(until, router->hinted);
	int64_t due_us = mono_sub(group_hello_due(group, router), now);
	return left_us > (due_us > 0 ? due_us : 0) + interval_us * HINT_SPARE / 8 ||
	       (gain_us < interval_us * HINT_GAIN / 8 && left_us > interval_us * HINT_LEFT / 8);
}

/*
 * Each message wakes a realtime process: so one goes out with a hello, and between two of them only if the
 * hint ends, or would. But the engine drops a hint when its own standing or configuration changes, a moment
 * before or after we do.
 */
static void hint(struct group *group, unsigned index, struct mono now)
{
	struct group_router *router = &group->routers[index];
	struct mono until = group->control->config->group_hints && group_is_open(group, &router->id)
				? roster_hint(&router->roster, &router->ours, &router->source, now)
				: MONO_PAST;
	bool is_next = !mono_reached(now, until);
	if (!is_next && mono_reached(now, router->hinted))
		return;
	if (is_next && mono_reached(now, group->anew) && mono_reached(until, router->hinted) &&
	    hint_suffices(group, router, until, now))
		return;
	struct message message = {.type = MESSAGE_NEXT, .next = {.router = router->id, .until = until}};
	if (message_send(FD_CHANNEL, &message, NULL) == 0)
		router->hinted = is_next ? until : (struct mono){0};
}

static void hint_all(struct group *group, struct mono now)
{
	for (unsigned i = 0; i < group->count; i++)
		hint(group, i, now);
}

/* ---- the loop ---- */

static void expire(struct group *group, struct mono now)
{
	struct roster_news news;
	for (unsigned i = 0; i < group->count; i++) {
		while (roster_expire(&group->routers[i].roster, now, realtime_us(), &news)) {
			group_tell(group, i, &news);
			history_lose(group, i, &news.source, now);
		}
		rivals_expire(&group->routers[i].rivals, now);
	}
}

static struct mono next_look(const struct group *group, struct mono now)
{
	struct mono next = mono_add(now, LOOK_US);
	if (!mono_reached(now, group->soon))
		next = mono_min(next, group->soon);
	for (unsigned i = 0; i < group->count; i++) {
		const struct group_router *router = &group->routers[i];
		struct mono due = group_hello_due(group, router);
		if (router->ours.vrid && !mono_reached(now, due)) /* else the engine has no record of it */
			next = mono_min(next, due);
		next = mono_min(next, roster_deadline(&router->roster));
	}
	return next;
}

/* What has come is taken in first: it was not silent who was not read. */
static void look(struct group *group)
{
	struct mono now = mono_now();
	for (unsigned i = 0; i < VRRP_FAMILIES; i++)
		if (group->open[i])
			group_hear(group, &vrrp_families[i]);
	expire(group, now);
	group_say(group, now);
	history_look(group, now);
	group->changed = false;
	hint_all(group, now);
	timer_arm(group->timer, mono_sub(next_look(group, now), now));
}

static int on_timer(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	look(context);
	return 0;
}

static int on_pause(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	struct group *group = context;
	int r = 0;
	for (unsigned i = 0; i < VRRP_FAMILIES && r >= 0; i++)
		if (group->io[i])
			r = sd_event_source_set_enabled(group->io[i], SD_EVENT_ON);
	return r;
}

static int on_hellos(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)events;
	struct group *group = context;
	bool is_all = group_hear(group, vrrp_family_numbered(fd == FD_HELLOS_IPV4 ? AF_INET : AF_INET6));
	if (group->changed)
		look(group);
	else
		hint_all(group, mono_now()); /* each hello makes hints last longer */
	if (is_all)
		return 0;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	sd_event_source_set_time_relative(group->pause, FLOOD_PAUSE_US);
	return sd_event_source_set_enabled(group->pause, SD_EVENT_ONESHOT);
}

/* However often it is called, it postpones nothing. */
void group_soon(struct group *group)
{
	struct mono now = mono_now();
	if (mono_reached(now, group->soon))
		group->soon = mono_add(now, SOON_US);
	group->anew = mono_add(now, ANEW_US);
	timer_arm(group->timer, mono_sub(next_look(group, now), now));
}

/* ---- for others ---- */

struct mono group_near_hello(const struct group *group, struct mono at, int64_t apart_us)
{
	int64_t interval_us = group->control->config->group_interval_us, nearest_us = apart_us;
	struct mono found = at;
	for (unsigned i = 0; i < group->count; i++) {
		if (!group->routers[i].ours.vrid)
			continue;
		int64_t since_us = mono_sub(at, group->routers[i].said) % interval_us;
		int64_t off_us = since_us <= interval_us / 2 ? -since_us : interval_us - since_us;
		if (llabs(off_us) <= nearest_us) {
			nearest_us = llabs(off_us);
			found = mono_add(at, off_us);
		}
	}
	return found;
}

unsigned group_forget(struct group *group, const char *node)
{
	struct address address;
	bool is_address = address_parse(node, &address);
	unsigned count = 0;
	for (unsigned i = 0; i < group->count; i++)
		count += roster_forget(&group->routers[i].roster, node, is_address ? &address : NULL);
	return count;
}

/* ---- the part ---- */

static void wipe(struct group_router *routers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < CONFIG_KEYS_MAX; k++)
			auth_key_wipe(&routers[i].keys[k]);
	free(routers);
}

/* The others need not wait for three intervals to know. */
static void leave(struct group *group, const struct config *next)
{
	struct mono now = mono_now();
	for (unsigned i = 0; i < group->count; i++) {
		if (!next || !config_router_of(next, &group->routers[i].id))
			group_take_leave(group, i, next ? VRRP_REASON_REMOVED : VRRP_REASON_STOPPED, now);
	}
}

/* What is known of a group outlives a reload. */
static void group_configure(void *part)
{
	struct group *group = part;
	const struct config *config = group->control->config;
	struct group_router *before = group->routers;
	unsigned count_before = group->count;
	struct group_router *routers = calloc(config->router_count, sizeof *routers);
	if (!routers) {
		log_error("no memory for the groups of %u virtual routers: what was known of them stays as "
			  "it was",
		    config->router_count);
		group->config = config; /* the one before goes, and the last hellos follow */
		sd_event_exit(group->control->event, EXIT_FAILURE);
		return;
	}
	leave(group, config);
	group->config = config;
	group->routers = routers;
	group->count = config->router_count;
	for (unsigned i = 0; i < group->count; i++) {
		routers[i].id = config->routers[i].id;
		history_recall(group, &routers[i], mono_now());
		for (unsigned b = 0; b < count_before; b++)
			if (router_id_equal(&before[b].id, &config->routers[i].id))
				routers[i] = before[b];
		group_take_keys(group, i);
	}
	wipe(before, count_before);
	group->next_addresses = (struct mono){0};
	if (!count_before) /* what has waited meanwhile is for them */
		group_take_places(group);
	history_configure(group);
	look(group);
	for (unsigned i = 0; i < VRRP_FAMILIES; i++)
		if (group->io[i])
			sd_event_source_set_enabled(group->io[i], SD_EVENT_ON);
	group_soon(group); /* the engine has the new configuration then, too */
}

/* The engine may have dropped its hints, or be a new one, or believe them still: hint() assumes both. */
static void group_changed(void *part)
{
	struct group *group = part;
	group->anew = mono_add(mono_now(), ANEW_US);
	if (group->routers)
		look(group);
}

static void group_verdict(void *part, const struct verdict *verdict)
{
	struct group *group = part;
	if (verdict->router < group->count && group->routers[verdict->router].ours.health != verdict->health)
		group_soon(group);
}

/* The same for as long as the machine runs; zeros if the kernel does not say. Returns 0, or the error of a
 * shortage. */
static int read_boot(uint8_t boot[static HELLO_BOOT_SIZE])
{
	char text[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	int result = fd < 0 && is_shortage(-errno) ? -errno : 0;
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	unsigned digits = 0;
	for (ssize_t i = 0; i < size && digits < 2 * HELLO_BOOT_SIZE; i++) {
		char digit[2] = {text[i], '\0'};
		if (!strchr("0123456789abcdef", text[i]))
			continue;
		boot[digits / 2] = (uint8_t)(boot[digits / 2] << 4 | strtoul(digit, NULL, 16));
		digits++;
	}
	if (fd >= 0)
		close(fd);
	return result;
}

static int listen_to(struct group *group, unsigned family)
{
	int r = sd_event_add_io(group->control->event, &group->io[family],
	    datagram_socket(&vrrp_families[family]), EPOLLIN, on_hellos, group);
	if (r >= 0)
		r = sd_event_source_set_enabled(group->io[family], SD_EVENT_OFF); /* until it is configured */
	return r < 0 ? r : sd_event_source_set_priority(group->io[family], PRIORITY_HEAR);
}

static int group_open(void *part, struct control *control)
{
	struct group *group = part;
	group->control = control;
	memcpy(group->open, control->has_hellos, sizeof group->open);
	group->started = mono_now();
	int r = read_boot(group->boot);
	if (r >= 0)
		r = history_open(group, group->started);
	if (r >= 0)
		r = sd_event_add_time_relative(
		    control->event, &group->timer, CLOCK_MONOTONIC, 0, TIMER_EXACT_US, on_timer, group);
	if (r >= 0)
		r = sd_event_source_set_enabled(group->timer, SD_EVENT_OFF); /* until it is configured */
	if (r >= 0)
		r = sd_event_add_time_relative(
		    control->event, &group->pause, CLOCK_MONOTONIC, 0, TIMER_EXACT_US, on_pause, group);
	if (r >= 0)
		r = sd_event_source_set_enabled(group->pause, SD_EVENT_OFF);
	for (unsigned i = 0; i < VRRP_FAMILIES && r >= 0; i++)
		if (group->open[i])
			r = listen_to(group, i);
	return r;
}

static void group_close(void *part)
{
	struct group *group = part;
	if (group->routers) {
		history_look(group, mono_now()); /* the engine's last transitions */
		leave(group, NULL);
	}
	for (unsigned i = 0; i < VRRP_FAMILIES; i++)
		sd_event_source_disable_unref(group->io[i]);
	sd_event_source_disable_unref(group->pause);
	sd_event_source_disable_unref(group->timer);
	wipe(group->routers, group->count);
}

const struct part part_group = {.size = sizeof(struct group),
    .open = group_open,
    .configure = group_configure,
    .changed = group_changed,
    .verdict = group_verdict,
    .close = group_close};
