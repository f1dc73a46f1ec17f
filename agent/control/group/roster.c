/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roster: see roster.h. Members are sorted by their address, so that status and metrics show them in the
 * same order everywhere.
 */
#include "control/group/roster.h"

#include <string.h>

#include "vipd/vrrp.h"

#define DOUBT_INTERVALS	   10 /* a lost member may still be alive and the better one */
#define KEPT_US		   (3600 * USEC_PER_SEC)
#define GAP_US		   (2 * USEC_PER_SEC) /* between two looks: this process was stopped */
#define STRANGER_AFTER_US  (3 * USEC_PER_SEC)
#define STRANGER_SILENT_US (2 * USEC_PER_SEC) /* it has to be Active all the time meanwhile */

const char *roster_presence_name(enum roster_presence presence)
{
	static const char *const names[ROSTER_PRESENCES] = {
	    [ROSTER_HERE] = "here",
	    [ROSTER_LOST] = "lost",
	    [ROSTER_STOPPED] = "stopped",
	};
	return names[presence];
}

const char *roster_event_name(enum roster_event event)
{
	static const char *const names[ROSTER_EVENTS] = {
	    [ROSTER_QUIET] = "quiet",
	    [ROSTER_JOINED] = "joined",
	    [ROSTER_IS_LOST] = "lost",
	    [ROSTER_IS_BACK] = "back",
	    [ROSTER_HAS_STOPPED] = "stopped",
	};
	return names[event];
}

static struct roster_member *find(struct roster *roster, const struct address *source)
{
	for (unsigned i = 0; i < roster->count; i++)
		if (address_equal(&roster->members[i].source, source))
			return &roster->members[i];
	return NULL;
}

const struct roster_member *roster_find(const struct roster *roster, const struct address *source)
{
	return find((struct roster *)roster, source);
}

static void remove_at(struct roster *roster, unsigned index)
{
	struct roster_member *member = &roster->members[index];
	roster->count--;
	memmove(member, member + 1, (roster->count - index) * sizeof *member);
}

/* Makes room by forgetting the one that has been away longest. */
static bool make_room(struct roster *roster)
{
	const struct roster_member *oldest = NULL;
	if (roster->count < ROSTER_MEMBERS_MAX)
		return true;
	for (unsigned i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];
		if (member->presence != ROSTER_HERE && (!oldest || member->heard.us < oldest->heard.us))
			oldest = member;
	}
	if (oldest)
		remove_at(roster, (unsigned)(oldest - roster->members));
	return oldest;
}

static struct roster_member *insert(struct roster *roster, const struct address *source)
{
	unsigned at = 0;
	while (at < roster->count && address_compare(&roster->members[at].source, source) < 0)
		at++;
	struct roster_member *member = &roster->members[at];
	memmove(member + 1, member, (roster->count - at) * sizeof *member);
	roster->count++;
	memset(member, 0, sizeof *member);
	member->source = *source;
	return member;
}

static void tell(struct roster_news *news, enum roster_event event, const struct roster_member *member)
{
	memset(news, 0, sizeof *news);
	news->event = event;
	news->source = member->source;
	memcpy(news->node, member->hello.node, sizeof news->node);
}

/* Duplicates, and what the network delivers late. One that is lost may begin anew: a snapshot was restored.
 */
static bool is_old(const struct roster_member *member, const struct hello *hello)
{
	return member->presence != ROSTER_LOST && hello->number <= member->hello.number &&
	       memcmp(hello->boot, member->hello.boot, sizeof hello->boot) == 0;
}

static void forget_stranger(struct roster *roster, const struct address *source)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < roster->stranger_count; i++)
		if (!address_equal(&roster->strangers[i].source, source))
			roster->strangers[kept++] = roster->strangers[i];
	roster->stranger_count = kept;
}

