/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks: when a result changes the state, and what a reload keeps.
 */
#include "health_results.h"

/* "+-xu" are results in their order, x is a refused connection; "PRF?" the state after each. */
static char letter(const struct check_health *health)
{
	return "?FRP"[health->state];
}

static void play(const char *results, const char *states)
{
	struct config_check check = check_of("apiserver");
	struct check_health health = {0};
	for (size_t i = 0; results[i]; i++) {
		const struct check_result *result = results[i] == '+'	? &good
						    : results[i] == '-' ? &bad
						    : results[i] == 'x' ? &nobody_listens
									: &unauthorized;
		enum check_state before = health.state;
		bool changed = health_result(&health, &check, result,
		    (struct mono){(int64_t)(i + 1) * SECOND}, (int64_t)(i + 1) * SECOND);
		char is = letter(&health);
		if (is != states[i])
			fail_msg("after %zu of %s: %c, not %c", i + 1, results, is, states[i]);
		assert_int_equal(changed, health.state != before);
		if (changed)
			assert_int_equal(health.since_us, (int64_t)(i + 1) * SECOND);
	}
}

static void test_fall_and_rise(void **state)
{
	(void)state;
	play("+", "P");
	play("-", "F");
	play("+--", "PPF");
	play("+-+-+-", "PPPPPP");
	play("-++", "FFF");
	play("-+++", "FFFP");
	play("-++-+++", "FFFFFFP");
}

/* 401 and 403: blind until there has been an answer, then a failure. */
static void test_not_allowed_to_ask(void **state)
{
	(void)state;
	play("u", "P");
	play("-uuu", "FFFP");
	play("u-u--", "PPPPF");
	play("+uu", "PPF");
	play("+u-", "PPF");
	play("u+uu", "PPPF");
	play("+xuuuuu+++", "PFFFFFFFFP");

	struct config_check check = check_of("apiserver");
	struct check_health health = {0};
	health_result(&health, &check, &unauthorized, (struct mono){SECOND}, SECOND);
	assert_true(health_is_blind(&health));
	health_result(&health, &check, &good, (struct mono){2 * SECOND}, 2 * SECOND);
	health_result(&health, &check, &unauthorized, (struct mono){3 * SECOND}, 3 * SECOND);
	assert_false(health_is_blind(&health));
	assert_string_equal(health.failure, "HTTP status 401: …");
	health_restart(&health); /* other settings, perhaps another certificate */
	health_result(&health, &check, &unauthorized, (struct mono){4 * SECOND}, 4 * SECOND);
	assert_true(health_is_blind(&health));
}

/* Nobody listens: no `fall` can make that better. */
static void test_refused_at_once(void **state)
{
	(void)state;
	play("+x", "PF");
	play("+-x", "PPF");
	play("x+++", "FFFP");
	play("-++x+++", "FFFFFFP");
}

static void test_counts(void **state)
{
	(void)state;
	struct config_check check = check_of("apiserver");
	struct check_health health = {0};
	health_result(&health, &check, &good, (struct mono){5 * SECOND}, 5 * SECOND);
	assert_string_equal(health.last_error, "");
	assert_int_equal(health.last_us, 3100);
	health_result(&health, &check, &bad, (struct mono){6 * SECOND}, 6 * SECOND);
	assert_string_equal(health.last_error, "HTTP status 500");
	assert_int_equal(health.last_success_us, 5 * SECOND);
	assert_int_equal(health.results[CHECK_SUCCESS], 1);
	assert_int_equal(health.results[CHECK_FAILURE], 1);
	assert_int_equal(health.duration.count, 2);
	assert_int_equal(health.duration.sum_us, 3300);
}

static void test_a_reload_keeps_the_state(void **state)
{
	(void)state;
	struct config_check check = check_of("apiserver");
	struct check_health health = {0};
	health_result(&health, &check, &good, (struct mono){SECOND}, SECOND);
	health_result(&health, &check, &bad, (struct mono){2 * SECOND}, 2 * SECOND);
	health_restart(&health);
	assert_int_equal(health.state, CHECK_PASSING);
	assert_false(health_result(&health, &check, &bad, (struct mono){3 * SECOND}, 3 * SECOND));
	assert_true(health_result(&health, &check, &bad, (struct mono){4 * SECOND}, 4 * SECOND));
}

