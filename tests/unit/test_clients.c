/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which clients of a list may be told; and what the kernel says of connections over loopback, where a kernel
 * answers at all.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/clients/clients.h"
#include "control/control.h"
#include "vipd/message.h"

static struct config config;
static struct listeners listeners;

static struct address address_of(const char *text)
{
	struct address address;
	assert_true(address_parse(text, &address));
	return address;
}

static int begin(void **state)
{
	(void)state;
	struct config_router *router = &config.routers[0];
	config.router_count = 2;
	router->address_count = 2;
	router->addresses[0] = address_of("2001:db8::100");
	router->addresses[1] = address_of("192.0.2.100");
	router->port_count = 0;
	config.routers[1].address_count = 1;
	config.routers[1].addresses[0] = address_of("2001:db8::200");
	memset(&listeners, 0, sizeof listeners);
	listeners.any[0][6443 / 8] |= 1U << 6443 % 8;
	listeners.any[1][6443 / 8] |= 1U << 6443 % 8;
	listeners.bound_count = 1;
	listeners.bound[0].address = router->addresses[0];
	listeners.bound[0].port = 443;
	return 0;
}

static struct client client_of(const char *address, uint16_t port, const char *local, uint16_t local_port)
{
	return (struct client){.address = address_of(address),
	    .port = port,
	    .local = address_of(local),
	    .local_port = local_port};
}

static void who_may_be_told(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		uint16_t port;
		const char *local;
		uint16_t local_port;
		enum client_verdict expected;
	} rows[] = {
	    {"2001:db8::9", 40000, "2001:db8::100", 6443, CLIENT_OK},
	    {"192.0.2.9", 40000, "192.0.2.100", 6443, CLIENT_OK},
	    {"fe80::9", 40000, "2001:db8::100", 6443, CLIENT_OK},
	    {"2001:db8::9", 40000, "2001:db8::100", 443, CLIENT_OK},
	    {"192.0.2.9", 40000, "192.0.2.100", 443, CLIENT_NO_LISTENER},
	    {"2001:db8::9", 40000, "2001:db8::100", 22, CLIENT_NO_LISTENER},
	    {"2001:db8::9", 40000, "2001:db8::200", 6443, CLIENT_BAD_LOCAL}, /* of another router */
	    {"2001:db8::9", 40000, "2001:db8::1", 6443, CLIENT_BAD_LOCAL},
	    {"2001:db8::9", 0, "2001:db8::100", 6443, CLIENT_BAD_ADDRESS},
	    {"192.0.2.9", 40000, "2001:db8::100", 6443, CLIENT_BAD_ADDRESS},
	    {"2001:db8::9", 40000, "192.0.2.100", 6443, CLIENT_BAD_ADDRESS},
	    {"2001:db8::200", 40000, "2001:db8::100", 6443, CLIENT_BAD_ADDRESS},
	    {"ff02::1", 40000, "2001:db8::100", 6443, CLIENT_BAD_ADDRESS},
	    {"224.0.0.1", 40000, "192.0.2.100", 6443, CLIENT_BAD_ADDRESS},
	    {"::1", 40000, "2001:db8::100", 6443, CLIENT_BAD_ADDRESS},
	    {"127.0.0.1", 40000, "192.0.2.100", 6443, CLIENT_BAD_ADDRESS},
	    {"::", 40000, "2001:db8::100", 6443, CLIENT_BAD_ADDRESS},
	    {"0.0.0.0", 40000, "192.0.2.100", 6443, CLIENT_BAD_ADDRESS},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct client client =
		    client_of(rows[i].address, rows[i].port, rows[i].local, rows[i].local_port);
		enum client_verdict is = client_judge(&client, &config, &config.routers[0], &listeners);
		if (is != rows[i].expected)
			fail_msg("row %zu: %s instead of %s", i, client_verdict_name(is),
			    client_verdict_name(rows[i].expected));
	}
}

/* They say what cannot be seen here, and nothing else is told then. */
static void ports_replace_listeners(void **state)
{
	(void)state;
	struct config_router *router = &config.routers[0];
	struct client client = client_of("2001:db8::9", 40000, "2001:db8::100", 8443);
	router->ports[router->port_count++] = 8443;
	assert_int_equal(client_judge(&client, &config, router, &listeners), CLIENT_OK);
	client.local_port = 6443;
	assert_int_equal(client_judge(&client, &config, router, &listeners), CLIENT_NO_LISTENER);
}

