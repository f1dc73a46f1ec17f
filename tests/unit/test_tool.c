/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another program prints, and that its end is the end, whatever it leaves behind.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "doctor/tool.h"

#define LEFT	   9  /* what the child of a tool reads from until we close our end */
#define PATIENCE_S 60 /* who waits for that child waits for ever */

static void expect(const char *command, const char *wanted)
{
	char *text = tool_run(command);
	if (wanted)
		assert_string_equal(text, wanted);
	else
		assert_null(text);
	free(text);
}

static void test_what_it_prints(void **state)
{
	(void)state;
	expect("printf 'one\\ntwo'", "one\ntwo");
	expect("sh -c 'echo said; echo trouble >&2'", "said\n");
	expect("cat", NULL);
	expect("sh -c 'echo said; exit 1'", NULL);
	expect("/does/not/exist", NULL);
}

/* The tool ends, or is killed; what it has started goes on, and has its output open. */
static void test_child_that_outlives_it(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(dup2(ends[0], LEFT), LEFT);
	close(ends[0]);
	alarm(PATIENCE_S);
	expect("sh -c 'cat <&9 & echo said'", "said\n");
	char *text = tool_run_within(1, "sh -c 'setsid cat <&9 & echo said; exec cat <&9'");
	assert_null(text);
	alarm(0);
	close(LEFT);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_it_prints),
	    cmocka_unit_test(test_child_that_outlives_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
