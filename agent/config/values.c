/*
 * Values that mean something on a network: names, paths, URLs, addresses.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings.h"

#define DIGITS	     "0123456789"
#define LETTERS	     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ADDRESS_TEXT 64 /* bytes of an address that are worth quoting */

const char *refuse_name(const char *text)
{
	if (!*text || text[strspn(text, LETTERS DIGITS "._-")])
		return "is not a name; write letters, digits, '.', '_' and '-' only";
	return NULL;
}

/* What the kernel takes as a name (dev_valid_name). */
const char *refuse_interface(const char *text)
{
	if (!*text || !strcmp(text, ".") || !strcmp(text, "..") || text[strcspn(text, "/: %")])
		return "is not the name of an interface; write one as `ip -br link` lists them";
	return NULL;
}

const char *refuse_path(const char *text)
{
	if (text[0] != '/')
		return "is not an absolute path; begin it with /";
	if (text[strlen(text) - 1] == '/')
		return "is the path of a directory; write that of a file";
	return NULL;
}

/* 1..65535 */
static bool parse_port(const char *text, size_t size, uint16_t *port)
{
	if (!size || size > 5 || strspn(text, DIGITS) < size)
		return false;
	long value = strtol(text, NULL, 10);
	if (value < 1 || value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	return true;
}

/* "[ADDRESS]" at the start of `text`: its size, 0 if it is none. */
static size_t parse_bracketed(const char *text, struct address *address)
{
	char inside[ADDRESS_TEXT_MAX];
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	size_t size = end ? (size_t)(end - text - 1) : sizeof(inside);
	if (size >= sizeof(inside))
		return 0;
	memcpy(inside, text + 1, size);
	inside[size] = '\0';
	return strchr(inside, ':') && address_parse(inside, address) ? size + 2 : 0;
}

/* Only so far that libcurl will find the host in it (RFC 3986 section 3.2). */
const char *refuse_url(const char *text)
{
	size_t scheme = !strncmp(text, "https://", strlen("https://")) ? strlen("https://")
			: !strncmp(text, "http://", strlen("http://")) ? strlen("http://")
								       : 0;
	if (!scheme)
		return "is not a URL of https or http; write one as in \"https://[::1]:6443/readyz\"";
	if (strchr(text, ' '))
		return "has a blank in it; write it as %20";

	const char *host = text + scheme, *end = host + strcspn(host, "/?#");
	size_t size;
	if (memchr(host, '@', (size_t)(end - host)))
		return "has a user name in it; a client certificate (cert and key) says who asks";
	if (*host == '[') {
		struct address address;
		size = parse_bracketed(host, &address);
		if (!size)
			return "has no IPv6 address between [ and ]; write one as in "
			       "\"https://[::1]:6443/readyz\"";
	} else {
		size = strspn(host, LETTERS DIGITS ".-");
		const char *colon = memchr(host, ':', (size_t)(end - host));
		if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
			return "has an IPv6 address without brackets; write it as in "
			       "\"https://[::1]:6443/readyz\"";
		if (!size)
			return "has no host; write one as in \"https://[::1]:6443/readyz\"";
	}
	uint16_t port;
	if (host + size != end &&
	    (host[size] != ':' || !parse_port(host + size + 1, (size_t)(end - host) - size - 1, &port)))
		return "has something behind the host that is not a port; write a number from 1 to 65535 "
		       "behind the colon";
	return NULL;
}

const char *refuse_host(const char *text)
{
	struct address address;
	if (strchr(text, ':') && address_parse(text, &address))
		return "is an address; write the name that is in the server's certificate";
	if (!*text || text[strspn(text, LETTERS DIGITS ".-")])
		return "is not the name of a host; write letters, digits, '.' and '-' only";
	return NULL;
}

/* What an address must not be to be shared between servers, NULL if it may. */
static const char *address_class(const struct address *address)
{
	return address_is_unspecified(address)	     ? "the unspecified address"
	       : address_is_loopback(address)	     ? "the loopback address"
	       : address_is_multicast(address)	     ? "a multicast address"
	       : address_is_link_local(address)	     ? "a link-local address, known on one link only"
	       : address_is_ipv4(address)	     ? "an IPv4-mapped address"
	       : IN6_IS_ADDR_V4COMPAT(&address->in6) ? "in ::/96, which nobody uses (is the prefix missing?)"
						     : NULL;
}

/* Gets an address without prefix length or zone; false, and reported, if it is none. */
static bool parse_address(struct report *report, const config_setting_t *setting, struct address *address)
{
	const char *text = config_setting_get_string(setting);
	size_t size = strcspn(text, "/%");
	char alone[ADDRESS_TEXT];

	snprintf(alone, sizeof(alone), "%.*s", (int)(size < sizeof(alone) ? size : sizeof(alone) - 1), text);
	bool parsed = size < sizeof(alone) && address_parse(alone, address);
	if (parsed && address_is_ipv4(address) && !strchr(alone, ':'))
		report_setting(
		    report, setting, "is an IPv4 address; write an IPv6 address, vipd knows no other");
	else if (!parsed)
		report_setting(report, setting, "is not an IPv6 address; write one as in \"2001:db8::100\"");
	else if (text[size] == '/')
		report_setting(report, setting,
		    "has a prefix length; write \"%s\" alone (virtual addresses are always assigned as /128)",
		    alone);
	else if (text[size] == '%')
		report_setting(report, setting,
		    "has an interface in it; write \"%s\" alone, the key interface says where it is", alone);
	else
		return true;
	return false;
}

static bool element_is_text(struct report *report, const config_setting_t *element, const struct key *key)
{
	if (config_setting_type(element) == CONFIG_TYPE_STRING)
		return true;
	report_setting(report, element, "must be a text in quotes; write %s = %s", key->name, key->example);
	return false;
}

void read_addresses(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config_router *router = key_base(key, field);
	if (!is_array(report, setting, key))
		return;
	unsigned count = (unsigned)config_setting_length(setting);
	if (!count)
		report_setting(report, setting, "is empty; write %s = %s", key->name, key->example);
	if (count > CONFIG_ADDRESSES_MAX) {
		report_setting(report, setting,
		    "has %u addresses; write at most %d, and the others into a second virtual router", count,
		    CONFIG_ADDRESSES_MAX);
		count = CONFIG_ADDRESSES_MAX;
	}
	for (unsigned i = 0; i < count; i++) {
		config_setting_t *element = config_setting_get_elem(setting, i);
		struct address address;
		if (!element_is_text(report, element, key) || !parse_address(report, element, &address))
			continue;
		const char *refused = address_class(&address);
		if (refused) {
			report_setting(report, element,
			    "is %s; write an address of the prefix that the interface is in, as in "
			    "\"2001:db8::100\"",
			    refused);
			continue;
		}
		struct address *place = &router->addresses[router->address_count++];
		*place = address;
		config_setting_set_hook(element, place);
	}
}

/* What an address must not be to be another server's, NULL if it may. */
static const char *peer_class(const struct address *address)
{
	return address_is_unspecified(address) ? "the unspecified address"
	       : address_is_loopback(address)  ? "the loopback address"
	       : address_is_multicast(address) ? "a multicast address"
	       : address_is_ipv4(address)      ? "an IPv4-mapped address"
					       : NULL;
}

void read_peers(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config_router *router = key_base(key, field);
	if (!is_array(report, setting, key))
		return;
	unsigned count = (unsigned)config_setting_length(setting);
	if (count > CONFIG_PEERS_MAX) {
		report_setting(
		    report, setting, "has %u addresses; write at most %d", count, CONFIG_PEERS_MAX);
		count = CONFIG_PEERS_MAX;
	}
	for (unsigned i = 0; i < count; i++) {
		config_setting_t *element = config_setting_get_elem(setting, i);
		struct address address;
		if (!element_is_text(report, element, key) || !parse_address(report, element, &address))
			continue;
		const char *refused = peer_class(&address);
		if (refused)
			report_setting(report, element,
			    "is %s; write the address from which the other server sends, as in %s = %s",
			    refused, key->name, key->example);
		else
			router->peers[router->peer_count++] = address;
	}
}

void read_source(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct address address;
	if (!text_of(report, setting, key) || !parse_address(report, setting, &address))
		return;
	const char *refused = peer_class(&address);
	if (refused)
		report_setting(report, setting,
		    "is %s; write the address of the interface from which this server sends, as in %s = %s",
		    refused, key->name, key->example);
	else
		*(struct address *)field = address;
}

void read_interfaces(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config_router *router = key_base(key, field);
	if (!is_array(report, setting, key))
		return;
	unsigned count = (unsigned)config_setting_length(setting);
	if (count > CONFIG_TRACKS_MAX) {
		report_setting(
		    report, setting, "has %u interfaces; write at most %d", count, CONFIG_TRACKS_MAX);
		count = CONFIG_TRACKS_MAX;
	}
	for (unsigned i = 0; i < count; i++) {
		static const struct key name = {.size = CONFIG_INTERFACE_MAX, .refuse = refuse_interface};
		config_setting_t *element = config_setting_get_elem(setting, i);
		if (element_is_text(report, element, key))
			read_text(report, element, &name, router->track[router->track_count++]);
	}
}

void read_link_local(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config_router *router = key_base(key, field);
	const char *text = text_of(report, setting, key);
	struct address address;
	if (!text)
		return;
	if (!strcmp(text, "auto") || !strcmp(text, "none"))
		router->link_local_mode = *text == 'a' ? LINK_LOCAL_AUTO : LINK_LOCAL_NONE;
	else if (!strchr(text, ':') && !strchr(text, '.'))
		report_setting(
		    report, setting, "is not known; write \"auto\", \"none\" or an address of fe80::/10");
	else if (!parse_address(report, setting, &address))
		return;
	else if (!address_is_link_local(&address))
		report_setting(report, setting,
		    "is not a link-local address; write \"auto\", \"none\" or an address of fe80::/10");
	else {
		router->link_local_mode = LINK_LOCAL_ADDRESS;
		router->link_local = address;
	}
}

void read_listen(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config *config = key_base(key, field);
	struct address address;
	uint16_t port;
	const char *text = text_of(report, setting, key);
	if (!text)
		return;
	if (*text) {
		size_t size = parse_bracketed(text, &address);
		if (!size || text[size] != ':' ||
		    !parse_port(text + size + 1, strlen(text + size + 1), &port)) {
			report_setting(report, setting,
			    "is not [ADDRESS]:PORT; write %s, \"[::]:9752\" for every address of this host "
			    "(IPv4 too), or \"\" "
			    "to turn it off",
			    key->example);
			return;
		}
		if (address_is_multicast(&address) || address_is_link_local(&address)) {
			report_setting(report, setting,
			    "nobody can connect to such an address; write %s or a global address",
			    key->example);
			return;
		}
		config->metrics_address = (struct sockaddr_in6){
		    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = address.in6};
	} else {
		memset(&config->metrics_address, 0, sizeof(config->metrics_address));
	}
	set_text(config->metrics_listen, sizeof(config->metrics_listen), text);
}

void read_endpoint(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config_check *check = key_base(key, field);
	const char *text = text_of(report, setting, key);
	struct address address;
	uint16_t port;
	if (!text)
		return;
	size_t size = parse_bracketed(text, &address);
	if (!size || text[size] != ':' || !parse_port(text + size + 1, strlen(text + size + 1), &port)) {
		report_setting(
		    report, setting, "is not [ADDRESS]:PORT; write %s = %s", key->name, key->example);
		return;
	}
	if (address_is_multicast(&address) || address_is_link_local(&address)) {
		report_setting(report, setting,
		    "nobody can connect to such an address; write %s or a global address", key->example);
		return;
	}
	check->endpoint = (struct sockaddr_in6){
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = address.in6};
	set_text(check->address, sizeof(check->address), text);
}

void read_command(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config_check *check = key_base(key, field);
	if (!is_array(report, setting, key))
		return;
	unsigned count = (unsigned)config_setting_length(setting);
	size_t used = 0;
	if (!count || count > CONFIG_WORDS_MAX) {
		report_setting(report, setting, "has %u elements; write 1 to %d, as in %s = %s", count,
		    CONFIG_WORDS_MAX, key->name, key->example);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (int)i);
		if (!element_is_text(report, element, key))
			return;
		const char *word = config_setting_get_string(element), *refused = refuse_control(word);
		if (!refused && i == 0)
			refused = refuse_path(word);
		if (refused) {
			report_setting(report, element, "%s%s", refused, i ? "" : " (no shell looks for it)");
			return;
		}
		if (used + strlen(word) >= sizeof(check->command)) {
			report_setting(report, setting, "is too long; write at most %zu characters in all",
			    sizeof(check->command) - CONFIG_WORDS_MAX);
			return;
		}
		memcpy(check->command + used, word, strlen(word) + 1);
		used += strlen(word) + 1;
	}
	check->word_count = count;
}

void read_expect(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct config_check *check = key_base(key, field);
	if (!is_array(report, setting, key))
		return;
	unsigned count = (unsigned)config_setting_length(setting);
	if (!count || count > CONFIG_EXPECT_MAX) {
		report_setting(report, setting, "has %u elements; write 1 to %d, as in %s = %s", count,
		    CONFIG_EXPECT_MAX, key->name, key->example);
		return;
	}
	memset(check->expect, 0, sizeof(check->expect));
	for (unsigned i = 0; i < count; i++) {
		static const struct key status = {
		    .size = sizeof(uint32_t), .min = 100, .max = 599, .note = "an HTTP status"};
		config_setting_t *element = config_setting_get_elem(setting, i);
		uint32_t value = 0;
		if (config_setting_type(element) == CONFIG_TYPE_INT)
			read_number(report, element, &status, &value);
		else
			report_setting(report, element,
			    "must be a whole number without quotes; write %s = %s", key->name, key->example);
		check->expect[i] = (uint16_t)value;
	}
	check->expect_count = count;
}
