/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the states of its checks make of a virtual router.
 */
#include "health_results.h"

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
	    cmocka_unit_test(test_reason_of_a_penalty),
	    cmocka_unit_test(test_router),
	    cmocka_unit_test(test_weights),
	    cmocka_unit_test(test_any),
	    cmocka_unit_test(test_a_long_reason_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
