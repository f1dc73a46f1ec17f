/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `forget`: servers that have left the group for good. Whoever forges hellos leaves up to 64 that are lost,
 * so they can be forgotten together.
 */
#include <stdlib.h>
#include <string.h>

#include "vipctl/call.h"
#include "vipd/status.h"

enum { OPTION_LOST = OPTION_LONG };

const struct cli_option forget_options[] = {
    {OPTION_LOST, "lost", NULL, "every server that is lost now"},
    {0},
};

/* Adds to *count, and says so. */
static int forget(const struct vipctl *ctl, const char *who, int64_t *count)
{
	json_t *answer;
	char *path = call_path("/v1/forget", (const char *const[][2]){{"node", who}, {0}});
	if (!path) {
		fputs("vipctl: out of memory\n", stderr);
		return EXIT_ATTENTION;
	}
	int result = call_json(ctl, "POST", path, &answer, NULL);
	free(path);
	if (result != EXIT_FINE)
		return result;
	*count += member_number(answer, "forgotten");
	if (!ctl->json)
		printf("%s is forgotten\n", who);
	json_decref(answer);
	return EXIT_FINE;
}

/* A name counts for all virtual routers, and two servers may have the same one. False: it is not UTF-8. */
static bool add_name(json_t *names, const char *node)
{
	size_t i;
	json_t *name;
	json_array_foreach(names, i, name)
	{
		if (strcmp(json_string_value(name), node) == 0)
			return true;
	}
	return json_array_append_new(names, json_string(node)) == 0;
}

static int add_lost(const struct vipctl *ctl, json_t *names)
{
	json_t *status, *router, *member;
	size_t i, k;
	int result = call_json(ctl, "GET", "/v1/status", &status, NULL);
	if (result != EXIT_FINE)
		return result;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
	{
		json_array_foreach(json_object_get(json_object_get(router, "group"), "members"), k, member)
		{
			if (strcmp(member_text(member, "presence"), "lost") == 0)
				add_name(names, member_text(member, "node"));
		}
	}
	json_decref(status);
	return EXIT_FINE;
}

/* One that cannot be forgotten does not keep the others. */
static int forget_all(const struct vipctl *ctl, const json_t *names, int64_t *count)
{
	size_t i;
	json_t *name;
	int result = EXIT_FINE;
	json_array_foreach(names, i, name)
	{
		int this = forget(ctl, json_string_value(name), count);
		result = this == EXIT_FINE ? result : this;
		if (this == EXIT_UNREACHABLE)
			break;
	}
	return result;
}

int command_forget(const struct vipctl *ctl)
{
	json_t *names = json_array();
	int64_t count = 0;
	bool lost = option_value(ctl, OPTION_LOST) != NULL;
	if (!lost && !ctl->word_count)
		usage_error("forget needs an argument: NODE, or --lost");
	for (int i = 0; i < ctl->word_count; i++)
		if (!add_name(names, ctl->words[i]))
			usage_error(
			    "forget: argument %d is not UTF-8, so it is not the name of a server", i + 1);
	int result = lost ? add_lost(ctl, names) : EXIT_FINE;
	if (result == EXIT_FINE)
		result = forget_all(ctl, names, &count);
	if (ctl->json && (count || result == EXIT_FINE))
		printf("{\"forgotten\":%lld}\n", (long long)count);
	else if (result == EXIT_FINE && lost && !json_array_size(names))
		puts("no server is lost");
	json_decref(names);
	return result;
}
