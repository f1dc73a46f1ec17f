/*
 * Judging the status of a virtual router. The agent reports what it knows and what the kernel says; whether
 * the two belong together is decided here, for `status` and for `drain` alike.
 */
#include "vipctl/router.h"

#include <string.h>

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

bool router_is_active(const json_t *router)
{
	return strcmp(member_text(router, "state"), "active") == 0;
}

enum holder router_holder(const json_t *router)
{
	const json_t *active = json_object_get(router, "active_router");
	if (router_is_active(router))
		return HOLDER_SELF;
	if (!json_is_object(active) || member_true(active, "self"))
		return HOLDER_NOBODY;
	int64_t limit = member_number(router, "late_ms") + STATUS_DELAY_MS;
	return member_number(active, "last_seen_ms") > limit ? HOLDER_SILENT : HOLDER_OTHER;
}

const char *router_holder_text(const json_t *router, char out[static CELL_MAX])
{
	const json_t *active = json_object_get(router, "active_router");
	char silence[SHOW_TEXT_MAX];
	switch (router_holder(router)) {
	case HOLDER_SELF: snprintf(out, CELL_MAX, "this node"); break;
	case HOLDER_OTHER:
		snprintf(out, CELL_MAX, "%s (priority %d)", member_text(active, "address"),
		    (int)member_number(active, "priority"));
		break;
	case HOLDER_SILENT:
		snprintf(out, CELL_MAX, "nobody: %s silent for %s", member_text(active, "address"),
		    show_duration(member_number(active, "last_seen_ms"), silence));
		break;
	case HOLDER_NOBODY: snprintf(out, CELL_MAX, "nobody"); break;
	}
	return text_tame(out);
}

static bool handover_may_go_on(const json_t *router)
{
	int64_t longest = member_number(router, "handover_ms");
	int64_t since = time_parse(member_text(router, "since"));
	return since >= 0 && time_now_ms() - since <= longest + STATUS_DELAY_MS;
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

bool router_has_let_go(const json_t *router)
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
