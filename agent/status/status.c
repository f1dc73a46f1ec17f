/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent reports what it knows and what the kernel says; whether the two belong together is decided here,
 * for the doctor, for vipctl and for the page alike.
 */
#include "vipd/status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vipd/priority.h"

#define STATUS_DELAY_MS 500 /* between the agent's look and ours, generously */

const char *member_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

int64_t member_number(const json_t *object, const char *key)
{
	return (int64_t)json_number_value(json_object_get(object, key));
}

bool member_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

int64_t time_parse(const char *text)
{
	struct tm tm = {0};
	int ms = 0;
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	if (!rest || sscanf(rest, ".%3dZ", &ms) < 0)
		return -1;
	return (int64_t)timegm(&tm) * 1000 + ms;
}

int64_t time_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t state_age_ms(const json_t *object)
{
	const json_t *age = json_object_get(object, "state_ms");
	int64_t since = time_parse(member_text(object, "since"));
	if (json_is_integer(age))
		return json_integer_value(age);
	return since < 0 ? -1 : time_now_ms() - since;
}

const char *time_local(const char *text, char out[static TIME_TEXT_MAX])
{
	int64_t ms = time_parse(text);
	if (ms < 0) {
		snprintf(out, TIME_TEXT_MAX, "%s", text ? text : "?");
		return out;
	}
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	localtime_r(&s, &tm);
	size_t n = strftime(out, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(out + n, TIME_TEXT_MAX - n, ".%03d", (int)(ms % 1000));
	return out;
}

bool router_is_active(const json_t *router)
{
	return strcmp(member_text(router, "state"), "active") == 0;
}

bool router_is_kept(const json_t *router)
{
	return member_true(router, "drained") && router_is_active(router) &&
	       member_number(router, "effective_priority") > 0;
}

bool holder_is_unhealthy(const json_t *router)
{
	int64_t priority = member_number(json_object_get(router, "active_router"), "priority");
	switch (router_holder(router)) {
	case HOLDER_SELF: return !member_true(router, "healthy");
	case HOLDER_OTHER: return priority < VRRP_PRIORITY_MIN && !holder_is_drained(router);
	default: return false;
	}
}

bool holder_is_recovering(const json_t *router)
{
	int64_t priority = member_number(json_object_get(router, "active_router"), "priority");
	if (router_holder(router) == HOLDER_SELF)
		return is_recovering(router);
	return holder_is_unhealthy(router) && priority > VRRP_FAILING_MAX;
}

enum holder router_holder(const json_t *router)
{
	const json_t *active = json_object_get(router, "active_router");
	if (router_is_active(router))
		return HOLDER_SELF;
	if (!json_is_object(active) || member_true(active, "self"))
		return HOLDER_NOBODY;
	int64_t limit = member_number(router, "late_ms") + STATUS_DELAY_MS;
	if (member_true(active, "foreign"))
		return HOLDER_FOREIGN;
	return member_number(active, "last_seen_ms") > limit ? HOLDER_SILENT : HOLDER_OTHER;
}

/* Of two that were met equally often the first is the likelier one. */
const char *refusal_cause(const json_t *router, char out[static CAUSE_MAX])
{
	static const struct {
		const char *reason, *advice;
	} causes[] = {
	    {"auth_bad_mac", "the keys differ: the key files must be the same on every server"},
	    {"auth_unknown_key", "the key ids differ: give every server the same keys in vipd.conf"},
	    {"auth_missing", "another router does not sign: auth must be the same on every server"},
	    {"auth_unexpected",
		"another router signs, this one does not: auth must be the same on every server"},
	    {"auth_stale", "the clocks differ: see timedatectl on every server"},
	    {"own_packet",
		"another router has the link-local address of this one, or the network has a loop"},
	    {"unknown_peer", "it is not in peers: list every router on every server"},
	};
	const json_t *dropped = json_object_get(json_object_get(router, "conflict"), "dropped");
	int64_t most = 0;
	*out = '\0';
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
		int64_t count = member_number(dropped, causes[i].reason);
		if (count <= most)
			continue;
		most = count;
		snprintf(out, CAUSE_MAX, "adverts were refused (%s): %s", causes[i].reason, causes[i].advice);
	}
	return out;
}

static bool handover_may_go_on(const json_t *router)
{
	int64_t longest = member_number(router, "handover_ms");
	int64_t age = state_age_ms(router);
	return age >= 0 && age <= longest + STATUS_DELAY_MS;
}

enum presence address_presence(const json_t *router, const json_t *address)
{
	const char *kernel = member_text(address, "kernel");
	bool present = strcmp(kernel, "present") == 0;
	if (!*kernel || strcmp(kernel, "unknown") == 0)
		return PRESENCE_UNKNOWN;
	if (present == router_is_active(router))
		return PRESENCE_RIGHT;
	if (!present)
		return PRESENCE_MISSING;
	return handover_may_go_on(router) ? PRESENCE_HANDOVER : PRESENCE_LEFT;
}

bool router_has_released(const json_t *router)
{
	size_t i;
	json_t *address;
	json_array_foreach(json_object_get(router, "addresses"), i, address)
	{
		if (strcmp(member_text(address, "kernel"), "present") == 0)
			return false;
	}
	return !router_is_active(router);
}

static const char *family_text(const json_t *object)
{
	return strcmp(member_text(object, "family"), "ipv4") == 0 ? "IPv4" : "IPv6";
}

const char *rival_text(const json_t *router, const json_t *rival, char out[static RIVAL_TEXT_MAX])
{
	snprintf(out, RIVAL_TEXT_MAX,
	    "%.63s (%.45s) has %.45s in VRID %d of %s, here it is in VRID %d of %s: they do not hear each "
	    "other, so both will hold the address",
	    member_text(rival, "node"), member_text(rival, "address"), member_text(rival, "claims"),
	    (int)member_number(rival, "vrid"), family_text(rival), (int)member_number(router, "vrid"),
	    family_text(router));
	return out;
}

#define LIST_ITEM_MAX 64

/* Addresses as they are, numbers in decimal. */
static void list_text(const json_t *list, const char *separator, char *out, size_t room)
{
	size_t i, used = strlen(out);
	json_t *item;
	json_array_foreach(list, i, item)
	{
		if (used + LIST_ITEM_MAX > room)
			return;
		used +=
		    (size_t)(json_is_string(item) ? snprintf(out + used, room - used, "%s%.45s",
							i ? ", " : separator, json_string_value(item))
						  : snprintf(out + used, room - used, "%s%d",
							i ? ", " : separator, (int)json_integer_value(item)));
	}
}

const char *setting_text(const json_t *member, const char *setting, char out[static SETTING_TEXT_MAX])
{
	const json_t *settings = json_object_get(member, "settings");
	strcpy(out, json_is_object(settings) ? "" : "?");
	if (*out)
		return out;
	if (!strcmp(setting, "advert_interval"))
		snprintf(out, SETTING_TEXT_MAX, "%dms", (int)member_number(settings, "advert_interval_ms"));
	else if (!strcmp(setting, "auth")) {
		snprintf(out, SETTING_TEXT_MAX, "%.31s", member_text(settings, "auth"));
		list_text(json_object_get(settings, "keys"), ", keys ", out, SETTING_TEXT_MAX);
	} else if (!strcmp(setting, "addresses"))
		list_text(json_object_get(settings, "addresses"), "", out, SETTING_TEXT_MAX);
	else
		strcpy(out, member_true(settings, setting) ? "true" : "false");
	return out;
}
