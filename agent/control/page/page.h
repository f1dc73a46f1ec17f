/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for browsers: page.html with main.html, page.css and page.js, which are linked into the program,
 * filled with a model (model.h).
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* The whole document. Returns the text (free() it), or NULL without memory. */
char *page_document(const json_t *model, size_t *size);

/* Its <main> alone, as an event of a stream (text/event-stream). The same. */
char *page_event(const json_t *model, size_t *size);

/* The value of Content-Security-Policy: our script and our style by their hashes, and nothing else. */
const char *page_policy(void);
