/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics and status from a made-up board, configuration and kernel: what stands in them, and that promtool
 * agrees.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/group/group.h"
#include "control/report/report.h"
#include "control/text.h"

#define VIP	   "2001:db8::100"
#define STARTED_US INT64_C(1795363200000000) /* 2026-11-22T16:00:00Z */

static struct board board;
static struct config config;
static struct check_health checks[CONFIG_CHECKS_MAX];
static struct inet6_entry kernel[2];

/* Names that need escaping cannot be configured; interfaces may have them. */
#define INTERFACE "e\"t\\h0"

static void make_config(void)
{
	config = (struct config){.loaded_us = STARTED_US + 500000, .router_count = 1, .check_count = 1};
	strcpy(config.path, "/etc/vipd/vipd.conf");
	strcpy(config.node, "k8s-node01");
	struct config_router *router = &config.routers[0];
	strcpy(router->name, "api");
	strcpy(router->id.interface, INTERFACE);
	router->id.vrid = 100;
	router->priority = 150;
	router->advert_interval_us = 100 * USEC_PER_MS;
	router->auth = AUTH_ENFORCE;
	router->checks = 1;
	router->address_count = 1;
	inet_pton(AF_INET6, VIP, &router->addresses[0].in6);
	strcpy(config.checks[0].name, "apiserver");
	strcpy(config.checks[0].url, "https://[::1]:6443/readyz");
	memset(checks, 0, sizeof checks);
	const struct check_result result = {.outcome = CHECK_SUCCESS, .duration_us = 3100};
	health_result(&checks[0], &config.checks[0], &result, (struct mono){STARTED_US}, STARTED_US);
}

static void make_board(void)
{
	memset(&board, 0, sizeof board);
	board_heartbeat(&board, (struct mono){10 * USEC_PER_SEC});
	struct board_engine *engine = board_begin_engine(&board);
	engine->pid = 4711;
	engine->realtime = true;
	histogram_add(&engine->lateness, board_lateness_bounds_us, 60);
	histogram_add(&engine->lateness, board_lateness_bounds_us, 10 * USEC_PER_SEC);
	board_end_engine(&board);

	struct board_router *router = board_begin_router(&board, 1);
	strcpy(router->name, "api");
	strcpy(router->id.interface, INTERFACE);
	router->id.vrid = 100;
	router->state = VRRP_ACTIVE;
	router->priority = router->effective_priority = 150;
	router->health = VRRP_HEALTHY;
	router->active_known = router->active_self = true;
	router->active_priority = 150;
	inet_pton(AF_INET6, "fe80::1", &router->active_address.in6);
	router->active_seen = (struct mono){10 * USEC_PER_SEC - 12 * USEC_PER_MS};
	router->since_realtime_us = STARTED_US + 1234567;
	router->advert_interval_us = 100 * USEC_PER_MS;
	router->address_count = 1;
	router->held = 1;
	router->addresses[0] = config.routers[0].addresses[0];
	router->counters[BOARD_ADVERTS_SENT] = 7;
	router->dropped[ADVERT_BAD_CHECKSUM] = 3;
	strcpy(router->reason_text, "no advertisement for 310ms");
	board_end_router(&board, 1);
	board.router_count = 2; /* 0 is the empty place of a router that was removed */
	strcpy(board_begin_link(&board, 0)->interface, INTERFACE);
	board_end_link(&board, 0);
	board.link_count = 1;
}

/* Where the made-up kernel has the VIP; "": nowhere. */
static void take(struct view *view, const char *interface)
{
	assert_int_equal(
	    view_take(view, &board, &config, checks, (struct mono){10 * USEC_PER_SEC + 40000}), 0);
	view->started_us = STARTED_US;
	view->pid = 42;
	free(view->kernel);
	kernel[0] = (struct inet6_entry){{in6addr_loopback}, INTERFACE, 0, 0};
	inet_pton(AF_INET6, VIP, &kernel[1].address.in6);
	snprintf(kernel[1].interface, sizeof kernel[1].interface, "%s", interface);
	view->kernel = kernel;
	view->kernel_count = *interface ? 2 : 1;
}

