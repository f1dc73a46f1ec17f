/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of a vrrp_instance: those that it holds, its own, and those of its peers.
 */
#include <stdlib.h>
#include <string.h>

#include "import/import.h"

void add_text(struct import *import, struct node *node, const char **list, unsigned *count, unsigned max,
    const char *text)
{
	for (unsigned i = 0; i < *count; i++)
		if (!strcmp(list[i], text))
			return;
	if (*count == max)
		note(import, node, "dropped: vipd has room for %u", max);
	else
		list[(*count)++] = text;
}

/* The address without what stands behind it; NULL, and noted, if it is none. */
static const char *read_address(
    struct import *import, struct node *node, const char *word, struct address *address)
{
	size_t size = strcspn(word, "/%");
	char *alone = obstack_copy0(&import->memory, word, size);
	if (address_parse(alone, address))
		return alone;
	note(import, node, "dropped: it is not an address");
	return NULL;
}

static bool is_same(const char *text, const struct address *address)
{
	struct address other;
	return text && address_parse(text, &other) && address_equal(&other, address);
}

/* "192.0.2.1/24 dev eth0 label eth0:1": of all that, the device matters. */
static const char *read_device(struct node *node)
{
	for (unsigned i = 1; i + 1 < node->count; i++)
		if (!strcmp(node->words[i], "dev"))
			return node->words[i + 1];
	return NULL;
}

/* keepalived wants a link-local address first; in vipd it has a key of its own, and usually the same value.
 */
static void take_link_local(struct import *import, struct router *router, struct node *node, const char *text)
{
	char usual[ADDRESS_TEXT_MAX];
	snprintf(usual, sizeof usual, "fe80::200:5eff:fe00:2%02x", (unsigned)router->vrid);
	if (router->link_local)
		note(import, node, "dropped: a virtual router has one link-local address");
	else if (strcmp(text, usual) != 0)
		router->link_local = text;
}

static void note_address(struct import *import, struct node *node, const struct address *address)
{
	unsigned length = address_is_ipv4(address) ? 32 : 128;
	const char *slash = strchr(node->words[0], '/');
	bool device_only = node->count == 3 && !strcmp(node->words[1], "dev");
	if (node->count > 1 && !device_only)
		note(import, node,
		    "changed: only the address counts, and the interface; it is assigned as /%u", length);
	else if (slash && atoi(slash + 1) != (int)length)
		note(
		    import, node, "changed: the address has no prefix length; it is assigned as /%u", length);
}

static void take_address(struct import *import, struct router *router, struct node *node)
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
		return;
	}
	if (!router->interface)
		router->interface = device;
	node->taken = node->count;
	note_address(import, node, &address);
	if (address_is_link_local(&address))
		take_link_local(import, router, node, text);
	else
		add_text(import, node, router->addresses, &router->address_count, CONFIG_ADDRESSES_MAX, text);
}

void take_addresses(struct import *import, struct router *router, struct node *list)
{
	for (struct node *at = list->children; (at = next_item(import, at)); at = at->next)
		take_address(import, router, at);
}

/* vipd, too, has addresses of the other family in no advert; those of the same one are in them. */
void take_excluded(struct import *import, struct router *router, struct node *list)
{
	unsigned before = router->address_count;
	take_addresses(import, router, list);
	for (unsigned i = before; before && i < router->address_count; i++)
		if (!strchr(router->addresses[i], ':') == !strchr(router->addresses[0], ':')) {
			note(import, list,
			    "changed: those of the family of the adverts are in the adverts, too");
			return;
		}
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
