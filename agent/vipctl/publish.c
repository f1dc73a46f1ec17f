/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node publishes while it is the holder, and whether it could.
 */
#include <stdlib.h>
#include <string.h>

#include "vipctl/call.h"
#include "vipctl/page.h"
#include "vipctl/show.h"
#include "vipctl/vipctl.h"
#include "vipd/status.h"

enum { OPTION_DRY_RUN = OPTION_LONG };

const struct cli_option publish_options[] = {
    {OPTION_DRY_RUN, "dry-run", NULL, "what would be sent now, and where"},
    {0},
};

static void servers_print(struct page *page, const json_t *servers)
{
	size_t i;
	json_t *server;
	json_array_foreach(servers, i, server)
	{
		bool ready = member_true(server, "ready");
		page_sentence(page, ready ? COLOUR_GOOD : COLOUR_WARN, 4, "%-9s  %s  %s",
		    ready ? "ready" : "not ready", member_text(server, "node"),
		    member_text(server, "address"));
	}
}

static bool is_failing(const json_t *target)
{
	return strcmp(member_text(target, "state"), "failing") == 0;
}

static void target_print(struct page *page, const json_t *target)
{
	char time[SHOW_TEXT_MAX];
	const char *state = member_text(target, "state"), *last = member_text(target, "last_success");
	bool failing = is_failing(target), off = !strcmp(state, "off");
	const char *meaning = failing			  ? "FAILING, still trying"
			      : off			  ? "not the holder: nothing to say"
			      : !strcmp(state, "waiting") ? "about to be told"
							  : "told";
	page_sentence(page, failing ? COLOUR_BAD : COLOUR_NONE, 0, "%s: %s: %s%s%s",
	    member_text(target, "router"), member_text(target, "target"), meaning,
	    *last && !off ? ", last at " : "", *last && !off ? show_time(last, time) : "");
	if (failing)
		page_sentence(page, COLOUR_NONE, 4, "%s", member_text(target, "last_error"));
	servers_print(page, json_object_get(target, "published"));
}

int command_publish(const struct vipctl *ctl)
{
	size_t i;
	json_t *target, *status = NULL;
	bool failing = false;
	struct page page = {.out = stdout, .colour = ctl->colour, .width = terminal_width()};
	if (option_value(ctl, OPTION_DRY_RUN))
		return call_show(ctl, "/v1/publish");
	int result = call_json(ctl, "GET", "/v1/status", &status, NULL);
	if (result != EXIT_FINE)
		return result;
	const json_t *targets = json_object_get(status, "publish");
	if (ctl->json) {
		json_dumpf(targets, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!json_array_size(targets)) {
		puts("nothing is published: there is no publish in the configuration, see vipd.conf(5)");
	}
	json_array_foreach(targets, i, target)
	{
		failing |= is_failing(target);
		if (!ctl->json)
			target_print(&page, target);
	}
	json_decref(status);
	return failing ? EXIT_ATTENTION : EXIT_FINE;
}