static void test_same_check(void **state)
{
	(void)state;
	struct config_check a = check_of("apiserver"), b = a;
	strcpy(a.ca.path, "/ca");
	strcpy(b.ca.path, "/ca");
	b.ca.offset = 100;
	b.ca.size = 7;
	b.ca.error = 2;
	assert_true(health_same_check(&a, &b));
	strcpy(b.ca.path, "/other");
	assert_false(health_same_check(&a, &b));
	b = a;
	b.fall++;
	assert_false(health_same_check(&a, &b));
	b = a;
	b.expect[0] = 204;
	assert_false(health_same_check(&a, &b));
	b = a;
	strcpy(b.url, "https://[::1]:6443/livez");
	assert_false(health_same_check(&a, &b));
}

static void expect_at(
    struct check_health *health, const struct config_check *check, int second, char result, char after)
{
	step(health, check, second, result);
	if (letter(health) != after)
		fail_msg("at %d: %c, not %c", second, letter(health), after);
}

/* Fails three times within a minute: it is recovering when it answers, and passes after ten good seconds. */
static void test_flapping(void **state)
{
	(void)state;
	struct config_check check = flapping_check();
	struct check_health health = {0};
	for (int i = 0; i < 2; i++) {
		expect_at(&health, &check, 100 + 2 * i, '+', 'P');
		expect_at(&health, &check, 101 + 2 * i, 'x', 'F');
		assert_int_equal(health_penalty_us(&health, &check, (struct mono){102 * SECOND}), 0);
	}
	expect_at(&health, &check, 104, '+', 'P');
	expect_at(&health, &check, 105, 'x', 'F');
	expect_at(&health, &check, 106, '+', 'R');
	assert_false(health_in_doubt(&health, &check));
	assert_int_equal(health_penalty_us(&health, &check, (struct mono){109 * SECOND}), 7 * SECOND);
	expect_at(&health, &check, 110, 'x', 'F'); /* and from the start again */
	expect_at(&health, &check, 111, '+', 'R');
	expect_at(&health, &check, 120, '+', 'R');
	expect_at(&health, &check, 121, '+', 'P');

	/* Long after, once more: the first of three falls is over a minute ago. */
	expect_at(&health, &check, 165, 'x', 'F');
	expect_at(&health, &check, 166, '+', 'P');
}

/* What recovers fails again after twice `fall` failures in a row, and waits for `rise` to recover. */
static void test_recovering(void **state)
{
	(void)state;
	struct config_check check = flapping_check();
	struct check_health health = {0};
	check.rise = 2;
	for (int second = 100; second < 108; second++)
		step(&health, &check, second, "++x"[second % 3]);
	assert_int_equal(letter(&health), 'F');
	expect_at(&health, &check, 110, '+', 'F');
	expect_at(&health, &check, 111, '+', 'R');
	for (int second = 112; second < 130; second++) { /* every second time, as long as it likes */
		struct mono now = {second * SECOND};
		health_result(&health, &check, second % 2 ? &good : &bad, now, now.us);
		assert_int_equal(letter(&health), 'R');
	}
	for (int second = 130; second < 134; second++) { /* twice `fall` in a row */
		struct mono now = {second * SECOND};
		assert_int_equal(letter(&health), 'R');
		health_result(&health, &check, &bad, now, now.us);
	}
	assert_int_equal(letter(&health), 'F');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fall_and_rise),
	    cmocka_unit_test(test_refused_at_once),
	    cmocka_unit_test(test_not_allowed_to_ask),
	    cmocka_unit_test(test_flapping),
	    cmocka_unit_test(test_recovering),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_a_reload_keeps_the_state),
	    cmocka_unit_test(test_same_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
