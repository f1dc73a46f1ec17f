/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page shows, as JSON: chosen from the status and from the timeline, and judged. Pure.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

/* status: of GET /v1/status; timeline: of GET /v1/timeline. Returns a new object. */
json_t *page_model(const json_t *status, const json_t *timeline, int64_t now_ms);

/* verdict.c: what to know first ("word", "sentence", "grade"), and what else needs attention ("problems"). */
void page_judge(json_t *model, const json_t *status);
/* A class of the page's colours: "good", "warn", "bad". */
const char *page_grade(const char *state);
/* The name of the holder as this node knows it, its address if it has none; NULL: nobody. */
const char *page_holder(const json_t *status, const json_t *router);

/* Writes the names of the servers that say that they are active, and returns how many they are. */
#define PAGE_NAMES_MAX 1024
unsigned page_actives(const json_t *group, char names[static PAGE_NAMES_MAX]);

/* day.c: "rows" of bars, 1440 units wide, and the last "moves" of one router (of the status). */
void page_day(json_t *shown, const json_t *router, const json_t *timeline, int64_t now_ms);
