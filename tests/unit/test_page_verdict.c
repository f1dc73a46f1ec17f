/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page says: the first sentence is the one that matters, what is old does not look like what is, and
 * who held it when.
 */
#include "made_up_page.h"

static void test_day(void **state)
{
	(void)state;
	make("k8s-node02", "no advertisement for 310ms");
	const json_t *shown = json_array_get(json_object_get(model, "virtual_routers"), 0),
		     *rows = json_object_get(shown, "rows");
	const int wanted[2][2] = {{1380, 60}, {1080, 300}};
	assert_int_equal(member_number(shown, "unknown"), 720);
	assert_int_equal(json_array_size(rows), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *bars = json_object_get(json_array_get(rows, i), "bars");
		assert_int_equal(json_array_size(bars), 1);
		assert_int_equal(member_number(json_array_get(bars, 0), "x"), wanted[i][0]);
		assert_int_equal(member_number(json_array_get(bars, 0), "width"), wanted[i][1]);
	}
	assert_string_equal(member_text(json_array_get(rows, 0), "summary"),
	    "holds it; in the last 24 hours 1 times, 1h00m in all");
	const json_t *moves = json_object_get(shown, "moves");
	assert_int_equal(json_array_size(moves), 2);
	assert_string_equal(member_text(json_array_get(moves, 0), "text"), "drained; holds it");
	assert_string_equal(
	    member_text(json_array_get(moves, 1), "text"), "no advertisement for 310ms, for 5h00m");
}

static void assert_says(const char *grade, const char *text)
{
	judge_again();
	assert_string_equal(member_text(model, "grade"), grade);
	if (!strstr(member_text(model, "sentence"), text))
		fail_msg("says: %s", member_text(model, "sentence"));
}

static void test_first_sentence(void **state)
{
	(void)state;
	make("k8s-node02", "apiserver: refused");
	assert_says("good", "k8s-node01 holds api. If it fails, k8s-node02 takes over.");
	json_object_set_new(group(), "can_take_over", json_integer(0));
	assert_says(
	    "warn", "If k8s-node01 fails, nobody can take over api (k8s-node02: apiserver: refused).");
	json_object_set_new(member(1), "reason", json_null());
	json_object_set_new(member(1), "drained", json_true());
	assert_says("warn",
	    "nobody can take over api (k8s-node02: drained). Mend one of them, or resume what is drained.");
	json_object_set_new(member(1), "drained", json_false());
	json_object_set_new(member(1), "presence", json_string("lost"));
	assert_says("warn", "k8s-node02 is silent");
	json_object_set_new(member(1), "presence", json_string("here"));
	json_object_set_new(member(1), "state", json_string("active"));
	assert_says("bad", "2 servers hold api at once (k8s-node01, k8s-node02)");
	const json_t *shown = json_array_get(json_object_get(model, "virtual_routers"), 0);
	assert_string_equal(member_text(shown, "holder"), "k8s-node01, k8s-node02");
	assert_string_equal(member_text(shown, "holder_grade"), "bad");
	json_object_set_new(member(0), "state", json_string("backup"));
	json_object_set_new(member(1), "state", json_string("backup"));
	json_object_set_new(router(), "state", json_string("backup"));
	json_object_set_new(router(), "active_router", json_null());
	assert_says("bad", "Nobody holds api, and nobody can take it");
	json_object_set_new(group(), "can_take_over", json_integer(1));
	assert_says("bad", "Nobody holds api at this moment: k8s-node02 is about to take over.");
	json_object_set_new(json_object_get(status, "engine"), "responding", json_false());
	assert_says("bad", "the engine");
}

static void set_member(size_t index, const char *state, int state_ms, int last_seen_ms)
{
	json_object_set_new(member(index), "state", json_string(state));
	json_object_set_new(member(index), "state_ms", json_integer(state_ms));
	json_object_set_new(member(index), "last_seen_ms", json_integer(last_seen_ms));
}

static const char *shown_state(size_t index, const char *key)
{
	const json_t *shown = json_array_get(json_object_get(model, "virtual_routers"), 0);
	return member_text(json_array_get(json_object_get(shown, "members"), index), key);
}

