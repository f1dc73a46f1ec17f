/* SPDX-License-Identifier: Apache-2.0 */
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

#define UNDECIDED VRRP_HEALTHS

static enum vrrp_health judge(
    const struct config *config, const struct check_health *health, struct verdict *verdict)
{
	return health_of_router(config, 0, health, verdict) ? verdict->health : UNDECIDED;
}

/* Router 0 uses these checks, and nothing else. */
static void use(struct config *config, uint64_t checks)
{
	struct config_router *router = &config->routers[0];
	config->written_checks = config->check_count;
	router->checks = checks;
	router->use_count = 0;
	for (unsigned i = 0; i < config->check_count; i++)
		if (checks >> i & 1)
			router->uses[router->use_count++] = (struct config_use){.any = UINT64_C(1) << i};
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
	use(&config, 1 | 4);
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
	assert_string_equal(verdict.text, "apiserver: HTTP status 500");

	/* One that fails is enough to know, even if another has not answered yet. */
	memset(&health[2], 0, sizeof health[2]);
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);

	assert_int_equal(verdict.valid_ms, 3 * (10000 + 3000));
	use(&config, 1);
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);
	assert_int_equal(verdict.valid_ms, 3 * (1000 + 3000));
}

/* "+-?R" for each check: passing, failing, unknown, recovering. */
static void set_states(struct check_health health[], const char *states)
{
	for (size_t i = 0; states[i]; i++) {
		health[i] = (struct check_health){0};
		health[i].state = states[i] == '+'   ? CHECK_PASSING
				  : states[i] == '-' ? CHECK_FAILING
				  : states[i] == 'R' ? CHECK_RECOVERING
						     : CHECK_UNKNOWN;
		strcpy(health[i].failure, "refused");
	}
}

