/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of answers by HTTP; most are of real API servers, see tests/kubernetes/recordings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/checks/judge.h"

static char body[65536];

static struct config_check check_of(const char *cert)
{
	struct config_check check = {.type = CHECK_HTTPS, .expect_count = 1, .expect = {200}};
	strcpy(check.cert.path, cert);
	return check;
}

static struct answer recorded(const char *name)
{
	char path[128], head[256];
	struct answer answer = {.body = body};
	snprintf(path, sizeof path, "tests/kubernetes/recordings/%s.http", name);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(head, sizeof head, file));
	answer.status = strtol(strchr(head, ' '), NULL, 10);
	while (fgets(head, sizeof head, file) && strspn(head, "\r\n") != strlen(head))
		;
	answer.size = fread(body, 1, sizeof body, file);
	fclose(file);
	return answer;
}

static void expect(const struct config_check *check, const struct answer *answer, enum check_outcome outcome,
    const char *text)
{
	struct check_result result = {.outcome = CHECK_OUTCOMES};
	judge_answer(check, answer, &result);
	assert_int_equal(result.outcome, outcome);
	assert_string_equal(result.text, text);
}

static void test_ready(void **state)
{
	(void)state;
	struct config_check check = check_of("/tls/client.crt");
	struct answer answer = recorded("200-readyz");
	expect(&check, &answer, CHECK_SUCCESS, "");
	strcpy(check.body, "[+]etcd-readiness ok");
	expect(&check, &answer, CHECK_SUCCESS, "");
	strcpy(check.body, "no such gate");
	expect(&check, &answer, CHECK_FAILURE,
	    "the answer does not contain \"no such gate\": [+]ping ok [+]log ok [+]etcd ok [+]etcd-readiness "
	    "ok [+]informer-sync ok [+]poststarthook/start-apiserver-admission-initializer");
}

static void test_the_gate_that_fails(void **state)
{
	(void)state;
	struct config_check check = check_of("/tls/client.crt");
	struct answer answer = recorded("500-readyz-etcd-hung");
	expect(
	    &check, &answer, CHECK_FAILURE, "HTTP status 500, expected 200: [-]etcd failed: reason withheld");
	check.expect_count = 2;
	check.expect[1] = 204;
	expect(&check, &answer, CHECK_FAILURE,
	    "HTTP status 500, expected 200 or 204: [-]etcd failed: reason withheld");
}

static void test_401(void **state)
{
	(void)state;
	struct config_check with = check_of("/tls/client.crt"), without = check_of("");
	struct answer answer = recorded("401-readyz");
	expect(&without, &answer, CHECK_UNAUTHORIZED,
	    "HTTP status 401: give the check a client certificate (cert, key)");
	expect(&with, &answer, CHECK_UNAUTHORIZED,
	    "HTTP status 401: the server does not accept the client certificate /tls/client.crt");
	answer.client_expired_us = INT64_C(1795363200000000);
	expect(&with, &answer, CHECK_UNAUTHORIZED,
	    "HTTP status 401: the client certificate /tls/client.crt expired at 2026-11-22T16:00:00.000Z; "
	    "renew it");
}

/* Other servers answer 400. */
static void test_expired_client_certificate(void **state)
{
	(void)state;
	struct config_check with = check_of("/tls/client.crt");
	struct answer answer = {.status = 400, .body = body, .client_expired_us = INT64_C(1795363200000000)};
	expect(&with, &answer, CHECK_FAILURE,
	    "HTTP status 400: the client certificate /tls/client.crt expired at 2026-11-22T16:00:00.000Z; "
	    "renew it");
	answer.status = 500;
	expect(&with, &answer, CHECK_FAILURE, "HTTP status 500, expected 200");
}

/* The certificate is the right one: the server has not loaded its permissions yet, or does not permit it. */
static void test_403(void **state)
{
	(void)state;
	struct config_check with = check_of("/tls/client.crt");
	struct answer starting = recorded("403-readyz-starting");
	expect(&with, &starting, CHECK_UNAUTHORIZED,
	    "HTTP status 403: the server is not ready, or its RBAC forbids it: forbidden: User "
	    "\"system:kube-proxy\" cannot get path \"/readyz\"");
	struct answer answer = recorded("403-no-rbac");
	struct check_result result;
	judge_answer(&with, &answer, &result);
	assert_int_equal(result.outcome, CHECK_UNAUTHORIZED);
	assert_non_null(strstr(
	    result.text, "HTTP status 403: the server is not ready, or its RBAC forbids it: endpointslices"));
	assert_null(strstr(result.text, "certificate"));
}

static void test_anything_may_come(void **state)
{
	(void)state;
	struct config_check check = check_of("");
	struct answer answer = {.status = 502, .body = body};
	expect(&check, &answer, CHECK_FAILURE, "HTTP status 502, expected 200");
	strcpy(body, "<html><b>Bad\tGateway</b>\xff<");
	answer.size = strlen(body);
	expect(&check, &answer, CHECK_FAILURE, "HTTP status 502, expected 200: Bad Gateway?");
	strcpy(body, "{\"message\": [1]}");
	answer.size = strlen(body);
	expect(&check, &answer, CHECK_FAILURE, "HTTP status 502, expected 200: {\"message\": [1]}");
	memset(body, '<', sizeof body);
	answer.size = sizeof body;
	expect(&check, &answer, CHECK_FAILURE, "HTTP status 502, expected 200");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ready),
	    cmocka_unit_test(test_the_gate_that_fails),
	    cmocka_unit_test(test_401),
	    cmocka_unit_test(test_expired_client_certificate),
	    cmocka_unit_test(test_403),
	    cmocka_unit_test(test_anything_may_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
