/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status, also before there is an engine, and of one that is silent or died while it wrote.
 */
#include "made_up_view.h"

#include "control/report/timeline.h"

static json_t *status(const char *interface)
{
	struct view view;
	take(&view, interface);
	json_t *json = status_json(&view);
	assert_non_null(json);
	drop(&view);
	return json;
}

static const char *member(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

static void test_status(void **state)
{
	(void)state;
	json_t *json = status(INTERFACE);
	assert_string_equal(member(json, "node"), "k8s-node01");
	assert_string_equal(member(json, "started"), "2026-11-22T16:00:00.000Z");
	assert_int_equal(json_integer_value(json_object_get(json, "pid")), 42);
	assert_true(json_is_true(json_object_get(json_object_get(json, "engine"), "responding")));
	assert_int_equal(json_array_size(json_object_get(json, "virtual_routers")), 1);
	const json_t *router = json_array_get(json_object_get(json, "virtual_routers"), 0);
	assert_string_equal(member(router, "state"), "active");
	assert_string_equal(member(router, "since"), "2026-11-22T16:00:01.234Z");
	assert_string_equal(member(router, "auth"), "enforce");
	assert_string_equal(member(router, "interface"), INTERFACE);
	assert_true(json_is_null(json_object_get(router, "health_reason")));
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(router, "dropped"), "bad_checksum")), 3);
	const json_t *active = json_object_get(router, "active_router");
	assert_string_equal(member(active, "address"), "fe80::1");
	assert_int_equal(json_integer_value(json_object_get(active, "last_seen_ms")), 52);
	const json_t *check = json_array_get(json_object_get(json, "checks"), 0);
	assert_string_equal(member(check, "state"), "passing");
	assert_true(json_is_null(json_object_get(check, "last_error")));
	json_decref(json);
}

/* It answers, but is not trusted yet: neither healthy nor passing, and told apart from what fails. */
static void test_recovering(void **state)
{
	(void)state;
	struct board_router *router = board_begin_router(&board, 1);
	router->health = VRRP_RECOVERING;
	strcpy(router->health_text, "apiserver: recovering: …");
	board_end_router(&board, 1);
	checks[0].state = CHECK_RECOVERING;
	config.checks[0].flap_count = 3;
	config.checks[0].flap_period_us = 600 * USEC_PER_SEC;
	config.checks[0].flap_delay_us = 60 * USEC_PER_SEC;
	json_t *json = status(INTERFACE);
	const json_t *shown = json_array_get(json_object_get(json, "virtual_routers"), 0);
	assert_true(json_is_false(json_object_get(shown, "healthy")));
	assert_string_equal(member(shown, "health"), "recovering");
	assert_string_equal(member(shown, "health_reason"), "apiserver: recovering: …");
	const json_t *check = json_array_get(json_object_get(json, "checks"), 0);
	assert_string_equal(member(check, "state"), "failing");
	assert_string_equal(member(check, "health"), "recovering");
	assert_string_equal(
	    member(check, "last_error"), "failed 3 times within 10m, so it must answer well for 1m");
	json_decref(json);
	char *text = metrics(INTERFACE);
	has_line(text, "vipd_router_healthy{" ROUTER "} 0");
	has_line(text, "vipd_router_health{" ROUTER ",health=\"recovering\"} 1");
	has_line(text, "vipd_check_up{check=\"apiserver\"} 0");
	has_line(text, "vipd_check_recovering{check=\"apiserver\"} 1");
	free(text);
}

static void test_status_of_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *interface, *kernel;
		bool held;
	} cases[] = {
	    {INTERFACE, "present", true}, {"", "absent", false}, {"kube-ipvs0", "other_interface", false}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *json = status(cases[i].interface);
		const json_t *router = json_array_get(json_object_get(json, "virtual_routers"), 0);
		const json_t *address = json_array_get(json_object_get(router, "addresses"), 0);
		assert_string_equal(member(address, "address"), VIP);
		assert_string_equal(member(address, "kernel"), cases[i].kernel);
		assert_int_equal(json_is_true(json_object_get(address, "held")), cases[i].held);
		json_decref(json);
	}
}

/* What was refused before it began says nothing about it. */
static void test_status_of_a_conflict(void **state)
{
	(void)state;
	struct board_router *router = board_begin_router(&board, 1);
	router->conflict = VRRP_CONFLICT_ADDRESS;
	router->dropped[ADVERT_AUTH_MISSING] = router->dropped_before[ADVERT_AUTH_MISSING] = 3;
	router->dropped[ADVERT_AUTH_STALE] = 744;
	router->dropped_before[ADVERT_AUTH_STALE] = 40;
	board_end_router(&board, 1);
	json_t *json = status(INTERFACE);
	const json_t *shown = json_array_get(json_object_get(json, "virtual_routers"), 0);
	const json_t *dropped = json_object_get(json_object_get(shown, "conflict"), "dropped");
	assert_null(json_object_get(dropped, "auth_missing"));
	assert_int_equal(json_integer_value(json_object_get(dropped, "auth_stale")), 704);
	assert_non_null(json_object_get(json_object_get(shown, "dropped"), "auth_missing"));
	json_decref(json);
}

static void test_status_of_a_silent_engine(void **state)
{
	(void)state;
	board_heartbeat(&board, (struct mono){7 * USEC_PER_SEC});
	json_t *json = status(INTERFACE);
	const json_t *engine = json_object_get(json, "engine");
	assert_true(json_is_false(json_object_get(engine, "responding")));
	assert_int_equal(json_integer_value(json_object_get(engine, "heartbeat_ms")), 3040);
	json_decref(json);
}

