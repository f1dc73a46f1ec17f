/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host with many addresses, each within the limit for one, keeps nobody from being answered. 127.0.0.1 to
 * 127.0.0.9 are hosts here.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "control/http/callers.h"
#include "http_child.h"

enum { MOST = 12, OF_ONE = 4, FLOOD = 5 * OF_ONE };

static in_port_t port;

static int server_start(void **state)
{
	(void)state;
	struct sockaddr_in6 name = {.sin6_family = AF_INET6};
	socklen_t size = sizeof name;
	int no = 0, listening = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(listening, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no), 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&name, size), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&name, &size), 0);
	assert_int_equal(listen(listening, 64), 0);
	port = name.sin6_port;
	server_begin((struct http_options){
	    .socket = listening, .connections = MOST, .of_one = OF_ONE, .gives_way = true});
	return 0;
}

static int connect_as(unsigned host)
{
	struct sockaddr_in name = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	name = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
	return fd;
}

/* Whoever floods connects from five addresses, and asks for nothing. */
static void flood(int fds[static FLOOD])
{
	for (unsigned i = 0; i < FLOOD; i++)
		fds[i] = connect_as(2 + i / OF_ONE);
}

static void test_a_newcomer_is_answered(void **state)
{
	(void)state;
	int fds[FLOOD];
	for (unsigned round = 0; round < 3; round++) {
		flood(fds);
		int scraper = connect_as(9);
		assert_true(is_answered(scraper));
		close(scraper);
		for (unsigned i = 0; i < FLOOD; i++)
			close(fds[i]);
	}
}

/* It has fewer connections than those who flood. */
static void test_who_was_there_stays(void **state)
{
	(void)state;
	int fds[FLOOD], scraper = connect_as(9);
	assert_true(is_answered(scraper));
	flood(fds);
	int other = connect_as(8);
	assert_true(is_answered(other));
	assert_true(is_answered(scraper));
	close(other);
	close(scraper);
	for (unsigned i = 0; i < FLOOD; i++)
		close(fds[i]);
}

static void test_one_address_has_its_limit(void **state)
{
	(void)state;
	int fds[OF_ONE + 2];
	unsigned answered = 0;
	for (unsigned i = 0; i < OF_ONE + 2; i++)
		fds[i] = connect_as(2);
	for (unsigned i = 0; i < OF_ONE + 2; i++)
		answered += is_answered(fds[i]);
	assert_int_equal(answered, OF_ONE);
	for (unsigned i = 0; i < OF_ONE + 2; i++)
		close(fds[i]);
}

static void test_networks(void **state)
{
	(void)state;
	static const struct {
		const char *one, *other;
		bool same;
	} cases[] = {
	    {"2001:db8::1", "2001:db8::ffff:1", true},
	    {"2001:db8::1", "2001:db8:0:1::1", false},
	    {"fe80::1", "fe80::2", false},
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "192.0.2.2", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct address one, other;
		assert_true(address_parse(cases[i].one, &one) && address_parse(cases[i].other, &other));
		one = caller_network(&one);
		other = caller_network(&other);
		assert_int_equal(address_equal(&one, &other), cases[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_newcomer_is_answered, server_start, server_end),
	    cmocka_unit_test_setup_teardown(test_who_was_there_stays, server_start, server_end),
	    cmocka_unit_test_setup_teardown(test_one_address_has_its_limit, server_start, server_end),
	    cmocka_unit_test(test_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
