/* SPDX-License-Identifier: Apache-2.0 */
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
	if (strchr(text, '@'))
		return "is an interface and the one below it, as `ip link` shows them; write only what "
		       "stands before the @";
	if (strchr(text, ':'))
		return "is the label of an address and not an interface; write only what stands before the "
		       "colon";
	if (!*text || !strcmp(text, ".") || !strcmp(text, "..") || text[strcspn(text, "/ %")])
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

const char *refuse_virtual(const struct address *address)
{
	return address_is_link_local(address) ? "a link-local address, known on one link only"
	       : IN6_IS_ADDR_V4COMPAT(&address->in6) && !address_is_unspecified(address) &&
		       !address_is_loopback(address)
		   ? "in ::/96, which nobody uses (is the prefix missing?)"
		   : refuse_source(address);
}

static bool address_is_broadcast(const struct address *address)
{
	static const uint8_t all[4] = {255, 255, 255, 255};
	return address_is_ipv4(address) && memcmp(address_bytes(address), all, sizeof all) == 0;
}

const char *refuse_source(const struct address *address)
{
	return address_is_unspecified(address) ? "the unspecified address"
	       : address_is_loopback(address)  ? "the loopback address"
	       : address_is_multicast(address) ? "a multicast address"
	       : address_is_broadcast(address) ? "the broadcast address"
					       : NULL;
}

/* An address, and how it stands in the file. */
struct written {
	struct address address;
	char alone[ADDRESS_TEXT]; /* without the prefix length or the zone */
	char behind;		  /* '/', '%' or NUL */
};

/* false, and reported, if it is none. */
static bool parse_address(struct report *report, const config_setting_t *setting, struct written *written)
{
	const char *text = config_setting_get_string(setting);
	size_t size = strcspn(text, "/%");
	char *alone = written->alone;
	bool fits = size < sizeof(written->alone);

	snprintf(alone, sizeof(written->alone), "%.*s", (int)(fits ? size : 0), text);
	written->behind = text[size];
	bool parsed = fits && address_parse(alone, &written->address);
	char ipv4[ADDRESS_TEXT_MAX];
	if (parsed && address_is_ipv4(&written->address) && strchr(alone, ':'))
		report_setting(report, setting, "is an IPv4-mapped address; write \"%s\"",
		    address_format(&written->address, ipv4));
	else if (!parsed)
		report_setting(report, setting,
		    "is not an IP address; write one as in \"192.0.2.100\" or \"2001:db8::100\"");
	else
		return true;
	return false;
}

/* Whether it stands alone, and reported if not: after everything else is known to be right. */
static bool stands_alone(
    struct report *report, const config_setting_t *setting, const struct written *written)
{
	if (written->behind == '/')
		report_setting(report, setting,
		    "has a prefix length; write \"%s\" alone (virtual addresses are always assigned as /%u)",
		    written->alone, 8 * address_size(&written->address));
	else if (written->behind)
		report_setting(report, setting,
		    "has an interface in it; write \"%s\" alone, the key interface says where it is",
		    written->alone);
	return !written->behind;
}

static void read_address(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	struct written written;
	if (!text_of(report, setting, key) || !parse_address(report, setting, &written))
		return;
	const char *refused = key->refuse_address(&written.address);
	if (refused)
		report_setting(report, setting, "is %s; %s", refused, key->wrong);
	else if (stands_alone(report, setting, &written))
		*(struct address *)field = written.address;
}

static void print_address(const struct printer *printer, const struct key *key, const void *field)
{
	(void)key;
	char text[ADDRESS_TEXT_MAX];
	print_quoted(printer->out, address_format(field, text));
}

const struct type type_address = {read_address, print_address, .optional = true};

