/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `events`: the transitions, one line each, as they were or as they happen.
 */
#include <stdlib.h>
#include <string.h>

#include "vipctl/call.h"
#include "vipctl/router.h"

#define LAST_WHEN_FOLLOWING "10"

static void event_print(const struct vipctl *ctl, const json_t *event)
{
	char time[SHOW_TEXT_MAX], line[512];
	const json_t *lost = json_object_get(event, "lost");
	if (lost) {
		printf("(%lld transitions are not recorded any more)\n", (long long)json_integer_value(lost));
		return;
	}
	const char *to = member_text(event, "to");
	bool notable = ctl->colour && (strcmp(to, "active") == 0 || strcmp(to, "fault") == 0);
	char change[64];
	snprintf(change, sizeof change, "%s -> %s", member_text(event, "from"), to);
	snprintf(line, sizeof line, "%s  %-8s  ", show_time(member_text(event, "at"), time),
	    member_text(event, "router"));
	fputs(text_tame(line), stdout);
	colour_set(stdout, notable, strcmp(to, "fault") == 0 ? COLOUR_BAD : COLOUR_GOOD);
	printf("%-20s", text_tame(change));
	colour_set(stdout, notable, COLOUR_NONE);
	snprintf(line, sizeof line, "  %s", member_text(event, "reason"));
	puts(text_tame(line));
}

static bool follow_line(void *context, char *line)
{
	const struct vipctl *ctl = context;
	if (!*line)
		return true; /* sign of life */
	if (ctl->json) {
		puts(line);
	} else {
		json_t *event = json_loads(line, 0, NULL);
		if (json_is_object(event))
			event_print(ctl, event);
		else
			fprintf(stderr, "vipctl: not understood: %s\n", text_tame(line));
		json_decref(event);
	}
	return fflush(stdout) == 0;
}

static int list(const struct vipctl *ctl, const char *path)
{
	json_t *answer, *event;
	char *raw;
	size_t i;
	int result = call_json(ctl, "GET", path, &answer, &raw);
	if (result != EXIT_FINE)
		return result;
	if (ctl->json) {
		raw_print(raw);
	} else {
		json_array_foreach(json_object_get(answer, "events"), i, event) event_print(ctl, event);
	}
	free(raw);
	json_decref(answer);
	return EXIT_FINE;
}

const struct cli_option events_options[] = {
    {'f', "follow", NULL, "go on with each new one when it happens; begins with the last 10"},
    {'n', "last", "N", "only the last N"},
    {0},
};

int command_events(const struct vipctl *ctl)
{
	char path[128];
	bool follow = option_value(ctl, 'f') != NULL;
	const char *last = option_value(ctl, 'n');
	if (last && (!*last || strspn(last, "0123456789") != strlen(last) || strlen(last) > 9))
		usage_error("-n %s: that is not a number of events", last);
	if (!last && follow)
		last = LAST_WHEN_FOLLOWING;
	snprintf(path, sizeof path, "/v1/events%s%s%s%s", follow || last ? "?" : "",
	    follow ? "follow=1&" : "", last ? "last=" : "", last ? last : "");
	return follow ? call_follow(ctl, path, follow_line, (void *)ctl) : list(ctl, path);
}
