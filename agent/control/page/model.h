/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page shows, as JSON: chosen from the status and from the timeline, and judged. Pure.
 *
 * `most`: so many elements of each list are shown. Beside a list "things" stand "has_things" and
 * "things_more": nothing, or the "count" of those that are left out.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

/* status: of GET /v1/status; timeline: of GET /v1/timeline. Returns a new object. */
json_t *page_model(const json_t *status, const json_t *timeline, int64_t now_ms, size_t most);

/* `list` has the elements of `total` that are shown. Takes it over. */
void page_put_list(json_t *object, const char *key, json_t *list, size_t total);

/*
 * verdict.c: what to know first ("word", "sentence", "grade"), and what else needs attention ("problems", the
 * worst first).
 */
void page_judge(json_t *model, const json_t *status, size_t most);
/* A class of the page's colours: "good", "warn", "bad". */
const char *page_grade(const char *state);

/* day.c: "rows" of bars, 1440 units wide, and the last "moves" of one router (of the status). */
void page_day(json_t *shown, const json_t *router, const json_t *timeline, int64_t now_ms, size_t most);
