/* SPDX-License-Identifier: Apache-2.0 */
/*
 * @include: files are read as the main one is, errors name the file and the line, and nothing that a path may
 * lead to ends or stops the process.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vipd/config.h"

#define ROUTER "{ interface = \"eth0\"; vrid = 100; addresses = [ \"2001:db8::100\" ]; }"
#define ADVICE "name regular files that root may read\n"

static char folder[] = "/tmp/vipd-include-XXXXXX";
static struct config config;

/* "~/" in a text stands for the folder. */
static void in_folder(const char *text, char *out, size_t room)
{
	size_t used = 0;
	for (; *text && used < room; text++)
		used += (size_t)(*text == '~' ? snprintf(out + used, room - used, "%s", folder)
					      : snprintf(out + used, room - used, "%c", *text));
	assert_true(used < room);
	out[used] = '\0';
}

static void put(const char *name, const char *text)
{
	char path[128], content[1024];
	in_folder(name, path, sizeof path);
	in_folder(text, content, sizeof content);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static void assert_loads(const char *text, const char *expected)
{
	char path[128], wanted[1024];
	struct config_errors errors;
	put("~/vipd.conf", text);
	in_folder("~/vipd.conf", path, sizeof path);
	in_folder(expected, wanted, sizeof wanted);
	int result = config_load(path, &config, &errors);
	assert_string_equal(errors.text, wanted);
	assert_int_equal(result, *wanted ? -EINVAL : 0);
}

static void files_patterns_and_paths(void **state)
{
	(void)state;
	put("~/conf.d/20.conf", "virtual_routers = ( " ROUTER " );");
	put("~/conf.d/10.conf", "@include \"../run.conf\" # next to the main file\nnode = \"n1\";\n");
	put("~/run.conf", "\xef\xbb\xbfrun_as = \"other\";");
	put("~/conf.d/ignored", "node = ");
	assert_loads("@include \"conf.d/*.conf\"\n", "");
	assert_string_equal(config.node, "n1");
	assert_string_equal(config.run_as, "other");
	assert_int_equal(config.router_count, 1);
	assert_loads("  @include \"~/conf.d/10.conf\"\n@include\t\"conf.d/20.conf\"", "");
	assert_string_equal(config.node, "n1");
	put("~/router.conf", ROUTER);
	assert_loads("virtual_routers = (\n@include \"router.conf\"\n);\n@include \"none.d/*.conf\"\n", "");
	assert_loads("/*\n@include \"none\"\n*/\n# @include \"none\"\nvirtual_routers = ( " ROUTER " );", "");
}

static void errors_name_file_and_line(void **state)
{
	(void)state;
	put("~/a.conf", "# one\nnode = \"\";\nnotify = \"x\"");
	assert_loads("virtual_routers = ( " ROUTER " );\n@include \"a.conf\"\n\nrecord_dir = \"y\";\n",
	    "~/a.conf:2: node = \"\": is not a name; write letters, digits, '.', '_' and '-' only\n"
	    "~/a.conf:3: notify = \"x\": is not an absolute path; begin it with /\n"
	    "~/vipd.conf:4: record_dir = \"y\": is not an absolute path; begin it with /\n");
	put("~/syntax.conf", "\nnode n;\n");
	assert_loads("# first\n@include \"syntax.conf\"\nrun_as = \"x\";\n",
	    "~/syntax.conf:2: node n;: syntax error; look here and in the line before: it must be KEY = "
	    "VALUE; "
	    "with texts in \"quotes\", groups in { }, lists of groups in ( ), arrays in [ ]\n");
	put("~/twice.conf", "node = \"a\";\n");
	assert_loads("@include \"twice.conf\"\n\nnode = \"b\";\n",
	    "~/vipd.conf:3: node = \"b\";: node is written a second time; write it once\n");
}

static void what_libconfig_would_not_notice(void **state)
{
	(void)state;
	put("~/number.conf", "virtual_routers = (\n  { interface = \"eth0\"; vrid = 4294967347; }\n);\n");
	assert_loads("@include \"number.conf\"\n", "~/number.conf:2: 4294967347: is too large a number for "
						   "any key; see vipd.conf(5) for their ranges\n");
	put("~/comment.conf", "\n/* never closed\n");
	assert_loads("@include \"comment.conf\"\nnode = \"n\"; /* closed */\n",
	    "~/comment.conf:2: /*: is a comment without end; close it with a star and a slash\n");
	put("~/quote.conf", "node = \"n;\n");
	assert_loads("@include \"quote.conf\"\nrun_as = \"x\";\n",
	    "~/quote.conf:1: \"n;: is a text without end; put the closing quote (\") in the same line\n");
}

static void what_is_not_a_file(void **state)
{
	(void)state;
	char path[128];
	in_folder("~/fifo", path, sizeof path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_loads("\n@include \"conf.d\"\n",
	    "~/vipd.conf:2: @include: cannot read ~/conf.d: Is a directory; " ADVICE);
	assert_loads("@include \"fifo\"\n",
	    "~/vipd.conf:1: @include: cannot read ~/fifo: it is not a regular file; " ADVICE);
	assert_loads("@include \"none\"",
	    "~/vipd.conf:1: @include: cannot read ~/none: No such file or directory; " ADVICE);
	assert_loads("@include \"/dev/zero\"",
	    "~/vipd.conf:1: @include: cannot read /dev/zero: it is not a regular file; " ADVICE);
}

static void circles_and_nonsense(void **state)
{
	(void)state;
	put("~/first.conf", "@include \"second.conf\"\n");
	put("~/second.conf", "\n@include \"first.conf\"\n");
	assert_loads("@include \"first.conf\"\n", "~/second.conf:2: @include: cannot read ~/first.conf: it "
						  "includes itself, or files that include each "
						  "other are too deep; " ADVICE);
	static const char *const wrong[] = {"@include", "@include \"\"", "@include conf.d",
	    "@include \"a\" b", "@include \"a", "@import \"a\"", "@"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char expected[256];
		snprintf(expected, sizeof expected,
		    "~/vipd.conf:1: %s: is not understood; write @include \"PATH\" in a line of its own\n",
		    wrong[i]);
		assert_loads(wrong[i], expected);
	}
}

static int make_folder(void **state)
{
	(void)state;
	char path[128];
	if (!mkdtemp(folder))
		return -1;
	in_folder("~/conf.d", path, sizeof path);
	return mkdir(path, 0700);
}

static int remove_folder(void **state)
{
	(void)state;
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void add_file(const char *file, void *context)
{
	char *list = context;
	size_t used = strlen(list);
	snprintf(list + used, 256 - used, "%s ", file + strlen(folder));
}

/* Whoever asks which files can change the configuration gets each once. */
static void every_file_once(void **state)
{
	(void)state;
	char path[128], list[256] = "";
	put("~/a.conf", "run_as = \"vipd\";\n@include \"b.conf\"\n");
	put("~/b.conf", "\n");
	put("~/vipd.conf", "@include \"a.conf\"\n\n@include \"b.conf\"\nvirtual_routers = ( " ROUTER " );\n");
	in_folder("~/vipd.conf", path, sizeof path);
	config_files(path, add_file, list);
	assert_string_equal(list, "/vipd.conf /a.conf /b.conf ");
	list[0] = '\0';
	config_files("/nonexistent", add_file, list);
	assert_string_equal(list, "");
}

/* A directory that cannot be listed for want of descriptors is no empty one, and the text is not wrong. */
static void a_shortage_is_to_be_tried_again(void **state)
{
	(void)state;
	static struct config_errors errors;
	char path[128];
	put("~/conf.d/10.conf", "virtual_routers = ( " ROUTER " );\n");
	in_folder("~/vipd.conf", path, sizeof path);
	struct rlimit before, none;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < 2; i++) { /* the include, then the main file */
		const char *text = "@include \"conf.d/*.conf\"\nvirtual_routers = ( " ROUTER " );\n";
		put("~/vipd.conf", text);
		none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		int result = i ? config_load(path, &config, &errors)
			       : config_read_text(path, text, strlen(text), &config, &errors);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(result, -EMFILE);
		assert_non_null(strstr(errors.text, "Too many open files; try again"));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_patterns_and_paths),
	    cmocka_unit_test(errors_name_file_and_line),
	    cmocka_unit_test(what_libconfig_would_not_notice),
	    cmocka_unit_test(what_is_not_a_file),
	    cmocka_unit_test(circles_and_nonsense),
	    cmocka_unit_test(every_file_once),
	    cmocka_unit_test(a_shortage_is_to_be_tried_again),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
