/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: the template is well formed and asks for what the model has, what others wrote stays text, it is
 * not too large, and who may ask by which name. What it says: test_page_verdict.c.
 */
#include "made_up_page.h"

#include "control/http/host.h"
#include "control/page/page.h"

extern const char page_main[], page_html[];

/* Takes over `timeline`. */
static char *document_of(json_t *timeline)
{
	size_t size = 0;
	json_decref(model);
	char *text = page_make(status, timeline, time_parse(NOW), &model, &size);
	json_decref(timeline);
	assert_non_null(text);
	assert_int_equal(strlen(text), size);
	if (size > PAGE_SIZE_MAX)
		fail_msg("%zu bytes", size);
	return text;
}

static char *document(const char *name, const char *error)
{
	make(name, error);
	return document_of(read(timeline_text, name, error));
}

static size_t count(const char *text, char c)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == c;
	return n;
}

static void test_hostile_text_stays_text(void **state)
{
	(void)state;
	char *benign = document("k8s-node02", "fine");
	char *hostile = document("'\"><script>alert(1)</script>{{>script}}",
	    "<img src=x onerror=alert(1)>&lt;\r\ndata: </main>{{#members}}");
	for (const char *c = "<>\"'"; *c; c++)
		assert_int_equal(count(hostile, *c), count(benign, *c));
	assert_non_null(
	    strstr(hostile, "&#39;&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{&gt;script}}"));
	assert_non_null(strstr(hostile, "&amp;lt;"));
	free(hostile);
	free(benign);
}

/* A field of an event would be a message of its own, or end it. */
static void test_an_event_is_one_message(void **state)
{
	(void)state;
	size_t size = 0;
	make("a\n\nb\r\revent:x", "c");
	char *event = page_event(model, &size), *line = event;
	assert_string_equal(event + size - 2, "\n\n");
	event[size - 2] = '\0';
	assert_string_equal(strsep(&line, "\n"), "retry:1000");
	for (char *rest = line; (line = strsep(&rest, "\n"));)
		assert_int_equal(strncmp(line, "data:", 5), 0);
	free(event);
}

static bool has_key(const json_t *json, const char *key, size_t length)
{
	size_t i;
	const char *name;
	json_t *value;
	if (json_object_getn(json, key, length))
		return true;
	if (json_is_object(json))
		json_object_foreach((json_t *)json, name, value) if (has_key(value, key, length)) return true;
	json_array_foreach(json, i, value) if (has_key(value, key, length)) return true;
	return false;
}

/* Sections close in their order, and there is a value for each name. */
static void assert_well_formed(const char *at)
{
	const char *open[8];
	size_t depth = 0;
	while ((at = strstr(at, "{{"))) {
		const char *name = at + 2, *end = strstr(at, "}}");
		assert_non_null(end);
		size_t length = (size_t)(end - name);
		at = end + 2;
		if (*name == '#') {
			assert_true(depth < 8);
			open[depth++] = name + 1;
		} else if (*name == '/') {
			assert_true(depth > 0);
			assert_int_equal(strncmp(open[--depth], name + 1, length + 1), 0);
		}
		if (!strchr("/>", *name) && !has_key(model, name + (*name == '#'), length - (*name == '#')))
			fail_msg("the model has no %.*s", (int)length, name);
	}
	assert_int_equal(depth, 0);
}

static void test_template(void **state)
{
	(void)state;
	make("k8s-node02", "refused");
	json_object_set_new(
	    json_array_get(json_object_get(status, "checks"), 0), "state", json_string("failing"));
	json_object_set_new(member(0), "presence", json_string("lost"));
	judge_again();
	json_t *timeline = read(timeline_text, "k8s-node02", "fine");
	page_day(json_array_get(json_object_get(model, "virtual_routers"), 0), router(), timeline,
	    time_parse(NOW), ALL);
	json_decref(timeline);
	json_object_set_new(model, "checks_more", json_pack("[{s:i}]", "count", 3));
	assert_well_formed(page_html);
	assert_well_formed(page_main);
}

/* A day in which the address moved 512 times, between so many servers. */
static json_t *restless(int servers, const char *reason)
{
	json_t *holdings = json_array();
	for (int i = 0; i < 512; i++) {
		char from[32], until[32], node[32];
		snprintf(from, sizeof from, "2026-11-25T%02d:%02d:30.000Z", i / 60 + 6, i % 60);
		snprintf(until, sizeof until, "2026-11-25T%02d:%02d:30.000Z", (i + 1) / 60 + 6, (i + 1) % 60);
		snprintf(node, sizeof node, "k8s-node%02d", i % servers + 1);
		json_array_append_new(
		    holdings, json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "interface", "eth0", "vrid", 100,
				  "node", node, "from", from, "until", until, "reason", reason));
	}
	return json_pack("{s:s, s:o}", "since", NOW, "holdings", holdings);
}

