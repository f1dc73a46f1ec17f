/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody who opens the page must know first, in one sentence: the worst that is wrong and what to do,
 * or who holds what and who would take over.
 */
#include <stdio.h>
#include <string.h>

#include "control/page/model.h"
#include "control/text.h"
#include "vipd/status.h"

const char *page_grade(const char *state)
{
	static const struct {
		const char *state, *grade;
	} grades[] = {{"active", "good"}, {"healthy", "good"}, {"passing", "good"}, {"done", "good"},
	    {"recovering", "warn"}, {"waiting", "warn"}, {"drained", "warn"}, {"stopped", "warn"},
	    {"unknown", "warn"}, {"initialize", "warn"}, {"failing", "bad"}, {"fault", "bad"},
	    {"lost", "bad"}};
	for (size_t i = 0; i < sizeof grades / sizeof grades[0]; i++)
		if (!strcmp(grades[i].state, state))
			return grades[i].grade;
	return "";
}

static void say(void *problems, enum attention grade, const char *text)
{
	json_array_append_new(
	    problems, json_pack("{s:s, s:o}", "grade", grade == ATTENTION_BAD ? "bad" : "warn", "text",
			  text_json(text, SENTENCE_MAX)));
}

static void praise(json_t *model, size_t count)
{
	const json_t *first = json_array_get(json_object_get(model, "virtual_routers"), 0);
	char text[SENTENCE_MAX];
	const char *holder = member_text(first, "holder"), *next = member_text(first, "next"),
		   *name = member_text(first, "name");
	bool is_known = !strcmp(member_text(first, "next_grade"), "good");
	if (count > 1)
		snprintf(text, SENTENCE_MAX,
		    "%zu virtual routers: each has a holder, and nothing needs attention.", count);
	else if (is_known)
		snprintf(text, SENTENCE_MAX, "%s holds %s. If it fails, %s takes over.", holder, name, next);
	else
		snprintf(text, SENTENCE_MAX,
		    "%s holds %s. Who takes over if it fails is not known: not all routers send hellos.",
		    holder, name);
	json_object_set_new(model, "grade", json_string("good"));
	json_object_set_new(model, "word", json_string("All is well:"));
	json_object_set_new(model, "sentence", text_json(text, SENTENCE_MAX));
}

static void add_of_grade(json_t *list, const json_t *problems, const char *grade)
{
	size_t i;
	json_t *item;
	json_array_foreach(problems, i, item)
	{
		if (!strcmp(member_text(item, "grade"), grade))
			json_array_append(list, item);
	}
}

/* Takes the first out of the others. */
static void blame(json_t *model, json_t *problems)
{
	const json_t *item = json_array_get(problems, 0);
	bool is_bad = !strcmp(member_text(item, "grade"), "bad");
	json_object_set(model, "grade", json_object_get(item, "grade"));
	json_object_set_new(model, "word", json_string(is_bad ? "Trouble:" : "Attention:"));
	json_object_set(model, "sentence", json_object_get(item, "text"));
	json_array_remove(problems, 0);
}

void page_judge(json_t *model, const json_t *status, size_t most)
{
	json_t *found = json_array(), *problems = json_array();
	size_t routers = json_array_size(json_object_get(status, "virtual_routers"));
	if (!routers)
		say(found, ATTENTION_WARNING,
		    "vipd has no virtual router now: it has just been started, or is about to end.");
	attention_find_groups(status, say, found);
	attention_find(status, say, found);
	add_of_grade(problems, found, "bad");
	add_of_grade(problems, found, "warn");
	json_decref(found);
	if (json_array_size(problems))
		blame(model, problems);
	else
		praise(model, routers);
	size_t total = json_array_size(problems);
	while (json_array_size(problems) > most)
		json_array_remove(problems, json_array_size(problems) - 1);
	page_put_list(model, "problems", problems, total);
}