static enum roster_event event_of(
    const struct roster_member *member, enum roster_presence presence, bool is_new)
{
	if (presence == ROSTER_STOPPED)
		return member->presence == ROSTER_HERE && !is_new ? ROSTER_HAS_STOPPED : ROSTER_QUIET;
	if (is_new)
		return ROSTER_JOINED;
	return member->presence == ROSTER_HERE ? ROSTER_QUIET : ROSTER_IS_BACK;
}

static bool standing_differs(const struct hello *a, const struct hello *b)
{
	return a->state != b->state || a->health != b->health || a->candidate != b->candidate ||
	       a->effective_priority != b->effective_priority;
}

/* The same server, with another network card or another address of its own. */
static void forget_former(struct roster *roster, const char *node)
{
	for (unsigned i = roster->count; i > 0; i--)
		if (roster->members[i - 1].presence != ROSTER_HERE &&
		    strcmp(roster->members[i - 1].hello.node, node) == 0)
			remove_at(roster, i - 1);
}

enum hello_verdict roster_hear(struct roster *roster, const struct address *source, const struct hello *hello,
    struct mono now, int64_t now_us, struct roster_news *news)
{
	struct roster_member *member = find(roster, source);
	bool is_new = !member;
	/* Whoever is away may have been told to sign no more. Where that is not allowed none gets here. */
	if (member && member->presence == ROSTER_HERE && member->hello.is_signed && !hello->is_signed)
		return HELLO_UNSIGNED;
	/* A signed one has its own proof of order, and replaces whatever was said without a signature. */
	if (member && hello->is_signed == member->hello.is_signed && is_old(member, hello))
		return HELLO_OLD;
	if (is_new)
		forget_former(roster, hello->node);
	if (is_new && !make_room(roster))
		return HELLO_ROSTER_FULL;
	if (is_new)
		member = insert(roster, source);
	enum roster_presence presence = hello->leaving ? ROSTER_STOPPED : ROSTER_HERE;
	enum roster_event event = event_of(member, presence, is_new);
	bool changed = is_new || presence != member->presence || standing_differs(&member->hello, hello);
	bool rebooted = memcmp(member->hello.boot, hello->boot, sizeof hello->boot) != 0;
	int64_t after_us = mono_sub(now, member->heard);
	if (is_new || presence != member->presence)
		member->since_us = now_us;
	member->hello = *hello;
	member->presence = presence;
	member->heard = now;
	roster->has_heard = true;
	forget_stranger(roster, source);
	tell(news, event, member);
	news->changed = changed;
	if (event == ROSTER_IS_BACK) {
		news->rebooted = rebooted;
		news->after_us = after_us;
	}
	return HELLO_OK;
}

void roster_recall(struct roster *roster, const struct address *source, const struct hello *hello,
    struct mono heard, int64_t since_us)
{
	if (find(roster, source) || roster->count == ROSTER_MEMBERS_MAX)
		return;
	struct roster_member *member = insert(roster, source);
	member->hello = *hello;
	member->presence = ROSTER_LOST;
	member->heard = heard;
	member->since_us = since_us;
}

/* As if the others had said at the end of the gap what they said before it; some have just said more. */
static void forgive_gap(struct roster *roster, int64_t gap_us, struct mono now)
{
	for (unsigned i = 0; i < roster->count; i++)
		roster->members[i].heard = mono_min(mono_add(roster->members[i].heard, gap_us), now);
}

static struct mono silent_at(const struct roster_member *member)
{
	return member->presence == ROSTER_HERE ? mono_add(member->heard, hello_silence_limit(&member->hello))
					       : MONO_NEVER;
}

struct mono roster_deadline(const struct roster *roster)
{
	struct mono first = MONO_NEVER;
	for (unsigned i = 0; i < roster->count; i++)
		first = mono_min(first, silent_at(&roster->members[i]));
	return first;
}

