/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine waits for nobody, so it knows addresses only, and so do the words of other servers. People read
 * names.
 */
#include <string.h>

#include "control/group/group.h"

#define BETWEEN " ,;"

const char *group_node_at(const struct group_router *router, const struct address *address)
{
	if (router->ours.vrid && address_equal(address, &router->source))
		return router->ours.node;
	const struct roster_member *member = roster_find(&router->roster, address);
	return member ? member->hello.node : NULL;
}

static const char *name_of(const struct group_router *router, const char *word, size_t length)
{
	char text[ADDRESS_TEXT_MAX];
	struct address address;
	if (!router || length >= sizeof text)
		return NULL;
	memcpy(text, word, length);
	text[length] = '\0';
	return address_parse(text, &address) ? group_node_at(router, &address) : NULL;
}

void group_name_addresses(
    const struct group_router *router, const char *text, size_t max, char *out, size_t room)
{
	char copy[GROUP_WORDS_MAX];
	size_t length = 0;
	snprintf(copy, sizeof copy, "%.*s", (int)max, text);
	out[0] = '\0';
	for (const char *at = copy; *at && length + 1 < room;) {
		size_t word = strcspn(at, BETWEEN), after = strspn(at + word, BETWEEN);
		const char *name = name_of(router, at, word);
		length += (size_t)snprintf(out + length, room - length, "%.*s%.*s",
		    (int)(name ? strlen(name) : word), name ? name : at, (int)after, at + word);
		at += word + after;
	}
}
