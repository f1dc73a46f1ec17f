/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text that is no configuration, and how errors are told.
 */
#include "config_text.h"

static void assert_unreadable(const char *path, const char *expected)
{
	assert_int_equal(config_load(path, &config, &errors), -EINVAL);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.text, expected);
}

static void test_unreadable(void **state)
{
	(void)state;
	assert_unreadable("tests/conf/none.conf", "tests/conf/none.conf: cannot read: No such file or "
						  "directory; `vipctl init` writes one; or name another "
						  "file with -c\n");
	assert_unreadable(
	    "tests/conf", "tests/conf: cannot read: Is a directory; name a configuration file with -c\n");
	if (!geteuid())
		return; /* root may read everything */
	char path[] = "/tmp/vipd-config-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(config_load(path, &config, &errors), -EINVAL);
	unlink(path);
	assert_non_null(strstr(errors.text, "cannot read: Permission denied; run vipd as root"));
}

static void test_zero_byte(void **state)
{
	(void)state;
	static const char text[] = MINIMAL "\0# what is behind would be ignored";
	assert_int_equal(config_read_text("test.conf", text, sizeof(text) - 1, &config, &errors), -EINVAL);
	assert_string_equal(errors.text,
	    "test.conf: has a zero byte in it; write a text file, as in the example vipd.conf\n");
}

/* More errors than the text can hold: whole lines, and then how many are left out. */
static void test_many_errors(void **state)
{
	(void)state;
	enum { WRONG = 1000 };
	char text[WRONG * 64] = MINIMAL;
	for (int i = 0; i < WRONG; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "wrong%d = %d;\n", i, i);
	assert_int_equal(read_text(text), -EINVAL);
	assert_int_equal(errors.count, WRONG);
	assert_true(strlen(errors.text) < sizeof(errors.text));

	char *rest = errors.text, *last = NULL;
	unsigned shown = 0, left = 0;
	for (char *line; (line = strsep(&rest, "\n")) && *line; last = line) {
		char start[64];
		snprintf(start, sizeof(start), "test.conf:%u: wrong%u = %u: ", shown + 4, shown, shown);
		shown += !strncmp(line, start, strlen(start));
	}
	assert_int_equal(sscanf(last, "… and %u more", &left), 1);
	assert_true(shown > 100);
	assert_int_equal(shown + left, WRONG);
}

/* The first lines of them, for an answer or a log that has less room. */
static void test_shorten(void **state)
{
	(void)state;
	char out[64];
	config_errors_shorten("one\ntwo\n", out, sizeof(out));
	assert_string_equal(out, "one\ntwo\n");
	config_errors_shorten("without an end", out, sizeof(out));
	assert_string_equal(out, "without an end");
	config_errors_shorten(
	    "0123456789\n0123456789\n0123456789\n0123456789\n0123456789\n0123456789\n", out, sizeof(out));
	assert_string_equal(out, "0123456789\n… and 5 more\n");
	char text[2 * sizeof(out)];
	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 2, "\n", 2);
	config_errors_shorten(text, out, sizeof(out));
	assert_string_equal(out, "… and 1 more\n");
}

/* Windows puts a byte order mark before a text, also before one that is included (test_include.c). */
static void test_byte_order_mark(void **state)
{
	(void)state;
	assert_int_equal(read_text("\xef\xbb\xbf" MINIMAL), 0);
	assert_int_equal(read_text("\xef\xbb\xbf" MINIMAL "\xef\xbb\xbf"), -EINVAL);
	assert_string_equal(
	    errors.text, "test.conf:4: column 1: \\ufeff (U+FEFF) is a byte order mark; take it out\n");
	assert_int_equal(read_text("\xef\xbb\xbf@include \"none\""), -EINVAL);
	assert_non_null(strstr(errors.text, "cannot read"));
}

/* What is quoted from a file that cannot be parsed cannot move a terminal's cursor. */
static void test_quoted(void **state)
{
	(void)state;
	assert_int_equal(read_text("a = \"\x1b[2J\" b;"), -EINVAL);
	assert_non_null(strstr(errors.text, "test.conf:1: a = \"\\x1b[2J\" b;: syntax error"));
}

/* A keepalived.conf in a comment of a vipd.conf, or a group that only has the name of its block. */
static void test_not_keepalived(void **state)
{
	(void)state;
	assert_int_equal(read_text(MINIMAL "/*\nvrrp_instance VI_1 {\n}\n*/\n"), 0);
	assert_int_equal(read_text("vrrp_instance = { };\n" MINIMAL), -EINVAL);
	assert_non_null(strstr(errors.text, "is a word of keepalived"));
	assert_int_equal(read_text("global_defs {\n}\n"), -EINVAL);
	assert_non_null(strstr(errors.text, "test.conf:1: this is a file of keepalived"));
}

/* Errors are reported in the order of the file, although checks are read before the virtual routers that name
 * them. */
static void test_order(void **state)
{
	(void)state;
	assert_int_equal(read_text("run_as = \"\";\n"
				   "virtual_routers = (\n"
				   "  { interface = \"eth0\"; vrid = 0; addresses = [ \"::1\" ]; }\n"
				   ");\n"
				   "node = \"\";\n"
				   "checks = (\n"
				   "  { name = \"a\"; type = \"ping\"; url = \"https://[::1]/\"; }\n"
				   ");\n"),
	    -EINVAL);
	static const char *const starts[] = {
	    "test.conf:1: run_as = \"\": ",
	    "test.conf:3: virtual_routers[0].vrid = 0: ",
	    "test.conf:3: virtual_routers[0].addresses[0] = \"::1\": ",
	    "test.conf:5: node = \"\": ",
	    "test.conf:7: checks[0].type = \"ping\": ",
	};
	char *rest = errors.text;
	assert_int_equal(errors.count, 5);
	for (size_t i = 0; i < 5; i++) {
		const char *line = strsep(&rest, "\n");
		assert_memory_equal(line, starts[i], strlen(starts[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_zero_byte),
	    cmocka_unit_test(test_many_errors),
	    cmocka_unit_test(test_shorten),
	    cmocka_unit_test(test_byte_order_mark),
	    cmocka_unit_test(test_quoted),
	    cmocka_unit_test(test_not_keepalived),
	    cmocka_unit_test(test_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