static void drop(struct view *view)
{
	view->kernel = NULL;
	view_free(view);
}

static int setup(void **state)
{
	(void)state;
	make_config();
	make_board();
	return 0;
}

/* ---- a group ---- */

static struct group_router group_router;
static struct group group = {.open = {true}, .sent = 9, .received = 5, .count = 1, .routers = &group_router};

static struct hello hello_of(const char *node, uint8_t state)
{
	struct hello hello = {.family = AF_INET6,
	    .vrid = 100,
	    .version = "0.2.0",
	    .interval_ms = 1000,
	    .state = state,
	    .health = VRRP_HEALTHY,
	    .priority = 100,
	    .effective_priority = 100,
	    .candidate = true,
	    .advert_interval_ms = 100,
	    .preempt = true,
	    .address_count = 1};
	strcpy(hello.node, node);
	inet_pton(AF_INET6, VIP, &hello.addresses[0].in6);
	return hello;
}

/* This node is fe80::2 and the holder, fe80::1 can take over, fe80::3 is lost, fe80::4 has another interval.
 */
static void make_group(void)
{
	struct roster_news news;
	group_router = (struct group_router){.id = config.routers[0].id, .ours = hello_of("n2", VRRP_ACTIVE)};
	inet_pton(AF_INET6, "fe80::2", &group_router.source.in6);
	memset(group.refused, 0, sizeof group.refused);
	group.refused[HELLO_AUTH_MISSING] = 4;
	for (unsigned n = 1; n <= 4; n++) {
		char node[8];
		struct address source = {{{{0xfe, 0x80, [15] = (uint8_t)n}}}};
		snprintf(node, sizeof node, "n%u", n);
		struct hello hello = hello_of(node, VRRP_BACKUP);
		hello.number = n;
		if (n == 4) {
			hello.advert_interval_ms = 1000;
			hello.candidate = false;
			strcpy(hello.version, "0.3.0");
			strcpy(hello.reason, "fault: no link");
		}
		struct mono at = {(n == 3 ? 5 : 9) * USEC_PER_SEC};
		if (n != 2)
			assert_int_equal(
			    roster_hear(&group_router.roster, &source, &hello, at, STARTED_US, &news),
			    HELLO_OK);
	}
	assert_true(
	    roster_expire(&group_router.roster, (struct mono){10 * USEC_PER_SEC}, STARTED_US + 1, &news));
	group_router.rivals = (struct rivals){.count = 1,
	    .items = {{.node = "n5",
		.source = {{{{0xfe, 0x80, [15] = 5}}}},
		.address = group_router.ours.addresses[0],
		.family = AF_INET,
		.vrid = 7}}};
}

static void has_line(const char *text, const char *line)
{
	size_t length = strlen(line);
	for (const char *at = text; (at = strstr(at, line)); at++) {
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return;
	}
	fail_msg("no line %s in:\n%s", line, text);
}

static char *metrics(const char *interface)
{
	struct view view;
	size_t length = 0;
	take(&view, interface);
	char *text = metrics_text(&view, &length);
	assert_non_null(text);
	assert_int_equal(length, strlen(text));
	drop(&view);
	return text;
}

#define ROUTER "router=\"api\",vrid=\"100\",interface=\"e\\\"t\\\\h0\""