bool roster_expire(struct roster *roster, struct mono now, int64_t now_us, struct roster_news *news)
{
	int64_t gap_us = roster->looked.us ? mono_sub(now, roster->looked) : 0;
	if (gap_us > GAP_US)
		forgive_gap(roster, gap_us, now);
	if (!roster->looked.us || gap_us > GAP_US)
		roster->since = now;
	roster->looked = now;
	for (unsigned i = roster->count; i > 0; i--)
		if (roster->members[i - 1].presence == ROSTER_STOPPED &&
		    mono_sub(now, roster->members[i - 1].heard) >= KEPT_US)
			remove_at(roster, i - 1);
	for (unsigned i = 0; i < roster->count; i++) {
		struct roster_member *member = &roster->members[i];
		if (!mono_reached(now, silent_at(member)))
			continue;
		member->presence = ROSTER_LOST;
		member->since_us = now_us;
		tell(news, ROSTER_IS_LOST, member);
		return true;
	}
	return false;
}

/* ---- routers that send no hello ---- */

static bool proven(const struct roster_stranger *stranger)
{
	return mono_sub(stranger->seen, stranger->since) >= STRANGER_AFTER_US;
}

/* One that is lost or has stopped, and advertises: its hellos do not come through, or another program runs
 * there now. */
static bool is_heard(const struct roster *roster, const struct address *source)
{
	const struct roster_member *member = roster_find(roster, source);
	return member && member->presence == ROSTER_HERE;
}

/* The one to be replaced: of those that are no proven strangers first. */
static struct roster_stranger *stranger_place(struct roster *roster)
{
	if (roster->stranger_count < ROSTER_STRANGERS_MAX)
		return &roster->strangers[roster->stranger_count++];
	struct roster_stranger *place = &roster->strangers[0];
	for (unsigned i = 1; i < ROSTER_STRANGERS_MAX; i++)
		if (!proven(&roster->strangers[i]))
			place = &roster->strangers[i];
	return place;
}

void roster_active(struct roster *roster, const struct address *source, struct mono now)
{
	if (is_heard(roster, source))
		return;
	for (unsigned i = 0; i < roster->stranger_count; i++) {
		struct roster_stranger *stranger = &roster->strangers[i];
		if (!address_equal(&stranger->source, source))
			continue;
		if (!proven(stranger) && mono_sub(now, stranger->seen) > STRANGER_SILENT_US)
			stranger->since = now;
		stranger->seen = now;
		return;
	}
	*stranger_place(roster) = (struct roster_stranger){*source, now, now};
}

bool roster_is_stranger(const struct roster *roster, const struct roster_stranger *stranger)
{
	return proven(stranger) && !is_heard(roster, &stranger->source);
}

unsigned roster_forget(struct roster *roster, const char *node, const struct address *address)
{
	unsigned before = roster->count + roster->stranger_count;
	if (address)
		forget_stranger(roster, address);
	for (unsigned i = roster->count; i > 0; i--) {
		const struct roster_member *member = &roster->members[i - 1];
		bool is_meant = strcmp(member->hello.node, node) == 0 ||
				(address && address_equal(&member->source, address));
		if (is_meant && member->presence != ROSTER_HERE)
			remove_at(roster, i - 1);
	}
	return before - roster->count - roster->stranger_count;
}

/* ---- who can take over ---- */

bool roster_can_take_over(const struct hello *hello)
{
	return hello->candidate && !hello->leaving && hello->health == VRRP_HEALTHY &&
	       hello->state != VRRP_ACTIVE;
}

unsigned roster_candidates(const struct roster *roster, const struct hello *ours)
{
	unsigned count = roster_can_take_over(ours);
	for (unsigned i = 0; i < roster->count; i++)
		count += roster->members[i].presence == ROSTER_HERE &&
			 roster_can_take_over(&roster->members[i].hello);
	return count;
}

static bool is_next(const struct hello *hello)
{
	return hello->candidate && !hello->leaving && hello->state != VRRP_ACTIVE;
}