static void listeners_of_an_address(void **state)
{
	(void)state;
	struct address ipv6 = address_of("2001:db8::100"), other = address_of("2001:db8::200"),
		       ipv4 = address_of("192.0.2.100");
	assert_true(listeners_any(&listeners, &other) && listeners_any(&listeners, &ipv4));
	memset(listeners.any, 0, sizeof listeners.any);
	assert_true(listeners_any(&listeners, &ipv6));
	assert_false(listeners_any(&listeners, &other) || listeners_any(&listeners, &ipv4));
}

/* 2001:db8::/64 is on the segment, 2001:db8:1::/64 behind a router, and 2001:db8:2::/64 nowhere. */
static enum way made_up_way(const struct ways *ways, const struct address *to)
{
	(void)ways;
	return to->in6.s6_addr[5] == 0 ? WAY_NEIGHBOUR : to->in6.s6_addr[5] == 1 ? WAY_ROUTER : WAY_NONE;
}

static void the_rest_is_counted(void **state)
{
	(void)state;
	static struct list list;
	unsigned refused[CLIENT_VERDICTS];
	list.count = 3;
	list.of[0] = client_of("2001:db8::9", 1, "2001:db8::100", 22);
	list.of[1] = client_of("2001:db8::9", 1, "2001:db8::100", 6443);
	list.of[2] = client_of("ff02::1", 1, "2001:db8::100", 6443);
	struct clients *clients =
	    clients_select(&list, &config, &config.routers[0], &listeners, made_up_way, NULL, refused);
	assert_int_equal(clients->count, 1);
	assert_memory_equal(&clients->items[0], &list.of[1], sizeof list.of[1]);
	assert_int_equal(refused[CLIENT_NO_LISTENER], 1);
	assert_int_equal(refused[CLIENT_BAD_ADDRESS], 1);
	free(clients);
}

/* Each has two connections. Those behind a router take no room in the table of neighbours. */
static void the_segment_is_not_flooded(void **state)
{
	(void)state;
	static struct list list;
	unsigned refused[CLIENT_VERDICTS];
	static const char *const prefixes[] = {"2001:db8::", "2001:db8:1::", "2001:db8:2::"};
	list.count = 0;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned i = 0; i < 2 * (CLIENT_NEIGHBOURS_MAX + 8); i++) {
			struct client *client = &list.of[list.count++];
			*client = client_of(prefixes[p], (uint16_t)(1 + i % 2), "2001:db8::100", 6443);
			client->address.in6.s6_addr[14] = (uint8_t)(0x80 + i / 512);
			client->address.in6.s6_addr[15] = (uint8_t)(i / 2);
		}
	struct clients *clients =
	    clients_select(&list, &config, &config.routers[0], &listeners, made_up_way, NULL, refused);
	assert_int_equal(refused[CLIENT_NEIGHBOURS], 2 * 8);
	assert_int_equal(refused[CLIENT_NO_ROUTE], 2 * (CLIENT_NEIGHBOURS_MAX + 8));
	assert_int_equal(clients->count, 2 * CLIENT_NEIGHBOURS_MAX + 2 * (CLIENT_NEIGHBOURS_MAX + 8));
	free(clients);
}

/* ::1 is this host itself, and of a prefix that nobody has there is nobody on the segment. */
static void ways(void **state)
{
	(void)state;
	struct ways here;
	struct address self = address_of("::1"), self_ipv4 = address_of("127.0.0.1"),
		       neighbour = address_of("127.0.0.9");
	ways_open(&here, "lo");
	assert_int_equal(way_to(&here, &self), WAY_NONE);
	assert_int_equal(way_to(&here, &self_ipv4), WAY_NONE);
	here.count = 0;
	assert_int_equal(way_to(&here, &neighbour), WAY_ROUTER);
	here.count = 1;
	here.prefixes[0].address = self_ipv4;
	here.prefixes[0].length = 29;
	assert_int_equal(way_to(&here, &neighbour), WAY_ROUTER);
	here.prefixes[0].length = 28;
	assert_int_equal(way_to(&here, &neighbour), WAY_NEIGHBOUR);
	ways_close(&here);
}

/* ---- the engine ---- */

static unsigned handed; /* lists */

int sealed_memfd(const char *name, const void *bytes, size_t size)
{
	(void)name, (void)bytes, (void)size;
	return dup(STDOUT_FILENO);
}

int message_send(int socket, const struct message *message, const int *fds)
{
	(void)socket, (void)message, (void)fds;
	handed++;
	return 0;
}