/* As `jq -c` shows it. */
static void test_group(void **state)
{
	(void)state;
	struct view view;
	size_t length = 0;
	make_group();
	take(&view, INTERFACE);
	view.group = &group;
	json_t *status = status_json(&view);
	const json_t *router = json_array_get(json_object_get(status, "virtual_routers"), 0);
	json_t *found = json_object_get(router, "group");
	char shown[512] = "";
	size_t i;
	json_t *member;
	json_array_foreach(json_object_get(found, "members"), i, member)
	{
		char *differs = json_dumps(json_object_get(member, "differs"), JSON_COMPACT);
		size_t used = strlen(shown);
		snprintf(shown + used, sizeof shown - used, "%s %s %s%s %s\n",
		    json_string_value(json_object_get(member, "node")),
		    json_string_value(json_object_get(member, "address")),
		    json_string_value(json_object_get(member, "presence")),
		    json_is_true(json_object_get(member, "self")) ? " self" : "", differs);
		free(differs);
	}
	assert_string_equal(shown, "n1 fe80::1 here []\nn2 fe80::2 here self []\nn3 fe80::3 lost []\n"
				   "n4 fe80::4 here [\"advert_interval\"]\n");
	assert_int_equal(json_integer_value(json_object_get(found, "here")), 3);
	assert_int_equal(json_integer_value(json_object_get(found, "can_take_over")), 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(found, "next"), "node")), "n1");
	char *rivals = json_dumps(json_object_get(found, "rivals"), JSON_COMPACT);
	assert_string_equal(rivals, "[{\"node\":\"n5\",\"address\":\"fe80::5\",\"vrid\":7,"
				    "\"family\":\"ipv4\",\"claims\":\"" VIP "\"}]");
	free(rivals);
	const json_t *all = json_object_get(status, "group");
	assert_int_equal(json_integer_value(json_object_get(all, "received")), 5);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(all, "dropped"), "auth_missing")), 4);
	json_decref(status);

	char *text = metrics_text(&view, &length);
	has_line(text, "vipd_group_members{" ROUTER "} 3");
	has_line(text, "vipd_group_candidates{" ROUTER "} 1");
	has_line(text, "vipd_group_without_hello{" ROUTER "} 0");
	has_line(text, "vipd_group_rivals{" ROUTER "} 1");
	has_line(text, "vipd_group_hellos_dropped_total{reason=\"auth_missing\"} 4");
#define MEMBER(n) ROUTER ",member=\"n" #n "\",member_address=\"fe80::" #n "\""
	has_line(text, "vipd_group_member_info{" MEMBER(2) ",version=\"0.2.0\"} 1");
	has_line(text, "vipd_group_member_info{" MEMBER(4) ",version=\"0.3.0\"} 1");
	has_line(text, "vipd_group_member_lost{" MEMBER(1) "} 0");
	has_line(text, "vipd_group_member_lost{" MEMBER(3) "} 1");
	has_line(text, "vipd_group_member_differs{" MEMBER(4) ",setting=\"advert_interval\"} 1");
	has_line(text, "vipd_group_member_differs{" MEMBER(4) ",setting=\"addresses\"} 0");
	assert_null(strstr(text, "vipd_group_member_info{" MEMBER(3)));
	free(text);
	drop(&view);
}

static void test_metrics(void **state)
{
	(void)state;
	char *text = metrics(INTERFACE);
	has_line(text, "vipd_engine_up 1");
	has_line(text, "vipd_engine_heartbeat_age_seconds 0.04");
	has_line(text, "vipd_start_time_seconds 1795363200");
	has_line(text, "vipd_config_loaded_timestamp_seconds 1795363200.5");
	has_line(text, "vipd_router_state{" ROUTER ",state=\"active\"} 1");
	has_line(text, "vipd_router_state{" ROUTER ",state=\"backup\"} 0");
	has_line(text, "vipd_router_last_transition_timestamp_seconds{" ROUTER "} 1795363201.234567");
	has_line(text, "vipd_adverts_sent_total{" ROUTER "} 7");
	has_line(text, "vipd_adverts_dropped_total{interface=\"e\\\"t\\\\h0\",router=\"api\",vrid=\"100\","
		       "reason=\"bad_checksum\"} 3");
	has_line(text, "vipd_adverts_dropped_total{interface=\"e\\\"t\\\\h0\",router=\"\",vrid=\"\",reason="
		       "\"unknown_vrid\"} 0");
	has_line(text, "vipd_address_held{router=\"api\",address=\"" VIP "\",interface=\"e\\\"t\\\\h0\"} 1");
	has_line(text, "vipd_router_health{" ROUTER ",health=\"healthy\"} 1");
	has_line(text, "vipd_router_health{" ROUTER ",health=\"recovering\"} 0");
	has_line(text, "vipd_check_up{check=\"apiserver\"} 1");
	has_line(text, "vipd_check_recovering{check=\"apiserver\"} 0");
	has_line(text, "vipd_check_results_total{check=\"apiserver\",result=\"failure\"} 0");
	has_line(text, "vipd_check_duration_seconds_bucket{check=\"apiserver\",le=\"0.0025\"} 0");
	has_line(text, "vipd_check_duration_seconds_bucket{check=\"apiserver\",le=\"0.005\"} 1");
	has_line(text, "vipd_check_duration_seconds_sum{check=\"apiserver\"} 0.0031");
	free(text);
}