int roster_next(const struct roster *roster, const struct hello *ours, const struct address *source)
{
	int next = is_next(ours) ? ROSTER_SELF : ROSTER_NOBODY;
	uint8_t priority = ours->effective_priority;
	for (unsigned i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];
		if (member->presence != ROSTER_HERE || !is_next(&member->hello))
			continue;
		if (next != ROSTER_NOBODY &&
		    !vrrp_is_better(member->hello.effective_priority, &member->source, priority, source))
			continue;
		next = (int)i;
		priority = member->hello.effective_priority;
		source = &member->source;
	}
	return next;
}

/* ---- the hint to the engine ---- */

static int64_t intervals_us(const struct hello *hello, int count)
{
	return count * hello->interval_ms * USEC_PER_MS;
}

static bool has_stranger(const struct roster *roster)
{
	for (unsigned i = 0; i < roster->stranger_count; i++)
		if (roster_is_stranger(roster, &roster->strangers[i]))
			return true;
	return false;
}

bool roster_is_young(const struct roster *roster, const struct hello *ours, struct mono now)
{
	return mono_sub(now, roster->since) < hello_silence_limit(ours);
}

/* What is known for certain of this member ends then; MONO_NEVER: it does not count. */
static struct mono certain_until(const struct roster_member *member, struct mono now)
{
	struct mono doubt = mono_add(member->heard, intervals_us(&member->hello, DOUBT_INTERVALS));
	if (member->presence == ROSTER_STOPPED)
		return MONO_NEVER;
	if (member->presence == ROSTER_LOST)
		return mono_reached(now, doubt) ? MONO_NEVER : MONO_PAST;
	return mono_add(member->heard, intervals_us(&member->hello, HINT_INTERVALS));
}

struct mono roster_hint(
    const struct roster *roster, const struct hello *ours, const struct address *source, struct mono now)
{
	struct mono until = mono_add(now, intervals_us(ours, HINT_INTERVALS));
	unsigned actives = 0;
	if (ours->state != VRRP_BACKUP || !roster_can_take_over(ours) || has_stranger(roster) ||
	    roster_is_young(roster, ours, now))
		return MONO_PAST;
	for (unsigned i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];
		actives += member->presence == ROSTER_HERE && member->hello.state == VRRP_ACTIVE;
		until = mono_min(until, certain_until(member, now));
	}
	if (actives != 1 || mono_reached(now, until) || roster_next(roster, ours, source) != ROSTER_SELF)
		return MONO_PAST;
	return until;
}

/* ---- what must be equal ---- */

const char *roster_setting_name(unsigned bit)
{
	static const char *const names[ROSTER_SETTINGS] = {"addresses", "advert_interval", "preempt", "auth"};
	return names[bit];
}

/* Their order does not matter, as in adverts. */
static bool same_addresses(const struct hello *a, const struct hello *b)
{
	unsigned found = 0;
	for (unsigned i = 0; i < a->address_count; i++)
		for (unsigned k = 0; k < b->address_count; k++)
			found += address_equal(&a->addresses[i], &b->addresses[k]);
	return a->address_count == b->address_count && found == a->address_count;
}

static bool same_auth(const struct hello *a, const struct hello *b)
{
	return a->auth == b->auth && a->key_count == b->key_count &&
	       memcmp(a->keys, b->keys, a->key_count) == 0;
}

unsigned roster_differences(const struct hello *ours, const struct hello *theirs)
{
	return (same_addresses(ours, theirs) ? 0U : ROSTER_ADDRESSES) |
	       (ours->advert_interval_ms == theirs->advert_interval_ms ? 0U : ROSTER_INTERVAL) |
	       (ours->preempt == theirs->preempt ? 0U : ROSTER_PREEMPT) |
	       (same_auth(ours, theirs) ? 0U : ROSTER_AUTH);
}

unsigned roster_compare(struct roster *roster, const struct hello *ours, const struct address *source)
{
	struct roster_member *member = find(roster, source);
	if (!member || member->hello.leaving)
		return 0;
	unsigned now = roster_differences(ours, &member->hello), changed = now ^ member->differed;
	member->differed = now;
	return changed;
}
