/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connections end when their address has gone to another server: real ones, over loopback of a network
 * namespace of its own. Without the right to make one it is skipped.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "keeper/keeper.h"

#define ROUTER	    3
#define IDLE_MS	    20
#define JIFFY_MS    10 /* or less */
#define LONG_MS	    3600000
#define PATIENCE_MS 1000
#define DEADLINE_US (15 * USEC_PER_SEC)
#define PORT	    6443

static struct board board;
static struct keeper_page page;
static struct kernel dumps, requests;
static bool allowed;

/* When the thread has ended some. */
static void (*on_ring)(void);

void keeper_ring(void)
{
	if (on_ring)
		on_ring();
}

void keeper_wake(void)
{
}

/* ---- connections ---- */

struct pair {
	int client, server;
};

static bool make_pair(int family, struct pair *pair)
{
	struct sockaddr_in6 in6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = in6addr_loopback};
	struct sockaddr_in in4 = {
	    .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr *at = family == AF_INET6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in4;
	socklen_t size = family == AF_INET6 ? sizeof in6 : sizeof in4;
	int ears = socket(family, SOCK_STREAM, 0);
	pair->client = socket(family, SOCK_STREAM, 0);
	setsockopt(ears, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	bool made = bind(ears, at, size) == 0 && listen(ears, 1) == 0 && connect(pair->client, at, size) == 0;
	pair->server = made ? accept(ears, NULL, NULL) : -1;
	close(ears);
	return pair->server >= 0;
}

static void hang_up(struct pair *pair)
{
	close(pair->client);
	close(pair->server);
}

static struct tcp_info info_of(const struct pair *pair)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	getsockopt(pair->server, IPPROTO_TCP, TCP_INFO, &info, &size);
	return info;
}

static bool is_open(const struct pair *pair)
{
	return info_of(pair).tcpi_state == TCP_ESTABLISHED;
}

static bool is_ended(const struct pair *pair)
{
	return !is_open(pair);
}

static bool has_rested(const struct pair *pair)
{
	struct tcp_info info = info_of(pair);
	return info.tcpi_last_data_sent >= JIFFY_MS && info.tcpi_last_data_recv >= JIFFY_MS;
}

static bool is_idle(const struct pair *pair)
{
	struct tcp_info info = info_of(pair);
	return info.tcpi_last_data_sent >= IDLE_MS && info.tcpi_last_data_recv >= IDLE_MS;
}

static void wait_until(bool holds(const struct pair *), const struct pair *pair)
{
	struct mono end = mono_add(mono_now(), DEADLINE_US);
	while (!holds(pair)) {
		assert_false(mono_reached(mono_now(), end));
		usleep(1000); /* sleep-ok: a step of a poll with a deadline */
	}
}

/* Who spoke last is known by the jiffy. What a server has read counts as received, and what it has not as
 * well. */
static void speak(const struct pair *pair, int from, int to, bool is_read)
{
	char byte = 0;
	wait_until(has_rested, pair);
	assert_int_equal(write(from, &byte, 1), 1);
	while (is_read && read(to, &byte, 1) != 1)
		;
}

/* ---- what the kernel is asked ---- */

static bool may_end(void *context)
{
	return *(bool *)context;
}

static struct kernel_ended end_at(int family, uint32_t idle_ms, uint32_t answer_ms, bool works, bool may)
{
	static struct address addresses[2];
	static const uint16_t ports[] = {PORT};
	addresses[0].in6 = in6addr_loopback;
	addresses[1] = address_of_bytes("\x7f\0\0\x01", 4);
	struct kernel_ended ended = {0};
	kernel_end_connections(&dumps, &requests,
	    &(struct kernel_ending){.addresses = &addresses[family == AF_INET],
		.address_count = 1,
		.ports = ports,
		.port_count = 1,
		.idle_ms = idle_ms,
		.server_works = works,
		.answer_ms = answer_ms,
		.may_end = may_end,
		.context = &may},
	    &ended);
	assert_int_equal(ended.error, 0);
	return ended;
}

enum last { NOBODY, CLIENT, SERVER, CLIENT_UNREAD };

