/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the status says, in words.
 */
#include <stdio.h>

#include "vipd/status.h"

const char *show_duration(int64_t ms, char out[static TIME_TEXT_MAX])
{
	long long s = ms > 0 ? ms / 1000 : 0, m = s / 60, h = m / 60, d = h / 24;
	if (s < 10)
		snprintf(out, TIME_TEXT_MAX, "%lld.%llds", s, ms > 0 ? (long long)(ms % 1000 / 100) : 0);
	else if (s < 60)
		snprintf(out, TIME_TEXT_MAX, "%llds", s);
	else if (h < 1)
		snprintf(out, TIME_TEXT_MAX, "%lldm%02llds", m, s % 60);
	else if (d < 1)
		snprintf(out, TIME_TEXT_MAX, "%lldh%02lldm", h, m % 60);
	else
		snprintf(out, TIME_TEXT_MAX, "%lldd%02lldh", d, h % 24);
	return out;
}

/* Of who was heard as Active: its node, its address if it has not said that. */
static const char *active_name(const json_t *router)
{
	const json_t *active = json_object_get(router, "active_router");
	const char *node = member_text(active, "node");
	return *node ? node : member_text(active, "address");
}

const char *router_holder_name(const json_t *status, const json_t *router)
{
	switch (router_holder(router)) {
	case HOLDER_SELF: return member_text(status, "node");
	case HOLDER_OTHER: return active_name(router);
	default: return NULL;
	}
}

const char *router_holder_text(const json_t *router, char out[static HOLDER_TEXT_MAX])
{
	const json_t *active = json_object_get(router, "active_router");
	const char *name = active_name(router);
	char silence[TIME_TEXT_MAX];
	switch (router_holder(router)) {
	case HOLDER_SELF: snprintf(out, HOLDER_TEXT_MAX, "this node"); break;
	case HOLDER_OTHER:
		snprintf(
		    out, HOLDER_TEXT_MAX, "%s (priority %d)", name, (int)member_number(active, "priority"));
		break;
	case HOLDER_SILENT:
		snprintf(out, HOLDER_TEXT_MAX, "nobody: %s silent for %s", name,
		    show_duration(member_number(active, "last_seen_ms"), silence));
		break;
	case HOLDER_FOREIGN:
		snprintf(out, HOLDER_TEXT_MAX, "nobody: %s has VRID %d", member_text(active, "address"),
		    (int)member_number(router, "vrid"));
		break;
	case HOLDER_NOBODY: snprintf(out, HOLDER_TEXT_MAX, "nobody"); break;
	}
	return out;
}