static void read_link_local(
    struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *text = text_of(report, setting, key);
	struct written written;
	if (!text)
		return;
	if (!strcmp(text, "auto") || !strcmp(text, "none")) {
		*(enum config_link_local *)field = *text == 'a' ? LINK_LOCAL_AUTO : LINK_LOCAL_NONE;
		return;
	}
	if (!strchr(text, ':') && !strchr(text, '.')) {
		report_setting(
		    report, setting, "is not known; write \"auto\", \"none\" or an address of fe80::/10");
		return;
	}
	if (!parse_address(report, setting, &written))
		return;
	if (!address_is_link_local(&written.address)) {
		report_setting(report, setting,
		    "is not a link-local address; write \"auto\", \"none\" or an address of fe80::/10");
		return;
	}
	if (!stands_alone(report, setting, &written))
		return;
	*(enum config_link_local *)field = LINK_LOCAL_ADDRESS;
	*(struct address *)key_other(key, field) = written.address;
}

static void print_link_local(const struct printer *printer, const struct key *key, const void *field)
{
	char text[ADDRESS_TEXT_MAX];
	enum config_link_local mode = *(const enum config_link_local *)field;
	print_quoted(printer->out, mode == LINK_LOCAL_AUTO   ? "auto"
				   : mode == LINK_LOCAL_NONE ? "none"
							     : address_format(key_other(key, field), text));
}

const struct type type_link_local = {read_link_local, print_link_local, .optional = false};

/* "[ADDRESS]", or an IPv4 address as it is, at the start of `text`: its size, 0 if it is none. */
static size_t parse_host(const char *text, struct address *address)
{
	char ipv4[ADDRESS_TEXT_MAX];
	size_t size = strspn(text, DIGITS ".");
	if (*text == '[')
		return parse_bracketed(text, address);
	if (!size || size >= sizeof ipv4)
		return 0;
	memcpy(ipv4, text, size);
	ipv4[size] = '\0';
	return address_parse(ipv4, address) ? size : 0;
}

/* What is wrong with a text that begins with an address of `size` bytes, or with none. */
static void report_endpoint(struct report *report, const config_setting_t *setting, const struct key *key,
    const char *text, size_t size)
{
	const char *zero = key->zero ? key->zero : "", *colon = strchr(text, ':');
	const char *digits = size && text[size] == ':' ? text + size + 1 : colon ? colon + 1 : "";
	bool has_port = *digits && !digits[strspn(digits, DIGITS)];
	struct address address;
	if (size && has_port)
		report_setting(
		    report, setting, "has port %s; write a number from 1 to 65535 behind the colon", digits);
	else if (size && !text[size + (text[size] == ':')])
		report_setting(report, setting, "has no port; write one behind it, as in %s = \"%.*s%s%s",
		    key->name, (int)size, text, strrchr(key->example, ':'), zero);
	else if (address_parse(text, &address))
		report_setting(report, setting,
		    "has no brackets; write the address in brackets, and the port behind them, as in %s = "
		    "%s%s",
		    key->name, key->example, zero);
	else if (has_port && *text != '[')
		report_setting(report, setting,
		    "has no address, and names are not looked up; write one, as in %s = \"[::1]:%s\"%s",
		    key->name, digits, zero);
	else
		report_setting(report, setting, "is not [IPV6]:PORT or IPV4:PORT; write %s = %s%s", key->name,
		    key->example, zero);
}

/* As text, and beside it as the address of a socket. */
static void read_endpoint(
    struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *text = text_of(report, setting, key);
	struct sockaddr_in6 *endpoint = key_other(key, field);
	struct address address;
	uint16_t port;
	if (!text)
		return;
	if (!*text && key->zero) {
		memset(endpoint, 0, sizeof *endpoint);
		set_text(field, key->size, text);
		return;
	}
	size_t size = parse_host(text, &address);
	const char *digits = size && text[size] == ':' ? text + size + 1 : "";
	if (!parse_port(digits, strlen(digits), &port)) {
		report_endpoint(report, setting, key, text, size);
		return;
	}
	if (address_is_multicast(&address) || address_is_link_local(&address)) {
		report_setting(report, setting,
		    "nobody can connect to such an address; write %s or a global address", key->example);
		return;
	}
	*endpoint = (struct sockaddr_in6){
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = address.in6};
	set_text(field, key->size, text);
}

static void print_endpoint(const struct printer *printer, const struct key *key, const void *field)
{
	(void)key;
	print_quoted(printer->out, field);
}

const struct type type_endpoint = {read_endpoint, print_endpoint, .optional = false};
