/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication of a virtual router while clocks are stepped, engines start again and key files break.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "vipd/log.h"

#define START	    (INT64_C(1700000000) * USEC_PER_SEC)
#define INTERVAL    (100 * USEC_PER_MS)
#define SECOND	    USEC_PER_SEC
#define SECRET_SIZE 36
static const uint8_t secret[] = "0123456789abcdef0123456789abcdef0123";

/* The clocks of the host whose code is running. */
static struct clocks {
	int64_t wall_us, mono_us;
} host;

int64_t realtime_us(void)
{
	return host.wall_us;
}

struct mono mono_now(void)
{
	return (struct mono){host.mono_us};
}

void log_line(enum log_level level, const char *format, ...)
{
	(void)level, (void)format;
}

void log_event(enum log_level level, const struct log_fields *fields, const char *format, ...)
{
	(void)level, (void)fields, (void)format;
}

/* A server with a router that signs. */
struct server {
	struct clocks clocks;
	struct address address;
	struct router_auth auth;
};

static struct config_router enforcing(uint32_t size)
{
	return (struct config_router){.id.vrid = 100,
	    .auth = AUTH_ENFORCE,
	    .auth_active_key = 1,
	    .key_count = 1,
	    .keys = {{.id = 1, .file = {.size = size}}}};
}

static void begin(struct server *server, uint8_t number, int64_t wall_us)
{
	struct config_router config = enforcing(SECRET_SIZE);
	*server = (struct server){
	    .clocks = {wall_us, 1000 * SECOND}, .address.in6.s6_addr = {0xfe, 0x80, [15] = number}};
	host = server->clocks;
	router_auth_init(&server->auth);
	router_auth_configure(&server->auth, &config, secret, SECRET_SIZE);
}

static void pass(struct server *servers, unsigned count, int64_t us)
{
	for (unsigned i = 0; i < count; i++) {
		servers[i].clocks.wall_us += us;
		servers[i].clocks.mono_us += us;
	}
}

/* An advert of one that the other receives. */
static enum advert_verdict deliver(struct server *from, struct server *to)
{
	static const uint8_t pdu[24] = {0x31, 100, 100, 1, 0, 10};
	struct advert advert = {.size = sizeof pdu};
	uint8_t trailer[ADVERT_TRAILER_SIZE];
	uint64_t sequence;
	host = from->clocks;
	const struct auth_key *key = router_auth_signs(&from->auth, &sequence);
	assert_non_null(key);
	auth_sign(key, &from->address, pdu, sizeof pdu, sequence, trailer);
	advert.trailer = trailer;
	host = to->clocks;
	return router_auth_check(&to->auth, &from->address, pdu, &advert, INTERVAL);
}

/* The wall clock goes back by 55 minutes, and then the engine is replaced. */
static void engine_restart_after_a_step(void **state)
{
	(void)state;
	struct server s[2];
	begin(&s[0], 1, START);
	begin(&s[1], 2, START);
	assert_int_equal(deliver(&s[0], &s[1]), ADVERT_OK);
	assert_int_equal(deliver(&s[1], &s[0]), ADVERT_OK);
	uint64_t sequence = s[0].auth.sequence.last;
	int64_t clock_us = s[0].auth.clock_offset_us;
	s[0].clocks.wall_us -= 55 * 60 * SECOND;
	struct clocks clocks = s[0].clocks;
	begin(&s[0], 1, clocks.wall_us);
	s[0].clocks = clocks;
	router_auth_continue(&s[0].auth, sequence, clock_us);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(deliver(&s[0], &s[1]), ADVERT_OK);
		assert_int_equal(deliver(&s[1], &s[0]), ADVERT_OK);
		pass(s, 2, INTERVAL);
	}
}

/* Everybody is an hour ahead, and one after the other is put right. */
static void correction_of_a_group(void **state)
{
	(void)state;
	struct server s[3];
	for (uint8_t i = 0; i < 3; i++)
		begin(&s[i], i + 1, START + 3600 * SECOND);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			if (i != k)
				assert_int_equal(deliver(&s[i], &s[k]), ADVERT_OK);
	for (int i = 0; i < 3; i++)
		s[i].clocks.wall_us -= 3600 * SECOND;
	pass(s, 3, SECOND);
	begin(&s[0], 1, s[0].clocks.wall_us); /* rebooted */
	assert_int_equal(deliver(&s[0], &s[1]), ADVERT_OK);
	assert_int_equal(deliver(&s[0], &s[2]), ADVERT_OK);
	pass(s, 3, INTERVAL);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			if (i != k)
				assert_int_equal(deliver(&s[i], &s[k]), ADVERT_OK);
}

static void truncated_key_file(void **state)
{
	(void)state;
	struct server s[2];
	struct config_router truncated = enforcing(7);
	begin(&s[0], 1, START);
	begin(&s[1], 2, START);
	router_auth_configure(&s[0].auth, &truncated, secret, 7);
	assert_false(router_auth_is_mute(&s[0].auth));
	assert_int_equal(deliver(&s[0], &s[1]), ADVERT_OK); /* with the key from before */
	router_auth_wipe(&s[0].auth);
	s[0].auth = (struct router_auth){0};
	router_auth_configure(&s[0].auth, &truncated, secret, 7);
	uint64_t sequence;
	assert_true(router_auth_is_mute(&s[0].auth));
	assert_null(router_auth_signs(&s[0].auth, &sequence));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(engine_restart_after_a_step),
	    cmocka_unit_test(correction_of_a_group),
	    cmocka_unit_test(truncated_key_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
