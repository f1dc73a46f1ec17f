/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: the template is well formed and asks for what the model has, what others wrote stays text, the
 * first sentence is the one that matters, and who may ask by which name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/http/host.h"
#include "control/page/model.h"
#include "control/page/page.h"
#include "vipd/status.h"

#define NOW	     "2026-11-25T16:00:30.000Z"
#define DOCUMENT_MAX (40 * 1024)

extern const char page_main[], page_html[];

/* @N@ is the name of another server, @E@ what a check says, both as they come from a network. */
static const char status_text[] =
    "{'node':'k8s-node01','version':'0.2.0','engine':{'responding':true},'virtual_routers':[{'name':'api',"
    "'vrid':100,'interface':'eth0','state':'active','healthy':true,'handover_ms':50,'late_ms':400,'state_ms':"
    "9000,"
    "'addresses':[{'address':'2001:db8::100','held':true,'kernel':'present'}],'conflict':null,"
    "'active_router':{'address':'fe80::11','node':'k8s-node01','priority':150,'self':true},"
    "'group':{'members':[{'node':'k8s-node01','address':'fe80::11','self':true,'presence':'here','state':'"
    "active',"
    "'health':'healthy','effective_priority':150,'reason':null},"
    "{'node':'@N@','address':'fe80::12','self':false,'presence':'here','state':'backup','health':'healthy',"
    "'effective_priority':120,'reason':'@E@','drained':false}],'here':2,'can_take_over':1,"
    "'next':{'node':'@N@','address':'fe80::12','self':false,'health':'healthy'},'without_hello':[]}}],"
    "'checks':[{'name':'apiserver','type':'https','state':'passing','health':'healthy','last_ms':2.5,"
    "'recent_ms':[null,2.5,3.5,null,1.5],'last_error':'@E@'}],"
    "'publish':[{'target':'dns @N@','router':'api','state':'done','published':[{'node':'@N@','ready':true}],"
    "'last_error':'@E@'}]}";
static const char timeline_text[] =
    "{'since':'2026-11-25T04:00:00.000Z','holdings':["
    "{'router':'api','vrid':100,'interface':'eth0','node':'@N@','address':'fe80::12','from':'2026-11-25T10:"
    "00:00.000Z',"
    "'until':'2026-11-25T15:00:00.000Z','reason':'@E@'},"
    "{'router':'api','vrid':100,'interface':'eth0','node':'k8s-node01','address':'fe80::11',"
    "'from':'2026-11-25T15:00:00.000Z','until':null,'reason':'drained'},"
    "{'router':'other','vrid':7,'interface':'eth0','node':'k8s-node01','address':'fe80::11',"
    "'from':'2026-11-25T15:00:00.000Z','until':null,'reason':null}]}";

/* JSON with ' for ", and the marks replaced. */
static json_t *read(const char *text, const char *name, const char *error)
{
	json_error_t why;
	char *copy = NULL;
	size_t size;
	FILE *out = open_memstream(&copy, &size);
	for (; *text; text++) {
		if (!strncmp(text, "@N@", 3) || !strncmp(text, "@E@", 3)) {
			for (const char *c = text[1] == 'N' ? name : error; *c; c++)
				fprintf(out, "\\u%04x", (unsigned char)*c);
			text += 2;
		} else {
			fputc(*text == '\'' ? '"' : *text, out);
		}
	}
	fclose(out);
	json_t *json = json_loads(copy, 0, &why);
	if (!json)
		fail_msg("%s: %s", why.text, copy);
	free(copy);
	return json;
}

static json_t *status, *model;

static void make(const char *name, const char *error)
{
	json_t *timeline = read(timeline_text, name, error);
	json_decref(status);
	json_decref(model);
	status = read(status_text, name, error);
	model = page_model(status, timeline, time_parse(NOW));
	json_decref(timeline);
}

/* After a change to the status. */
static void judge_again(void)
{
	json_decref(model);
	model = page_model(status, NULL, time_parse(NOW));
}

static json_t *router(void)
{
	return json_array_get(json_object_get(status, "virtual_routers"), 0);
}

static json_t *group(void)
{
	return json_object_get(router(), "group");
}

static json_t *member(size_t index)
{
	return json_array_get(json_object_get(group(), "members"), index);
}

static char *document(void)
{
	size_t size = 0;
	char *text = page_document(model, &size);
	assert_non_null(text);
	assert_int_equal(strlen(text), size);
	return text;
}

static size_t count(const char *text, char c)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == c;
	return n;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(status);
	json_decref(model);
	return 0;
}

static void test_hostile_text_stays_text(void **state)
{
	(void)state;
	make("k8s-node02", "fine");
	char *benign = document();
	make("'\"><script>alert(1)</script>{{>script}}",
	    "<img src=x onerror=alert(1)>&lt;\r\ndata: </main>{{#members}}");
	char *hostile = document();
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
	for (char *rest = event; (line = strsep(&rest, "\n"));)
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
	    time_parse(NOW));
	json_decref(timeline);
	assert_well_formed(page_html);
	assert_well_formed(page_main);
}