/* It counts as here until it is lost, with what it said last. */
static void test_dead_holder(void **state)
{
	(void)state;
	make("k8s-node02", "");
	set_member(0, "active", 600, 0);
	set_member(1, "active", 9000, 700);
	assert_says("good", "k8s-node01 holds api.");
	assert_string_equal(shown_state(1, "state"), "not heard for 0.7s");
	assert_string_equal(shown_state(1, "state_grade"), "warn");
	assert_string_equal(shown_state(1, "health"), "-");
	set_member(1, "active", 9000, 2300);
	assert_says("warn", "Nothing was heard of k8s-node02 for 2.3s.");
	set_member(1, "active", 9000, 500); /* alive, and Active all the time */
	assert_says("bad", "2 servers hold api at once (k8s-node01, k8s-node02)");
	assert_string_equal(shown_state(1, "state_grade"), "bad");
	json_object_set_new(member(1), "candidate", json_false());
	assert_says("good", "k8s-node01 holds api.");
	assert_string_equal(shown_state(1, "state"), "engine silent");
	json_object_del(member(1), "candidate");
	set_member(0, "backup", 9000, 0); /* nobody has taken over yet */
	json_object_set_new(router(), "state", json_string("backup"));
	json_object_set_new(router(), "active_router", json_null());
	assert_says("bad", "Nobody holds api at this moment");
	assert_string_equal(shown_state(1, "state"), "no adverts, hello 0.5s ago");
	assert_string_equal(shown_state(1, "state_grade"), "warn");
}

static const char *shown_of_router(const char *key)
{
	return member_text(json_array_get(json_object_get(model, "virtual_routers"), 0), key);
}

static void assert_holder(const char *holder, const char *grade)
{
	assert_string_equal(shown_of_router("holder"), holder);
	assert_string_equal(shown_of_router("holder_grade"), grade);
}

static void test_unhealthy_holder(void **state)
{
	(void)state;
	make("k8s-node02", "apiserver: refused");
	json_object_set_new(router(), "healthy", json_false());
	json_object_set_new(router(), "health_reason", json_string("apiserver: HTTP 500"));
	json_object_set_new(group(), "can_take_over", json_integer(0));
	assert_says("bad", "api: the holder is unhealthy: this node: apiserver: HTTP 500;");
	assert_holder("k8s-node01", "bad");
}

/* Nobody took over from it: by its priority it is unhealthy, by what it says it is not. */
static void test_drained_holder(void **state)
{
	(void)state;
	make("k8s-node02", "");
	set_member(0, "backup", 9000, 0);
	set_member(1, "active", 9000, 100);
	json_object_set_new(router(), "state", json_string("backup"));
	json_object_set_new(router(), "active_router",
	    json_pack("{s:s, s:s, s:i, s:i, s:b}", "address", "fe80::12", "node", "k8s-node02", "priority", 1,
		"last_seen_ms", 50, "self", 0));
	json_object_set_new(router(), "addresses", json_array());
	json_object_set_new(member(1), "drained", json_true());
	judge_again();
	assert_holder("k8s-node02", "warn");
	json_object_set_new(member(1), "health", json_string("failing"));
	assert_says("bad", "api: the holder is unhealthy: k8s-node02 (priority 1)");
	assert_holder("k8s-node02", "bad");
}

/* Of all that needs attention. */
static unsigned said(const char *text)
{
	const json_t *problems = json_object_get(model, "problems");
	unsigned count = strstr(member_text(model, "sentence"), text) != NULL;
	size_t i;
	json_t *problem;
	json_array_foreach(problems, i, problem) count += strstr(member_text(problem, "text"), text) != NULL;
	return count;
}

/* A server of several groups is one server. */
static void test_silent_server(void **state)
{
	(void)state;
	make("k8s-node02", "");
	json_array_append_new(json_object_get(status, "virtual_routers"), json_deep_copy(router()));
	json_t *second = json_array_get(json_object_get(status, "virtual_routers"), 1);
	json_object_set_new(second, "name", json_string("web"));
	json_object_set_new(member(1), "presence", json_string("lost"));
	json_t *again = json_array_get(json_object_get(json_object_get(second, "group"), "members"), 1);
	json_object_set_new(again, "presence", json_string("lost"));
	judge_again();
	assert_int_equal(said("k8s-node02 is silent"), 1);
	json_object_set_new(member(1), "presence", json_string("here"));
	judge_again();
	assert_int_equal(said("k8s-node02 is silent"), 1);
	json_object_set_new(member(1), "last_seen_ms", json_integer(2300));
	json_object_set_new(again, "presence", json_string("here"));
	json_object_set_new(again, "last_seen_ms", json_integer(2400));
	judge_again();
	assert_int_equal(said("Nothing was heard of k8s-node02"), 1);
}