static void who_is_ended(void **state)
{
	static const struct {
		int family;
		enum last last;
		uint32_t idle_ms, answer_ms;
		bool works, may, expected;
	} rows[] = {
	    {AF_INET6, NOBODY, IDLE_MS, LONG_MS, true, true, true},
	    {AF_INET6, SERVER, IDLE_MS, LONG_MS, true, true, true},
	    {AF_INET6, CLIENT, IDLE_MS, LONG_MS, true, true, false}, /* it may be being answered */
	    {AF_INET6, CLIENT, 1, IDLE_MS, true, true, true}, /* it has had its time: somebody who watches */
	    {AF_INET, CLIENT, IDLE_MS, LONG_MS, true, true, true}, /* no answer would get out */
	    {AF_INET, SERVER, IDLE_MS, LONG_MS, true, true, true},
	    {AF_INET6, CLIENT, IDLE_MS, LONG_MS, false, true, true},
	    {AF_INET6, CLIENT_UNREAD, 1, IDLE_MS, true, true, false},
	    {AF_INET, CLIENT_UNREAD, IDLE_MS, LONG_MS, true, true, false},
	    {AF_INET6, CLIENT_UNREAD, IDLE_MS, LONG_MS, false, true, true}, /* the server does not work */
	    {AF_INET, CLIENT_UNREAD, IDLE_MS, LONG_MS, false, true, true},
	    {AF_INET6, CLIENT_UNREAD, 0, LONG_MS, true, true, true}, /* whatever is under way */
	    {AF_INET, CLIENT_UNREAD, 0, IDLE_MS, true, true, true},
	    {AF_INET6, SERVER, LONG_MS, LONG_MS, true, true, false},
	    {AF_INET6, SERVER, 0, LONG_MS, true, false, false}, /* the address is wanted again */
	};
	if (!allowed)
		skip();
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pair pair = {-1, -1};
		assert_true(make_pair(rows[i].family, &pair));
		if (rows[i].last != NOBODY)
			speak(&pair, pair.client, pair.server, rows[i].last != CLIENT_UNREAD);
		if (rows[i].last == SERVER)
			speak(&pair, pair.server, pair.client, true);
		wait_until(is_idle, &pair);
		struct kernel_ended ended =
		    end_at(rows[i].family, rows[i].idle_ms, rows[i].answer_ms, rows[i].works, rows[i].may);
		if (is_open(&pair) == rows[i].expected || ended.count != rows[i].expected ||
		    ended.left == rows[i].expected)
			fail_msg("row %zu: %u ended, %u left", i, ended.count, ended.left);
		hang_up(&pair);
	}
}

/* ---- the thread ---- */

static void give(unsigned index, uint32_t wanted)
{
	struct board_order *order = board_begin_order(&board, index);
	*order = (struct board_order){.generation = order->generation + 1,
	    .ifindex = 7 + index,
	    .wanted = wanted,
	    .reset = !wanted,
	    .patient = true,
	    .address_count = 1,
	    .addresses = {{.in6 = IN6ADDR_LOOPBACK_INIT}}};
	board_end_order(&board, index);
}

static bool begin_task(void)
{
	give(ROUTER, 0);
	struct ending_task task = {.router = ROUTER,
	    .address_count = 1,
	    .generation = board.orders[ROUTER].value.generation,
	    .patient = true,
	    .port_count = 1,
	    .ports = {PORT}, /* over loopback the clients have the address as well */
	    .addresses = {{.in6 = IN6ADDR_LOOPBACK_INIT}}};
	return ending_begin(&task);
}

static bool is_done(const struct pair *pair)
{
	(void)pair;
	return ending_is_done(ROUTER, board.orders[ROUTER].value.generation);
}

static bool has_waited(const struct pair *pair)
{
	return info_of(pair).tcpi_last_data_recv > PATIENCE_MS;
}

static struct pair pairs[4], *const idle = &pairs[0], *const watches = &pairs[1], *const asks = &pairs[2],
				    *const busy = &pairs[3];
static _Atomic bool in_order;

/* By the thread, whatever keeps us from running. */
static void look_at_first(void)
{
	on_ring = NULL;
	in_order = is_ended(idle) && is_ended(watches) && is_open(asks) && is_open(busy);
}

static void end_four(void)
{
	for (unsigned i = 0; i < 4; i++)
		assert_true(make_pair(AF_INET6, &pairs[i]));
	speak(watches, watches->client, watches->server, true);
	wait_until(has_waited, watches);
	speak(asks, asks->client, asks->server, true);
	speak(busy, busy->client, busy->server, false);
	uint64_t before = atomic_load(&page.ended[ROUTER]);
	on_ring = look_at_first;
	assert_true(begin_task());
	for (unsigned i = 0; i < 4; i++)
		wait_until(is_ended, &pairs[i]);
	wait_until(is_done, NULL);
	assert_int_equal(atomic_load(&page.ended[ROUTER]), before + 4);
	for (unsigned i = 0; i < 4; i++)
		hang_up(&pairs[i]);
}

/* First the idle one and the one that has waited for long. */
static void all_of_them_end(void **state)
{
	if (!allowed)
		skip();
	(void)state;
	/* Again if the others had waited for as long. */
	for (unsigned tries = 0; tries < 5 && !in_order; tries++)
		end_four();
	assert_true(in_order);
}

/* A reload has given the address to a router in another slot, on whatever interface. */
static void what_is_served_here_again_stays(void **state)
{
	struct pair pair = {-1, -1};
	if (!allowed)
		skip();
	(void)state;
	assert_true(make_pair(AF_INET6, &pair));
	wait_until(is_idle, &pair);
	give(ROUTER - 1, 1);
	assert_true(begin_task());
	wait_until(is_done, NULL);
	assert_true(is_open(&pair));
	give(ROUTER - 1, 0);
	hang_up(&pair);
}

static int begin(void **state)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	(void)state;
	board.router_count = ROUTER + 1;
	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	allowed = ioctl(fd, SIOCSIFFLAGS, &lo) == 0 && kernel_open_diag(&dumps) == 0 &&
		  kernel_open_diag(&requests) == 0;
	close(fd);
	if (allowed)
		ending_open(&board, &page);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_ended),
	    cmocka_unit_test(all_of_them_end),
	    cmocka_unit_test(what_is_served_here_again_stays),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