/* A weight lowers the priority while its check does not pass; it never makes the router unhealthy. */
static void test_weights(void **state)
{
	(void)state;
	static struct config config;
	struct check_health health[3];
	struct verdict verdict;
	config.router_count = 1;
	config.check_count = 3;
	config.checks[0] = check_of("apiserver");
	config.checks[1] = check_of("haproxy");
	config.checks[2] = check_of("disk");
	use(&config, 7);
	config.routers[0].uses[1].weight = 20;
	config.routers[0].uses[2].weight = 250;
	const struct {
		const char *states;
		int health, lowered;
		const char *text;
	} rows[] = {
	    {"+++", VRRP_HEALTHY, 0, ""},
	    {"+-+", VRRP_HEALTHY, 20, "haproxy: refused"},
	    {"+--", VRRP_HEALTHY, 255, "haproxy: refused"}, /* 270 */
	    {"-+-", VRRP_FAILING, 250, "apiserver: refused"},
	    {"--+", VRRP_FAILING, 20, "apiserver: refused"},
	    {"+?+", UNDECIDED, 0, ""},
	    {"-?+", VRRP_FAILING, 0, "apiserver: refused"},
	    {"?-+", UNDECIDED, 0, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		set_states(health, rows[i].states);
		verdict = (struct verdict){0};
		assert_int_equal(judge(&config, health, &verdict), rows[i].health);
		assert_int_equal(verdict.lowered, rows[i].lowered);
		assert_string_equal(verdict.text, rows[i].text);
	}
	set_states(health, "+R+"); /* not trusted yet: it still counts */
	assert_int_equal(judge(&config, health, &verdict), VRRP_HEALTHY);
	assert_int_equal(verdict.lowered, 20);
	assert_non_null(strstr(verdict.text, "haproxy: recovering: "));
}

/* Of several one is enough; the two checks that one of type kubernetes is count as one. */
static void test_any(void **state)
{
	(void)state;
	static struct config config;
	struct check_health health[3];
	struct verdict verdict;
	config.router_count = 1;
	config.check_count = 3;
	config.checks[0] = check_of("haproxy");
	config.checks[1] = check_of("apiserver");
	config.checks[1].second = 3;
	config.checks[2] = check_of("apiserver-etcd");
	config.checks[2].is_second = true;
	config.written_checks = 2;
	config.routers[0].checks = 7;
	config.routers[0].use_count = 1;
	config.routers[0].uses[0].any = 3;
	const struct {
		const char *states;
		int health;
		const char *text;
	} rows[] = {
	    {"+++", VRRP_HEALTHY, ""},
	    {"-++", VRRP_HEALTHY, ""},
	    {"+-+", VRRP_HEALTHY, ""},
	    {"+??", VRRP_HEALTHY, ""},
	    {"-+-", VRRP_FAILING, "haproxy: refused"},
	    {"--+", VRRP_FAILING, "haproxy: refused"},
	    {"-??", UNDECIDED, ""},
	    {"?+-", UNDECIDED, ""},
	    {"-?-", VRRP_FAILING, "haproxy: refused"},
	    {"???", UNDECIDED, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		set_states(health, rows[i].states);
		verdict = (struct verdict){0};
		assert_int_equal(judge(&config, health, &verdict), rows[i].health);
		assert_string_equal(verdict.text, rows[i].text);
	}
	set_states(health, "-R+"); /* the better one counts */
	assert_int_equal(judge(&config, health, &verdict), VRRP_RECOVERING);
	config.routers[0].uses[0].weight = 30;
	set_states(health, "-+-");
	assert_int_equal(judge(&config, health, &verdict), VRRP_HEALTHY);
	assert_int_equal(verdict.lowered, 30);

	config.routers[0].uses[0] = (struct config_use){.any = 2}; /* both of its questions */
	set_states(health, "-++");
	assert_int_equal(judge(&config, health, &verdict), VRRP_HEALTHY);
	set_states(health, "+-+");
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);
	assert_string_equal(verdict.text, "apiserver: refused");
	set_states(health, "++-");
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);
	assert_string_equal(verdict.text, "apiserver-etcd: refused");
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
	use(&config, 1);
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

static void expect_at(
    struct check_health *health, const struct config_check *check, int second, char result, char after)
{
	step(health, check, second, result);
	if (letter(health) != after)
		fail_msg("at %d: %c, not %c", second, letter(health), after);
}

static struct config_check flapping_check(void)
{
	struct config_check check = check_of("apiserver");
	check.rise = 1;
	check.flap_count = 3;
	check.flap_period_us = 60 * SECOND;
	check.flap_delay_us = 10 * SECOND;
	return check;
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

/* Whatever a router with a penalty says, it says why, and does not say something else with every result. */
static void test_reason_of_a_penalty(void **state)
{
	(void)state;
	static struct config config;
	struct check_health health[1] = {{0}};
	struct verdict verdict;
	config.router_count = config.check_count = 1;
	config.checks[0] = flapping_check();
	use(&config, 1);
	for (int second = 100; second < 106; second++)
		step(health, &config.checks[0], second, "+x"[second % 2]);
	assert_int_equal(judge(&config, health, &verdict), VRRP_FAILING);
	assert_string_equal(verdict.text, "apiserver: connection refused");
	for (int second = 106; second < 110; second++) {
		step(health, &config.checks[0], second, '+');
		assert_int_equal(judge(&config, health, &verdict), VRRP_RECOVERING);
		assert_string_equal(verdict.text,
		    "apiserver: recovering: failed 3 times within 1m, so it must answer well for 10s");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fall_and_rise),
	    cmocka_unit_test(test_refused_at_once),
	    cmocka_unit_test(test_not_allowed_to_ask),
	    cmocka_unit_test(test_flapping),
	    cmocka_unit_test(test_recovering),
	    cmocka_unit_test(test_reason_of_a_penalty),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_a_reload_keeps_the_state),
	    cmocka_unit_test(test_same_check),
	    cmocka_unit_test(test_router),
	    cmocka_unit_test(test_weights),
	    cmocka_unit_test(test_any),
	    cmocka_unit_test(test_a_long_reason_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