/* The conflict with another server of the group is the split. */
static void test_split(void **state)
{
	(void)state;
	make("k8s-node02", "");
	set_member(1, "active", 9000, 100);
	json_object_set_new(router(), "conflict",
	    json_pack("{s:s, s:s, s:n, s:{}}", "mac", "02:00:00:00:00:12", "address", "2001:db8::100", "vrid",
		"dropped"));
	assert_says("bad",
	    "2 servers hold api at once (k8s-node01, k8s-node02): clients may reach any of them. "
	    "They do not hear each other's adverts: look for what drops IP protocol 112");
	assert_int_equal(said("clients may reach"), 1);
	json_object_set_new(json_object_get(json_object_get(router(), "conflict"), "dropped"), "auth_bad_mac",
	    json_integer(7));
	assert_says("bad", "Most likely: adverts were refused (auth_bad_mac): the keys differ");
	assert_int_equal(said("clients may reach"), 1);
	json_object_set_new(member(1), "state", json_string("backup"));
	assert_says("bad", "api: CONFLICT: 02:00:00:00:00:12 also claims 2001:db8::100");
}

/* As the sentence at the top says it, and nothing else. */
static void test_next(void **state)
{
	(void)state;
	make("k8s-node02", "apiserver: refused");
	json_t *next = json_object_get(group(), "next");
	assert_string_equal(shown_of_router("next"), "k8s-node02");
	json_object_set_new(next, "health", json_string("failing"));
	judge_again();
	assert_string_equal(shown_of_router("next"), "nobody: k8s-node02 is failing");
	assert_string_equal(shown_of_router("next_grade"), "bad");
	json_object_set_new(group(), "next", json_null());
	judge_again();
	assert_string_equal(shown_of_router("next"), "nobody");
	json_object_set_new(member(1), "state", json_string("active"));
	judge_again();
	assert_string_equal(shown_of_router("next"), "the others hold it, too");
	json_object_set_new(member(1), "state", json_string("backup"));
	json_array_append_new(json_object_get(group(), "without_hello"), json_string("fe80::99"));
	json_object_set_new(group(), "can_take_over", json_integer(0));
	assert_says("good", "k8s-node01 holds api. Who takes over if it fails is not known");
	assert_string_equal(shown_of_router("next_grade"), "warn");
}

/* With more than one virtual router the page begins with a table of all holders. */
static void test_several(void **state)
{
	(void)state;
	make("k8s-node02", "");
	assert_false(member_true(model, "has_several"));
	json_array_append(json_object_get(status, "virtual_routers"), router());
	judge_again();
	assert_true(member_true(model, "has_several"));
}

/* As of an agent that is about to end: that is not well. */
static void test_none(void **state)
{
	(void)state;
	make("k8s-node02", "");
	json_array_clear(json_object_get(status, "virtual_routers"));
	assert_says("warn", "vipd has no virtual router");
}

/* A probe that has no neighbours is a line, too. */
static void test_past(void **state)
{
	(void)state;
	make("k8s-node02", "");
	const json_t *check = json_array_get(json_object_get(model, "checks"), 0),
		     *lines = json_object_get(check, "past_lines");
	assert_int_equal(json_array_size(lines), 2);
	assert_string_equal(member_text(json_array_get(lines, 0), "points"), "1,6.1 2,1.0");
	assert_string_equal(member_text(json_array_get(lines, 1), "points"), "4,11.3 5,11.3");
}

/* By what the others say, if there is one among them. */
static void test_silent_engine(void **state)
{
	(void)state;
	make("k8s-node02", "");
	json_object_set_new(json_object_get(status, "engine"), "responding", json_false());
	json_object_set_new(json_object_get(status, "engine"), "heartbeat_ms", json_integer(5200));
	set_member(0, "fault", 9000, 0);
	assert_says("bad", "the engine does not respond (last sign of life 5.2s ago)");
	assert_null(strstr(member_text(model, "sentence"), "above"));
	assert_holder("not known", "warn");
	set_member(1, "active", 400, 400);
	judge_again();
	assert_holder("k8s-node02", "warn");
	assert_string_equal(shown_state(1, "state"), "active");
}

/* A name that was cut in the middle of a character must not make a problem go away. */
static void test_long_names(void **state)
{
	char name[2001] = "";
	(void)state;
	make("x", "y");
	for (int i = 0; i < 500; i++)
		strcat(name, "\xf0\x9f\x92\xa5");
	json_object_set_new(member(1), "node", json_string(name));
	json_object_set_new(member(1), "presence", json_string("lost"));
	assert_says("warn", "");
	json_object_set_new(member(1), "reason", json_string(name));
	json_object_set_new(group(), "can_take_over", json_integer(0));
	assert_says("warn", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_day),
	    cmocka_unit_test(test_first_sentence),
	    cmocka_unit_test(test_dead_holder),
	    cmocka_unit_test(test_unhealthy_holder),
	    cmocka_unit_test(test_drained_holder),
	    cmocka_unit_test(test_silent_server),
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_next),
	    cmocka_unit_test(test_several),
	    cmocka_unit_test(test_none),
	    cmocka_unit_test(test_past),
	    cmocka_unit_test(test_silent_engine),
	    cmocka_unit_test(test_long_names),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
