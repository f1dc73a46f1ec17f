/*
 * Checks: when a result changes the state, what that makes of a router, and what a reload keeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/checks/health.h"
#include "vipd/mono.h"

#define SECOND USEC_PER_SEC

static struct config_check check_of(const char *name)
{
	struct config_check check = {
	    .type = CHECK_HTTPS, .interval_us = SECOND, .timeout_us = 3 * SECOND, .fall = 2, .rise = 3};
	strcpy(check.name, name);
	strcpy(check.url, "https://[::1]:6443/readyz");
	check.expect_count = 1;
	check.expect[0] = 200;
	return check;
}

static const struct check_result good = {.outcome = CHECK_SUCCESS, .duration_us = 3100};
static const struct check_result bad = {
    .outcome = CHECK_FAILURE, .duration_us = 200, .text = "HTTP status 500"};
static const struct check_result unauthorized = {
    .outcome = CHECK_UNAUTHORIZED, .duration_us = 900, .text = "HTTP status 401: …"};

static const struct check_result nobody_listens = {
    .outcome = CHECK_FAILURE, .refused = true, .text = "connection refused"};

/* "+-xu" are results in their order, x is a refused connection; "PF?" the state after each. */
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
		char is = health.state == CHECK_PASSING ? 'P' : health.state == CHECK_FAILING ? 'F' : '?';
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
	play("u", "P");
	play("+--", "PPF");
	play("+-+-+-", "PPPPPP");
	play("-++", "FFF");
	play("-+++", "FFFP");
	play("-++-+++", "FFFFFFP");
	play("-uuu", "FFFP");
	play("+u-u--", "PPPPPF");
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

#define UNDECIDED VRRP_HEALTHS

static enum vrrp_health judge(
    const struct config *config, const struct check_health *health, struct verdict *verdict)
{
	return health_of_router(config, 0, health, (struct mono){0}, verdict) ? verdict->health : UNDECIDED;
}

static void test_router(void **state)
{
	(void)state;
	static struct config config;
	struct check_health health[3] = {{0}};
	struct verdict verdict;
	config.router_count = 1;
	config.check_count = 3;
	config.checks[0] = check_of("apiserver");
	config.checks[1] = check_of("not-asked-for");
	config.checks[2] = check_of("etcd");
	config.checks[2].interval_us = 10 * SECOND;
	config.routers[0].checks = 1 | 4;
	assert_int_equal(judge(&config, health, &verdict), UNDECIDED);

	health_result(&health[0], &config.checks[0], &good, (struct mono){SECOND}, SECOND);
	assert_int_equal(judge(&config, health, &verdict), UNDECIDED);
	health_result(&health[2], &config.checks[2], &unauthorized, (struct mono){SECOND}, SECOND);
	assert_int_equal(judge(&config, health, &verdict), VRRP_HEALTHY);
	assert_string_equal(verdict.text, "");

	health_result(&health[1], &config.checks[1], &bad, (struct mono){SECOND}, SECOND);
	assert_int_equal(judge(&config, health, &verdict), VRRP_HEALTHY);

	for (int i = 0; i < 2; i++)
		health_result(&health[0], &config.checks[0], &bad, (struct mono){SECOND}, SECOND);
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);
	assert_string_equal(verdict.text, "apiserver: HTTP status 500");
	health_result(&health[0], &config.checks[0], &good, (struct mono){SECOND}, SECOND);
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);
	assert_string_equal(verdict.text, "apiserver: recovering, 1 of 3 good answers in a row");

	/* One that fails is enough to know, even if another has not answered yet. */
	memset(&health[2], 0, sizeof health[2]);
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);

	assert_int_equal(verdict.valid_ms, 3 * (10000 + 3000));
	config.routers[0].checks = 1;
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);
	assert_int_equal(verdict.valid_ms, 3 * (1000 + 3000));
}

static void test_a_long_reason_is_cut(void **state)
{
	(void)state;
	static struct config config;
	struct check_health health[1] = {{0}};
	struct check_result result = {.outcome = CHECK_FAILURE};
	struct verdict verdict;
	config.router_count = config.check_count = 1;
	config.checks[0] = check_of("apiserver");
	config.routers[0].checks = 1;
	memset(result.text, 'x', sizeof result.text - 1);
	health_result(&health[0], &config.checks[0], &result, (struct mono){SECOND}, SECOND);
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);
	assert_int_equal(strlen(verdict.text), sizeof verdict.text - 1);
}

static void step(struct check_health *health, const struct config_check *check, int second, char result)
{
	struct mono now = {second * SECOND};
	health_result(health, check, result == '+' ? &good : &nobody_listens, now, now.us);
}

/* Fails three times within a minute: must then answer well for ten seconds, not for `rise` results. */
static void test_flapping(void **state)
{
	(void)state;
	struct config_check check = check_of("apiserver");
	struct check_health health = {0};
	check.rise = 1;
	check.flap_count = 3;
	check.flap_period_us = 60 * SECOND;
	check.flap_delay_us = 10 * SECOND;
	for (int i = 0; i < 2; i++) {
		step(&health, &check, 100 + 2 * i, '+');
		assert_int_equal(health.state, CHECK_PASSING);
		step(&health, &check, 101 + 2 * i, 'x');
		assert_int_equal(health.state, CHECK_FAILING);
		assert_int_equal(health_flapping_us(&health, &check, (struct mono){102 * SECOND}), 0);
	}
	step(&health, &check, 104, '+');
	step(&health, &check, 105, 'x');
	step(&health, &check, 106, '+');
	assert_int_equal(health.state, CHECK_FAILING);
	assert_false(health_in_doubt(&health, &check));
	assert_int_equal(health_flapping_us(&health, &check, (struct mono){109 * SECOND}), 7 * SECOND);
	step(&health, &check, 110, 'x'); /* and from the start again */
	step(&health, &check, 111, '+');
	step(&health, &check, 120, '+');
	assert_int_equal(health.state, CHECK_FAILING);
	step(&health, &check, 121, '+');
	assert_int_equal(health.state, CHECK_PASSING);

	/* Long after, once more: the first of three falls is over a minute ago. */
	step(&health, &check, 165, 'x');
	step(&health, &check, 166, '+');
	assert_int_equal(health.state, CHECK_PASSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fall_and_rise),
	    cmocka_unit_test(test_refused_at_once),
	    cmocka_unit_test(test_flapping),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_a_reload_keeps_the_state),
	    cmocka_unit_test(test_same_check),
	    cmocka_unit_test(test_router),
	    cmocka_unit_test(test_a_long_reason_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
