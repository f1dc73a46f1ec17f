/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of a vrrp_instance: those that it holds, its own, and those of its peers.
 */
#include <stdlib.h>
#include <string.h>

#include "import/import.h"

bool add_text(struct import *import, struct node *node, const char **list, unsigned *count, unsigned max,
    const char *text)
{
	for (unsigned i = 0; i < *count; i++)
		if (!strcmp(list[i], text))
			return true;
	if (*count == max) {
		note(import, node, "dropped: vipd has room for %u", max);
		import->lost = true;
		return false;
	}
	list[(*count)++] = text;
	return true;
}

/* The address without what stands behind it, in its usual form; NULL, and noted, if it is none. */
static const char *read_address(
    struct import *import, struct node *node, const char *word, struct address *address)
{
	size_t size = strcspn(word, "/%");
	char *alone = obstack_copy0(&import->memory, word, size), text[ADDRESS_TEXT_MAX];
	if (address_parse(alone, address))
		return obstack_copy0(
		    &import->memory, address_format(address, text), strlen(address_format(address, text)));
	note(import, node, "dropped: it is not an address");
	return NULL;
}

static bool is_same(const char *text, const struct address *address)
{
	struct address other;
	return text && address_parse(text, &other) && address_equal(&other, address);
}

/* "192.0.2.1/24 dev eth0 label eth0:1": of all that, the device matters. */
static const char *read_device(const struct node *node)
{
	for (unsigned i = 1; i + 1 < node->count; i++)
		if (!strcmp(node->words[i], "dev"))
			return node->words[i + 1];
	return NULL;
}

/* In vipd a link-local address has a key of its own. False, and noted, if there is one. */
static bool add_link_local(struct import *import, struct router *router, struct node *node, const char *text)
{
	if (router->link_local && strcmp(router->link_local, text) != 0) {
		note(import, node, "dropped: a virtual router has one link-local address");
		return false;
	}
	router->link_local = text;
	return true;
}

/* All in adverts are of the family of the first. */
static bool fits_adverts(const struct router *router, const struct address *address)
{
	return !router->address_count || !strchr(router->addresses[0], ':') == address_is_ipv4(address);
}

static void note_address(struct import *import, struct node *node, const struct address *address)
{
	unsigned length = address_bits(address);
	const char *slash = strchr(node->words[0], '/');
	bool device_only = node->count == 3 && !strcmp(node->words[1], "dev");
	if (node->count > 1 && !device_only)
		note(import, node,
		    "changed: only the address counts, and the interface; it is assigned as /%u", length);
	else if (slash && atoi(slash + 1) != (int)length)
		note(
		    import, node, "changed: the address has no prefix length; it is assigned as /%u", length);
}

/* `excluded`: keepalived has it in no advert. */
static void take_address(struct import *import, struct router *router, struct node *node, bool excluded)
{
	struct address address;
	const char *text = read_address(import, node, node->words[0], &address);
	const char *device = read_device(node);
	if (!text)
		return;
	if (device && router->interface && strcmp(device, router->interface) != 0) {
		note(import, node,
		    "dropped: it is on another interface than the adverts; write a virtual router on %s for "
		    "it",
		    device);
		router->differs |= !excluded && fits_adverts(router, &address);
		return;
	}
	if (!router->interface)
		router->interface = device;
	node->taken = node->count;
	note_address(import, node, &address);
	bool in_adverts = fits_adverts(router, &address), had_link_local = router->link_local;
	unsigned before = router->address_count;
	bool has_room = address_is_link_local(&address)
			    ? add_link_local(import, router, node, text)
			    : add_text(import, node, router->addresses, &router->address_count,
				  CONFIG_ADDRESSES_MAX, text);
	bool is_new = router->address_count > before || (router->link_local && !had_link_local);
	router->differs |= in_adverts && (excluded ? is_new : !has_room);
}

void take_addresses(struct import *import, struct router *router, struct node *list)
{
	for (struct node *at = list->children; (at = next_item(import, at)); at = at->next)
		take_address(import, router, at, false);
}

/* vipd, too, has addresses of the other family in no advert; those of the same one are in them. */
void take_excluded(struct import *import, struct router *router, struct node *list)
{
	bool differs = router->differs;
	router->differs = false;
	for (struct node *at = list->children; (at = next_item(import, at)); at = at->next)
		take_address(import, router, at, true);
	if (router->differs)
		note(import, list, "changed: those of the family of the adverts are in the adverts, too");
	router->differs |= differs;
}

void take_source(struct import *import, struct router *router, struct node *node)
{
	struct address address;
	const char *text = read_word(import, node);
	if (text && router->source)
		note(import, node, "dropped: adverts have one source, and there is another line with it");
	else if (text)
		router->source = read_address(import, node, text, &address);
}

/* Many have the same list on every server, with its own address in it. */
static void take_peer(struct import *import, struct router *router, struct node *node)
{
	struct address address;
	const char *text = read_address(import, node, node->words[0], &address);
	bool is_virtual = false;
	if (!text)
		return;
	for (unsigned i = 0; i < router->address_count; i++)
		is_virtual |= is_same(router->addresses[i], &address);
	if (is_virtual) {
		note(import, node, "dropped: it is the virtual address; peers have addresses of their own");
		return;
	}
	if (is_same(router->source, &address)) {
		note(import, node, "dropped: it is this server itself");
		return;
	}
	node->taken = 1;
	if (node->count > 1)
		note(import, node, "changed: only the address; adverts have a hop limit of 255");
	add_text(import, node, router->peers, &router->peer_count, CONFIG_PEERS_MAX, text);
}

void take_peers(struct import *import, struct router *router, struct node *list)
{
	for (struct node *at = list->children; (at = next_item(import, at)); at = at->next)
		take_peer(import, router, at);
}
