/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills the holes of a template; see template.h. The values are trusted: whoever reads them from a command
 * line has made sure that they mean nothing to a shell or to YAML.
 */
#include "vipctl/template.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATE(name, file)                                                                                 \
	__asm__(".pushsection .rodata\n"                                                                     \
		".global template_" #name "\n"                                                               \
		"template_" #name ":\n"                                                                      \
		".incbin \"agent/vipctl/manifest/" file "\"\n"                                               \
		".byte 0\n"                                                                                  \
		".popsection\n")

TEMPLATE(calico, "calico.sh");
TEMPLATE(slice, "slice.sh");
TEMPLATE(endpoints, "endpoints.sh");
TEMPLATE(publish, "publish.sh");
TEMPLATE(calico_end, "calico-end.sh");
TEMPLATE(calico_holder, "calico-holder.sh");
TEMPLATE(reserve, "reserve.yaml");
TEMPLATE(k3s, "k3s.yaml");
TEMPLATE(zone, "zone.txt");
TEMPLATE(nsupdate, "nsupdate.sh");
TEMPLATE(kubeconfig, "kubeconfig.yaml");
TEMPLATE(prometheus, "prometheus.yaml");
TEMPLATE(static_pod, "static-pod.yaml");

#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

struct hole {
	const char *start; /* the first @ */
	const char *name;
	size_t name_length;
	const char *end; /* behind the second @ */
};

static bool hole_find(const char *from, const char *line_end, struct hole *hole)
{
	for (const char *at = from; (at = memchr(at, '@', (size_t)(line_end - at))); at++) {
		size_t length = strspn(at + 1, NAME_LETTERS);
		if (length > 0 && at[1 + length] == '@') {
			*hole = (struct hole){at, at + 1, length, at + length + 2};
			return true;
		}
	}
	return false;
}

static bool hole_is(const struct hole *hole, const char *name)
{
	return strlen(name) == hole->name_length && memcmp(hole->name, name, hole->name_length) == 0;
}

/* What a line is about: it is printed once for each of these. */
struct subject {
	const struct server *server;
	const struct address *address;
};

static const struct server no_server;
static const struct address no_address;

static bool hole_is_of_server(const struct hole *hole)
{
	return hole_is(hole, "SERVER") || hole_is(hole, "SERVER_ADDRESS") || hole_is(hole, "SERVER_HOST");
}

static bool hole_is_of_address(const struct hole *hole)
{
	return hole_is(hole, "ADDRESS") || hole_is(hole, "ADDRESS_RECORD");
}

static const char *hole_text(
    const struct hole *hole, const struct values *values, const struct subject *subject)
{
	static char address[ADDRESS_TEXT_MAX];
	if (hole_is(hole, "SERVER"))
		return subject->server->name;
	if (hole_is(hole, "SERVER_ADDRESS"))
		return subject->server->address;
	if (hole_is(hole, "SERVER_HOST"))
		return subject->server->host;
	if (hole_is(hole, "ADDRESS"))
		return address_format(subject->address, address);
	if (hole_is(hole, "ADDRESS_RECORD"))
		return address_is_ipv4(subject->address) ? "A" : "AAAA";
	for (size_t i = 0; i < values->count; i++) {
		if (hole_is(hole, values->items[i].name))
			return values->items[i].text;
	}
	abort();
}

static void line_print(const char *line, const char *line_end, const struct values *values,
    const struct subject *subject, FILE *out)
{
	struct hole hole;
	for (const char *at = line; hole_find(at, line_end, &hole); at = hole.end) {
		if (!hole_text(&hole, values, subject))
			return;
	}
	const char *at = line;
	for (; hole_find(at, line_end, &hole); at = hole.end) {
		fwrite(at, 1, (size_t)(hole.start - at), out);
		fputs(hole_text(&hole, values, subject), out);
	}
	fwrite(at, 1, (size_t)(line_end - at), out);
}

static bool line_is_of(const char *line, const char *line_end, bool is_of(const struct hole *))
{
	struct hole hole;
	for (const char *at = line; hole_find(at, line_end, &hole); at = hole.end) {
		if (is_of(&hole))
			return true;
	}
	return false;
}

void template_print(const char *text, const struct values *values, FILE *out)
{
	for (const char *line = text, *line_end; *line; line = line_end) {
		line_end = strchr(line, '\n') + 1;
		bool of_server = line_is_of(line, line_end, hole_is_of_server);
		bool of_address = line_is_of(line, line_end, hole_is_of_address);
		size_t count = of_server ? values->server_count : of_address ? values->address_count : 1;
		for (size_t i = 0; i < count; i++) {
			const struct subject subject = {of_server ? &values->servers[i] : &no_server,
			    of_address ? &values->addresses[i] : &no_address};
			line_print(line, line_end, values, &subject, out);
		}
	}
}
