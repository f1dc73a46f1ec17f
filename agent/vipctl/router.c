/* SPDX-License-Identifier: Apache-2.0 */
#include "vipctl/router.h"

const char *router_holder_text(const json_t *router, char out[static CELL_MAX])
{
	const json_t *active = json_object_get(router, "active_router");
	const char *node = member_text(active, "node"), *name = *node ? node : member_text(active, "address");
	char silence[SHOW_TEXT_MAX];
	switch (router_holder(router)) {
	case HOLDER_SELF: snprintf(out, CELL_MAX, "this node"); break;
	case HOLDER_OTHER:
		snprintf(out, CELL_MAX, "%s (priority %d)", name, (int)member_number(active, "priority"));
		break;
	case HOLDER_SILENT:
		snprintf(out, CELL_MAX, "nobody: %s silent for %s", name,
		    show_duration(member_number(active, "last_seen_ms"), silence));
		break;
	case HOLDER_FOREIGN:
		snprintf(out, CELL_MAX, "nobody: %s has VRID %d", member_text(active, "address"),
		    (int)member_number(router, "vrid"));
		break;
	case HOLDER_NOBODY: snprintf(out, CELL_MAX, "nobody"); break;
	}
	return text_tame(out);
}