static void test_buckets_are_cumulative(void **state)
{
	(void)state;
	char *text = metrics("");
	has_line(text, "vipd_loop_lateness_seconds_bucket{le=\"0.00005\"} 0");
	has_line(text, "vipd_loop_lateness_seconds_bucket{le=\"0.0001\"} 1");
	has_line(text, "vipd_loop_lateness_seconds_bucket{le=\"2.5\"} 1");
	has_line(text, "vipd_loop_lateness_seconds_bucket{le=\"+Inf\"} 2");
	has_line(text, "vipd_loop_lateness_seconds_count 2");
	has_line(text, "vipd_engine_late_seconds_total{cause=\"not_scheduled\"} 0.000000");
	free(text);
}

static void test_held_follows_the_kernel_not_the_board(void **state)
{
	(void)state;
	const char *const elsewhere[] = {"", "kube-ipvs0"};
	for (size_t i = 0; i < 2; i++) {
		char *text = metrics(elsewhere[i]);
		has_line(text,
		    "vipd_address_held{router=\"api\",address=\"" VIP "\",interface=\"e\\\"t\\\\h0\"} 0");
		free(text);
	}
}

/* Its exit status and its silence: it also complains with status 0. */
static void promtool(const char *text)
{
	char path[] = "/tmp/vipd-metrics-XXXXXX", command[128], said[512];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(command, sizeof command, "promtool check metrics <%s 2>&1", path);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	size_t length = fread(said, 1, sizeof said - 1, pipe);
	said[length] = '\0';
	int status = pclose(pipe);
	unlink(path);
	if (status || length)
		fail_msg("promtool, status %d: %s", status, said);
}

static void test_promtool(void **state)
{
	(void)state;
	if (system("command -v promtool >/dev/null"))
		skip();
	char *text = metrics(INTERFACE);
	promtool(text);
	free(text);
	config.check_count = 0; /* and the least that there can be */
	config.router_count = 0;
	memset(&board, 0, sizeof board);
	text = metrics("");
	promtool(text);
	free(text);
}

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
	    cmocka_unit_test_setup(test_metrics, setup),
	    cmocka_unit_test_setup(test_group, setup),
	    cmocka_unit_test_setup(test_buckets_are_cumulative, setup),
	    cmocka_unit_test_setup(test_held_follows_the_kernel_not_the_board, setup),
	    cmocka_unit_test_setup(test_promtool, setup),
	    cmocka_unit_test_setup(test_status, setup),
	    cmocka_unit_test_setup(test_recovering, setup),
	    cmocka_unit_test_setup(test_status_of_addresses, setup),
	    cmocka_unit_test_setup(test_status_of_a_silent_engine, setup),
	    cmocka_unit_test_setup(test_status_before_the_engine, setup),
	    cmocka_unit_test_setup(test_status_of_a_torn_record, setup),
	    cmocka_unit_test_setup(test_text, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