/* Three servers, and a day in which the address moved 512 times. */
static void test_size(void **state)
{
	(void)state;
	make("k8s-node02", "fine");
	json_t *holdings = json_array(),
	       *timeline = json_pack("{s:s, s:o}", "since", NOW, "holdings", holdings);
	for (int i = 0; i < 512; i++) {
		char from[32], until[32];
		snprintf(from, sizeof from, "2026-11-25T%02d:%02d:30.000Z", i / 60 + 6, i % 60);
		snprintf(until, sizeof until, "2026-11-25T%02d:%02d:30.000Z", (i + 1) / 60 + 6, (i + 1) % 60);
		json_array_append_new(
		    holdings, json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "interface", "eth0", "vrid", 100,
				  "node", i % 2 ? "k8s-node01" : "k8s-node02", "from", from, "until", until,
				  "reason", "no advertisement for 310ms"));
	}
	json_decref(model);
	model = page_model(status, timeline, time_parse(NOW));
	json_decref(timeline);
	char *text = document();
	if (strlen(text) > DOCUMENT_MAX)
		fail_msg("%zu bytes", strlen(text));
	free(text);
}

static void test_day(void **state)
{
	(void)state;
	make("k8s-node02", "no advertisement for 310ms");
	const json_t *shown = json_array_get(json_object_get(model, "virtual_routers"), 0),
		     *rows = json_object_get(shown, "rows");
	const int wanted[2][2] = {{1380, 60}, {1080, 300}};
	assert_int_equal(member_number(shown, "unknown"), 720);
	assert_int_equal(json_array_size(rows), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *bars = json_object_get(json_array_get(rows, i), "bars");
		assert_int_equal(json_array_size(bars), 1);
		assert_int_equal(member_number(json_array_get(bars, 0), "x"), wanted[i][0]);
		assert_int_equal(member_number(json_array_get(bars, 0), "width"), wanted[i][1]);
	}
	assert_string_equal(member_text(json_array_get(rows, 0), "summary"),
	    "holds it; in the last 24 hours 1 times, 1h00m in all");
	const json_t *moves = json_object_get(shown, "moves");
	assert_int_equal(json_array_size(moves), 2);
	assert_string_equal(member_text(json_array_get(moves, 0), "text"), "drained; holds it");
	assert_string_equal(
	    member_text(json_array_get(moves, 1), "text"), "no advertisement for 310ms, for 5h00m");
}

static void assert_says(const char *grade, const char *text)
{
	judge_again();
	assert_string_equal(member_text(model, "grade"), grade);
	if (!strstr(member_text(model, "sentence"), text))
		fail_msg("says: %s", member_text(model, "sentence"));
}

static void test_first_sentence(void **state)
{
	(void)state;
	make("k8s-node02", "apiserver: refused");
	assert_says("good", "k8s-node01 holds api. If it fails, k8s-node02 takes over.");
	json_object_set_new(group(), "can_take_over", json_integer(0));
	assert_says(
	    "warn", "If k8s-node01 fails, nobody can take over api (k8s-node02: apiserver: refused).");
	json_object_set_new(member(1), "presence", json_string("lost"));
	assert_says("warn", "k8s-node02 is silent");
	json_object_set_new(member(1), "presence", json_string("here"));
	json_object_set_new(member(1), "state", json_string("active"));
	assert_says("bad", "2 servers hold api at once (k8s-node01, k8s-node02)");
	const json_t *shown = json_array_get(json_object_get(model, "virtual_routers"), 0);
	assert_string_equal(member_text(shown, "holder"), "k8s-node01, k8s-node02");
	assert_string_equal(member_text(shown, "holder_grade"), "bad");
	json_object_set_new(member(0), "state", json_string("backup"));
	json_object_set_new(member(1), "state", json_string("backup"));
	json_object_set_new(router(), "state", json_string("backup"));
	json_object_set_new(router(), "active_router", json_null());
	assert_says("bad", "Nobody holds api, and nobody can take it");
	json_object_set_new(group(), "can_take_over", json_integer(1));
	assert_says("bad", "Nobody holds api at this moment: k8s-node02 is about to take over.");
	json_object_set_new(json_object_get(status, "engine"), "responding", json_false());
	assert_says("bad", "the engine");
}

/* A name that was cut in the middle of a character must not make a problem go away. */
static void test_long_names(void **state)
{
	char name[2001] = "";
	(void)state;
	make("x", "y");
	for (int i = 0; i < 500; i++)
		strcat(name, "\xf0\x9f\x92\xa5");
	json_object_set_new(member(1), "node", json_string(name));
	json_object_set_new(member(1), "presence", json_string("lost"));
	assert_says("warn", "");
	json_object_set_new(member(1), "reason", json_string(name));
	json_object_set_new(group(), "can_take_over", json_integer(0));
	assert_says("warn", "");
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
	    cmocka_unit_test(test_day),
	    cmocka_unit_test(test_first_sentence),
	    cmocka_unit_test(test_long_names),
	    cmocka_unit_test(test_host),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