/* At most one a second, and as soon as it may be; once more after ten where somebody had no route. */
static void when_a_list_is_handed_over(void **state)
{
	(void)state;
	static struct own_list own;
	static struct control control;
	struct mono now = {1000 * USEC_PER_SEC}, soon = mono_add(now, USEC_PER_SEC / 3),
		    later = mono_add(now, USEC_PER_SEC), much_later = mono_add(later, 10 * USEC_PER_SEC);
	struct client_router router = {.is_active = true, .own = &own, .is_new = true};
	struct client_lists lists = {.control = &control, .count = 1, .routers = &router};
	control.config = &config;
	config.routers[0].reset_connections = true;
	clients_hand_over(&lists, 0, now);
	assert_int_equal(handed, 1);
	assert_true(mono_is_never(clients_hand_at(&router, soon)));
	router.is_new = true;
	clients_hand_over(&lists, 0, soon);
	assert_int_equal(handed, 1);
	assert_int_equal(clients_hand_at(&router, soon).us, later.us);
	clients_hand_over(&lists, 0, later);
	assert_int_equal(handed, 2);
	clients_hand_over(&lists, 0, much_later);
	assert_int_equal(handed, 2);
	router.refused[CLIENT_NO_ROUTE] = 1;
	clients_hand_over(&lists, 0, much_later);
	assert_int_equal(handed, 3);
}

/* ---- the kernel ---- */

static struct walk walk;
static uint16_t port;
static int ears = -1, ours[2] = {-1, -1};

/* A listener for both families and a connection of each, over loopback. */
static int connect_over_loopback(void)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6};
	socklen_t size = sizeof at;
	ears = socket(AF_INET6, SOCK_STREAM, 0);
	if (ears < 0 || setsockopt(ears, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)) < 0 ||
	    bind(ears, (struct sockaddr *)&at, sizeof at) < 0 || listen(ears, 8) < 0 ||
	    getsockname(ears, (struct sockaddr *)&at, &size) < 0)
		return -1;
	port = ntohs(at.sin6_port);
	struct sockaddr_in ipv4 = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	at.sin6_addr = in6addr_loopback;
	ours[0] = socket(AF_INET6, SOCK_STREAM, 0);
	ours[1] = socket(AF_INET, SOCK_STREAM, 0);
	return connect(ours[0], (struct sockaddr *)&at, sizeof at) < 0 ||
		       connect(ours[1], (struct sockaddr *)&ipv4, sizeof ipv4) < 0
		   ? -1
		   : 0;
}

static void hang_up(void)
{
	for (int i = 0; i < 2; i++)
		if (ours[i] >= 0)
			close(ours[i]);
	if (ears >= 0)
		close(ears);
	walk_close(&walk);
}

static void count_ours(void *context, const struct client *client)
{
	unsigned *counts = context;
	if (client->local_port == port)
		counts[address_is_ipv4(&client->local)]++;
}

/* The wanted addresses are the first and the last of so many that it takes several walks. */
static void connections_are_found(void **state)
{
	(void)state;
	static struct address addresses[2 * WALK_ADDRESSES_MAX + 3];
	unsigned counts[2] = {0}, count = sizeof addresses / sizeof addresses[0];
	struct listeners here;
	if (walk_open(&walk) < 0 || connect_over_loopback() < 0 ||
	    walk_listeners(&walk, &config, &here) < 0) {
		hang_up();
		skip();
	}
	for (unsigned i = 0; i < count; i++) {
		addresses[i] = address_of(i % 2 ? "2001:db8::1" : "192.0.2.1");
		addresses[i].in6.s6_addr[15] = (uint8_t)i;
	}
	assert_int_equal(walk_clients(&walk, addresses, count, count_ours, counts), 0);
	assert_int_equal(counts[0] + counts[1], 0);
	addresses[0] = address_of("::1");
	addresses[count - 1] = address_of("127.0.0.1");
	int result = walk_clients(&walk, addresses, count, count_ours, counts);
	hang_up();
	assert_int_equal(result, 0);
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 1);
	assert_int_equal(here.bound_count, 0); /* of virtual addresses only */
	assert_true(listeners_have(&here, &addresses[0], port));
	assert_true(listeners_have(&here, &addresses[count - 1], port));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(who_may_be_told, begin),
	    cmocka_unit_test_setup(ports_replace_listeners, begin),
	    cmocka_unit_test_setup(listeners_of_an_address, begin),
	    cmocka_unit_test_setup(the_rest_is_counted, begin),
	    cmocka_unit_test_setup(the_segment_is_not_flooded, begin),
	    cmocka_unit_test(ways),
	    cmocka_unit_test_setup(when_a_list_is_handed_over, begin),
	    cmocka_unit_test(connections_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