static void test_status_before_the_engine(void **state)
{
	(void)state;
	memset(&board, 0, sizeof board);
	json_t *json = status("");
	const json_t *router = json_array_get(json_object_get(json, "virtual_routers"), 0);
	assert_string_equal(member(router, "state"), "initialize");
	assert_string_equal(member(router, "reason"), "the engine has not started yet");
	assert_true(json_is_null(json_object_get(router, "active_router")));
	assert_true(json_is_null(json_object_get(json_object_get(json, "engine"), "heartbeat_ms")));
	json_decref(json);
}

/* A record that a dying engine left half written is shown, not crashed on. */
static void test_status_of_a_torn_record(void **state)
{
	(void)state;
	struct board_router *router = board_begin_router(&board, 1);
	router->state = 0xff;
	router->address_count = 0xffffffff;
	memset(router->name, 0xff, sizeof router->name);
	memset(router->id.interface, 'x', sizeof router->id.interface);
	memset(router->reason_text, 'x', sizeof router->reason_text);
	json_t *json = status("");
	assert_string_equal(
	    member(json_array_get(json_object_get(json, "virtual_routers"), 0), "state"), "unknown");
	json_decref(json);
	char *text = metrics("");
	free(text);
}

static struct timeline timeline;

/* Node n2 says at second `now` that it is Active or not, and how it is. */
static void say(int now, bool active, uint8_t lowered, const char *trouble)
{
	char node[HELLO_NODE_MAX] = "n2", router[CONFIG_NAME_MAX] = "api", text[HELLO_REASON_MAX] = "";
	struct address address = {{{{0xfe, 0x80, [15] = 2}}}};
	struct timeline_state said = {.id = &config.routers[0].id,
	    .router = router,
	    .address = &address,
	    .node = node,
	    .active = active,
	    .since = {now * USEC_PER_SEC},
	    .why = {.word = TIMELINE_SAID, .cause = VRRP_REASON_HIGHER_PRIORITY},
	    .priority = 150,
	    .lowered = lowered,
	    .trouble = trouble ? text : NULL};
	if (trouble)
		strcpy(text, trouble);
	assert_true(timeline_take(&timeline, &said, (struct mono){now * USEC_PER_SEC}));
}

/* How it stood when it left; and times by the wall clock as it is now, whatever that was before. */
static void test_timeline(void **state)
{
	(void)state;
	memset(&timeline, 0, sizeof timeline);
	say(10, true, 0, NULL);
	say(20, false, 0, "apiserver: HTTP 500");
	say(30, true, 40, "disk: full");
	say(40, false, 40, "disk: full");
	say(50, true, 0, NULL);
	json_t *json = timeline_json(&timeline, STARTED_US), *all = json_object_get(json, "holdings");
	const json_t *ill = json_array_get(all, 0), *lowered = json_array_get(all, 1),
		     *now = json_array_get(all, 2);
	assert_string_equal(member(ill, "from"), "2026-11-22T16:00:10.000Z");
	assert_string_equal(member(ill, "until"), "2026-11-22T16:00:20.000Z");
	assert_string_equal(member(ill, "end_health_reason"), "apiserver: HTTP 500");
	assert_int_equal(json_integer_value(json_object_get(ill, "priority")), 150);
	assert_int_equal(json_integer_value(json_object_get(ill, "end_lowered")), 0);
	assert_true(json_is_null(json_object_get(ill, "end_lowered_reason")));
	assert_int_equal(json_integer_value(json_object_get(lowered, "end_lowered")), 40);
	assert_string_equal(member(lowered, "end_lowered_reason"), "disk: full");
	assert_true(json_is_null(json_object_get(lowered, "end_health_reason")));
	assert_true(json_is_null(json_object_get(now, "end_lowered")));
	assert_true(json_is_null(json_object_get(now, "end_health_reason")));
	json_decref(json);
	json = timeline_json(&timeline, STARTED_US - 3600 * USEC_PER_SEC); /* it was set back */
	all = json_object_get(json, "holdings");
	assert_string_equal(member(json_array_get(all, 0), "from"), "2026-11-22T15:00:10.000Z");
	assert_string_equal(member(json_array_get(all, 2), "from"), "2026-11-22T15:00:50.000Z");
	json_decref(json);
}

static void test_text(void **state)
{
	(void)state;
	char out[16];
	text_clean("  a\r\n\tb\x01\xff c \n", 64, out, sizeof out);
	assert_string_equal(out, "a b?? c");
	text_clean("0123456789abcdefgh", 64, out, sizeof out);
	assert_string_equal(out, "0123456789abcde");
	char time[TEXT_TIME_MAX];
	assert_string_equal(text_time(1999999, time), "1970-01-01T00:00:01.999Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_status, setup),
	    cmocka_unit_test_setup(test_recovering, setup),
	    cmocka_unit_test_setup(test_status_of_addresses, setup),
	    cmocka_unit_test_setup(test_status_of_a_conflict, setup),
	    cmocka_unit_test_setup(test_status_of_a_silent_engine, setup),
	    cmocka_unit_test_setup(test_status_before_the_engine, setup),
	    cmocka_unit_test_setup(test_status_of_a_torn_record, setup),
	    cmocka_unit_test_setup(test_timeline, setup),
	    cmocka_unit_test_setup(test_text, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
