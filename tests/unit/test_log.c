/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a line becomes in systemd's native protocol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/log.h"

static const struct log_fields none,
    all = {.router = "api", .state = "active", .reason = "no_advert", .id = "6b8f"};

static size_t compose(char *message, size_t size, const struct log_fields *fields, const char *text)
{
	return log_journal_message(message, size, LOG_LEVEL_NOTICE, fields, text);
}

static void check(const struct log_fields *fields, const char *text, const char *expected, size_t length)
{
	char message[512];
	assert_int_equal(compose(message, sizeof message, fields, text), length);
	assert_memory_equal(message, expected, length);
}

#define BEGIN			      "PRIORITY=5\nSYSLOG_IDENTIFIER=vipd\nVIPD_PROCESS=vipd\n"
#define CHECK(fields, text, expected) check(fields, text, expected, sizeof(expected) - 1)

static void has_fields(void **state)
{
	(void)state;
	CHECK(&all, "now",
	    BEGIN "VIPD_ROUTER=api\nVIPD_STATE=active\nVIPD_REASON=no_advert\nMESSAGE_ID=6b8f\n"
		  "MESSAGE\n\3\0\0\0\0\0\0\0now\n");
	CHECK(NULL, "now", BEGIN "MESSAGE\n\3\0\0\0\0\0\0\0now\n");
	CHECK(&none, "", BEGIN "MESSAGE\n\0\0\0\0\0\0\0\0\n");
}

/* A text from outside cannot become a field. */
static void keeps_lines_in_place(void **state)
{
	(void)state;
	CHECK(NULL, "a\nUNIT=b", BEGIN "MESSAGE\n\x08\0\0\0\0\0\0\0a\nUNIT=b\n");
	struct log_fields forged = {.router = "a\nUNIT=b"};
	CHECK(&forged, "c", BEGIN "MESSAGE\n\1\0\0\0\0\0\0\0c\n");
}

static void is_whole_or_not_at_all(void **state)
{
	(void)state;
	char message[512];
	size_t whole = compose(message, sizeof message, &all, "the text");
	for (size_t size = 0; size <= whole; size++) {
		memset(message, '#', sizeof message);
		assert_int_equal(compose(message, size, &all, "the text"), 0);
		assert_int_equal(message[size], '#');
	}
	assert_int_equal(compose(message, whole + 1, &all, "the text"), whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_fields),
	    cmocka_unit_test(keeps_lines_in_place),
	    cmocka_unit_test(is_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
