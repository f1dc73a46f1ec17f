/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics: what stands in them, of a group too, and that promtool agrees.
 */
#include "made_up_view.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_metrics, setup),
	    cmocka_unit_test_setup(test_group, setup),
	    cmocka_unit_test_setup(test_buckets_are_cumulative, setup),
	    cmocka_unit_test_setup(test_held_follows_the_kernel_not_the_board, setup),
	    cmocka_unit_test_setup(test_promtool, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