/* `count` of them instead of one, each with this text for each of these names. */
static void multiply(json_t *list, size_t count, const char *text, const char *const *names)
{
	const json_t *first = json_array_get(list, json_array_size(list) - 1);
	for (; *names; names++)
		json_object_set_new((json_t *)first, *names, json_string(text));
	while (json_array_size(list) < count)
		json_array_append_new(list, json_deep_copy(first));
}
#define MULTIPLY(list, count, text, ...) multiply(list, count, text, (const char *const[]){__VA_ARGS__, NULL})

static size_t shown_of(const char *key)
{
	const json_t *first = json_array_get(json_object_get(model, "virtual_routers"), 0);
	return json_array_size(json_object_get(json_object_get(first, key) ? first : model, key));
}

static void test_size(void **state)
{
	(void)state;
	make("k8s-node02", "fine");
	MULTIPLY(json_object_get(group(), "members"), 3, "k8s-node03", "node");
	MULTIPLY(json_object_get(status, "checks"), 3, "etcd", "name");
	char *text = document_of(restless(3, "no advertisement for 310ms"));
	assert_int_equal(shown_of("members") + shown_of("checks"), 6);
	assert_null(strstr(text, " more: <code>"));
	free(text);
}

/* Nothing is as long as it can be but the lists. */
static void test_size_of_many(void **state)
{
	(void)state;
	json_t *recent = json_array();
	for (int i = 0; i < 60; i++)
		json_array_append_new(recent, json_real(i * 7.31));
	make("k8s-node02", "fine");
	MULTIPLY(json_object_get(group(), "members"), 64, "apiserver: HTTP 500", "reason");
	json_object_set_new(json_array_get(json_object_get(status, "checks"), 0), "recent_ms", recent);
	MULTIPLY(json_object_get(status, "checks"), 64, "HTTP 500", "last_error");
	char *text = document_of(restless(64, "no advertisement for 310ms"));
	assert_true(shown_of("members") >= 8 && shown_of("checks") >= 8 && shown_of("rows") >= 8);
	assert_non_null(strstr(text, " more: <code>vipctl status</code> on a server shows all."));
	free(text);
	MULTIPLY(json_object_get(status, "virtual_routers"), 255, "unhealthy", "health_reason");
	free(document_of(restless(64, "no advertisement for 310ms")));
	assert_true(shown_of("virtual_routers") >= 2);
}

/* Everything is, and of characters that take the most room. */
static void test_size_of_the_worst(void **state)
{
	char name[64], reason[96], text[256];
	(void)state;
	memset(name, '"', sizeof name - 1);
	memset(reason, '"', sizeof reason - 1);
	memset(text, '"', sizeof text - 1);
	name[sizeof name - 1] = reason[sizeof reason - 1] = text[sizeof text - 1] = '\0';
	make(name, reason);
	json_t *published =
	    json_object_get(json_array_get(json_object_get(status, "publish"), 0), "published");
	MULTIPLY(json_object_get(group(), "members"), 64, name, "node");
	MULTIPLY(json_object_get(status, "checks"), 64, text, "last_error");
	MULTIPLY(published, 64, name, "node");
	MULTIPLY(json_object_get(status, "publish"), 16, text, "last_error", "target");
	MULTIPLY(
	    json_object_get(router(), "addresses"), 16, "2001:db8:1111:2222:3333:4444:5555:6666", "address");
	MULTIPLY(json_object_get(status, "virtual_routers"), 255, text, "health_reason");
	free(document_of(restless(64, reason)));
}

static void test_host(void **state)
{
	static const char *const right[] = {"[::1]:9752", "[::1]", "[2001:db8::11]:9752", "127.0.0.1:9752",
	    "127.0.0.1", "localhost", "localhost:9752", "LocalHost:1"};
	static const char *const wrong[] = {"", "evil.example", "evil.example:9752", "localhost.evil.example",
	    "127.0.0.1.evil.example", "[::1", "[::1]x", "[::1]:", "[evil]", "::1", "127.0.0.1:9752:1",
	    "localhost:x", "1.2.3", "[127.0.0.1]", "localhost@evil.example",
	    "[0000000000000000000000000000000000000000000000000000000000000001]"};
	(void)state;
	for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
		if (!host_is_literal(right[i]))
			fail_msg("refused: %s", right[i]);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (host_is_literal(wrong[i]))
			fail_msg("taken: %s", wrong[i]);
	assert_false(host_is_literal(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hostile_text_stays_text),
	    cmocka_unit_test(test_an_event_is_one_message),
	    cmocka_unit_test(test_template),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_size_of_many),
	    cmocka_unit_test(test_size_of_the_worst),
	    cmocka_unit_test(test_host),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
