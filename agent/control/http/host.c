/* SPDX-License-Identifier: Apache-2.0 */
#include "control/http/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX INET6_ADDRSTRLEN

/* Nothing, or a colon and digits. */
static bool is_port(const char *text)
{
	return !*text || (*text == ':' && text[1] && !text[1 + strspn(text + 1, "0123456789")]);
}

bool host_is_literal(const char *host)
{
	char name[HOST_MAX];
	struct in6_addr address;
	bool is_ipv6 = host && *host == '[';
	if (!host)
		return false;
	host += is_ipv6;
	size_t length = strcspn(host, is_ipv6 ? "]" : ":");
	const char *rest = host + length;
	if (length >= sizeof name || (is_ipv6 && *rest++ != ']') || !is_port(rest))
		return false;
	memcpy(name, host, length);
	name[length] = '\0';
	if (is_ipv6)
		return inet_pton(AF_INET6, name, &address) == 1;
	return inet_pton(AF_INET, name, &address) == 1 || !strcasecmp(name, "localhost");
}
