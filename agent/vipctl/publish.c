/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node publishes while it is the holder, and whether it could.
 */
#include <stdlib.h>
#include <string.h>

#include "vipctl/call.h"
#include "vipctl/show.h"
#include "vipctl/vipctl.h"
#include "vipd/status.h"

enum { OPTION_DRY_RUN = OPTION_LONG };

const struct cli_option publish_options[] = {
    {OPTION_DRY_RUN, "dry-run", NULL, "what would be sent now, and where"},
    {0},
};

static void servers_print(const json_t *servers, const struct vipctl *ctl)
{
	size_t i;
	json_t *server;
	json_array_foreach(servers, i, server)
	{
		bool ready = json_is_true(json_object_get(server, "ready"));
		printf("    ");
		colour_set(stdout, ctl->colour, ready ? COLOUR_GOOD : COLOUR_WARN);
		printf("%-9s", ready ? "ready" : "not ready");
		colour_set(stdout, ctl->colour, COLOUR_NONE);
		printf("  %s  %s\n", member_text(server, "node"), member_text(server, "address"));
	}
}

/* Returns whether it is failing. */
static bool target_print(const json_t *target, const struct vipctl *ctl)
{
	char time[SHOW_TEXT_MAX];
	const char *state = member_text(target, "state"), *error = member_text(target, "last_error");
	bool failing = !strcmp(state, "failing");
	const char *meaning = failing			  ? "FAILING, still trying"
			      : !strcmp(state, "off")	  ? "not the holder: nothing to say"
			      : !strcmp(state, "waiting") ? "about to be told"
							  : "told";
	printf("%s: %s: ", member_text(target, "router"), member_text(target, "target"));
	colour_set(stdout, ctl->colour, failing ? COLOUR_BAD : COLOUR_NONE);
	printf("%s", meaning);
	colour_set(stdout, ctl->colour, COLOUR_NONE);
	if (*member_text(target, "last_success") && strcmp(state, "off"))
		printf(", last at %s", show_time(member_text(target, "last_success"), time));
	putchar('\n');
	if (failing)
		printf("    %s\n", error);
	servers_print(json_object_get(target, "published"), ctl);
	return failing;
}

int command_publish(const struct vipctl *ctl)
{
	size_t i;
	json_t *target, *status = NULL;
	bool failing = false;
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
		if (!ctl->json)
			failing |= target_print(target, ctl);
	}
	json_decref(status);
	return failing ? EXIT_ATTENTION : EXIT_FINE;
}
