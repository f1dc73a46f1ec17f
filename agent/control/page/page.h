/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for browsers: page.html with main.html, page.css and page.js, which are linked into the program,
 * filled with a model (model.h).
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE_MAX (40 * 1024)

/*
 * The whole document of what status and timeline say (model.h), and the model that it shows: of long lists
 * only so much that it is not larger than PAGE_SIZE_MAX. Returns the text (free() it), or NULL without
 * memory, and *model is NULL, too.
 */
char *page_make(const json_t *status, const json_t *timeline, int64_t now_ms, json_t **model, size_t *size);

/* The <main> of a model alone, as an event of a stream (text/event-stream). The same. */
char *page_event(const json_t *model, size_t *size);

/* The value of Content-Security-Policy: our script and our style by their hashes, and nothing else. */
const char *page_policy(void);
